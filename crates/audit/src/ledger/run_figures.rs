//! A run as it is answered: what the index knows of it, and what its caller said at its end.
//!
//! The figures of the index are rolled up from the run's own events; those that its caller gave stand in for them.

use crate::key::run::{RunRecord, Totals};
use crate::{RunStatistics, RunSummary, Timestamp, rollup};

/// What the index alone knows of a run.
pub(super) fn figures_of(run_id: &str, record: &RunRecord) -> RunSummary {
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
pub(super) fn apply_statistics(summary: &mut RunSummary, given: &RunStatistics) {
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
