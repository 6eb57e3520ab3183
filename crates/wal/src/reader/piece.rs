//! A piece of a segment in memory: all of it, mapped, or as much as was read at a time.
//!
//! Reading in order goes faster through a small piece that is read again and again into the same memory than through a
//! mapping: the system copies what the cache of the processor then still holds, and no page is faulted in. Mapped
//! pieces are for records that outlive the scan, because they copy nothing and keep nothing alive but the mapping.

use std::sync::Arc;

use crate::fields::{in_memory, on_disk};
use crate::reader::sealed::SealedFile;
use crate::record::Block;
use crate::storage::file::{LogFile, StorageError};

/// How much is read first: a reader that follows closely finds little.
const READ_BYTES_MIN: u64 = 16 << 10;

/// How much is read at a time by one that goes on: little enough to stay in the cache of the processor.
const READ_BYTES_MAX: u64 = 512 << 10;

/// How far a scan of a mapped segment has the system read ahead, since nobody else does.
const MAPPED_AHEAD_BYTES: usize = 1 << 20;

/// How much more is read each time.
const READ_GROWTH: u64 = 4;

/// A longer commit isn't read as a whole. (A longer record is.)
const COMMIT_BYTES_MAX: u64 = 4 << 20;

/// A part of a segment.
#[derive(Debug)]
pub(super) enum Piece {
    /// All of it, and how far the system was asked to read ahead.
    Mapped(Arc<SealedFile>, usize),
    /// What was read last.
    Read(ReadPiece),
}

/// Bytes that were read. Records may share them; then the next ones are read into memory of their own.
#[derive(Debug)]
pub(super) struct ReadPiece {
    memory: Arc<[u8]>,
    /// How much of the memory holds bytes of the file.
    filled: usize,
    /// Where in the file they start.
    start: u64,
    /// How much is read next, if nobody needs more.
    read_bytes: u64,
}

impl Piece {
    /// Nothing of a file that is going to be read. Takes over the memory of a piece that isn't needed any more.
    pub(super) fn empty(before: Option<Piece>) -> Piece {
        Piece::Read(match before {
            Some(Piece::Read(piece)) => ReadPiece { filled: 0, start: 0, ..piece },
            _ => ReadPiece { memory: Arc::from(Vec::new()), filled: 0, start: 0, read_bytes: READ_BYTES_MIN },
        })
    }

    /// How long a commit may be to be held as a whole.
    pub(super) fn commit_bytes_max(&self) -> u64 {
        match self {
            Piece::Mapped(..) => u64::MAX,
            Piece::Read(_) => COMMIT_BYTES_MAX,
        }
    }

    /// Sees to it that these bytes are there; `false` if `limit` or the file's end comes first. Nothing at or beyond
    /// `limit` is read.
    pub(super) fn reach(
        &mut self,
        file: &LogFile,
        offset: u64,
        bytes: u64,
        limit: u64,
    ) -> Result<bool, StorageError> {
        let Some(end) = offset.checked_add(bytes).filter(|end| *end <= limit) else { return Ok(false) };
        match self {
            Piece::Mapped(sealed, asked_to) => {
                let end_there = usize::try_from(end).unwrap_or(usize::MAX);
                if end_there > *asked_to {
                    let begin = usize::try_from(offset).unwrap_or(usize::MAX).max(*asked_to);
                    let ahead = end_there.saturating_sub(begin).saturating_add(MAPPED_AHEAD_BYTES);
                    sealed.read_ahead(begin, ahead);
                    *asked_to = begin.saturating_add(ahead);
                }
                Ok(end <= on_disk(sealed.bytes().len()))
            }
            Piece::Read(piece) => {
                if !piece.holds(offset, end) {
                    piece.refill(file, offset, bytes, limit)?;
                }
                Ok(piece.holds(offset, end))
            }
        }
    }

    /// All that is there.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Piece::Mapped(sealed, _) => sealed.bytes(),
            Piece::Read(piece) => piece.bytes(),
        }
    }

    /// Where in the piece an offset in the file is.
    #[inline]
    pub(super) fn place_of(&self, offset: u64) -> Option<usize> {
        match self {
            Piece::Mapped(..) => usize::try_from(offset).ok(),
            Piece::Read(piece) => usize::try_from(offset.checked_sub(piece.start)?).ok(),
        }
    }

    /// The bytes from an offset in the file on, as far as they are there.
    pub(super) fn from(&self, offset: u64) -> &[u8] {
        self.place_of(offset).and_then(|at| self.bytes().get(at..)).unwrap_or_default()
    }

    /// All that is there, to be kept.
    pub(super) fn share(&self) -> Block {
        match self {
            Piece::Mapped(sealed, _) => Block::Sealed(Arc::clone(sealed)),
            Piece::Read(piece) => Block::Read(Arc::clone(&piece.memory)),
        }
    }
}

impl ReadPiece {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.memory.get(..self.filled).unwrap_or_default()
    }

    fn holds(&self, offset: u64, end: u64) -> bool {
        offset >= self.start && end <= self.start + on_disk(self.filled)
    }

    /// Reads on from this offset. What is there already is moved and not read again.
    fn refill(&mut self, file: &LogFile, offset: u64, bytes: u64, limit: u64) -> Result<(), StorageError> {
        let size = in_memory(bytes.max(self.read_bytes).min(limit - offset));
        self.read_bytes = (self.read_bytes * READ_GROWTH).min(READ_BYTES_MAX);
        let skipped = offset.checked_sub(self.start).map_or(self.filled, |skipped| {
            usize::try_from(skipped).map_or(self.filled, |skipped| skipped.min(self.filled))
        });
        let kept = (skipped..self.filled).len().min(size);
        if let Some(memory) = Arc::get_mut(&mut self.memory).filter(|memory| memory.len() >= size) {
            memory.copy_within(skipped..skipped + kept, 0);
        } else {
            let mut memory = Vec::with_capacity(size);
            memory.extend_from_slice(self.memory.get(skipped..skipped + kept).unwrap_or_default());
            memory.resize(size, 0);
            self.memory = memory.into();
        }
        (self.start, self.filled) = (offset, kept);
        let memory = Arc::get_mut(&mut self.memory).expect("it was just seen or made to be ours alone");
        let rest = memory.get_mut(kept..size).unwrap_or_default();
        self.filled += file.read_up_to(rest, offset + on_disk(kept))?;
        Ok(())
    }
}
