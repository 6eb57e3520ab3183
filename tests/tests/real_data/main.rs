//! Imports recordings of real agents and checks what the ledger says against a count of its own.
//!
//! The recordings are not part of this project: `RUNLEDGER_REAL_DATA` names the folder that holds them (`claude-code/`,
//! `tau-bench/`, `swe-agent/`). Without it every test here says that it was skipped. The count in [`raw`] shares no
//! code with the importers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here is the test's own report")]

mod claude_code;
mod other_formats;
mod raw;

use std::path::{Path, PathBuf};

use runledger::import::{Format, ImportReport, Importer};
use runledger::{Ledger, RunFilter, RunSummary};

/// The folder of one kind of recording; `None`, and a word on stderr, where there is none.
fn recordings(kind: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("RUNLEDGER_REAL_DATA") else {
        eprintln!("skipped: RUNLEDGER_REAL_DATA is not set");
        return None;
    };
    let folder = Path::new(&root).join(kind);
    assert!(folder.is_dir(), "RUNLEDGER_REAL_DATA has no {}", folder.display());
    Some(folder)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty(), "no .{extension} files in {}", folder.display());
    files
}

fn starting_with(files: &[PathBuf], start: &str) -> PathBuf {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(start);
    files.iter().find(|path| name(path)).unwrap_or_else(|| panic!("no recording starts with {start}")).clone()
}

fn import(ledger: &Ledger, format: Format, paths: &[PathBuf]) -> ImportReport {
    Importer::new(ledger).format(format).run(paths).unwrap()
}

/// A new ledger into which `paths` were imported one after the other.
fn ledger_of(format: Format, paths: &[PathBuf]) -> (tempfile::TempDir, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(directory.path().join("ledger")).unwrap();
    for path in paths {
        import(&ledger, format, std::slice::from_ref(path));
    }
    (directory, ledger)
}

fn all_runs(ledger: &Ledger) -> Vec<RunSummary> {
    let mut runs = ledger.runs(&RunFilter { limit: usize::MAX, ..RunFilter::default() }).unwrap();
    runs.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    runs
}

fn transcript(ledger: &Ledger, run_id: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    runledger::import::transcript(ledger, run_id, &mut bytes).unwrap();
    bytes
}
