//! `tail`: events in the order of the log, and with `-f` those to come, whichever process appends them.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use runledger::{Seq, SubscribeFrom};

use super::{Context, event_filter, opening};
use crate::arguments::TailArguments;
use crate::event_table::EventTable;
use crate::exit::Exit;

/// How often a quiet `tail -f` looks whether its reader is still there.
const READER_CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Runs the command.
pub(super) fn run(arguments: &TailArguments, context: &mut Context) -> Result<Exit> {
    let filter = event_filter::of_conditions(&arguments.conditions)?;
    let ledger = opening::for_reading(&context.ledger)?;
    let output = &mut context.output;
    let from = if arguments.new { SubscribeFrom::Now } else { Seq::new(arguments.from).into() };
    let mut subscription = ledger.subscribe(&filter, from)?;
    let mut table = EventTable::new(output);
    loop {
        while let Some(stored) = subscription.try_next()? {
            table.add(&ledger, &stored, output)?;
        }
        table.flush(output)?;
        output.flush()?;
        if !arguments.follow || subscription.has_ended() || output.reader_is_gone() {
            return Ok(Exit::Fine);
        }
        if let Some(stored) = subscription.next_until(Some(Instant::now() + READER_CHECK_INTERVAL))? {
            table.add(&ledger, &stored, output)?;
        }
    }
}
