//! `backup` and `restore`: a copy of the ledger, and a ledger from a copy.
//!
//! A restored ledger gets its index here, so that the first question finds it ready; a copy gets none, since nobody asks it.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use runledger::{BackupReport, Timestamp};
use serde::Serialize;

use super::{Context, opening};
use crate::exit::Exit;
use crate::output::{counted, note};
use crate::terminal_text::visible;

/// The report as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupJson {
    ledger_id: String,
    records: u64,
    segments: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_commit_time: Option<String>,
}

/// Runs `backup`.
pub(super) fn run(target: &Path, context: &mut Context) -> Result<Exit> {
    let progress = opening::progress("copying", "{decimal_bytes} of {decimal_total_bytes}");
    let report = runledger::backup(&context.ledger, target, progress)?;
    write(&report, "backed up to", target, context)
}

/// Runs `restore`.
pub(super) fn restore(backup: &Path, context: &mut Context) -> Result<Exit> {
    let progress = opening::progress("copying", "{decimal_bytes} of {decimal_total_bytes}");
    let report = runledger::restore(backup, &context.ledger, progress)?;
    opening::build_index(&context.ledger)?;
    let ledger = context.ledger.clone();
    let exit = write(&report, "restored to", &ledger, context)?;
    note("write to this ledger only from now on, not to the one that the backup was made of");
    Ok(exit)
}

fn write(report: &BackupReport, what: &str, place: &Path, context: &mut Context) -> Result<Exit> {
    let last = report.last_commit_time.map(Timestamp::from_nanoseconds);
    let output = &mut context.output;
    if output.is_json() {
        let json = BackupJson {
            ledger_id: report.ledger_id.to_string(),
            records: report.records,
            segments: report.segments,
            bytes: report.bytes,
            last_commit_time: last.map(|time| time.to_string()),
        };
        writeln!(output, "{}", serde_json::to_string(&json)?)?;
        return Ok(Exit::Fine);
    }
    let (records, place) = (counted(report.records, "record"), visible(&place.display().to_string()));
    writeln!(output, "{records} {what} {place} and verified, {}", counted(report.bytes, "byte"))?;
    writeln!(output, "ledger {}", report.ledger_id)?;
    if let Some(last) = last {
        writeln!(output, "last written {}", output.time(last))?;
    }
    Ok(Exit::Fine)
}
