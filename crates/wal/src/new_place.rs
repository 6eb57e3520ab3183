//! Where a new log is made: under another name beside its own, which it gets last.
//!
//! INVARIANT: under the log's own name there is nothing, or a whole log. What a failure leaves is removed, what a crash
//! leaves bears the unfinished name, which nobody opens.
//!
//! What is written into the log, and whether it is sound, is the concern of those who make one: salvage and backup.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::lock::WriterLock;
use crate::open::{missing_above, sync_name_of};
use crate::segment::name::{FileKind, LOCK_NAME, SEGMENT_NAME_BYTES, file_kind};
use crate::storage::Storage;
use crate::storage::file::StorageError;

/// What a new log's name ends with until it is whole.
const UNFINISHED_SUFFIX: &str = ".unfinished";

/// Why a log can't be made there.
#[derive(Debug, Clone)]
pub(crate) enum PlaceError {
    /// There is something already, or somebody else is making a log there.
    Taken {
        path: PathBuf,
    },
    /// It lies inside the log that is read.
    Inside {
        path: PathBuf,
        ledger: PathBuf,
    },
    Storage(StorageError),
}

impl From<StorageError> for PlaceError {
    fn from(error: StorageError) -> PlaceError {
        PlaceError::Storage(error)
    }
}

/// Where a new log goes.
#[derive(Debug)]
pub(crate) struct NewPlace<'a> {
    directory: &'a Path,
    /// Where it is until it is whole.
    pub(crate) unfinished: PathBuf,
    /// The directories above that don't exist yet.
    made_above: Vec<&'a Path>,
}

impl<'a> NewPlace<'a> {
    /// Checks that there is nothing where the new log goes, and that this isn't inside the old one.
    pub(crate) fn find(
        storage: &dyn Storage,
        old_directory: &Path,
        new_directory: &'a Path,
    ) -> Result<NewPlace<'a>, PlaceError> {
        if new_directory.starts_with(old_directory) {
            let (path, ledger) = (new_directory.to_owned(), old_directory.to_owned());
            return Err(PlaceError::Inside { path, ledger });
        }
        let mut unfinished_name = OsString::from(new_directory.file_name().unwrap_or_default());
        unfinished_name.push(UNFINISHED_SUFFIX);
        if !list(storage, new_directory)?.is_empty() {
            return Err(PlaceError::Taken { path: new_directory.to_owned() });
        }
        Ok(NewPlace {
            directory: new_directory,
            unfinished: new_directory.with_file_name(unfinished_name),
            made_above: missing_above(storage, new_directory),
        })
    }

    /// Makes the unfinished directory, which must hold nothing yet, and keeps others out of it.
    pub(crate) fn make(&self, storage: &dyn Storage) -> Result<WriterLock, PlaceError> {
        if !list(storage, &self.unfinished)?.is_empty() {
            return Err(self.taken());
        }
        self.enter(storage)
    }

    /// As [`NewPlace::make`], but takes over what an earlier backup into the same place left when it died, and marks the place
    /// as a backup's before anything is written there. Says whether there was such a backup.
    pub(crate) fn make_for_backup(&self, storage: &dyn Storage) -> Result<(WriterLock, bool), PlaceError> {
        let is_empty = list(storage, &self.unfinished)?.iter().all(|name| name == LOCK_NAME);
        // Before the lock file would be made, in a directory that isn't ours.
        if !is_empty && !WriterLock::has_file(storage, &self.unfinished)? {
            return Err(self.taken());
        }
        let lock = self.enter(storage)?;
        let was_ours = lock.before.of_backup;
        let names = list(storage, &self.unfinished).inspect_err(|_| {
            if !was_ours {
                let _ = storage.remove(&self.unfinished.join(LOCK_NAME));
                self.remove_directories(storage);
            }
        })?;
        let is_ours = |name: &OsString| name == LOCK_NAME || was_ours && is_of_log(name);
        if !names.iter().all(is_ours) {
            return Err(self.taken());
        }
        match self.claim(storage, &lock, &names) {
            Ok(()) => Ok((lock, was_ours)),
            Err(error) => {
                self.clean_up(storage, None);
                Err(error.into())
            }
        }
    }

    /// Empties the directory, and marks it as a backup's.
    fn claim(
        &self,
        storage: &dyn Storage,
        lock: &WriterLock,
        names: &[OsString],
    ) -> Result<(), StorageError> {
        for name in names.iter().filter(|name| *name != LOCK_NAME) {
            let path = self.unfinished.join(name);
            storage.remove(&path).map_err(|error| StorageError::new("remove", &path, error))?;
        }
        lock.mark_as_backup(storage)?;
        sync_directory(storage, &self.unfinished)?;
        // CRASH: from here on everything in the directory is known to be a backup's, and so is a file beside it that is made
        // later.
        sync_name_of(storage, &self.unfinished)
    }

    fn enter(&self, storage: &dyn Storage) -> Result<WriterLock, PlaceError> {
        let created = storage.create_directory(&self.unfinished);
        created.map_err(|error| StorageError::new("create", &self.unfinished, error))?;
        WriterLock::take(storage, &self.unfinished).map_err(|error| match error {
            OpenError::Storage(error) => {
                // Somebody else may have been faster, and then it isn't empty.
                self.remove_directories(storage);
                error.into()
            }
            _ => self.taken(),
        })
    }

    fn taken(&self) -> PlaceError {
        PlaceError::Taken { path: self.unfinished.clone() }
    }

    /// Gives the new log its name, durably.
    pub(crate) fn publish(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let renamed = storage.rename(&self.unfinished, self.directory);
        renamed.map_err(|error| StorageError::new("rename", &self.unfinished, error))?;
        // CRASH: either name may be there after a power cut, and each is whole.
        let synced = std::iter::once(self.directory)
            .chain(self.made_above.iter().copied())
            .try_for_each(|made| sync_name_of(storage, made));
        if synced.is_err() {
            // Reported as failed, so it must not be found as if it had succeeded.
            let _ = storage.rename(self.directory, &self.unfinished);
        }
        synced
    }

    /// Removes what was made so far, and a file beside the log. What can't be removed stays, under the unfinished name.
    pub(crate) fn clean_up(&self, storage: &dyn Storage, file_beside: Option<&Path>) {
        for name in storage.list(&self.unfinished).unwrap_or_default() {
            // The lock file, which says whose the others are, goes last.
            if name != LOCK_NAME {
                let _ = storage.remove(&self.unfinished.join(name));
            }
        }
        if let Some(path) = file_beside {
            let _ = storage.remove(path);
            let _ = sync_name_of(storage, path);
        }
        let _ = storage.remove(&self.unfinished.join(LOCK_NAME));
        self.remove_directories(storage);
    }

    /// Removes the directories that were made, if there is nothing in them.
    fn remove_directories(&self, storage: &dyn Storage) {
        let _ = storage.remove_directory(&self.unfinished);
        for made in &self.made_above {
            let _ = storage.remove_directory(made);
        }
    }
}

/// Whether a file of this name in a log's directory is surely the log's.
pub(crate) fn is_of_log(name: &OsString) -> bool {
    match file_kind(name) {
        FileKind::NearSegment | FileKind::Other => false,
        // Recovery names what it keeps aside after its segment.
        FileKind::Torn => {
            let segment = name.to_str().and_then(|name| name.get(..SEGMENT_NAME_BYTES));
            segment.is_some_and(|name| matches!(file_kind(name.as_ref()), FileKind::Segment(_)))
        }
        _ => true,
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(storage: &dyn Storage, directory: &Path) -> Result<(), StorageError> {
    storage.sync_directory(directory).map_err(|error| StorageError::new("sync", directory, error))
}

/// What is in a directory; nothing, if there is none.
fn list(storage: &dyn Storage, directory: &Path) -> Result<Vec<OsString>, PlaceError> {
    match storage.list(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(PlaceError::Taken { path: directory.to_owned() })
        }
        listed => Ok(listed.map_err(|error| StorageError::new("list", directory, error))?),
    }
}
