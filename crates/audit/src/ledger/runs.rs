//! Runs: their figures from the index, their texts from the events that began and ended them.

use runledger_store::{KeyRange, View};
use runledger_wal::Seq;

use super::Ledger;
use super::read::StoredEvent;
use crate::key::run::{RunRecord, Totals};
use crate::key::{self, prefix_end};
use crate::{
    Body, Content, Json, Order, QueryError, RunFilter, RunStatistics, RunStatus, RunSummary, Timestamp,
    rollup,
};

impl Ledger {
    /// The run of this id.
    pub fn run(&self, run_id: &str) -> Result<Option<RunSummary>, QueryError> {
        let record = self.core.ask(|view, _| record_of(view, run_id))?;
        record.map(|record| self.summarize(run_id, &record)).transpose()
    }

    /// The runs that match `filter`, by their start.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, QueryError> {
        let found = self.core.ask(|view, _| {
            let (mut passed, mut found) = (0, Vec::new());
            for key in starts(view, filter) {
                if found.len() == filter.limit {
                    break;
                }
                let Some(run) = matching_run(view, key, filter)? else { continue };
                if passed < filter.offset {
                    passed += 1;
                } else {
                    found.push(run);
                }
            }
            Ok(found)
        })?;
        found.iter().map(|(run_id, record)| self.summarize(run_id, record)).collect()
    }

    /// How many runs match `filter`, whatever its offset and limit.
    pub fn count_runs(&self, filter: &RunFilter) -> Result<u64, QueryError> {
        self.core.ask(|view, _| {
            let mut count = 0;
            for key in starts(view, filter) {
                count += u64::from(matching_run(view, key, filter)?.is_some());
            }
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

    fn summarize(&self, run_id: &str, record: &RunRecord) -> Result<RunSummary, QueryError> {
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

/// The run that a key of the starts names, if it matches.
fn matching_run(
    view: &View,
    start_key: Result<Vec<u8>, QueryError>,
    filter: &RunFilter,
) -> Result<Option<(String, RunRecord)>, QueryError> {
    let start_key = start_key?;
    let (_, run_id) = key::run_start::decode(&start_key)?;
    let record = record_of(view, run_id)?.filter(|record| matches(record, filter));
    Ok(record.map(|record| (run_id.to_owned(), record)))
}

fn record_of(view: &View, run_id: &str) -> Result<Option<RunRecord>, QueryError> {
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
