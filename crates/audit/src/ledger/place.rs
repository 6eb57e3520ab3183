//! The folder of a ledger: what lies where in it, and whether there is a ledger, something else, or the rest of one.
//!
//! Looks at names alone. INVARIANT: nothing is ever taken for a place to make a ledger in where anything else lies.

use std::path::{Path, PathBuf};

use crate::OpenError;

/// The folder of the log within the ledger.
const LOG_FOLDER: &str = "wal";
/// The folder of the index within the ledger.
const INDEX_FOLDER: &str = "index";
/// The folder of a log that is being deleted.
const REMOVED_LOG_FOLDER: &str = "wal.removed";

/// Refuses a place where no ledger is.
pub(crate) fn require_ledger(directory: &Path) -> Result<(), OpenError> {
    if directory.join(LOG_FOLDER).is_dir() {
        return refuse_lost_log(directory);
    }
    refuse_unfinished_reset(directory)?;
    Err(OpenError::NotALedger { path: directory.to_owned(), exists: directory.exists() })
}

/// Refuses to make a ledger among files that are something else.
pub(super) fn refuse_foreign(directory: &Path) -> Result<(), OpenError> {
    if directory.join(LOG_FOLDER).is_dir() || !directory.exists() {
        return Ok(());
    }
    if is_empty(directory)? {
        return Ok(());
    }
    refuse_unfinished_reset(directory)?;
    Err(OpenError::NotALedger { path: directory.to_owned(), exists: true })
}

/// Whether the rest of a ledger lies there that was being deleted.
pub(crate) fn has_unfinished_reset(directory: &Path) -> bool {
    directory.join(REMOVED_LOG_FOLDER).is_dir()
}

fn refuse_unfinished_reset(directory: &Path) -> Result<(), OpenError> {
    if has_unfinished_reset(directory) {
        return Err(OpenError::ResetUnfinished { path: directory.to_owned() });
    }
    Ok(())
}

/// Refuses a place where an index is left of a log that is gone. No crash leaves that: the index comes after the log.
pub(super) fn refuse_lost_log(directory: &Path) -> Result<(), OpenError> {
    let (log, index) = (log_folder(directory), directory.join(INDEX_FOLDER));
    if log.is_dir() && is_empty(&log)? && index.is_dir() && !is_empty(&index)? {
        return Err(OpenError::LogLost { path: log });
    }
    Ok(())
}

pub(crate) fn is_empty(directory: &Path) -> Result<bool, OpenError> {
    let mut entries = std::fs::read_dir(directory)
        .map_err(|source| OpenError::Directory { path: directory.to_owned(), source })?;
    Ok(entries.next().is_none())
}

/// The log's folder in a ledger.
pub(crate) fn log_folder(directory: &Path) -> PathBuf {
    directory.join(LOG_FOLDER)
}

/// The index's folder in a ledger.
pub(crate) fn index_folder(directory: &Path) -> PathBuf {
    directory.join(INDEX_FOLDER)
}
