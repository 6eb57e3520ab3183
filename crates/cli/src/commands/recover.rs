//! `recover`: repairs what a crash left behind: the log's end, its derived files, the index, runs whose writer died.
//!
//! A run that a writer left open when it closed the ledger in good order may go on in the next one, and stays open.
//! Damage to acknowledged events is named and left alone, and nothing beyond the log is touched then.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use runledger::{IndexState, Ledger, RecoverReport};
use serde::Serialize;

use super::verify::{DamageJson, write_damage};
use super::{Context, opening};
use crate::exit::Exit;
use crate::output::{GOOD, Output, counted};
use crate::terminal_text::visible;

/// The report as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecoverJson<'a> {
    records: u64,
    repaired: &'a [String],
    damaged: Vec<DamageJson<'a>>,
    torn_tail_bytes: u64,
    torn_file: Option<&'a Path>,
    ambiguous: bool,
    interrupted_runs: &'a [String],
}

/// Runs the command.
pub(super) fn run(context: &mut Context) -> Result<Exit> {
    let report = runledger::recover(&context.ledger)?;
    let mut repaired: Vec<String> = report.repaired.iter().map(ToString::to_string).collect();
    let mut interrupted_runs = Vec::new();
    if report.damaged.is_empty() {
        // Wherever a writer died there was something to repair.
        let writer_closed = repaired.is_empty();
        let (index, interrupted) = open_and_close(&context.ledger, writer_closed)?;
        if let IndexState::Rebuilt { reason } = index {
            repaired.push(format!("built the index anew: {reason}"));
        }
        repaired.extend(interrupted.iter().map(|run| format!("marked run {run} as interrupted")));
        interrupted_runs = interrupted;
    }
    let output = &mut context.output;
    if output.is_json() {
        let json = RecoverJson {
            records: report.records,
            repaired: &repaired,
            damaged: report.damaged.iter().map(DamageJson::from).collect(),
            torn_tail_bytes: report.torn_tail_bytes,
            torn_file: report.torn_file.as_deref(),
            ambiguous: report.ambiguous,
            interrupted_runs: &interrupted_runs,
        };
        writeln!(output, "{}", serde_json::to_string(&json)?)?;
    } else {
        write_text(&report, &repaired, output)?;
    }
    Ok(match (report.damaged.is_empty(), repaired.is_empty()) {
        (false, _) => Exit::Damage,
        (true, false) => Exit::Repaired,
        (true, true) => Exit::Fine,
    })
}

/// Opening for writing looks after what is derived from a sound log: the index, and the runs of a dead writer.
fn open_and_close(directory: &Path, leave_runs_open: bool) -> Result<(IndexState, Vec<String>)> {
    let progress = opening::progress("building the index", "{pos} of {len} records");
    let options = Ledger::options().create(false).leave_runs_open(leave_runs_open);
    let ledger = options.progress(progress).open(directory)?;
    let interrupted = ledger.interrupted_runs()?.to_vec();
    let index = ledger.open_report().index.clone();
    ledger.close()?;
    Ok((index, interrupted))
}

fn write_text(report: &RecoverReport, repaired: &[String], output: &mut Output) -> Result<()> {
    writeln!(output, "{}", counted(report.records, "record"))?;
    for repair in repaired {
        writeln!(output, "{} {}", output.paint(GOOD, "repaired:"), visible(repair))?;
    }
    if repaired.is_empty() && report.damaged.is_empty() {
        writeln!(output, "nothing to repair")?;
    }
    if report.ambiguous {
        writeln!(output, "{}", opening::ambiguity(report.torn_tail_bytes))?;
    }
    write_damage(&report.damaged, output)
}
