//! Deleting a log so that its place can be used anew.
//!
//! INVARIANT: at no moment, and after no crash, is there a log under the name that lacks a part of its records: the name goes
//! first, durably, and then the files. What a crash leaves bears another name, and the next reset removes it.
//!
//! Only a log's own files are deleted. Where there is anything else among them, nothing is.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::directory::Inventory;
use crate::error::{OpenError, ResetError};
use crate::lock::WriterLock;
use crate::new_place::is_of_log;
use crate::open::sync_name_of;
use crate::segment::header::FORMAT_VERSION;
use crate::segment::name::{LOCK_NAME, WATERMARK_NAME};
use crate::segment::{Segment, SegmentError};
use crate::seq::LedgerId;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{DiskStorage, OpenMode, Storage};
use crate::watermark::Slots;
use crate::watermark::file::read_slots;

/// What a log's name ends with once it is being deleted.
const REMOVED_SUFFIX: &str = ".removed";

/// How a log is deleted.
#[derive(Clone)]
pub struct ResetOptions {
    storage: Arc<dyn Storage>,
}

impl Default for ResetOptions {
    fn default() -> ResetOptions {
        ResetOptions { storage: Arc::new(DiskStorage) }
    }
}

impl ResetOptions {
    /// The defaults: a log on disk.
    #[must_use]
    pub fn new() -> ResetOptions {
        ResetOptions::default()
    }

    /// Where the files are.
    #[must_use]
    pub fn storage(self, storage: Arc<dyn Storage>) -> ResetOptions {
        ResetOptions { storage }
    }
}

impl fmt::Debug for ResetOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResetOptions").field("storage", &self.storage).finish()
    }
}

/// What a reset deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResetPlan {
    /// Whose log it is. Nothing only if an earlier reset was cut short when nearly all was deleted.
    pub ledger_id: Option<LedgerId>,
    /// Its durable records, if the watermark tells.
    pub records: Option<u64>,
    /// Its files.
    pub files: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Whether there is no log any more, and only the rest of one is to be deleted because a reset was cut short.
    pub resumes: bool,
}

/// Says what [`reset`] would delete. Changes nothing.
///
/// # Errors
///
/// See [`ResetError`].
pub fn plan_reset(directory: &Path, options: &ResetOptions) -> Result<ResetPlan, ResetError> {
    let storage = &*options.storage;
    let removed = removed_name(directory);
    let is_log = Inventory::take(storage, directory)?.is_some_and(|inventory| !inventory.is_no_log());
    let subject = if is_log { directory } else { &*removed };
    let names = list(storage, subject)?;
    let (ledger_id, records) = identify(storage, subject)?;
    match ledger_id {
        None if is_log => return Err(ResetError::Unidentified { path: directory.to_owned() }),
        None if storage.list(&removed).is_err() => {
            return Err(ResetError::NotALedger { path: directory.to_owned() });
        }
        _ => {}
    }
    let mut plan = ResetPlan { ledger_id, records, files: 0, bytes: 0, resumes: !is_log };
    for name in names {
        plan.files += 1;
        // A link or a pipe has no bytes of its own.
        if let Ok(file) = LogFile::open(storage, subject.join(name), OpenMode::Read) {
            plan.bytes = plan.bytes.saturating_add(file.length()?);
        }
    }
    Ok(plan)
}

/// Deletes the log in a directory. `ledger_id` must be the log's: who gives it knows which one goes. Takes the writer's lock.
///
/// Where a reset was cut short, the rest is deleted.
///
/// # Durability
///
/// When this returns, the log is gone for good. If it fails, or the process dies, there is either the whole log, or none.
///
/// # Errors
///
/// See [`ResetError`].
///
/// ```
/// use runledger_wal::{Options, ResetOptions, Wal, plan_reset, reset};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("wal");
/// Wal::open(&path, Options::new().create(true))?.0.close()?;
/// let plan = plan_reset(&path, &ResetOptions::new())?;
/// reset(&path, plan.ledger_id.expect("it is whole"), &ResetOptions::new())?;
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
pub fn reset(directory: &Path, ledger_id: LedgerId, options: &ResetOptions) -> Result<ResetPlan, ResetError> {
    Reset::begin(directory, ledger_id, options)?.finish()
}

/// A reset that has begun: the log has lost its name, and its files are still there. For who has other things to delete with
/// it: what goes between [`Reset::begin`] and [`Reset::finish`] goes after the log, and while a later reset still knows that
/// there was one.
#[derive(Debug)]
#[must_use = "its files are still there"]
pub struct Reset {
    storage: Arc<dyn Storage>,
    removed: PathBuf,
    plan: ResetPlan,
    lock: WriterLock,
}

impl Reset {
    /// Takes the writer's lock, and the log's name away.
    ///
    /// # Durability
    ///
    /// When this returns, no opening finds the log any more.
    ///
    /// # Errors
    ///
    /// See [`ResetError`]. The log is as it was.
    pub fn begin(directory: &Path, ledger_id: LedgerId, options: &ResetOptions) -> Result<Reset, ResetError> {
        let storage = &*options.storage;
        let removed = removed_name(directory);
        let confirmed = || confirm(directory, ledger_id, options);
        let mut plan = confirmed()?;
        for place in [directory, &removed] {
            refuse_foreign(storage, place)?;
        }
        if plan.resumes {
            let lock = take_lock(storage, &removed)?;
            return Ok(Reset { storage: Arc::clone(&options.storage), removed, plan, lock });
        }
        let lock = take_lock(storage, directory)?;
        // Another ledger may have got its place meanwhile.
        plan = confirmed()?;
        if !list(storage, &removed)?.is_empty() {
            let _other = take_lock(storage, &removed)?;
            clear(storage, &removed)?;
        }
        let failed = |error| StorageError::new("rename", directory, error);
        storage.rename(directory, &removed).map_err(failed)?;
        // CRASH: either name may be there after a power cut, and the log is whole.
        if let Err(error) = sync_name_of(storage, &removed) {
            // Reported as failed, so it must be found as it was.
            let _ = storage.rename(&removed, directory);
            return Err(error.into());
        }
        Ok(Reset { storage: Arc::clone(&options.storage), removed, plan, lock })
    }

    /// Deletes the files. If this fails, the next reset goes on.
    ///
    /// # Errors
    ///
    /// A system call failed.
    pub fn finish(self) -> Result<ResetPlan, ResetError> {
        let Reset { storage, removed, plan, lock } = self;
        clear(&*storage, &removed)?;
        let gone = storage.remove_directory(&removed);
        gone.map_err(|error| StorageError::new("remove", &removed, error))?;
        sync_name_of(&*storage, &removed)?;
        drop(lock);
        Ok(plan)
    }
}

/// What is to be deleted, if that is this ledger's.
fn confirm(directory: &Path, given: LedgerId, options: &ResetOptions) -> Result<ResetPlan, ResetError> {
    let plan = plan_reset(directory, options)?;
    match plan.ledger_id {
        Some(found) if found != given => {
            Err(ResetError::OtherLedger { path: directory.to_owned(), found, given })
        }
        _ => Ok(plan),
    }
}

/// Where a log's files lie while they are being deleted.
fn removed_name(directory: &Path) -> PathBuf {
    let mut name = OsString::from(directory.file_name().unwrap_or_default());
    name.push(REMOVED_SUFFIX);
    directory.with_file_name(name)
}

/// Which ledger's log lies in a directory, and how many records it has: by its watermark, else by a segment.
fn identify(storage: &dyn Storage, directory: &Path) -> Result<(Option<LedgerId>, Option<u64>), ResetError> {
    let newer = |path, found| ResetError::NewerVersion { path, found, known: FORMAT_VERSION };
    match read_slots(storage, directory) {
        Ok(Some(Slots::Sound { newest, .. })) => return Ok((Some(newest.ledger_id), Some(newest.seq.get()))),
        Ok(Some(Slots::NewerVersion(found))) => return Err(newer(directory.join(WATERMARK_NAME), found)),
        Ok(Some(Slots::Broken(_)) | None) => {}
        Err(error) if error.is_no_regular_file() => {}
        Err(error) => return Err(error.into()),
    }
    for first_seq in Inventory::take(storage, directory)?.unwrap_or_default().segments {
        match Segment::open_first(storage, directory, first_seq, OpenMode::Read) {
            Ok(segment) => return Ok((Some(segment.header.ledger_id), None)),
            Err(SegmentError::NewerVersion { path, found }) => return Err(newer(path, found)),
            Err(SegmentError::Storage(error)) if !error.is_no_regular_file() => return Err(error.into()),
            Err(
                SegmentError::Storage(_)
                | SegmentError::Damaged { .. }
                | SegmentError::OtherLeafFunction { .. },
            ) => {}
        }
    }
    Ok((None, None))
}

fn refuse_foreign(storage: &dyn Storage, directory: &Path) -> Result<(), ResetError> {
    match list(storage, directory)?.into_iter().find(|name| !is_of_log(name)) {
        Some(name) => Err(ResetError::Foreign { path: directory.join(name) }),
        None => Ok(()),
    }
}

fn take_lock(storage: &dyn Storage, directory: &Path) -> Result<WriterLock, ResetError> {
    WriterLock::take(storage, directory).map_err(|error| match error {
        OpenError::Storage(error) => error.into(),
        OpenError::Locked { path, pid, since } => ResetError::Locked { path, pid, since },
        // Taking the lock fails in no other way.
        _ => ResetError::NotALedger { path: directory.to_owned() },
    })
}

/// Removes a log's files. The watermark, by which it is known whose they were, goes after the segments, and the lock last.
fn clear(storage: &dyn Storage, directory: &Path) -> Result<(), StorageError> {
    let mut names = list(storage, directory)?;
    names.retain(is_of_log);
    names.sort_by_key(|name| (name == LOCK_NAME, name == WATERMARK_NAME));
    for name in names {
        let path = directory.join(name);
        storage.remove(&path).map_err(|error| StorageError::new("remove", &path, error))?;
    }
    Ok(())
}

/// What is in a directory; nothing, if there is none.
fn list(storage: &dyn Storage, directory: &Path) -> Result<Vec<OsString>, StorageError> {
    match storage.list(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|error| StorageError::new("list", directory, error)),
    }
}

#[cfg(test)]
mod tests;
