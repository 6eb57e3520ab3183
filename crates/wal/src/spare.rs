//! The spare: the next segment's file, made ready before it is needed.
//!
//! Allocated, written with zeroes and synced, so that a commit into it changes no metadata and syncs fast. There is
//! at most one. It is nothing until rotation has given it a header and a segment's name, and may be thrown away at
//! any time before.

use std::path::PathBuf;
use std::sync::Arc;

use crate::segment::name::SPARE_NAME;
use crate::segment::scan::Window;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// How much is zeroed by one write. A file that was written in small pieces syncs measurably faster later than one
/// written in large ones, because the page cache then holds it in small pieces too.
const ZERO_BYTES: usize = 4096;

/// So much is zeroed between two syncs: no commit has to wait for the disk to take much more than that, and whoever needs a
/// spare that is still being made is noticed.
const ZERO_SYNC_BYTES: u64 = 4 << 20;

/// A spare that somebody waits for may be as small as this: large segments are for readers, and not worth a long wait.
const WAITED_FOR_BYTES: u64 = 32 << 20;

/// Where the spare lies until it is needed.
#[derive(Debug)]
pub(crate) struct SpareShelf {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    slot: Mutex<Option<Spare>>,
    /// Somebody waits for the spare that is being made.
    wanted: AtomicBool,
}

/// A file of zeroes, synced.
#[derive(Debug, Clone)]
pub(crate) struct Spare {
    pub(crate) file: LogFile,
    pub(crate) capacity_bytes: u64,
}

impl SpareShelf {
    pub(crate) fn new(storage: Arc<dyn Storage>, directory: &std::path::Path) -> SpareShelf {
        SpareShelf {
            storage,
            path: directory.join(SPARE_NAME),
            slot: Mutex::new(None),
            wanted: AtomicBool::new(false),
        }
    }

    /// Makes a spare of this size ready, unless there is one; a smaller one, if a commit needs it meanwhile. For the
    /// background.
    pub(crate) fn prepare(&self, capacity_bytes: u64) -> Result<(), StorageError> {
        let mut slot = self.slot.lock();
        if slot.is_none() {
            *slot = Some(match self.adopt(capacity_bytes)? {
                Some(spare) => spare,
                None => self.make(capacity_bytes)?,
            });
        }
        Ok(())
    }

    /// Takes hold of the shelf. Rotation keeps hold until the spare has another name, so that no new one is made under
    /// the name of the old.
    pub(crate) fn hold(&self) -> HeldShelf<'_> {
        self.wanted.store(true, Ordering::Relaxed);
        let slot = self.slot.lock();
        self.wanted.store(false, Ordering::Relaxed);
        HeldShelf { shelf: self, slot }
    }

    /// The file that an earlier opening of the log left, if it is as good as a new one.
    fn adopt(&self, capacity_bytes: u64) -> Result<Option<Spare>, StorageError> {
        let file = match LogFile::open(&*self.storage, self.path.clone(), OpenMode::Write) {
            Err(error) if error.is_not_found() => return Ok(None),
            opened => opened?,
        };
        // A crash in the middle of a rotation leaves a spare with something in it.
        let zeroes = file.length()? == capacity_bytes && Window::new(&file, capacity_bytes).data_end(0)? == 0;
        if !zeroes {
            return Ok(None);
        }
        file.sync()?;
        Ok(Some(Spare { file, capacity_bytes }))
    }

    fn make(&self, capacity_bytes: u64) -> Result<Spare, StorageError> {
        self.remove()?;
        let file = LogFile::open(&*self.storage, self.path.clone(), OpenMode::CreateNew)?;
        let enough = |bytes| bytes >= WAITED_FOR_BYTES && self.wanted.load(Ordering::Relaxed);
        let zeroed = zero(&file, capacity_bytes, enough);
        if zeroed.is_err() {
            // What is left on a full disk would keep others from using the space. If it can't even be removed, the
            // next attempt will try again.
            let _ = self.remove();
        }
        Ok(Spare { capacity_bytes: zeroed?, file })
    }

    fn remove(&self) -> Result<(), StorageError> {
        match self.storage.remove(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StorageError::new("remove", &self.path, error))
            }
            _ => Ok(()),
        }
    }
}

/// Writes zeroes into the file, and syncs them, up to this capacity or until there is enough. Returns how many.
fn zero(file: &LogFile, capacity_bytes: u64, enough: impl Fn(u64) -> bool) -> Result<u64, StorageError> {
    let mut offset = 0;
    while offset < capacity_bytes {
        if offset > 0 && offset.is_multiple_of(ZERO_SYNC_BYTES) {
            file.sync()?;
            if enough(offset) {
                return Ok(offset);
            }
        }
        let bytes = crate::fields::in_memory((capacity_bytes - offset).min(ZERO_BYTES as u64));
        file.write_all([0; ZERO_BYTES].get(..bytes).unwrap_or_default(), offset)?;
        offset += crate::fields::on_disk(bytes);
    }
    file.sync()?;
    Ok(capacity_bytes)
}

/// The shelf, while nobody else can touch it.
pub(crate) struct HeldShelf<'a> {
    shelf: &'a SpareShelf,
    slot: MutexGuard<'a, Option<Spare>>,
}

impl HeldShelf<'_> {
    /// The spare, made now if there is none or it is too small.
    pub(crate) fn spare(&mut self, needed_bytes: u64, capacity_bytes: u64) -> Result<Spare, StorageError> {
        if let Some(spare) = self.slot.as_ref().filter(|spare| spare.capacity_bytes >= needed_bytes) {
            return Ok(spare.clone());
        }
        *self.slot = None;
        let spare = self.shelf.make(capacity_bytes.min(WAITED_FOR_BYTES).max(needed_bytes))?;
        *self.slot = Some(spare.clone());
        Ok(spare)
    }

    /// The spare has become a segment.
    pub(crate) fn taken(mut self) {
        *self.slot = None;
    }

    /// The spare holds bytes that didn't become part of the log.
    pub(crate) fn discard(mut self) {
        *self.slot = None;
        // A file that stays behind is recognised as used and replaced when the next spare is made.
        let _ = self.shelf.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DiskStorage;

    const ASKED_FOR_BYTES: u64 = WAITED_FOR_BYTES + 3 * ZERO_SYNC_BYTES;

    fn shelf() -> (tempfile::TempDir, SpareShelf) {
        let directory = tempfile::tempdir().unwrap();
        let shelf = SpareShelf::new(Arc::new(DiskStorage), directory.path());
        (directory, shelf)
    }

    fn ready_bytes(shelf: &SpareShelf) -> u64 {
        let spare = shelf.slot.lock().clone().unwrap();
        assert_eq!(spare.file.length().unwrap(), spare.capacity_bytes);
        spare.capacity_bytes
    }

    #[test]
    fn a_spare_that_nobody_waits_for_gets_the_size_that_was_asked_for() {
        let (_directory, shelf) = shelf();
        shelf.prepare(ASKED_FOR_BYTES).unwrap();
        assert_eq!(ready_bytes(&shelf), ASKED_FOR_BYTES);
    }

    #[test]
    fn a_spare_that_is_waited_for_while_it_is_made_is_finished_early() {
        let (_directory, shelf) = shelf();
        shelf.wanted.store(true, Ordering::Relaxed);
        shelf.prepare(ASKED_FOR_BYTES).unwrap();
        assert_eq!(ready_bytes(&shelf), WAITED_FOR_BYTES);
    }

    #[test]
    fn a_spare_that_was_not_asked_for_in_time_is_no_larger_than_it_has_to_be() {
        let (_directory, shelf) = shelf();
        for needed_bytes in [4096, WAITED_FOR_BYTES + 4096] {
            shelf.hold().spare(needed_bytes, ASKED_FOR_BYTES).unwrap();
            assert_eq!(ready_bytes(&shelf), needed_bytes.max(WAITED_FOR_BYTES));
            shelf.hold().discard();
        }
    }
}
