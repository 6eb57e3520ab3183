//! Which runs to ask for, and in which order.

use crate::{AsOf, Order, PAGE_ITEMS_DEFAULT, PageToken, RunStatus, Timestamp};

/// The time by which runs are ordered. Where times tie, the run whose first event has the lower `Seq` is the older one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunTime {
    /// By their start.
    #[default]
    Start,
    /// By their end. Runs that have not ended are left out; one that was interrupted ended when that was found.
    End,
}

/// Which runs to answer with. Every field that is set must hold; [`RunFilter::default`] asks for all but dry runs,
/// newest first.
///
/// ```
/// use runledger_audit::{Body, Event, Ledger, RunFilter, RunStarted};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let ledger = Ledger::open(folder.path().join("ledger"))?;
/// for run_id in ["first", "second", "third"] {
///     let start = RunStarted { skill_id: Some("triage".to_owned()), ..RunStarted::default() };
///     ledger.append(Event::new(Body::RunStarted(start)).with_run(run_id))?;
/// }
/// let mut filter = RunFilter { skill: Some("triage".to_owned()), limit: 2, ..RunFilter::default() };
/// let page = ledger.run_page(&filter)?;
/// assert_eq!(page.items[0].run_id, "third");
/// filter.page = page.next;
/// assert_eq!(ledger.run_page(&filter)?.items[0].run_id, "first");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Runs in any of these states; in all states when empty.
    pub statuses: Vec<RunStatus>,
    /// Runs of this agent.
    pub agent: Option<String>,
    /// Runs of this session.
    pub session: Option<String>,
    /// Runs that this run started.
    pub parent: Option<String>,
    /// Runs of this skill.
    pub skill: Option<String>,
    /// Runs that this caller asked for.
    pub caller: Option<String>,
    /// Runs that were asked for here.
    pub channel: Option<String>,
    /// Only runs that no other run started.
    pub top_level_only: bool,
    /// Dry runs too. Without it they are hidden, unless `statuses` asks for them.
    pub include_dry_runs: bool,
    /// Runs that started at this time or later.
    pub started_from: Option<Timestamp>,
    /// Runs that started before this time.
    pub started_to: Option<Timestamp>,
    /// Runs that ended before this time, interrupted ones included.
    pub finished_before: Option<Timestamp>,
    /// As of when to answer; now when absent. All runs of the ledger are looked at then.
    pub as_of: Option<AsOf>,
    /// The time that the order goes by.
    pub ordered_by: RunTime,
    /// Oldest or newest first.
    pub order: Order,
    /// How many matching runs to pass over. Without effect on a page behind the first.
    pub offset: usize,
    /// How many runs to answer with at most.
    pub limit: usize,
    /// Where an earlier answer to the same filter ended.
    pub page: Option<PageToken>,
}

impl Default for RunFilter {
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            agent: None,
            session: None,
            parent: None,
            skill: None,
            caller: None,
            channel: None,
            top_level_only: false,
            include_dry_runs: false,
            started_from: None,
            started_to: None,
            finished_before: None,
            as_of: None,
            ordered_by: RunTime::Start,
            order: Order::Descending,
            offset: 0,
            limit: PAGE_ITEMS_DEFAULT,
            page: None,
        }
    }
}

impl RunFilter {
    /// Whether dry runs are to be left out.
    pub(crate) fn hides_dry_runs(&self) -> bool {
        !self.include_dry_runs && !self.statuses.contains(&RunStatus::DryRun)
    }

    /// Tells filters apart in page tokens: everything that decides which runs match and in which order.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = blake3::Hasher::new_derive_key("Runledger 2026 run filter");
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        };
        let mut statuses: Vec<u8> = self.statuses.iter().map(|status| status.code()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        add(&statuses);
        for text in [&self.agent, &self.session, &self.parent, &self.skill, &self.caller, &self.channel] {
            add(&[u8::from(text.is_some())]);
            add(text.as_deref().unwrap_or_default().as_bytes());
        }
        let by_end = self.ordered_by == RunTime::End;
        let descending = self.order == Order::Descending;
        add(&[self.top_level_only, self.include_dry_runs, by_end, descending].map(u8::from));
        for bound in [self.started_from, self.started_to, self.finished_before] {
            add(&bound.map_or_else(Vec::new, |time| time.as_nanoseconds().to_le_bytes().to_vec()));
        }
        match self.as_of {
            None => add(&[]),
            Some(AsOf::Seq(seq)) => add(&[&[1], &seq.get().to_le_bytes()[..]].concat()),
            Some(AsOf::Before(seq)) => add(&[&[3], &seq.get().to_le_bytes()[..]].concat()),
            Some(AsOf::CommitTime(time)) => add(&[&[2], &time.as_nanoseconds().to_le_bytes()[..]].concat()),
        }
        let mut fingerprint = [0; 8];
        hasher.finalize_xof().fill(&mut fingerprint);
        u64::from_le_bytes(fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn fingerprints_differ_by_field_and_not_by_offset_or_limit() {
        let filter = RunFilter::default;
        let (text, time) = (|| Some("a".to_owned()), Some(Timestamp::from_nanoseconds(1)));
        let filters = [
            filter(),
            RunFilter { statuses: vec![RunStatus::Failed], ..filter() },
            RunFilter { agent: text(), ..filter() },
            RunFilter { agent: Some(String::new()), ..filter() },
            RunFilter { session: text(), ..filter() },
            RunFilter { parent: text(), ..filter() },
            RunFilter { skill: text(), ..filter() },
            RunFilter { caller: text(), ..filter() },
            RunFilter { channel: text(), ..filter() },
            RunFilter { top_level_only: true, ..filter() },
            RunFilter { include_dry_runs: true, ..filter() },
            RunFilter { started_from: time, ..filter() },
            RunFilter { started_to: time, ..filter() },
            RunFilter { finished_before: time, ..filter() },
            RunFilter { as_of: time.map(AsOf::CommitTime), ..filter() },
            RunFilter { ordered_by: RunTime::End, ..filter() },
            RunFilter { order: Order::Ascending, ..filter() },
        ];
        let fingerprints: BTreeSet<_> = filters.iter().map(RunFilter::fingerprint).collect();
        assert_eq!(fingerprints.len(), filters.len());
        assert_eq!(RunFilter { offset: 3, limit: 9, ..filter() }.fingerprint(), filter().fingerprint());
        let of = |statuses: &[RunStatus]| RunFilter { statuses: statuses.to_vec(), ..filter() }.fingerprint();
        let (failed, timeout) = (RunStatus::Failed, RunStatus::Timeout);
        assert_eq!(of(&[failed, timeout]), of(&[timeout, failed, timeout]));
    }
}
