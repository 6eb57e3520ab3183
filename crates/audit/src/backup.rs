//! Copies of a ledger: made beside its writer, and made into a ledger again.
//!
//! The log is all that is copied, and what salvage said of it; the index is built again. What is in a copy, and when there is
//! one, is the log's to decide. INVARIANT: nothing is written where there is anything already, but what a backup left there
//! that was cut short.

use std::path::Path;
use std::sync::Arc;

use runledger_wal::{self as wal, BackupError, BackupReport};

use crate::codec::EventLeaf;
use crate::ledger::{log_folder, require_ledger};
use crate::maintenance::{SALVAGE_REPORT, real_path};
use crate::{Ledger, MaintenanceError, OpenError, Progress};

/// The log's folder while it is being made.
const UNFINISHED_FOLDER: &str = "wal.unfinished";

/// Copies the ledger in `directory` into `target`, which must be empty or not exist: all events that were durable when it
/// began. Works beside a writer, in this process or another, without disturbing it; takes no lock and changes nothing.
/// `progress` counts bytes: those that were copied, and then those that were read back.
///
/// The copy is the same ledger, with the same id and the same `Seq`s, and can be opened like it: there its index is built,
/// when it is first opened for writing. **Write to one of the two only.** If both go on, the same numbers mean different
/// events, and nothing can bring them together again.
///
/// What was cut short leaves nothing that opens as a ledger; the next backup into the same place clears it away.
///
/// # Durability
///
/// When this returns, the copy is on stable storage, and was verified as by [`verify`](crate::verify()).
///
/// # Errors
///
/// There is no ledger, or a newer program wrote it; it is damaged (the error says which events; see
/// [`salvage`](crate::salvage())); power failed since it was last open, and it has events to recover first; `target` holds
/// something or lies inside the ledger, or it can't be written. No copy is left then.
///
/// ```
/// use runledger_audit::{Body, Custom, Event, Ledger, backup, restore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let [here, copy, back] = ["ledger", "copy", "back"].map(|name| folder.path().join(name));
/// let ledger = Ledger::open(&here)?;
/// ledger.append(Event::new(Body::Custom(Custom::default())))?;
/// let report = backup(&here, &copy, |_| {})?;
/// assert_eq!(report.records, 1);
///
/// // Later, and elsewhere.
/// restore(&copy, &back, |_| {})?;
/// assert_eq!(Ledger::open(&back)?.durable_end()?.get(), 1);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "copy")]
#[doc(alias = "snapshot")]
pub fn backup(
    directory: impl AsRef<Path>,
    target: impl AsRef<Path>,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<BackupReport, MaintenanceError> {
    let (directory, target) = (directory.as_ref(), target.as_ref());
    require_ledger(directory)?;
    check_target(directory, target)?;
    Ok(wal::backup(&log_folder(directory), &log_folder(target), &options(directory, target, progress))?)
}

/// Makes a ledger in `directory`, which must be empty or not exist, from a [`backup`]. The backup is verified before anything
/// is written, and isn't changed. `progress` counts bytes: verified, copied, and read back.
///
/// The new ledger is the one that was backed up, as of then, with the same id. Events that were appended to that one since
/// are not in it. **Don't go on writing to the old one**, if there still is one: the same numbers would mean different
/// events. An index that lay beside a later state of the ledger doesn't fit the restored one, and is never believed.
///
/// A backup that was opened for writing is no longer one until it was closed in good order.
///
/// # Durability
///
/// When this returns, the ledger is on stable storage, and was verified once more.
///
/// # Errors
///
/// There is no backup, or a newer program wrote it; it is damaged; a writer holds it, or didn't close it in good order;
/// `directory` holds something or lies inside the backup, or it can't be written. No ledger is left then.
///
/// ```
/// use runledger_audit::{Ledger, backup, restore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let [here, copy, back] = ["ledger", "copy", "back"].map(|name| folder.path().join(name));
/// let ledger = Ledger::open(&here)?;
/// let report = backup(&here, &copy, |_| {})?;
/// assert_eq!(restore(&copy, &back, |_| {})?, report);
/// // Not over anything.
/// assert!(restore(&copy, &here, |_| {}).is_err());
/// # Ok(())
/// # }
/// ```
pub fn restore(
    backup: impl AsRef<Path>,
    directory: impl AsRef<Path>,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<BackupReport, MaintenanceError> {
    let (backup, directory) = (backup.as_ref(), directory.as_ref());
    require_ledger(backup)?;
    check_target(backup, directory).map_err(|error| match error {
        MaintenanceError::Backup(error) => wal::RestoreError::Copy(error).into(),
        error => error,
    })?;
    Ok(wal::restore(&log_folder(backup), &log_folder(directory), &options(backup, directory, progress))?)
}

impl Ledger {
    /// Copies this ledger into `target`, while it goes on: all events that are durable now. What was appended as
    /// [`Buffered`](crate::Durability::Buffered) and isn't durable yet isn't in the copy. See [`backup`](crate::backup()).
    ///
    /// # Durability
    ///
    /// When this returns, the copy is on stable storage, and was verified.
    ///
    /// # Errors
    ///
    /// As of [`backup`](crate::backup()). The ledger isn't affected.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// let report = ledger.backup(folder.path().join("copy"), |_| {})?;
    /// assert_eq!(report.records, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn backup(
        &self,
        target: impl AsRef<Path>,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<BackupReport, MaintenanceError> {
        backup(self.directory(), target, progress)
    }
}

fn options(
    directory: &Path,
    target: &Path,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> wal::BackupOptions {
    wal::BackupOptions::new()
        .leaf_function(Arc::new(EventLeaf))
        .file_beside(directory.join(SALVAGE_REPORT), target.join(SALVAGE_REPORT))
        .progress(move |bytes| progress(Progress { done: bytes.bytes_done, total: bytes.bytes_total }))
}

/// Refuses a target that holds something or lies inside of what is copied.
fn check_target(directory: &Path, target: &Path) -> Result<(), MaintenanceError> {
    let path = || target.to_owned();
    if real_path(target).starts_with(real_path(directory)) {
        return Err(BackupError::Inside { path: path(), ledger: directory.to_owned() }.into());
    }
    let Ok(kind) = std::fs::metadata(target) else {
        // A link that leads nowhere is something, too.
        let is_something = target.symlink_metadata().is_ok();
        return if is_something { Err(BackupError::Taken { path: path() }.into()) } else { Ok(()) };
    };
    if !kind.is_dir() || !holds_nothing_but_unfinished(target)? {
        return Err(BackupError::Taken { path: path() }.into());
    }
    Ok(())
}

/// Whether a folder is empty, but for what a backup that was cut short may have left: whether it is that, the log looks.
fn holds_nothing_but_unfinished(folder: &Path) -> Result<bool, OpenError> {
    let failed = |source| OpenError::Directory { path: folder.to_owned(), source };
    let (mut unfinished, mut report, mut other) = (false, false, false);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if entry.file_name() == UNFINISHED_FOLDER && kind.is_dir() {
            unfinished = true;
        } else if entry.file_name() == SALVAGE_REPORT && kind.is_file() {
            report = true;
        } else {
            other = true;
        }
    }
    Ok(!other && (unfinished || !report))
}
