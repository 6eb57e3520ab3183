//! Segments: files of consecutive records.
//!
//! Owns opening one and believing its header. What is in it is walked through in [`scan`], and closed off in
//! [`seal`]. One that was compressed since looks as it did before to all who read it: see [`compressed`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::damage::{Damage, Problem};
use crate::leaf::LeafFunction;
use crate::segment::compressed::file::CompressedFile;
use crate::segment::footer::{TRAILER_BYTES, Trailer};
use crate::segment::header::{HEADER_BYTES, HeaderError, SegmentHeader};
use crate::segment::name::segment_name;
use crate::seq::{LedgerId, Seq};
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage, StorageFile};

pub(crate) mod compressed;
pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod name;
pub(crate) mod records;
pub(crate) mod scan;
pub(crate) mod seal;

/// A segment whose header was read and belongs here.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) file: LogFile,
    pub(crate) header: SegmentHeader,
    /// Its blocks, if it is compressed. Then the file is the plain image that they show.
    pub(crate) compressed: Option<Arc<CompressedFile>>,
}

/// Why a segment can't be used.
#[derive(Debug, Clone)]
pub(crate) enum SegmentError {
    Storage(StorageError),
    NewerVersion {
        path: PathBuf,
        found: u32,
    },
    /// It is compressed, and its leaves are made by another function than the one given.
    OtherLeafFunction {
        found: u32,
        given: u32,
    },
    /// At this offset.
    Damaged {
        offset: u64,
        problem: Problem,
    },
}

impl From<StorageError> for SegmentError {
    fn from(error: StorageError) -> SegmentError {
        SegmentError::Storage(error)
    }
}

impl Segment {
    /// Opens the segment that starts with `first_seq`. One that doesn't exist is damaged: who asks knows that it must.
    pub(crate) fn open(
        storage: &dyn Storage,
        directory: &Path,
        ledger_id: LedgerId,
        first_seq: Seq,
        mode: OpenMode,
        leaf_function: &Arc<dyn LeafFunction>,
    ) -> Result<Segment, SegmentError> {
        Segment::open_stored(storage, directory, ledger_id, first_seq, mode)?.shown(leaf_function)
    }

    /// As [`Segment::open`], with the file as it lies on disk, compressed or not: for those who need no more than its header.
    pub(crate) fn open_stored(
        storage: &dyn Storage,
        directory: &Path,
        ledger_id: LedgerId,
        first_seq: Seq,
        mode: OpenMode,
    ) -> Result<Segment, SegmentError> {
        let path = directory.join(segment_name(first_seq));
        let file = match LogFile::open(storage, path, mode) {
            Err(error) if error.is_not_found() => {
                return Err(SegmentError::Damaged { offset: 0, problem: Problem::Missing });
            }
            opened => opened?,
        };
        Segment::placed(file, Some(ledger_id), first_seq)
    }

    /// As [`Segment::open_stored`], of whichever ledger it belongs to.
    pub(crate) fn open_first(
        storage: &dyn Storage,
        directory: &Path,
        first_seq: Seq,
        mode: OpenMode,
    ) -> Result<Segment, SegmentError> {
        let file = LogFile::open(storage, directory.join(segment_name(first_seq)), mode)?;
        Segment::placed(file, None, first_seq)
    }

    /// Opens a segment of this ledger, or of whichever it is when that isn't known.
    pub(crate) fn open_any(
        storage: &dyn Storage,
        directory: &Path,
        ledger_id: Option<LedgerId>,
        first_seq: Seq,
        leaf_function: &Arc<dyn LeafFunction>,
    ) -> Result<Segment, SegmentError> {
        let Some(ledger_id) = ledger_id else {
            return Segment::open_first(storage, directory, first_seq, OpenMode::Read)?.shown(leaf_function);
        };
        Segment::open(storage, directory, ledger_id, first_seq, OpenMode::Read, leaf_function)
    }

    /// Takes an open file for the segment that starts with `first_seq`, if its header is sound and it belongs there.
    pub(crate) fn placed(
        file: LogFile,
        ledger_id: Option<LedgerId>,
        first_seq: Seq,
    ) -> Result<Segment, SegmentError> {
        let header = read_header(&file)?;
        match header.check_place(ledger_id.unwrap_or(header.ledger_id), first_seq) {
            Ok(()) => Ok(Segment { file, header, compressed: None }),
            Err(problem) => Err(SegmentError::Damaged { offset: 0, problem }),
        }
    }

    /// The segment as it was before it was compressed, if it was.
    pub(crate) fn shown(self, leaf_function: &Arc<dyn LeafFunction>) -> Result<Segment, SegmentError> {
        if !self.header.compressed {
            return Ok(self);
        }
        let (found, given) = (self.header.leaf_function, leaf_function.id());
        if found != given {
            return Err(SegmentError::OtherLeafFunction { found, given });
        }
        let shown = Arc::new(CompressedFile::open(self.file.clone(), &self.header, leaf_function)?);
        let file = self.file.wrapped(|_| Arc::clone(&shown) as Arc<dyn StorageFile>);
        Ok(Segment { file, header: self.header, compressed: Some(shown) })
    }

    /// Its name in the log's directory.
    pub(crate) fn name(&self) -> String {
        segment_name(self.header.first_seq)
    }

    /// The length of the file on disk: of a compressed segment, less than that of its plain image.
    pub(crate) fn stored_bytes(&self) -> Result<u64, StorageError> {
        match &self.compressed {
            Some(compressed) => compressed.stored_bytes(),
            None => self.file.length(),
        }
    }

    /// The trailer, if the file ends with one that is whole. Says nothing about the footer in front of it.
    pub(crate) fn trailer(&self) -> Result<Option<Trailer>, StorageError> {
        let file_bytes = self.file.length()?;
        let mut block = [0; TRAILER_BYTES];
        let Some(offset) = file_bytes.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
        if self.file.read_up_to(&mut block, offset)? < TRAILER_BYTES {
            return Ok(None);
        }
        Ok(Trailer::decode(&block, &self.header, file_bytes).ok())
    }

    /// Damage of this segment. Where a compressed block can't be shown, that is what is wrong.
    pub(crate) fn damage(&self, seqs: std::ops::Range<Seq>, offset: u64, problem: Problem) -> Damage {
        let behind = self.compressed.as_ref().and_then(|compressed| compressed.problem_at(offset));
        let problem = behind.unwrap_or(problem);
        Damage { segment: self.name(), seq_from: seqs.start, seq_to: seqs.end, offset, problem }
    }
}

fn read_header(file: &LogFile) -> Result<SegmentHeader, SegmentError> {
    let mut block = [0; HEADER_BYTES];
    let read = file.read_up_to(&mut block, 0)?;
    if read < HEADER_BYTES {
        let (expected, found) = (HEADER_BYTES as u64, crate::fields::on_disk(read));
        return Err(SegmentError::Damaged {
            offset: found,
            problem: Problem::Ends { part: "segment header", expected, found },
        });
    }
    SegmentHeader::decode(&block).map_err(|error| match error {
        HeaderError::NewerVersion(found) => {
            SegmentError::NewerVersion { path: file.path().to_owned(), found }
        }
        HeaderError::Damaged(problem) => SegmentError::Damaged { offset: 0, problem },
    })
}

#[cfg(test)]
mod example;
