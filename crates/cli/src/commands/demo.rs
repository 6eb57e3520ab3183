//! `demo`: the whole of it in a minute. An example session goes in, a writer is killed in the middle of its appends,
//! the ledger is opened again and compared with what the writer was told, and three questions are answered.
//!
//! The demo checks itself: it fails when an acknowledged event is missing or differs, or the session does not come
//! back byte for byte. The questions are answered by the same code as the commands that ask them.

pub(super) mod writer;

mod crash;
mod questions;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use runledger::Ledger;
use runledger::import::{Format, ImportReport};
use serde::Serialize;

use self::crash::Aftermath;
use super::{Context, import, opening};
use crate::exit::{Exit, Refused};
use crate::output::{GOOD, Output, STRONG, counted};

/// An agent finds out why invoices are sent twice. Written for this program; no recording of anybody.
const SESSION: &str = include_str!("../../demo/session.jsonl");

/// The run that the session becomes.
const SESSION_RUN: &str = "5f1c2f64-3c1e-4b5a-9a51-6f0d2b7c9e10";

/// What the demo found, as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DemoJson<'a> {
    ledger: &'a Path,
    imported_events: u64,
    acknowledged: u64,
    found: u64,
    torn_tail_bytes: u64,
    interrupted_runs: &'a [String],
    verified_records: u64,
}

/// Runs the command. Without `--ledger` the ledger is made in a new temporary folder, and left there to be tried out.
pub(super) fn run(chosen: Option<PathBuf>, context: &mut Context) -> Result<Exit> {
    let directory = fresh_directory(chosen)?;
    let output = &mut context.output;
    let imported = import_session(&directory, output)?;
    let aftermath = crash::kill_a_writer(&directory)?;
    let ledger = Ledger::open(&directory).context("cannot open the ledger after the crash")?;
    let found = aftermath.check(&ledger)?;
    tell_of_the_crash(&aftermath, found, &ledger, output)?;
    if !output.is_json() {
        questions::answer(&ledger, output)?;
    }
    let torn_tail_bytes = ledger.open_report().torn_tail_bytes;
    let interrupted_runs = ledger.interrupted_runs()?.to_vec();
    ledger.close()?;
    let verified = runledger::verify(&directory, |_| {})?;
    ensure!(verified.damaged.is_empty(), "the ledger at {} is damaged after the demo", directory.display());
    if output.is_json() {
        let summary = DemoJson {
            ledger: &directory,
            imported_events: imported.appended,
            acknowledged: aftermath.acknowledged(),
            found,
            torn_tail_bytes,
            interrupted_runs: &interrupted_runs,
            verified_records: verified.records,
        };
        writeln!(output, "{}", serde_json::to_string(&summary)?)?;
    } else {
        say_what_to_try(&directory, verified.records, output)?;
    }
    Ok(Exit::Fine)
}

fn fresh_directory(chosen: Option<PathBuf>) -> Result<PathBuf> {
    let Some(directory) = chosen else {
        let folder = tempfile::Builder::new().prefix("runledger-demo-").tempdir();
        return Ok(folder.context("cannot make a temporary folder")?.keep());
    };
    let is_fresh = match std::fs::read_dir(&directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    let refused = || {
        Refused(format!("{} is not an empty folder: the demo wants a ledger of its own", directory.display()))
    };
    if is_fresh { Ok(directory) } else { Err(refused().into()) }
}

/// Imports the example session, and sees that it comes back as it was.
fn import_session(directory: &Path, output: &mut Output) -> Result<ImportReport> {
    let mut file =
        tempfile::Builder::new().suffix(".jsonl").tempfile().context("cannot make a temporary file")?;
    file.write_all(SESSION.as_bytes()).context("cannot write the example session")?;
    let ledger = opening::for_writing(directory)?;
    let report = import::import(&ledger, Format::ClaudeCode, &[file.path().to_owned()])?;
    let mut transcript = Vec::new();
    runledger::import::transcript(&ledger, SESSION_RUN, &mut transcript)?;
    ensure!(transcript == SESSION.as_bytes(), "the session did not come back as it went in");
    ledger.close()?;
    if !output.is_json() {
        heading("An agent's session goes in", output)?;
        writeln!(output, "{}", import::sentence(&report))?;
        writeln!(output, "its transcript comes back byte for byte: {} bytes", transcript.len())?;
        output.flush()?;
    }
    Ok(report)
}

fn tell_of_the_crash(aftermath: &Aftermath, found: u64, ledger: &Ledger, output: &mut Output) -> Result<()> {
    if output.is_json() {
        return Ok(());
    }
    let report = ledger.open_report();
    heading("A writer is killed in the middle of its appends", output)?;
    writeln!(output, "acknowledged before SIGKILL   {}", aftermath.acknowledged())?;
    writeln!(output, "found after opening again     {found}")?;
    writeln!(output, "acknowledged ones missing     {}", output.paint(GOOD, 0))?;
    writeln!(output, "bytes of a torn write cut     {}", report.torn_tail_bytes)?;
    for run in ledger.interrupted_runs()? {
        writeln!(output, "run {run} is now interrupted, not running for ever")?;
    }
    Ok(())
}

fn say_what_to_try(directory: &Path, records: u64, output: &mut Output) -> Result<()> {
    heading("Every byte was checked again", output)?;
    writeln!(output, "{}, none damaged", counted(records, "record"))?;
    heading("Try", output)?;
    let program = std::env::args().next().unwrap_or_else(|| "runledger".to_owned());
    let directory = directory.display();
    writeln!(output, "export RUNLEDGER_DIR={directory}")?;
    for command in [
        "runs".to_owned(),
        format!("run {SESSION_RUN} --text"),
        "events --kind tool_call --outcome failure --text".to_owned(),
        "tail --from 0".to_owned(),
        format!("transcript {SESSION_RUN}"),
        "verify".to_owned(),
    ] {
        writeln!(output, "{program} {command}")?;
    }
    Ok(writeln!(output, "rm -r {directory}    # when done")?)
}

/// A line between the parts of what the demo says.
fn heading(text: &str, output: &mut Output) -> Result<()> {
    let text = output.paint(STRONG, text);
    Ok(writeln!(output, "\n{text}")?)
}
