//! `tail`: events in the order of the log, and with `-f` those to come, whichever process appends them.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use runledger::Seq;

use super::{Context, opening};
use crate::arguments::TailArguments;
use crate::event_table::EventTable;
use crate::exit::Exit;

/// How often a quiet `tail -f` looks whether its reader is still there.
const READER_CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Runs the command.
pub(super) fn run(arguments: &TailArguments, context: &mut Context) -> Result<Exit> {
    let ledger = opening::for_reading(&context.ledger)?;
    let output = &mut context.output;
    let mut tail = ledger.tail(Seq::new(arguments.from));
    let mut table = EventTable::new(output);
    loop {
        for stored in &mut tail {
            table.add(&ledger, &stored?, output)?;
        }
        table.flush(output)?;
        output.flush()?;
        if !arguments.follow || output.reader_is_gone() {
            return Ok(Exit::Fine);
        }
        tail.wait(Some(Instant::now() + READER_CHECK_INTERVAL))?;
    }
}
