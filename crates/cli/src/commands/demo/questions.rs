//! Three questions that somebody asks at three in the morning.

use std::io::Write;

use anyhow::Result;
use runledger::{EventFilter, Kind, Ledger, Order, RunFilter};

use super::{SESSION_RUN, heading};
use crate::commands::runs;
use crate::event_table::EventTable;
use crate::output::Output;

/// Asks and answers them.
pub(super) fn answer(ledger: &Ledger, output: &mut Output) -> Result<()> {
    heading("What did this run do?", output)?;
    let said_and_done = EventFilter {
        run: Some(SESSION_RUN.into()),
        kinds: vec![Kind::RunStarted, Kind::ToolCall, Kind::RunFinished],
        ..EventFilter::default()
    };
    write(ledger, &said_and_done, output)?;

    heading("Which tool calls failed?", output)?;
    let failed = EventFilter {
        kinds: vec![Kind::ToolCall],
        outcome: Some("failure".into()),
        ..EventFilter::default()
    };
    write(ledger, &failed, output)?;

    heading("What did it cost, sub-agents apart?", output)?;
    runs::write_runs(ledger, &RunFilter { order: Order::Ascending, ..RunFilter::default() }, output)?;
    Ok(())
}

/// Always as text: the demo is for people.
fn write(ledger: &Ledger, filter: &EventFilter, output: &mut Output) -> Result<()> {
    let found = ledger.events(filter)?.items;
    let mut table = EventTable::for_people(output);
    for stored in &found {
        table.add(ledger, stored, output)?;
    }
    table.flush(output)?;
    if found.is_empty() {
        writeln!(output, "none")?;
    }
    Ok(())
}
