//! Making a log from a backup: a copy of a log that nobody writes to, verified before and after.
//!
//! A backup is a log like any other; what is asked of it here is that it is sound, at rest, and was closed in good order,
//! so that nothing has to be decided about its end.

use std::path::Path;

use crate::backup::{BackupOptions, BackupReport, backup, refuse_damaged};
use crate::error::{BackupError, RestoreError};
use crate::lock::{self, LockText};
use crate::segment::name::LOCK_NAME;
use crate::storage::Storage;
use crate::verify::verify;
use crate::watermark::Slots;
use crate::watermark::file::read_slots;

/// Makes a log in `new_directory`, which must be empty or not exist, from the backup in `directory`. The backup is verified
/// before anything is written, and isn't changed.
///
/// The new log is the one that was backed up, as of then, with the same id. What was appended to that one since isn't in
/// it: if both are written to from now on, the same numbers mean different records.
///
/// # Durability
///
/// When this returns, the new log is on stable storage, and was verified.
///
/// # Errors
///
/// See [`RestoreError`].
///
/// ```
/// use runledger_wal::{BackupOptions, Durability, Options, Wal, backup, restore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let [log, copy, restored] = ["log", "copy", "restored"].map(|name| directory.path().join(name));
/// let (wal, _) = Wal::open(&log, Options::new().create(true))?;
/// wal.append(b"first", Durability::Durable)?;
/// backup(&log, &copy, &BackupOptions::new())?;
/// wal.close()?;
///
/// restore(&copy, &restored, &BackupOptions::new())?;
/// let (wal, report) = Wal::open(&restored, Options::new())?;
/// assert_eq!(report.next_seq.get(), 1);
/// # wal.close()?;
/// # Ok(())
/// # }
/// ```
pub fn restore(
    directory: &Path,
    new_directory: &Path,
    options: &BackupOptions,
) -> Result<BackupReport, RestoreError> {
    let storage = &*options.storage;
    refuse_in_use(storage, directory)?;
    let (verify_options, options) = options.after_verification();
    let found = verify(directory, &verify_options).map_err(BackupError::from)?;
    let found = refuse_damaged(found)?;
    if !is_clean(storage, directory)? || found.recoverable_records > 0 {
        return Err(RestoreError::NotClean { path: directory.to_owned() });
    }
    Ok(backup(directory, new_directory, &options)?)
}

fn refuse_in_use(storage: &dyn Storage, directory: &Path) -> Result<(), RestoreError> {
    if !lock::is_held(storage, directory)? {
        return Ok(());
    }
    let LockText { pid, since_ns, .. } = lock::read_text(storage, directory)?;
    Err(RestoreError::Locked { path: directory.join(LOCK_NAME), pid, since: since_ns })
}

/// Whether the watermark says that the log was closed in good order, and nothing can have been written later.
fn is_clean(storage: &dyn Storage, directory: &Path) -> Result<bool, RestoreError> {
    let slots = read_slots(storage, directory)?;
    Ok(matches!(slots, Some(Slots::Sound { newest, other_broken: false }) if newest.clean))
}
