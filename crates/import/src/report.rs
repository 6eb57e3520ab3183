//! What an import did, and what it says while it is at work.

use std::io;
use std::path::Path;

use crate::Format;

/// What an import read and appended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Files read.
    pub files: u64,
    /// Source records read: lines that are not blank, and besides them the records found in lines that hold several
    /// or a broken one; conversations and trajectories of the other formats.
    pub records_read: u64,
    /// Events appended, those derived from source records too.
    pub appended: u64,
    /// Source records that the ledger held already.
    pub duplicates: u64,
    /// Source records kept byte for byte because they could not be read.
    pub unparsed: u64,
    /// Different runs that the records belong to.
    pub runs: u64,
}

impl ImportReport {
    /// The report as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { files, records_read, appended, duplicates, unparsed, runs } = self;
        format!(
            "{{\"files\":{files},\"recordsRead\":{records_read},\"appended\":{appended},\
             \"duplicates\":{duplicates},\"unparsed\":{unparsed},\"runs\":{runs}}}"
        )
    }
}

/// What an import is at, for whoever watches it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A file is about to be read.
    File {
        /// The file.
        path: &'a Path,
        /// What it is read as.
        format: Format,
        /// Which file it is, from 0.
        index: usize,
        /// How many there are.
        count: usize,
        /// How long it is.
        bytes: u64,
    },
    /// More of the file was read.
    Read {
        /// How much of it was read up to now, in bytes.
        bytes: u64,
    },
    /// Something was passed over.
    Skipped {
        /// What.
        path: &'a Path,
        /// Why.
        reason: &'a str,
    },
    /// A file or a folder could not be read. What was read of it before is kept; the import goes on with the next.
    Unreadable {
        /// Which.
        path: &'a Path,
        /// Why.
        error: &'a io::Error,
    },
}
