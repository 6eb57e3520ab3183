//! The watermark's file: written by the one writer, read by everybody.

use std::path::Path;

use crate::planted::{Bug, planted};
use crate::segment::name::{WATERMARK_NAME, WATERMARK_NEW_NAME};
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage};
use crate::watermark::{Slots, WATERMARK_BYTES, Watermark};

/// The writer's side: the open file and what it said last.
#[derive(Debug)]
pub(crate) struct WatermarkFile {
    file: LogFile,
    last: Watermark,
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
        Ok(WatermarkFile { file: file.renamed(path), last: first })
    }

    /// Goes on from what the file says.
    pub(crate) fn resume(
        storage: &dyn Storage,
        directory: &Path,
        last: Watermark,
    ) -> Result<WatermarkFile, StorageError> {
        let file = LogFile::open(storage, directory.join(WATERMARK_NAME), OpenMode::Write)?;
        Ok(WatermarkFile { file, last })
    }

    pub(crate) fn last(&self) -> &Watermark {
        &self.last
    }

    /// Writes the next update, over the older slot. Not synced.
    pub(crate) fn advance(&mut self, next: Watermark) -> Result<(), StorageError> {
        let next = Watermark { update: self.last.update + 1, ..next };
        if !planted(Bug::NeverAdvanceWatermark) {
            self.file.write_all(&next.encode(), next.slot_offset())?;
        }
        self.last = next;
        Ok(())
    }

    /// The file itself, to be synced without keeping the writer from writing.
    pub(crate) fn file(&self) -> &LogFile {
        &self.file
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
    let mut bytes = [0; WATERMARK_BYTES];
    let read = file.read_up_to(&mut bytes, 0)?;
    Ok(Slots::decode(bytes.get(..read).unwrap_or_default()))
}
