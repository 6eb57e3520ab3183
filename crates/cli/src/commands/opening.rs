//! Opening the ledger, and saying on standard error what was found on the way in.

use std::path::Path;

use anyhow::Result;
use runledger::{IndexState, Ledger, LedgerOptions, OpenReport, Progress, Seq};

use crate::output::{ProgressLines, counted, note, progress_bar};

/// Opens the ledger beside whoever writes to it. Never makes one, takes no lock and writes nothing there.
pub(super) fn for_reading(directory: &Path) -> Result<Ledger> {
    let ledger = with_progress(Ledger::options()).open_read_only(directory)?;
    say(ledger.open_report());
    say_what_is_not_found(&ledger.anomalies()?);
    Ok(ledger)
}

/// Opens the ledger as its one writer; makes one where there is nothing. A run may go on over several calls of the
/// program, so it is interrupted only if one of them was killed.
pub(super) fn for_writing(directory: &Path) -> Result<Ledger> {
    let ledger = with_progress(Ledger::options().leave_runs_open(true)).open(directory)?;
    say(ledger.open_report());
    for run in ledger.interrupted_runs()? {
        note(format_args!("run {run} was interrupted: its process ended before it did"));
    }
    say_what_is_not_found(&ledger.anomalies()?);
    Ok(ledger)
}

/// Opens the ledger as it is, for looking after it: what was found is for the command to say.
pub(super) fn for_inspection(directory: &Path) -> Result<Ledger> {
    Ok(Ledger::open_read_only(directory)?)
}

/// Builds the index of a ledger that was just made from another one. Runs that were at work stay so: it holds what the other
/// one held, and nothing else.
pub(super) fn build_index(directory: &Path) -> Result<()> {
    let ledger = with_progress(Ledger::options().create(false).leave_runs_open(true)).open(directory)?;
    say_what_is_not_found(&ledger.anomalies()?);
    Ok(ledger.close()?)
}

/// Answers are complete but for these records: nobody should have to find that out.
pub(super) fn say_what_is_not_found(anomalies: &[(Seq, String)]) {
    if let Some((seq, reason)) = anomalies.first() {
        let others = match anomalies.len() {
            1 => String::new(),
            count => format!("; {} more are listed by stats", count - 1),
        };
        note(format_args!("no query finds record {seq}: {reason}{others}"));
    }
}

fn with_progress(options: LedgerOptions) -> LedgerOptions {
    options.progress(progress("building the index", "{pos} of {len} records"))
}

/// Shows the progress of a long piece of work as a bar, with `figures` in indicatif's terms; as a line now and then
/// where standard error is no terminal.
pub(super) fn progress(what: &'static str, figures: &str) -> impl Fn(Progress) + Send + Sync + 'static {
    let bar = progress_bar(what, figures);
    let lines = ProgressLines::new(what);
    move |progress| {
        if bar.is_hidden() {
            lines.tell(progress);
            return;
        }
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        if progress.done >= progress.total {
            bar.finish_and_clear();
        }
    }
}

/// What it means that the end of acknowledged events could not be known for sure, after so many bytes were cut.
pub(super) fn ambiguity(torn_tail_bytes: u64) -> &'static str {
    if torn_tail_bytes > 0 {
        "power may have been lost: what was cut might have been acknowledged just before"
    } else {
        "how far events had been acknowledged is not known for sure: all that are there were kept"
    }
}

/// Says what is not as a writer that closed in good order leaves it.
fn say(report: &OpenReport) {
    if report.recovered_records > 0 {
        note(format_args!(
            "kept {} written but not acknowledged when their process ended",
            counted(report.recovered_records, "event")
        ));
    }
    if report.torn_tail_bytes > 0 {
        let kept = report.torn_file.as_ref().map(|file| format!(", kept in {}", file.display()));
        note(format_args!(
            "cut {} of a write that was never acknowledged{}",
            counted(report.torn_tail_bytes, "byte"),
            kept.unwrap_or_default()
        ));
    }
    if report.ambiguous {
        note(ambiguity(report.torn_tail_bytes));
    }
    match &report.index {
        IndexState::Rebuilt { reason } => note(format_args!("rebuilt the index: {reason}")),
        IndexState::Temporary { reason } => {
            note(format_args!(
                "reading without the ledger's index: {reason}; `runledger index rebuild` makes it"
            ));
        }
        IndexState::Current => {}
    }
}
