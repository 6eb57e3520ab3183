//! `index rebuild`: the index anew, from the log alone.

use std::io::Write;

use anyhow::Result;

use super::{Context, opening};
use crate::exit::Exit;
use crate::output::counted;

/// Runs `index rebuild`.
pub(super) fn rebuild(context: &mut Context) -> Result<Exit> {
    let progress = opening::progress("indexing", "{pos} of {len} records");
    let rebuilt = runledger::rebuild_index(&context.ledger, progress)?;
    opening::say_what_is_not_found(&rebuilt.anomalies);
    let records = rebuilt.records;
    if context.output.is_json() {
        writeln!(context.output, "{{\"records\":{records}}}")?;
    } else {
        writeln!(context.output, "built the index anew from {}", counted(records, "record"))?;
    }
    Ok(Exit::Fine)
}
