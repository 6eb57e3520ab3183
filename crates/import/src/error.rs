//! Why an import ended without having read everything.

use std::io;
use std::path::PathBuf;

use runledger_audit::{AppendError, QueryError, Seq};

use crate::ImportReport;

/// An import did not read everything. What it appended before stays, and importing the same again completes it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// There is nothing at a path; found before anything was imported.
    #[error("cannot import {}", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Some files or folders could not be read; all others were imported.
    #[error("cannot read {}{}", path.display(), and_others(*count))]
    Unreadable {
        /// The first of them.
        path: PathBuf,
        /// How many.
        count: usize,
        /// What the system said about the first.
        source: io::Error,
        /// What was imported.
        report: ImportReport,
    },
    /// The ledger refused an event or could not store it.
    #[error("cannot append to the ledger")]
    Append(#[from] AppendError),
    /// An event that the index names is not in the log: the index belongs to another log.
    #[error("the index names event {seq}, which the log does not hold: rebuild the index")]
    Vanished {
        /// Its place.
        seq: Seq,
    },
    /// The ledger could not be asked what it holds already.
    #[error("cannot look up what the ledger holds")]
    Query(#[from] QueryError),
}

fn and_others(count: usize) -> String {
    if count > 1 { format!(" and {} more", count - 1) } else { String::new() }
}

/// A transcript could not be given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// The ledger has no such run, nor a session of that name with imported lines.
    #[error("no run {run:?} with an imported transcript")]
    NotFound {
        /// What was asked for.
        run: String,
    },
    /// The ledger could not be read.
    #[error("cannot read the ledger")]
    Query(#[from] QueryError),
    /// The transcript could not be written.
    #[error("cannot write the transcript")]
    Write(#[source] io::Error),
}

/// Why the import of one file ended early.
#[derive(Debug)]
pub(crate) enum FileError {
    /// The file could not be read on: the import goes on with the next one.
    Read(io::Error),
    /// The ledger failed: the import ends.
    Import(ImportError),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<ImportError> for FileError {
    fn from(error: ImportError) -> Self {
        Self::Import(error)
    }
}
