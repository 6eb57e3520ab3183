//! `transcript`: an imported session, byte for byte.

use anyhow::Result;

use super::{Context, opening};
use crate::arguments::RunArguments;
use crate::exit::Exit;

/// Runs the command.
pub(super) fn run(arguments: &RunArguments, context: &mut Context) -> Result<Exit> {
    let ledger = opening::for_reading(&context.ledger)?;
    runledger::import::transcript(&ledger, &arguments.run, &mut context.output)?;
    Ok(Exit::Fine)
}
