//! `transcript`: an imported session, byte for byte.

use anyhow::Result;

use super::{Context, opening};
use crate::arguments::TranscriptArguments;
use crate::exit::Exit;

/// Runs the command.
pub(super) fn run(arguments: &TranscriptArguments, context: &mut Context) -> Result<Exit> {
    let ledger = opening::for_reading(&context.ledger)?;
    runledger::import::transcript(&ledger, &arguments.run, &mut context.output)?;
    Ok(Exit::Fine)
}
