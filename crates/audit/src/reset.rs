//! Deleting a ledger so that its place can be used anew.
//!
//! The log loses its name first, so that no crash leaves a ledger that lacks a part of its events; then goes what is derived
//! from it, then its files. Only files that are the ledger's are deleted; the folder itself stays.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use runledger_store as store;
use runledger_wal::{self as wal, LedgerId, Reset, ResetError, ResetOptions};

use crate::ledger::{has_unfinished_reset, index_folder, log_folder, require_ledger};
use crate::maintenance::SALVAGE_REPORT;
use crate::{IndexError, MaintenanceError, OpenError};

/// What a [`reset`] deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResetPlan {
    /// The ledger. Nothing only if an earlier reset was cut short when nearly all was deleted.
    pub ledger_id: Option<LedgerId>,
    /// Its durable records, if the log can tell.
    pub records: Option<u64>,
    /// Bytes of all its files, the index included.
    pub bytes: u64,
    /// Whether only the rest of it is left, because a reset was cut short.
    pub resumes: bool,
}

/// Says what [`reset`] would delete in `directory`. Changes nothing.
///
/// # Errors
///
/// There is no ledger, a newer program wrote it, or it is so damaged that nothing says which one it is.
///
/// ```
/// use runledger_audit::{Ledger, plan_reset};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let here = folder.path().join("ledger");
/// let ledger = Ledger::open(&here)?;
/// let plan = plan_reset(&here)?;
/// assert_eq!((plan.records, plan.resumes), (Some(0), false));
/// # Ok(())
/// # }
/// ```
pub fn plan_reset(directory: impl AsRef<Path>) -> Result<ResetPlan, MaintenanceError> {
    let directory = directory.as_ref();
    require_something(directory)?;
    let log = wal::plan_reset(&log_folder(directory), &ResetOptions::new())?;
    let mut bytes = log.bytes;
    let index = index_folder(directory);
    let names = if is_real_folder(&index) { names_in(&index)? } else { Vec::new() };
    for path in names.into_iter().chain([directory.join(SALVAGE_REPORT)]) {
        bytes += path.symlink_metadata().map_or(0, |file| if file.is_file() { file.len() } else { 0 });
    }
    Ok(ResetPlan { ledger_id: log.ledger_id, records: log.records, bytes, resumes: log.resumes })
}

/// What a [`reset`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResetReport {
    /// What was deleted.
    pub deleted: ResetPlan,
    /// What is still in the folder: files that aren't the ledger's.
    pub left: Vec<PathBuf>,
}

/// Deletes the ledger in `directory`: its log, its index, its `salvage.json`. `ledger_id` must be the ledger's: who gives it
/// knows which one goes. Takes the writer's lock. The folder itself stays, and so does what is in it and isn't the ledger's;
/// a file among the log's own that isn't the log's keeps everything from being deleted.
///
/// Where a reset was cut short, the rest is deleted; until then no ledger is made there.
///
/// # Durability
///
/// When this returns, the ledger is gone for good. If it fails, or the process dies, there is either the whole ledger or
/// none.
///
/// # Errors
///
/// There is no ledger, or a newer program wrote it; it is another ledger; it is so damaged that nothing says which one it is
/// (it has to be deleted by hand then); a writer holds it; there is a foreign file among the log's; or a file can't be
/// removed.
///
/// ```
/// use runledger_audit::{Ledger, plan_reset, reset};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let here = folder.path().join("ledger");
/// Ledger::open(&here)?.close()?;
/// let ledger_id = plan_reset(&here)?.ledger_id.expect("it is whole");
/// assert!(reset(&here, ledger_id)?.left.is_empty());
/// assert!(Ledger::open(&here)?.open_report().created);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "delete")]
#[doc(alias = "clear")]
#[doc(alias = "wipe")]
pub fn reset(directory: impl AsRef<Path>, ledger_id: LedgerId) -> Result<ResetReport, MaintenanceError> {
    let directory = directory.as_ref();
    let deleted = plan_reset(directory)?;
    let log = Reset::begin(&log_folder(directory), ledger_id, &ResetOptions::new())?;
    // CRASH: no ledger from here on; what is left of it is known by the log's other name, which goes last.
    delete_index(&index_folder(directory))?;
    let report = directory.join(SALVAGE_REPORT);
    ignore_missing(std::fs::remove_file(&report)).map_err(failed_at(&report))?;
    File::open(directory).and_then(|folder| folder.sync_all()).map_err(failed_at(directory))?;
    log.finish()?;
    Ok(ResetReport { deleted, left: names_in(directory)? })
}

/// Refuses a place where there is neither a ledger nor the rest of one.
fn require_something(directory: &Path) -> Result<(), MaintenanceError> {
    let log = log_folder(directory);
    if log.symlink_metadata().is_ok_and(|kind| kind.is_symlink()) {
        // What it leads to isn't in the ledger's folder.
        return Err(ResetError::Foreign { path: log }.into());
    }
    if has_unfinished_reset(directory) {
        return Ok(());
    }
    match require_ledger(directory) {
        // It has an index, and no log any more: there is no id to give.
        Err(OpenError::LogLost { path }) => Err(ResetError::Unidentified { path }.into()),
        required => Ok(required?),
    }
}

/// Deletes the index's files, and its folder if nothing else is in it.
fn delete_index(index: &Path) -> Result<(), MaintenanceError> {
    if !is_real_folder(index) {
        return Ok(());
    }
    store::reset(index).map_err(IndexError::from)?;
    match std::fs::remove_dir(index) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => ignore_missing(removed).map_err(failed_at(index)),
    }
}

fn is_real_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|kind| kind.is_dir())
}

fn names_in(folder: &Path) -> Result<Vec<PathBuf>, MaintenanceError> {
    let failed = |source| OpenError::Directory { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn ignore_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn failed_at(path: &Path) -> impl FnOnce(io::Error) -> MaintenanceError + '_ {
    move |source| MaintenanceError::Delete { path: path.to_owned(), source }
}
