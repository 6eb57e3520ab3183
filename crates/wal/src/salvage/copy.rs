//! The writing side of salvage: a log that takes commits with the times that they had.
//!
//! Written by the tail that writes every log, without queue and threads: one thread copies. What is full is read back
//! and sealed at once.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::commit::batch::Batch;
use crate::options::Options;
use crate::record::RecordHeader;
use crate::segment::seal::{SealError, seal};
use crate::seq::{LedgerId, Seq};
use crate::spare::SpareShelf;
use crate::storage::file::StorageError;
use crate::tail::{CommitFailure, Tail, TailStart};
use crate::watermark::Watermark;
use crate::watermark::file::WatermarkFile;

/// A log that is being written.
pub(super) struct Copy {
    options: Options,
    directory: PathBuf,
    pub(super) ledger_id: LedgerId,
    tail: Tail,
    batch: Batch,
}

impl Copy {
    /// Starts a log in a directory that holds nothing of one.
    pub(super) fn start(options: Options, directory: &Path) -> Result<Copy, StorageError> {
        let storage = &*options.storage;
        let ledger_id = LedgerId::from_bytes(storage.random());
        let blank = Watermark { clean: false, ..Watermark::of_new_ledger(ledger_id) };
        let watermark = WatermarkFile::create(storage, directory, blank)?;
        let shelf = Arc::new(SpareShelf::new(Arc::clone(&options.storage), directory));
        let start = TailStart { watermark, active: None, last_capacity_bytes: 0 };
        let tail = Tail::new(&options, directory.to_owned(), shelf, start);
        Ok(Copy {
            options,
            directory: directory.to_owned(),
            ledger_id,
            tail,
            batch: Batch::starting_at(Seq::ZERO),
        })
    }

    /// Adds a record to the commit that is being put together, and gives it its number.
    pub(super) fn push(&mut self, header: &RecordHeader, payload: &[u8]) -> Seq {
        self.batch.push(header, payload)
    }

    /// The records of the commit that is being put together.
    pub(super) fn pending(&self) -> Range<Seq> {
        self.batch.first_seq..self.batch.end_seq()
    }

    /// Their length in bytes.
    pub(super) fn pending_bytes(&self) -> u64 {
        self.batch.records_bytes()
    }

    /// Forgets the commit that is being put together.
    pub(super) fn discard(&mut self) {
        self.renew_batch(self.batch.first_seq);
    }

    /// Writes the commit that was put together, as of this time. None if nothing was.
    pub(super) fn commit(&mut self, commit_time_ns: Option<i64>) -> Result<(), StorageError> {
        if self.batch.records == 0 {
            return Ok(());
        }
        self.batch.commit_time_ns = commit_time_ns;
        self.tail.commit(&mut self.batch).map_err(cause)?;
        self.renew_batch(self.batch.end_seq());
        self.seal_full()
    }

    fn renew_batch(&mut self, first_seq: Seq) {
        let done = std::mem::replace(&mut self.batch, Batch::starting_at(first_seq));
        self.batch = Batch::reusing(done, first_seq);
    }

    /// Seals the segment that the last commit filled, if it did.
    fn seal_full(&mut self) -> Result<(), StorageError> {
        let Some(full) = self.tail.take_followup().sealable else { return Ok(()) };
        let storage = &*self.options.storage;
        match seal(storage, &self.directory, self.ledger_id, full) {
            Ok(()) => Ok(()),
            Err(SealError::Storage(error)) => Err(error),
            Err(SealError::Unsound) => Err(reads_back_otherwise(&self.directory)),
        }
    }

    /// Makes everything durable and marks the log as closed in good order.
    pub(super) fn finish(&mut self) -> Result<(), StorageError> {
        self.tail.sync()?;
        self.tail.mark_clean()
    }
}

/// What was written a moment ago isn't what is read now.
pub(super) fn reads_back_otherwise(path: &Path) -> StorageError {
    StorageError::new("read back", path, std::io::ErrorKind::InvalidData.into())
}

fn cause(failure: CommitFailure) -> StorageError {
    match failure {
        CommitFailure::NotWritten(error) | CommitFailure::Unknown(error) | CommitFailure::Refused(error) => {
            error
        }
    }
}
