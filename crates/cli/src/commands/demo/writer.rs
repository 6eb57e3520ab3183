//! What the demo kills: a process that appends the events of one run, several in flight, and prints each one's number
//! when it is durable, until it dies. Its events follow from their position in the run, so that the demo can tell
//! afterwards whether each is what it was.

use std::collections::VecDeque;
use std::io::Write;

use anyhow::Result;
use runledger::{Body, Content, Durability, Event, Json, Ledger, RunLog, RunStarted};

use crate::commands::{Context, opening};
use crate::exit::Exit;

/// The run that never ends.
pub(super) const LIVE_RUN: &str = "demo-live-run";

/// How many appends are on their way to the disk when the process dies.
const IN_FLIGHT_MAX: usize = 8;

/// A writer that nobody kills, because the demo died before it, ends by itself.
const EVENTS_MAX: u64 = 1_000_000;

/// Runs the command.
pub(in crate::commands) fn run(context: &mut Context) -> Result<Exit> {
    let ledger = opening::for_writing(&context.ledger)?;
    let mut in_flight = VecDeque::with_capacity(IN_FLIGHT_MAX);
    in_flight.push_back(ledger.submit(beginning(), Durability::Durable)?);
    for position in 0..EVENTS_MAX {
        if in_flight.len() == IN_FLIGHT_MAX
            && let Some(oldest) = in_flight.pop_front()
        {
            let receipt = oldest.wait()?;
            writeln!(context.output, "{} {}", receipt.seq, receipt.event_id)?;
            context.output.flush()?;
        }
        in_flight.push_back(submit_step(&ledger, position)?);
    }
    Ok(Exit::Fine)
}

fn submit_step(ledger: &Ledger, position: u64) -> Result<runledger::Submitted> {
    Ok(ledger.submit(step(position)?, Durability::Durable)?)
}

fn beginning() -> Event {
    let mut event = Event::new(Body::RunStarted(RunStarted {
        goal: Some("count, until somebody pulls the plug".to_owned()),
        ..RunStarted::default()
    }))
    .with_run(LIVE_RUN);
    event.agent_id = Some("demo".to_owned());
    event
}

/// The event at `position` of the run's log; only its id and time are new each time.
fn step(position: u64) -> Result<Event> {
    let payload = Json::parse(&format!("{{\"position\":{position},\"square\":{}}}", position * position))?;
    let mut event = Event::new(Body::RunLog(RunLog {
        sequence: position,
        event_type: "counted".to_owned(),
        payload: Some(Content::Inline(payload)),
        extra: Vec::new(),
    }))
    .with_run(LIVE_RUN);
    event.agent_id = Some("demo".to_owned());
    Ok(event)
}

/// Whether `event` is what the writer appended as its `number`-th event, counted from 0.
pub(super) fn is_nth(event: &Event, number: u64) -> Result<bool> {
    let expected = match number.checked_sub(1) {
        None => beginning(),
        Some(position) => step(position)?,
    };
    Ok(event.body == expected.body && event.run_id == expected.run_id && event.agent_id == expected.agent_id)
}
