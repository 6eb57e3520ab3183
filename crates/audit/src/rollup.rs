//! How a run's figures follow from its events.
//!
//! INVARIANT: a run's totals, start, end and state depend on the set of its events that are not superseded (and on
//! `Seq` order among those that set its state), so that importing the parts of a session in any order gives the same
//! figures. The times of first and last activity cover superseded events too: they happened. What is said of the state
//! of a run that has ended never comes here (see `claim`).

use runledger_wal::Seq;

use crate::key::run::{RunRecord, Totals};
use crate::{Body, Event, RunStatus, Timestamp, claim};

/// Adds what `event` says to its run's record.
pub(crate) fn add(record: &mut RunRecord, event: &Event, seq: Seq) {
    let time = event.timestamp.as_nanoseconds();
    // Not told by the totals: all that they counted may have been superseded.
    let first = record.first_seq.is_none();
    record.first_seq.get_or_insert(seq.get());
    record.first_activity = if first { time } else { record.first_activity.min(time) };
    record.last_activity = if first { time } else { record.last_activity.max(time) };
    if record.session_id.is_none() {
        record.session_id.clone_from(&event.session_id);
    }
    if record.agent_id.is_none() {
        record.agent_id.clone_from(&event.agent_id);
    }
    if record.writer_instance.is_none() {
        record.writer_instance = event.writer_instance.map(crate::WriterInstance::to_bytes);
    }
    record.imported |= event.source_id.is_some();
    add_state(record, event, seq);
    let share = share_of(event);
    let totals = &mut record.totals;
    for (total, share) in figures(totals).into_iter().zip(figures(&mut { share })) {
        *total = total.saturating_add(*share);
    }
    totals.cost_usd_millionths = totals.cost_usd_millionths.saturating_add(share.cost_usd_millionths);
}

/// Takes out what a superseded `event` said. Its newer version is added afterwards.
pub(crate) fn retract(record: &mut RunRecord, event: &Event, seq: Seq) {
    let seq = Some(seq.get());
    if record.started_seq == seq {
        (record.started_seq, record.started_at, record.started_status) = (None, None, 0);
    }
    if record.finished_seq == seq {
        record.finished_seq = None;
    }
    if record.status_seq == seq {
        (record.status_seq, record.status) = (None, 0);
        (record.ended_at, record.end_seq) = (None, None);
    }
    let share = share_of(event);
    let totals = &mut record.totals;
    for (total, share) in figures(totals).into_iter().zip(figures(&mut { share })) {
        *total = total.saturating_sub(*share);
    }
    totals.cost_usd_millionths = totals.cost_usd_millionths.saturating_sub(share.cost_usd_millionths);
}

/// The state that the run is in. One that nobody announced is at work, unless it is the recording of another tool's run,
/// whose import has not come to its end.
pub(crate) fn status(record: &RunRecord) -> RunStatus {
    let code = if record.status_seq.is_some() { record.status } else { record.started_status };
    let unannounced = if record.imported { RunStatus::Completed } else { RunStatus::Running };
    RunStatus::from_code(code).unwrap_or(unannounced)
}

/// When the run began.
pub(crate) fn started_at(record: &RunRecord) -> Timestamp {
    Timestamp::from_nanoseconds(record.started_at.unwrap_or(record.first_activity))
}

fn add_state(record: &mut RunRecord, event: &Event, seq: Seq) {
    let time = event.timestamp;
    if claim::ends_run(&event.body) {
        record.end_seq = Some(seq.get());
    }
    match &event.body {
        Body::RunStarted(started) => {
            record.started_seq = Some(seq.get());
            record.started_at = Some(started.started_at.unwrap_or(time).as_nanoseconds());
            record.started_status = started.status.unwrap_or(RunStatus::Running).code();
            if event.agent_id.is_some() {
                record.agent_id.clone_from(&event.agent_id);
            }
            record.skill_id.clone_from(&started.skill_id);
            record.caller_id.clone_from(&started.caller_id);
            record.channel_id.clone_from(&started.channel_id);
            record.parent_run_id.clone_from(&started.parent_run_id);
        }
        Body::RunStatusChanged(changed) => {
            record.status_seq = Some(seq.get());
            record.status = changed.status.code();
            let ended_now = (!changed.status.is_live()).then_some(time);
            record.ended_at = changed.ended_at.or(ended_now).map(Timestamp::as_nanoseconds);
        }
        Body::RunFinished(finished) => {
            record.status_seq = Some(seq.get());
            record.status = finished.status.code();
            record.finished_seq = Some(seq.get());
            record.ended_at = Some(finished.ended_at.unwrap_or(time).as_nanoseconds());
        }
        _ => {}
    }
}

fn share_of(event: &Event) -> Totals {
    let mut share = Totals { events: 1, ..Totals::default() };
    match &event.body {
        Body::ToolCall(_) => share.tool_calls = 1,
        Body::ModelCall(call) => {
            share.input_tokens = call.usage.input_tokens;
            share.output_tokens = call.usage.output_tokens;
            share.cache_read_tokens = call.usage.cache_read_tokens;
            share.cache_write_tokens = call.usage.cache_write_tokens;
            share.thinking_tokens = call.usage.thinking_tokens;
            if let Some(cost) = call.cost_usd {
                share.priced_calls = 1;
                share.cost_usd_millionths = millionths(cost);
            }
        }
        _ => {}
    }
    share
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cost beyond 9 trillion dollars is capped, NaN counts as 0"
)]
pub(crate) fn millionths(dollars: f64) -> i64 {
    (dollars * 1e6).round() as i64
}

/// The counters that add up, in one order for both directions.
fn figures(totals: &mut Totals) -> [&mut u64; 8] {
    [
        &mut totals.events,
        &mut totals.tool_calls,
        &mut totals.input_tokens,
        &mut totals.output_tokens,
        &mut totals.cache_read_tokens,
        &mut totals.cache_write_tokens,
        &mut totals.thinking_tokens,
        &mut totals.priced_calls,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModelCall, RunFinished, RunStarted, RunStatistics, ToolCall, Usage};

    fn at(nanoseconds: i64, body: Body) -> Event {
        let mut event = Event::new(body).with_run("r");
        event.timestamp = Timestamp::from_nanoseconds(nanoseconds);
        event
    }

    fn answer(nanoseconds: i64, output_tokens: u64, cost_usd: Option<f64>) -> Event {
        let usage = Usage { output_tokens, ..Usage::default() };
        at(nanoseconds, Body::ModelCall(ModelCall { usage, cost_usd, ..ModelCall::default() }))
    }

    fn finish(nanoseconds: i64) -> Event {
        let statistics = RunStatistics::default();
        let (status, ended_at, output, error, extra) = (RunStatus::Completed, None, None, None, Vec::new());
        at(nanoseconds, Body::RunFinished(RunFinished { status, ended_at, output, error, statistics, extra }))
    }

    #[test]
    fn a_retracted_event_leaves_nothing_behind() {
        let mut record = RunRecord::default();
        let events = [
            at(5, Body::RunStarted(RunStarted::default())),
            answer(6, 10, Some(0.1)),
            at(7, Body::ToolCall(ToolCall::default())),
        ];
        for (seq, event) in (0..).zip(&events) {
            add(&mut record, event, Seq::new(seq));
        }
        let before = record.clone();
        let (half, whole) = (answer(6, 3, Some(0.3)), answer(7, 30, None));
        add(&mut record, &half, Seq::new(3));
        retract(&mut record, &half, Seq::new(3));
        assert_eq!(record, before);
        add(&mut record, &whole, Seq::new(4));
        assert_eq!((record.totals.output_tokens, record.totals.events), (40, 4));
    }

    #[test]
    fn a_run_whose_events_were_all_superseded_still_began_with_the_first_of_them() {
        let mut record = RunRecord::default();
        let superseded = answer(3, 1, None);
        add(&mut record, &superseded, Seq::new(0));
        retract(&mut record, &superseded, Seq::new(0));
        add(&mut record, &answer(5, 1, None), Seq::new(1));
        assert_eq!((started_at(&record).as_nanoseconds(), record.totals.events), (3, 1));
    }

    #[test]
    fn parts_in_either_order_give_the_same_figures() {
        let mut starts =
            [at(1, Body::RunStarted(RunStarted::default())), at(9, Body::RunStarted(RunStarted::default()))];
        let mut records = Vec::new();
        for late_part_first in [false, true] {
            let mut record = RunRecord::default();
            starts.sort_by_key(|start| start.timestamp);
            if late_part_first {
                add(&mut record, &starts[1], Seq::new(0));
                add(&mut record, &finish(20), Seq::new(1));
                retract(&mut record, &starts[1], Seq::new(0));
                add(&mut record, &starts[0], Seq::new(2));
            } else {
                add(&mut record, &starts[0], Seq::new(0));
                add(&mut record, &finish(8), Seq::new(1));
                retract(&mut record, &finish(8), Seq::new(1));
                add(&mut record, &finish(20), Seq::new(2));
            }
            assert_eq!(status(&record), RunStatus::Completed);
            records.push((started_at(&record), record.ended_at, record.totals));
        }
        assert_eq!(records[0], records[1]);
    }

    #[test]
    fn a_run_that_nobody_announced_runs_since_its_first_event_unless_it_was_imported() {
        let mut record = RunRecord::default();
        add(&mut record, &answer(7, 1, None), Seq::new(0));
        add(&mut record, &answer(3, 1, None), Seq::new(1));
        assert_eq!((status(&record), started_at(&record).as_nanoseconds()), (RunStatus::Running, 3));
        let imported = Event { source_id: Some("line/1".into()), ..answer(8, 1, None) };
        add(&mut record, &imported, Seq::new(2));
        assert_eq!(status(&record), RunStatus::Completed);
    }
}
