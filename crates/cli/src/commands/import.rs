//! `import`: recordings of other agent tools into the ledger.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use indicatif::ProgressBar;
use runledger::Ledger;
use runledger::import::{Format, ImportError, ImportReport, Importer, Progress};

use super::{Context, opening};
use crate::arguments::ImportArguments;
use crate::exit::{Exit, Refused};
use crate::output::{counted, note, progress_bar};

/// Runs the command.
pub(super) fn run(arguments: &ImportArguments, context: &mut Context) -> Result<Exit> {
    // Before the ledger is opened, which makes one where there is none.
    for path in &arguments.paths {
        path.symlink_metadata()
            .map_err(|error| Refused(format!("cannot import {}: {error}", path.display())))?;
    }
    let ledger = opening::for_writing(&context.ledger)?;
    let imported = import(&ledger, arguments.format, &arguments.paths);
    let closed = ledger.close();
    // Some files may have been unreadable: what was imported of the others is reported all the same.
    let (report, unreadable) = match imported {
        Ok(report) => (report, None),
        Err(error) => match error.downcast_ref() {
            Some(ImportError::Unreadable { report, .. }) => (*report, Some(error)),
            _ => return Err(error),
        },
    };
    if context.output.is_json() {
        writeln!(context.output, "{}", report.to_json())?;
    } else {
        writeln!(context.output, "{}", sentence(&report))?;
    }
    context.output.flush()?;
    closed.context("everything was imported, but the ledger did not close in good order")?;
    unreadable.map_or(Ok(Exit::Fine), Err)
}

/// Imports `paths`, with a progress bar, and names on standard error what is passed over.
pub(super) fn import(ledger: &Ledger, format: Format, paths: &[PathBuf]) -> Result<ImportReport> {
    let bar = progress_bar("importing", "{decimal_bytes} of {decimal_total_bytes}");
    let report = Importer::new(ledger).format(format).progress(|progress| show(&bar, &progress)).run(paths);
    bar.finish_and_clear();
    Ok(report?)
}

fn show(bar: &ProgressBar, progress: &Progress<'_>) {
    match progress {
        Progress::File { path, index, count, bytes, .. } => {
            bar.reset();
            bar.set_length(*bytes);
            let name = path.file_name().unwrap_or(path.as_os_str());
            bar.set_message(format!("{} ({} of {count})", name.to_string_lossy(), index + 1));
        }
        Progress::Read { bytes } => bar.set_position(*bytes),
        Progress::Skipped { path, reason } => {
            bar.suspend(|| note(format_args!("skipped {}: {reason}", path.display())));
        }
        Progress::Unreadable { path, error } => {
            bar.suspend(|| note(format_args!("cannot read {}: {error}", path.display())));
        }
        _ => {}
    }
}

/// The report in words.
pub(super) fn sentence(report: &ImportReport) -> String {
    format!(
        "{}, {} read: {} appended, {} there already, {} unreadable and kept verbatim; {}",
        counted(report.files, "file"),
        counted(report.records_read, "record"),
        counted(report.appended, "event"),
        counted(report.duplicates, "record"),
        counted(report.unparsed, "record"),
        counted(report.runs, "run")
    )
}
