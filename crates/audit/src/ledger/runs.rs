//! Runs: their figures from the index, their texts from the events that began and ended them.

use runledger_store::{KeyRange, View};
use runledger_wal::Seq;

use super::read::StoredEvent;
use super::{Core, Ledger};
use crate::key::run::{RunRecord, Totals};
use crate::key::{self, prefix_end};
use crate::query::moment::Moment;
use crate::{
    AsOf, Body, Content, Json, Order, QueryError, RunFilter, RunStatistics, RunStatus, RunSummary, Timestamp,
    rollup,
};

/// A run's id and its figures.
type Found = (String, RunRecord);

impl Ledger {
    /// The run of this id.
    pub fn run(&self, run_id: &str) -> Result<Option<RunSummary>, QueryError> {
        let record = self.core.ask(|view, _| record_of(view, run_id))?;
        record.map(|record| self.summarize(run_id, &record)).transpose()
    }

    /// The run of this id as it was known then; nothing if it was not.
    pub fn run_as_of(&self, run_id: &str, as_of: AsOf) -> Result<Option<RunSummary>, QueryError> {
        let record = self.core.ask(|view, end| {
            let moment = self.core.moment(view, end, Some(as_of), None)?;
            let Some(present) = record_of(view, run_id)? else { return Ok(None) };
            self.core.run_record_at(view, run_id, present, moment)
        })?;
        record.map(|record| self.summarize(run_id, &record)).transpose()
    }

    /// The runs that match `filter`, by their start.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, QueryError> {
        let found = self.core.ask(|view, end| {
            let mut found = Vec::new();
            let mut passed = 0;
            if filter.limit > 0 {
                self.core.each_matching_run(view, end, filter, |run| {
                    if passed < filter.offset {
                        passed += 1;
                    } else {
                        found.push(run);
                    }
                    found.len() < filter.limit
                })?;
            }
            Ok(found)
        })?;
        found.iter().map(|(run_id, record)| self.summarize(run_id, record)).collect()
    }

    /// How many runs match `filter`, whatever its offset and limit.
    pub fn count_runs(&self, filter: &RunFilter) -> Result<u64, QueryError> {
        self.core.ask(|view, end| {
            let mut count = 0;
            self.core.each_matching_run(view, end, filter, |_| {
                count += 1;
                true
            })?;
            Ok(count)
        })
    }

    /// The ids of the runs that this run started.
    pub fn children(&self, run_id: &str) -> Result<Vec<String>, QueryError> {
        let prefix = key::run_child::prefix(run_id);
        self.core.ask(|view, _| {
            view.prefix(&prefix)
                .map(|entry| Ok(key::run_child::decode_child(&prefix, &entry?.0)?.to_owned()))
                .collect()
        })
    }

    pub(super) fn summarize(&self, run_id: &str, record: &RunRecord) -> Result<RunSummary, QueryError> {
        let event = |seq: Option<u64>| match seq {
            Some(seq) => self.event_at(Seq::new(seq)),
            None => Ok(None),
        };
        let started = event(record.started_seq)?;
        let finished = event(record.finished_seq)?;
        let mut summary = figures_of(run_id, record);
        if let Some(stored) = &started
            && let Body::RunStarted(started) = &stored.event.body
        {
            summary.goal = started.goal.clone().unwrap_or_default();
            summary.metadata.clone_from(&stored.event.metadata);
            summary.inputs = self.optional_content(stored, started.inputs.as_ref())?;
        }
        if let Some(stored) = &finished
            && let Body::RunFinished(finished) = &stored.event.body
        {
            summary.output = self.optional_content(stored, finished.output.as_ref())?;
            summary.error.clone_from(&finished.error);
            apply_statistics(&mut summary, &finished.statistics);
        }
        Ok(summary)
    }

    fn optional_content(
        &self,
        owner: &StoredEvent,
        content: Option<&Content>,
    ) -> Result<Option<Json>, QueryError> {
        match content {
            Some(content) => self.content(owner, content),
            None => Ok(None),
        }
    }
}

impl Core {
    /// Shows the runs that match, in the filter's order, for as long as `goes_on` says so.
    fn each_matching_run(
        &self,
        view: &View,
        durable_end: Seq,
        filter: &RunFilter,
        mut goes_on: impl FnMut(Found) -> bool,
    ) -> Result<(), QueryError> {
        let moment = self.moment(view, durable_end, filter.as_of, None)?;
        if !moment.is_now() {
            let _ = self.runs_as_of(view, filter, moment)?.into_iter().all(goes_on);
            return Ok(());
        }
        for key in starts(view, filter) {
            let key = key?;
            let (_, run_id) = key::run_start::decode(&key)?;
            let record = record_of(view, run_id)?.filter(|record| matches(record, filter));
            if record.is_some_and(|record| !goes_on((run_id.to_owned(), record))) {
                break;
            }
        }
        Ok(())
    }

    /// The runs that matched at `moment`, in the filter's order. A run's start may have changed since, so that all of
    /// them have to be looked at; only those that changed since have to be folded anew.
    fn runs_as_of(&self, view: &View, filter: &RunFilter, moment: Moment) -> Result<Vec<Found>, QueryError> {
        let mut found = Vec::new();
        for entry in view.prefix(&key::run::prefix()) {
            let (key, value) = entry?;
            let run_id = key::run::decode(&key)?;
            let present = RunRecord::decode(&value)?;
            let Some(record) = self.run_record_at(view, run_id, present, moment)? else { continue };
            let start = rollup::started_at(&record);
            let is_in_time = filter.started_from.is_none_or(|from| from <= start)
                && filter.started_to.is_none_or(|to| start < to);
            if is_in_time && matches(&record, filter) {
                found.push((run_id.to_owned(), record));
            }
        }
        found.sort_unstable_by(|(id, record), (other_id, other)| {
            let by_start = rollup::started_at(record).cmp(&rollup::started_at(other));
            by_start.then_with(|| id.cmp(other_id))
        });
        if filter.order == Order::Descending {
            found.reverse();
        }
        Ok(found)
    }
}

/// The keys of the runs that started within the filter's bounds, in its order.
fn starts(view: &View, filter: &RunFilter) -> Box<dyn Iterator<Item = Result<Vec<u8>, QueryError>>> {
    let lower = key::run_start::bound(filter.started_from.unwrap_or(Timestamp::MIN));
    let upper = match filter.started_to {
        Some(to) => key::run_start::bound(to),
        None => prefix_end(&[key::Tag::RunStart.byte()]),
    };
    let keys = view.range(KeyRange::new(lower..upper));
    let key = |entry: Result<(Vec<u8>, Vec<u8>), _>| Ok(entry?.0);
    match filter.order {
        Order::Ascending => Box::new(keys.map(key)),
        Order::Descending => Box::new(keys.rev().map(key)),
    }
}

pub(super) fn record_of(view: &View, run_id: &str) -> Result<Option<RunRecord>, QueryError> {
    Ok(view.get(&key::run::key(run_id))?.map(|value| RunRecord::decode(&value)).transpose()?)
}

fn matches(record: &RunRecord, filter: &RunFilter) -> bool {
    let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
    let status = rollup::status(record);
    let asked_for_dry_runs = filter.include_dry_runs || filter.statuses.contains(&RunStatus::DryRun);
    (filter.statuses.is_empty() || filter.statuses.contains(&status))
        && (asked_for_dry_runs || status != RunStatus::DryRun)
        && same(&filter.agent, &record.agent_id)
        && same(&filter.session, &record.session_id)
        && same(&filter.parent, &record.parent_run_id)
        && same(&filter.skill, &record.skill_id)
        && same(&filter.caller, &record.caller_id)
        && same(&filter.channel, &record.channel_id)
        && !(filter.top_level_only && record.parent_run_id.is_some())
}

/// What the index alone knows of a run.
fn figures_of(run_id: &str, record: &RunRecord) -> RunSummary {
    let Totals {
        events,
        tool_calls,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        thinking_tokens,
        priced_calls,
        cost_usd_millionths,
    } = record.totals;
    let started_at = rollup::started_at(record);
    let ended_at = record.ended_at.map(Timestamp::from_nanoseconds);
    let last_activity_at = Timestamp::from_nanoseconds(record.last_activity);
    RunSummary {
        run_id: run_id.to_owned(),
        goal: String::new(),
        status: rollup::status(record),
        started_at,
        ended_at,
        metadata: None,
        session_id: record.session_id.clone(),
        agent_id: record.agent_id.clone(),
        skill_id: record.skill_id.clone(),
        caller_id: record.caller_id.clone(),
        channel_id: record.channel_id.clone(),
        parent_run_id: record.parent_run_id.clone(),
        inputs: None,
        output: None,
        error: None,
        last_activity_at,
        events,
        tool_calls,
        runtime_seconds: seconds(started_at, ended_at.unwrap_or(last_activity_at)),
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        thinking_tokens,
        total_tokens: input_tokens.saturating_add(output_tokens),
        cost_usd: (priced_calls > 0).then(|| dollars(cost_usd_millionths)),
    }
}

/// The figures that the caller gave at the end stand in for those that were rolled up.
fn apply_statistics(summary: &mut RunSummary, given: &RunStatistics) {
    let counters = [
        (&mut summary.tool_calls, given.tool_calls),
        (&mut summary.input_tokens, given.input_tokens),
        (&mut summary.output_tokens, given.output_tokens),
        (&mut summary.cache_read_tokens, given.cache_read_tokens),
        (&mut summary.cache_write_tokens, given.cache_write_tokens),
        (&mut summary.thinking_tokens, given.thinking_tokens),
    ];
    for (counter, given) in counters {
        *counter = given.unwrap_or(*counter);
    }
    summary.total_tokens = summary.input_tokens.saturating_add(summary.output_tokens);
    summary.runtime_seconds = given.runtime_seconds.unwrap_or(summary.runtime_seconds);
    summary.cost_usd = given.cost_usd.or(summary.cost_usd);
}

#[expect(clippy::cast_precision_loss, reason = "seconds are shown; a run of 104 days loses a nanosecond")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.as_nanoseconds().saturating_sub(from.as_nanoseconds()).max(0) as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 9 billion dollars")]
fn dollars(millionths: i64) -> f64 {
    millionths as f64 / 1e6
}
