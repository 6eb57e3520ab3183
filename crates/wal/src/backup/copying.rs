//! Copying segments, and sealing those that weren't sealed yet.
//!
//! A sealed segment is copied byte for byte, without a look at what lies behind its header. One that isn't may be sealed by
//! its writer while it is copied: its commits don't change any more, its footer comes into being. What came of it is
//! sealed here, as an opening would. INVARIANT: no copy has a sound trailer behind a footer that was copied before it was
//! whole.

use std::ops::Range;
use std::path::Path;

use crate::backup::source::{Source, damaged};
use crate::damage::Damage;
use crate::error::BackupError;
use crate::fields::{in_memory, is_zero, on_disk};
use crate::segment::header::FORMAT_VERSION;
use crate::segment::name::segment_name;
use crate::segment::seal::{SealError, seal};
use crate::segment::{Segment, SegmentError};
use crate::seq::Seq;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage};
use crate::tail::Sealable;

/// How much is read and written at a time.
const BUFFER_BYTES: u64 = 1 << 20;

/// A copy under way.
pub(super) struct Copying<'a> {
    storage: &'a dyn Storage,
    directory: &'a Path,
    unfinished: &'a Path,
    leaf_function: u32,
    buffer: Vec<u8>,
    bytes_done: u64,
    /// Told how many bytes are done.
    tell: &'a dyn Fn(u64),
}

impl<'a> Copying<'a> {
    pub(super) fn new(
        storage: &'a dyn Storage,
        (directory, unfinished): (&'a Path, &'a Path),
        leaf_function: u32,
        tell: &'a dyn Fn(u64),
    ) -> Copying<'a> {
        let buffer = Vec::new();
        Copying { storage, directory, unfinished, leaf_function, buffer, bytes_done: 0, tell }
    }

    /// Copies all segments, in order.
    pub(super) fn copy_all(mut self, source: &Source) -> Result<(), BackupError> {
        let mut firsts = source.full.iter().copied().peekable();
        while let Some(first_seq) = firsts.next() {
            let seqs = first_seq..firsts.peek().copied().unwrap_or(source.mark.segment);
            let file =
                LogFile::open(self.storage, self.directory.join(segment_name(first_seq)), OpenMode::Read)?;
            self.copy_segment(source, file, seqs, None)?;
        }
        if let Some(last) = &source.last {
            let seqs = source.mark.segment..source.mark.seq;
            self.copy_segment(source, last.clone(), seqs, Some(source.mark.offset))?;
        }
        Ok(())
    }

    /// Copies a segment that holds these records: all of it, or up to an offset.
    fn copy_segment(
        &mut self,
        source: &Source,
        file: LogFile,
        seqs: Range<Seq>,
        end: Option<u64>,
    ) -> Result<(), BackupError> {
        let original = self.believe_header(source, file, &seqs)?;
        let to = LogFile::open(self.storage, self.unfinished.join(original.name()), OpenMode::CreateNew)?;
        let was_sealed = end.is_none() && is_sealed(&original)?;
        self.copy_file(&original.file, &to, end.unwrap_or(u64::MAX))?;
        let copy = Segment { file: to, header: original.header.clone(), compressed: None };
        if !was_sealed && is_sealed(&copy)? {
            // Sealed meanwhile, so that the footer may have been copied before it was whole. Now it is.
            copy.file.set_length(0)?;
            self.copy_file(&original.file, &copy.file, u64::MAX)?;
        }
        copy.file.sync()?;
        let sealable = Sealable { first_seq: seqs.start, end: seqs.end, again: false };
        match seal(self.storage, self.unfinished, source.mark.ledger_id, sealable) {
            // What isn't sound is left as it is: verification says where.
            Ok(()) | Err(SealError::Unsound) => Ok(()),
            Err(SealError::Storage(error)) => Err(error.into()),
        }
    }

    /// Reads a segment's header, by which it must belong here.
    fn believe_header(
        &self,
        source: &Source,
        file: LogFile,
        seqs: &Range<Seq>,
    ) -> Result<Segment, BackupError> {
        let name = segment_name(seqs.start);
        match Segment::placed(file, Some(source.mark.ledger_id), seqs.start) {
            Ok(segment) if segment.header.leaf_function == self.leaf_function => Ok(segment),
            Ok(segment) => {
                let (found, given) = (segment.header.leaf_function, self.leaf_function);
                Err(BackupError::OtherLeafFunction { found, given })
            }
            Err(SegmentError::Storage(error)) => Err(error.into()),
            Err(SegmentError::NewerVersion { path, found }) => {
                Err(BackupError::NewerVersion { path, found, known: FORMAT_VERSION })
            }
            Err(SegmentError::OtherLeafFunction { found, given }) => {
                Err(BackupError::OtherLeafFunction { found, given })
            }
            Err(SegmentError::Damaged { offset, problem }) => {
                let (seq_from, seq_to) = (seqs.start, seqs.end);
                Err(damaged(Damage { segment: name, seq_from, seq_to, offset, problem }))
            }
        }
    }

    fn copy_file(&mut self, from: &LogFile, to: &LogFile, limit: u64) -> Result<(), StorageError> {
        let (tell, before) = (self.tell, self.bytes_done);
        self.bytes_done += copy_bytes(from, to, limit, &mut self.buffer, &mut |bytes| tell(before + bytes))?;
        Ok(())
    }
}

/// Whether a segment is sealed, and so never changes again.
fn is_sealed(segment: &Segment) -> Result<bool, StorageError> {
    Ok(segment.header.compressed || segment.trailer()?.is_some())
}

/// Copies what an open file shows, up to its end or a limit, with a buffer of limited size. Zeroes that nobody wrote take
/// no space in the copy either. Returns how much that was.
pub(super) fn copy_bytes(
    from: &LogFile,
    to: &LogFile,
    limit: u64,
    buffer: &mut Vec<u8>,
    tell: &mut dyn FnMut(u64),
) -> Result<u64, StorageError> {
    let mut offset = 0;
    while offset < limit {
        let wanted = in_memory((limit - offset).min(BUFFER_BYTES));
        buffer.resize(wanted, 0);
        let read = from.read_up_to(buffer, offset)?;
        buffer.truncate(read);
        if !is_zero(buffer) {
            to.write_all(buffer, offset)?;
        }
        offset += on_disk(read);
        tell(offset);
        if read < wanted {
            break;
        }
    }
    if to.length()? < offset {
        to.set_length(offset)?;
    }
    Ok(offset)
}
