//! What can be said only once: how a run ended, what a numbered entry of its log says, and what a query was answered.
//!
//! A run has ended once an event says so: a `run_finished`, or a change into a state that nothing follows. From then on
//! every other word on its state is a conflict, unless it says the same, or replaces (`supersedes`) what ended the run.
//! `interrupted` is no such state: recovery says it of a run whose process died, and the run may still be taken up and
//! finished. An entry of a log may be replaced in the same way; the audit of a query may not: it stands for ever.
//!
//! The rule is applied twice: to what is appended, so that the caller hears of a conflict, and by the indexer in `Seq`
//! order, which is what counts. INVARIANT: what the indexer refuses is in no stream, list or figure, so that every later
//! look at them, also as of an earlier moment, follows the rule without knowing it.

use runledger_wal::Seq;

use crate::key::run::RunRecord;
use crate::key::{self, MalformedKey};
use crate::planted::{Bug, planted};
use crate::{Body, Content, Event, QueryId, RunStatus, Timestamp, codec};

/// What an event says that can be said only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim<'a> {
    /// The state of a run.
    State { run_id: &'a str, ends: bool },
    /// An entry of a run's log.
    LogEntry { run_id: &'a str, sequence: u64 },
    /// The audit of a query.
    Audit { query_id: QueryId },
}

impl<'a> Claim<'a> {
    /// What `event` claims. Most kinds of events claim nothing, and cost nothing here.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        let run_id = event.run_id.as_deref();
        let claim = match &event.body {
            Body::RunFinished(_) | Body::RunStatusChanged(_) => {
                Some(Self::State { run_id: run_id?, ends: ends_run(&event.body) })
            }
            Body::RunLog(entry) => Some(Self::LogEntry { run_id: run_id?, sequence: entry.sequence }),
            Body::QueryAudit(audit) => Some(Self::Audit { query_id: audit.query_id }),
            _ => None,
        };
        claim.filter(|_| !planted(Bug::ForgetClaims))
    }

    /// The key under which the index has who made it. Events contend if and only if the keys of their claims are the same.
    pub(crate) fn key(self) -> Vec<u8> {
        match self {
            Self::State { run_id, .. } => key::run::key(run_id),
            Self::LogEntry { run_id, sequence } => key::run_log::key(run_id, sequence),
            Self::Audit { query_id } => key::query_id::key(query_id),
        }
    }

    /// Who made it, by what the index has under its key.
    pub(crate) fn holder(self, value: &[u8]) -> Result<Option<Holder>, MalformedKey> {
        let (seq, digest) = match self {
            Self::State { .. } => (RunRecord::decode(value)?.end_seq.map(Seq::new), None),
            Self::LogEntry { .. } => (Some(key::run_log::decode_value(value)?), None),
            Self::Audit { .. } => {
                let (seq, digest) = key::query_id::decode_value(value)?;
                (Some(seq), Some(digest))
            }
        };
        Ok(seq.map(|seq| Holder { seq, digest }))
    }

    /// Whether a newer version of the event that made it takes it over. An audit stays that of its query, whatever supersedes
    /// its event.
    pub(crate) fn passes_to_newer_versions(self) -> bool {
        !matches!(self, Self::Audit { .. })
    }
}

/// Who made a claim, by the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) seq: Seq,
    /// What its event says, where the index knows that without the event: see [`codec::audit_digest`].
    pub(crate) digest: Option<[u8; key::query_id::DIGEST_BYTES]>,
}

/// Whether a run that this is said of has ended.
pub(crate) fn ends_run(body: &Body) -> bool {
    match body {
        Body::RunFinished(finished) => !finished.status.is_live(),
        Body::RunStatusChanged(changed) => {
            !changed.status.is_live() && changed.status != RunStatus::Interrupted
        }
        _ => false,
    }
}

/// Whether `event` says what `stored` does of what both claim, though it may be another event. An end that names no time
/// says nothing against the time of the other; of an audit the time says nothing at all.
pub(crate) fn is_same(stored: &Event, event: &Event) -> bool {
    let same_content = |one: Option<&Content>, other: Option<&Content>| match (one, other) {
        (Some(one), Some(other)) => is_same_content(stored, one, event, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    match (&stored.body, &event.body) {
        (Body::RunLog(one), Body::RunLog(other)) => {
            one.event_type == other.event_type
                && one.extra == other.extra
                && same_content(one.payload.as_ref(), other.payload.as_ref())
        }
        (Body::QueryAudit(_), Body::QueryAudit(_)) => {
            codec::audit_digest(stored) == codec::audit_digest(event)
        }
        _ => match (End::of(stored), End::of(event)) {
            (Some(one), Some(other)) => {
                one.status == other.status
                    && one.error == other.error
                    && one.statistics == other.statistics
                    && one.reason == other.reason
                    && one.extra == other.extra
                    && other.ended_at.is_none_or(|time| time == one.ended_at.unwrap_or(stored.timestamp))
                    && same_content(one.output, other.output)
            }
            _ => false,
        },
    }
}

/// How a run ended.
struct End<'a> {
    status: RunStatus,
    ended_at: Option<Timestamp>,
    output: Option<&'a Content>,
    error: Option<&'a str>,
    statistics: crate::RunStatistics,
    reason: Option<&'a str>,
    extra: &'a crate::body::Extra,
}

impl<'a> End<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        match &event.body {
            body if !ends_run(body) => None,
            Body::RunFinished(finished) => Some(Self {
                status: finished.status,
                ended_at: finished.ended_at,
                output: finished.output.as_ref(),
                error: finished.error.as_deref(),
                statistics: finished.statistics,
                reason: None,
                extra: &finished.extra,
            }),
            Body::RunStatusChanged(changed) => Some(Self {
                status: changed.status,
                ended_at: changed.ended_at,
                output: None,
                error: None,
                statistics: crate::RunStatistics::default(),
                reason: changed.reason.as_deref(),
                extra: &changed.extra,
            }),
            _ => None,
        }
    }
}

fn is_same_content(owner: &Event, one: &Content, other_owner: &Event, other: &Content) -> bool {
    match (text_of(owner, one), text_of(other_owner, other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// What a content says, unless it stands in the line of another event.
fn text_of<'a>(owner: &'a Event, content: &'a Content) -> Option<&'a str> {
    match content {
        Content::Inline(json) => Some(json.as_str()),
        Content::At(range) => match range.event {
            Some(id) if id != owner.event_id => None,
            _ => owner.source.as_ref()?.text(*range),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Json, QueryAudit, RunFinished, RunLog, RunStatistics, RunStatusChanged, SourceLine, SourceRange,
        ToolCall,
    };

    fn finish(change: impl FnOnce(&mut RunFinished)) -> Event {
        let mut finished = RunFinished::new(RunStatus::Completed);
        change(&mut finished);
        Event::new(Body::RunFinished(finished)).with_run("r")
    }

    fn changed(status: RunStatus) -> Event {
        Event::new(Body::RunStatusChanged(RunStatusChanged::new(status))).with_run("r")
    }

    #[test]
    fn only_states_and_log_entries_of_a_run_and_audits_claim_anything() {
        assert_eq!(Claim::of(&Event::new(Body::ToolCall(ToolCall::default())).with_run("r")), None);
        let mut end = finish(|_| ());
        assert_eq!(Claim::of(&end), Some(Claim::State { run_id: "r", ends: true }));
        end.run_id = None;
        assert_eq!(Claim::of(&end), None);
        let audit = QueryAudit::new();
        let claim = Claim::Audit { query_id: audit.query_id };
        assert_eq!(Claim::of(&Event::new(Body::QueryAudit(audit))), Some(claim), "of a run or of none");
        for (status, ends) in [
            (RunStatus::Running, false),
            (RunStatus::Interrupted, false),
            (RunStatus::Failed, true),
            (RunStatus::Canceled, true),
        ] {
            assert_eq!(Claim::of(&changed(status)), Some(Claim::State { run_id: "r", ends }), "{status}");
        }
    }

    #[test]
    fn claims_contend_if_they_are_of_the_same_run_entry_or_query() {
        let query = |number| Claim::Audit { query_id: QueryId::from_bytes([number; 32]) };
        let entry = |run_id, sequence| Claim::LogEntry { run_id, sequence };
        let state = |run_id, ends| Claim::State { run_id, ends };
        assert_eq!(state("a", true).key(), state("a", false).key());
        let others = [
            state("a", true),
            state("b", true),
            entry("a", 1),
            entry("a", 2),
            entry("b", 1),
            query(1),
            query(2),
        ];
        assert_eq!(std::collections::HashSet::from(others.map(Claim::key)).len(), others.len());
    }

    #[test]
    fn an_end_is_the_same_by_what_it_says_and_not_by_which_event_says_it() {
        let time = Timestamp::from_nanoseconds;
        let json = |text: &str| Some(Content::Inline(Json::parse(text).unwrap()));
        let end = finish(|end| end.ended_at = Some(time(7)));
        assert!(is_same(&end, &finish(|end| end.ended_at = Some(time(7)))));
        assert!(is_same(&end, &finish(|_| ())), "which says nothing of the time");
        assert!(is_same(&end, &Event { outcome: Some("x".into()), ..changed(RunStatus::Completed) }));
        let others = [
            finish(|end| end.ended_at = Some(time(8))),
            finish(|end| end.status = RunStatus::Failed),
            finish(|end| end.output = json("1")),
            finish(|end| end.error = Some("no".into())),
            finish(|end| end.statistics = RunStatistics { tool_calls: Some(1), ..end.statistics }),
            finish(|end| end.extra = vec![("a".into(), Json::parse("1").unwrap())]),
            changed(RunStatus::Running),
            changed(RunStatus::Interrupted),
        ];
        for other in others {
            assert!(!is_same(&end, &other), "{other:?}");
        }
    }

    #[test]
    fn a_content_that_stands_in_its_own_line_is_compared_by_what_it_says() {
        let standing = |line: &str, offset| {
            let range = SourceRange { event: None, offset, length: 3 };
            let mut event = finish(|end| end.output = Some(Content::At(range)));
            event.source = Some(SourceLine::whole(line.as_bytes().to_vec()));
            event
        };
        assert!(is_same(&standing("123", 0), &standing(" 123", 1)));
        assert!(!is_same(&standing("123", 0), &standing("124", 0)));
        let inline = finish(|end| end.output = Some(Content::Inline(Json::parse("123").unwrap())));
        assert!(is_same(&standing("123", 0), &inline));
    }

    #[test]
    fn a_log_entry_is_the_same_by_type_and_payload() {
        let entry = |event_type: &str, payload: &str| {
            let payload = Some(Content::Inline(Json::parse(payload).unwrap()));
            let (event_type, extra) = (event_type.to_owned(), Vec::new());
            Event::new(Body::RunLog(RunLog { sequence: 1, event_type, payload, extra })).with_run("r")
        };
        assert!(is_same(&entry("a", "1"), &entry("a", "1")));
        assert!(!is_same(&entry("a", "1"), &entry("b", "1")) && !is_same(&entry("a", "1"), &entry("a", "2")));
    }
}
