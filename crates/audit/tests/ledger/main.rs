//! The ledger through its public API: what is appended is found, whatever happens in between.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod appending;
mod as_of;
mod audited_reads;
mod audits;
mod backups;
mod claims;
mod closing;
mod correlation;
mod crashed;
mod damaged_index;
mod filters;
mod foreign_index;
mod index_health;
mod live_lives;
mod opening;
mod operations;
mod plans;
mod provenance;
mod queries;
mod recent;
mod resets;
mod run_filters;
mod run_lists;
mod run_writes;
mod runs;
mod subscriptions;
mod superseding;
mod tail;
mod usage;

use std::path::{Path, PathBuf};

use runledger_audit::{Body, Custom, Event, Ledger, RunStarted, Timestamp};

/// A ledger in a folder of its own, deleted with it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// Opens it as a program does that writes a little and leaves.
    fn open(&self) -> Ledger {
        Ledger::options().leave_runs_open(true).open(self.path()).unwrap()
    }

    /// A copy of the ledger as it is now: what a kill of its writer would leave.
    fn killed(&self) -> Self {
        let copy = Self::new();
        copy_folder(&self.path(), &copy.path());
        copy
    }

    fn read(&self) -> Ledger {
        Ledger::open_read_only(self.path()).unwrap()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            match std::fs::copy(&path, target) {
                // A merge took it away meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

fn custom(type_name: &str) -> Event {
    Event::new(Body::Custom(Custom { type_name: type_name.to_owned(), ..Custom::default() }))
}

fn at(nanoseconds: i64, event: Event) -> Event {
    Event { timestamp: Timestamp::from_nanoseconds(nanoseconds), ..event }
}

fn started(run_id: &str) -> Event {
    Event::new(Body::RunStarted(RunStarted::default())).with_run(run_id)
}
