//! `recover --salvage`: copies every intact record of a damaged ledger into a new one, and says what is missing.
//!
//! The old ledger is only read. The new one gets its index here, so that the first question finds it ready.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use runledger::{Listed, SalvageReport};

use super::{Context, opening};
use crate::exit::Exit;
use crate::output::{BAD, GOOD, Output, counted};
use crate::terminal_text::visible;

/// How many lines of a list are printed; all are in the new ledger's `salvage.json`.
const LINES_MAX: usize = 100;

/// Runs the command.
pub(super) fn run(new_ledger: &Path, context: &mut Context) -> Result<Exit> {
    let progress = opening::progress("salvaging", "{decimal_bytes} of {decimal_total_bytes}");
    let report = runledger::salvage(&context.ledger, new_ledger, progress)?;
    opening::build_index(new_ledger)?;
    if context.output.is_json() {
        writeln!(context.output, "{}", report.to_json())?;
    } else {
        write_text(&report, new_ledger, &mut context.output)?;
    }
    Ok(match (report.is_complete(), report.is_spotless()) {
        (false, _) => Exit::Damage,
        (true, false) => Exit::Repaired,
        (true, true) => Exit::Fine,
    })
}

fn write_text(report: &SalvageReport, new_ledger: &Path, output: &mut Output) -> Result<()> {
    let new_ledger = visible(&new_ledger.display().to_string());
    writeln!(output, "{} copied to {new_ledger}", counted(report.records, "record"))?;
    let (lost, unplaced, remark) =
        (output.paint(BAD, "lost:"), output.paint(BAD, "unplaced:"), output.paint(GOOD, "no record lost:"));
    if report.copied.total() > 1 {
        write_list(output, "copied:", &report.copied, |range| {
            let records = counted(range.records, "record");
            format!("{records} from {}, now from {}", range.old_from, range.new_from)
        })?;
    }
    write_list(output, lost, &report.gaps, ToString::to_string)?;
    write_list(output, unplaced, &report.unplaced, |range| {
        let records = counted(range.records, "record");
        format!("{records} in {} from byte {}, now from {}", range.file, range.offset, range.new_from)
    })?;
    write_list(output, remark, &report.remarks, ToString::to_string)?;
    if report.records_lost > 0 {
        writeln!(output, "{} lost in all", counted(report.records_lost, "record"))?;
    }
    if report.unplaced_records > 0 {
        let records = counted(report.unplaced_records, "record");
        writeln!(output, "{records} found where nothing says whether they were ever acknowledged")?;
    }
    if report.is_complete() {
        writeln!(output, "{}", output.paint(GOOD, "no gaps"))?;
    }
    Ok(())
}

/// Writes a list, a line for each entry.
fn write_list<T>(
    output: &mut Output,
    label: impl std::fmt::Display,
    list: &Listed<T>,
    line: impl Fn(&T) -> String,
) -> Result<()> {
    for entry in list.entries.iter().take(LINES_MAX) {
        writeln!(output, "{label} {}", visible(&line(entry)))?;
    }
    if let more @ 1.. = list.total().saturating_sub(LINES_MAX as u64) {
        writeln!(output, "{label} and {more} more, see salvage.json")?;
    }
    Ok(())
}
