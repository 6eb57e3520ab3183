//! Runs as a plain fold over the log knows them: states, times and figures. And what random lives say of runs.
//!
//! The rule of ends is applied in the order of the log: what is said of the state of a run that has ended is refused, and
//! counts nowhere. A writer that could not ask its index may have stored such words; the index notes them.

use std::collections::{BTreeMap, BTreeSet};

use runledger_audit::{
    AsOf, Body, Event, EventId, Ledger, ModelCall, RunFilter, RunFinished, RunStarted, RunStatistics,
    RunStatus, RunStatusChanged, RunSummary, Seq, StoredEvent, Timestamp, ToolCall, Usage,
};

use super::Random;

/// All states that these lives have.
const STATES: [RunStatus; 6] = [
    RunStatus::Queued,
    RunStatus::Running,
    RunStatus::Completed,
    RunStatus::Failed,
    RunStatus::Timeout,
    RunStatus::Interrupted,
];

/// Something that is said of a run.
pub(super) fn body(random: &mut Random) -> Body {
    let given = (random.below(3) == 0).then(|| random.below(1_000));
    match random.below(8) {
        0 => Body::RunStarted(RunStarted::default()),
        1 => Body::RunStarted(RunStarted { status: Some(RunStatus::Queued), ..RunStarted::default() }),
        2 => Body::RunStatusChanged(RunStatusChanged::new(RunStatus::Running)),
        3 => {
            let ends = [RunStatus::Completed, RunStatus::Failed, RunStatus::Timeout];
            let status = *random.one_of(&ends);
            let statistics =
                RunStatistics { tool_calls: given, output_tokens: given, ..RunStatistics::default() };
            Body::RunFinished(RunFinished { statistics, ..RunFinished::new(status) })
        }
        4 => Body::RunStatusChanged(RunStatusChanged::new(RunStatus::Failed)),
        _ => figures(random),
    }
}

/// A call that counts in the figures of its run.
pub(super) fn figures(random: &mut Random) -> Body {
    if random.below(2) == 0 {
        return Body::ToolCall(ToolCall::default());
    }
    let (input_tokens, output_tokens) = (random.below(100), random.below(100));
    let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
    Body::ModelCall(ModelCall { usage, ..ModelCall::default() })
}

/// A run as the log tells of it.
#[derive(Debug, Default)]
struct Run {
    first_seq: u64,
    started: Option<(Timestamp, RunStatus)>,
    first_activity: Option<Timestamp>,
    last_activity: Option<Timestamp>,
    state: Option<(RunStatus, Option<Timestamp>)>,
    has_ended: bool,
    given: RunStatistics,
    /// Events, tool calls, tokens that went in and that came out.
    totals: [u64; 4],
}

/// All runs of a log.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: BTreeMap<String, Run>,
    /// What came too late to count.
    pub(super) refused: BTreeSet<Seq>,
}

impl Runs {
    pub(super) fn of(log: &[StoredEvent], replaced: &BTreeSet<EventId>) -> Self {
        let mut runs = Self::default();
        for stored in log {
            let Some(run_id) = &stored.event.run_id else { continue };
            let run = runs.runs.entry(run_id.clone()).or_default();
            let is_replaced = replaced.contains(&stored.event.event_id);
            if !run.add(&stored.event, stored.seq, is_replaced) {
                runs.refused.insert(stored.seq);
            }
        }
        runs
    }

    /// Every run, and every list of them by state, is as the log tells.
    pub(super) fn check(&self, ledger: &Ledger, as_of: AsOf, who: &str) {
        for (run_id, run) in &self.runs {
            for found in [ledger.run(run_id).unwrap(), ledger.run_as_of(run_id, as_of).unwrap()] {
                run.check(&found.unwrap(), &format!("{who} about {run_id}"));
            }
        }
        for status in STATES {
            let mut expected: Vec<_> = self.runs.iter().filter(|(_, run)| run.status() == status).collect();
            expected.sort_by_key(|(_, run)| std::cmp::Reverse((run.started_at(), run.first_seq)));
            let expected: Vec<&str> = expected.into_iter().map(|(run_id, _)| run_id.as_str()).collect();
            // A list as of then looks at all runs: that of one state is enough.
            let then = (status == RunStatus::Failed).then_some(Some(as_of));
            for as_of in std::iter::once(None).chain(then) {
                let filter = RunFilter { statuses: vec![status], as_of, ..RunFilter::default() };
                let listed = ledger.runs(&filter).unwrap();
                let listed: Vec<&str> = listed.iter().map(|run| run.run_id.as_str()).collect();
                assert_eq!(listed, expected, "{who}: {status}, as of {as_of:?}");
                assert_eq!(ledger.count_runs(&filter).unwrap(), expected.len() as u64, "{who}: {status}");
            }
        }
    }
}

impl Run {
    /// Whether the event counts.
    fn add(&mut self, event: &Event, seq: Seq, is_replaced: bool) -> bool {
        let said = match &event.body {
            Body::RunStatusChanged(changed) => Some((changed.status, RunStatistics::default())),
            Body::RunFinished(finished) => Some((finished.status, finished.statistics)),
            _ => None,
        };
        if said.is_some() && self.has_ended {
            return false;
        }
        let time = event.timestamp;
        if self.first_activity.is_none() {
            self.first_seq = seq.get();
        }
        self.first_activity = self.first_activity.min(Some(time)).or(Some(time));
        self.last_activity = self.last_activity.max(Some(time));
        if let Some((status, given)) = said {
            let is_live = status.is_live();
            self.state = Some((status, (!is_live).then_some(time)));
            self.has_ended = !is_live && status != RunStatus::Interrupted;
            self.given = given;
        }
        if let Body::RunStarted(started) = &event.body {
            self.started = Some((time, started.status.unwrap_or(RunStatus::Running)));
        }
        if !is_replaced {
            let share = match &event.body {
                Body::ToolCall(_) => [1, 1, 0, 0],
                Body::ModelCall(call) => [1, 0, call.usage.input_tokens, call.usage.output_tokens],
                _ => [1, 0, 0, 0],
            };
            self.totals.iter_mut().zip(share).for_each(|(total, share)| *total += share);
        }
        true
    }

    fn status(&self) -> RunStatus {
        let started = self.started.map_or(RunStatus::Running, |(_, status)| status);
        self.state.map_or(started, |(status, _)| status)
    }

    fn started_at(&self) -> Timestamp {
        self.started.map_or(self.first_activity.unwrap(), |(time, _)| time)
    }

    fn check(&self, found: &RunSummary, who: &str) {
        let ended_at = self.state.and_then(|(_, ended_at)| ended_at);
        assert_eq!((found.status, found.started_at), (self.status(), self.started_at()), "{who}");
        assert_eq!((found.ended_at, Some(found.last_activity_at)), (ended_at, self.last_activity), "{who}");
        let [events, tool_calls, input, output] = self.totals;
        let tool_calls = self.given.tool_calls.unwrap_or(tool_calls);
        let output = self.given.output_tokens.unwrap_or(output);
        assert_eq!(
            [found.events, found.tool_calls, found.input_tokens, found.output_tokens, found.total_tokens],
            [events, tool_calls, input, output, input + output],
            "{who}"
        );
    }
}
