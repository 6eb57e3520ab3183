//! The watermark's file: written by the one writer, read by everybody.
//!
//! INVARIANT: at any moment at most one slot differs from what is on the medium. While the newest update isn't surely
//! there, the next one goes over it and not over the other slot: a power cut that tears every sector that was being
//! written still leaves a sound slot.

use std::path::Path;

use crate::planted::{Bug, planted};
use crate::segment::name::{WATERMARK_NAME, WATERMARK_NEW_NAME};
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage};
use crate::sync::thread;
use crate::watermark::{FIRST_UPDATE, Slots, WATERMARK_BYTES, Watermark};

/// How often slots are read again of which one is torn, because the writer may be writing it at this moment.
const READ_ATTEMPTS_MAX: u32 = 8;

/// The writer's side: the open file and what it said last.
#[derive(Debug)]
pub(crate) struct WatermarkFile {
    file: LogFile,
    last: Watermark,
    /// Whether that is surely on the medium.
    settled: bool,
}

impl WatermarkFile {
    /// Makes the file of a new log. Under its name there is never one that isn't whole.
    pub(crate) fn create(
        storage: &dyn Storage,
        directory: &Path,
        first: Watermark,
    ) -> Result<WatermarkFile, StorageError> {
        let (new, path) = (directory.join(WATERMARK_NEW_NAME), directory.join(WATERMARK_NAME));
        let file = LogFile::open(storage, new.clone(), OpenMode::Create)?;
        file.write_all(&[0; WATERMARK_BYTES], 0)?;
        file.write_all(&first.encode(), first.slot_offset())?;
        file.set_length(WATERMARK_BYTES as u64)?;
        if !planted(Bug::SkipCreationSync) {
            file.sync()?;
        }
        storage.rename(&new, &path).map_err(|error| StorageError::new("rename", &new, error))?;
        if !planted(Bug::SkipCreationDirectorySync) {
            storage.sync_directory(directory).map_err(|error| StorageError::new("sync", directory, error))?;
        }
        Ok(WatermarkFile { file: file.renamed(path), last: first, settled: true })
    }

    /// Goes on from what the file says. `settled` if that surely is on the medium.
    pub(crate) fn resume(
        storage: &dyn Storage,
        directory: &Path,
        last: Watermark,
        settled: bool,
    ) -> Result<WatermarkFile, StorageError> {
        let file = LogFile::open(storage, directory.join(WATERMARK_NAME), OpenMode::Write)?;
        let mut watermark = WatermarkFile { file, last, settled };
        if !settled {
            // Only the page cache may have it, and not even a sync would change that if one has failed before and it weren't
            // written again. Whoever goes on from here syncs it in time; until then the other slot stands for it, if there is
            // another yet.
            watermark.file.write_all(&last.encode(), last.slot_offset())?;
            if last.update == FIRST_UPDATE {
                watermark.sync()?;
            }
        }
        Ok(watermark)
    }

    pub(crate) fn last(&self) -> &Watermark {
        &self.last
    }

    /// Writes the next update: over the older slot, or over the newer one if that may not be on the medium. Not synced.
    pub(crate) fn advance(&mut self, next: Watermark) -> Result<(), StorageError> {
        let step = if self.settled || planted(Bug::RiskBothSlots) { 1 } else { 2 };
        let next = Watermark { update: self.last.update + step, ..next };
        if !planted(Bug::NeverAdvanceWatermark) {
            self.file.write_all(&next.encode(), next.slot_offset())?;
        }
        self.last = next;
        self.settled = false;
        Ok(())
    }

    /// Makes the last update durable.
    pub(crate) fn sync(&mut self) -> Result<(), StorageError> {
        self.file.sync()?;
        self.settled = true;
        Ok(())
    }

    /// Whether the last update is surely on the medium.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The file itself, to be synced without keeping the writer from writing.
    pub(crate) fn file(&self) -> &LogFile {
        &self.file
    }

    /// Such a sync succeeded, and began when this was the last update.
    pub(crate) fn note_synced(&mut self, update: u64) {
        self.settled |= self.last.update == update;
    }
}

/// Reads what the file says. `None` if there is no such file.
pub(crate) fn read_slots(storage: &dyn Storage, directory: &Path) -> Result<Option<Slots>, StorageError> {
    match LogFile::open(storage, directory.join(WATERMARK_NAME), OpenMode::Read) {
        Ok(file) => read_slots_of(&file).map(Some),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads what this file says.
pub(crate) fn read_slots_of(file: &LogFile) -> Result<Slots, StorageError> {
    let mut attempt = 1;
    loop {
        let mut bytes = [0; WATERMARK_BYTES];
        let read = file.read_up_to(&mut bytes, 0)?;
        let slots = Slots::decode(bytes.get(..read).unwrap_or_default());
        let is_torn = matches!(slots, Slots::Sound { other_broken: true, .. } | Slots::Broken(_));
        if !is_torn || attempt >= READ_ATTEMPTS_MAX {
            return Ok(slots);
        }
        attempt += 1;
        thread::yield_now();
    }
}
