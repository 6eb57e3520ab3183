//! One segment as a reader has it open: sealed and mapped, or growing and read by position.

use std::hint::black_box;
use std::sync::Arc;

use crate::damage::Problem;
use crate::error::ReadError;
use crate::fields::{in_memory, on_disk};
use crate::frame::{FRAME_BYTES, Frame};
use crate::reader::Inner;
use crate::reader::commit_index::{CommitIndex, RecordPlace};
use crate::reader::sealed::SealedFile;
use crate::record::{Block, RECORD_HEADER_BYTES, Record, RecordHeader};
use crate::segment::compressed::file::{CompressedFile, FoundRecord, LostRecords};
use crate::segment::header::FORMAT_VERSION;
use crate::segment::scan::{Place, PlacedFrame};
use crate::segment::{Segment, SegmentError};
use crate::seq::Seq;
use crate::storage::OpenMode;
use crate::storage::file::{LogFile, StorageError};
use crate::sync::Mutex;

/// How much is read of a record before its length is known.
const FIRST_READ_BYTES: usize = 4096;

/// Of how many records the beginnings are fetched from memory together.
const FETCHED_RECORDS: usize = 32;

/// How much of each is fetched so, in lines of the processor's cache. It goes on by itself where it is read on.
const FETCHED_LINES: usize = 3;

const LINE_BYTES: usize = 64;

/// A segment that is open for reading.
#[derive(Debug)]
pub(super) struct OpenSegment {
    segment: Segment,
    /// The file, if it has a trailer and its storage maps.
    sealed: Option<Arc<SealedFile>>,
    /// Where the commits are, for a segment without a footer that can be used.
    index: Mutex<CommitIndex>,
}

/// What a segment says about a record.
pub(super) enum Found {
    /// Here it is.
    Record(Record),
    /// The segment is sound and ends before this record; its own end is this.
    EndsBefore(Seq),
}

/// Why a segment can't be opened for reading.
#[derive(Debug)]
pub(super) enum OpenSegmentError {
    /// For a reason that has nothing to do with which records it holds.
    Read(ReadError),
    /// Its header isn't sound, so that none of its records can be read.
    Damaged { offset: u64, problem: Problem },
}

impl From<ReadError> for OpenSegmentError {
    fn from(error: ReadError) -> OpenSegmentError {
        OpenSegmentError::Read(error)
    }
}

impl OpenSegment {
    pub(super) fn open(
        inner: &Inner,
        first_seq: Seq,
        next: Option<Seq>,
    ) -> Result<OpenSegment, OpenSegmentError> {
        let Inner { storage, directory, ledger_id, leaf_function, .. } = inner;
        let opened =
            Segment::open(&**storage, directory, *ledger_id, first_seq, OpenMode::Read, leaf_function);
        let segment = opened.map_err(|error| match error {
            SegmentError::Storage(error) => ReadError::Storage(error).into(),
            SegmentError::NewerVersion { path, found } => {
                ReadError::NewerVersion { path, found, known: FORMAT_VERSION }.into()
            }
            SegmentError::OtherLeafFunction { found, given } => {
                ReadError::OtherLeafFunction { found, given }.into()
            }
            SegmentError::Damaged { offset, problem } => OpenSegmentError::Damaged { offset, problem },
        })?;
        let sealed = SealedFile::of(&segment)?;
        let index = Mutex::new(CommitIndex::new(&segment.header, next));
        Ok(OpenSegment { segment, sealed, index })
    }

    pub(super) fn first_seq(&self) -> Seq {
        self.segment.header.first_seq
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Where the commit starts that holds this record; `None` if this segment doesn't, or nobody has looked yet.
    pub(super) fn commit_place(&self, seq: Seq) -> Option<Place> {
        if seq == self.first_seq() {
            return Some(Place::start_of(&self.segment.header));
        }
        if let Some(compressed) = &self.segment.compressed {
            return self.place_of_commit(compressed.frame_offset_of(seq)?);
        }
        match self.indexed() {
            Some(sealed) => sealed.commit_place(seq),
            None => self.index.lock().commit_place(seq),
        }
    }

    /// Takes note of a commit that somebody came across, so that it needn't be looked for.
    pub(super) fn remember(&self, commit: &PlacedFrame) {
        if self.sealed.is_none() && self.segment.compressed.is_none() {
            self.index.lock().remember(commit);
        }
    }

    /// The first record of the commit behind the one that holds this record: the segment's end, if that is the last.
    /// `None` if no footer says so.
    pub(super) fn commit_after(&self, seq: Seq) -> Option<Seq> {
        match &self.segment.compressed {
            Some(compressed) => compressed.commit_behind(seq).or_else(|| compressed.end()),
            None => self.sealed.as_ref()?.commit_after(seq),
        }
    }

    /// The offset that no commit reaches beyond.
    pub(super) fn commits_limit(&self) -> Result<u64, StorageError> {
        match (&self.segment.compressed, &self.sealed) {
            (Some(compressed), _) => Ok(compressed.commits_limit()),
            (None, Some(sealed)) => Ok(sealed.commits_limit()),
            (None, None) => self.segment.file.length(),
        }
    }

    /// The first record behind this segment, if that is known.
    pub(super) fn end(&self) -> Option<Seq> {
        match (&self.segment.compressed, &self.sealed) {
            (Some(compressed), _) => compressed.end().or_else(|| self.index.lock().next_segment()),
            (None, Some(sealed)) => Some(sealed.end()),
            (None, None) => self.index.lock().next_segment(),
        }
    }

    /// The mapped file, if it has a trailer.
    pub(super) fn sealed(&self) -> Option<&Arc<SealedFile>> {
        self.sealed.as_ref()
    }

    /// The mapped file, if it has a footer that says where its records are.
    #[inline]
    fn indexed(&self) -> Option<&Arc<SealedFile>> {
        self.sealed.as_ref().filter(|sealed| sealed.is_indexed())
    }

    /// Reads a record that lies in this segment or behind it. `durable_end` is how far the log can be relied on.
    pub(super) fn read(&self, seq: Seq, durable_end: Seq) -> Result<Found, ReadError> {
        if let Some(compressed) = &self.segment.compressed {
            return match self.end() {
                Some(end) if end <= seq => Ok(Found::EndsBefore(end)),
                _ => self.read_compressed(compressed, seq).map(Found::Record),
            };
        }
        if let Some(sealed) = self.indexed() {
            return match sealed.end() {
                end if end <= seq => Ok(Found::EndsBefore(end)),
                _ => self.read_sealed(sealed, seq).map(Found::Record),
            };
        }
        let place = self.index.lock().place_of(&self.segment, seq, durable_end)?;
        match place {
            RecordPlace::At { offset, commit_end, commit_time_ns } => {
                self.read_at(seq, offset, commit_end, commit_time_ns).map(Found::Record)
            }
            RecordPlace::EndsBefore(end) => Ok(Found::EndsBefore(end)),
            RecordPlace::Damaged(damage) => Err(ReadError::Damaged(damage)),
        }
    }

    /// Reads those of these records that come first and lie in this segment, if it is sealed. Stops in front of one that
    /// can't be read. Returns how many were read.
    pub(super) fn read_many(&self, seqs: &[Seq], records: &mut Vec<Record>) -> usize {
        let Some(sealed) = self.indexed() else { return 0 };
        let held = self.first_seq()..sealed.end();
        let here = seqs.iter().take_while(|seq| held.contains(seq)).count();
        let before = records.len();
        for some in seqs.get(..here).unwrap_or_default().chunks(FETCHED_RECORDS) {
            fetch(sealed, some);
            for seq in some {
                let Ok(record) = self.read_sealed(sealed, *seq) else { return records.len() - before };
                records.push(record);
            }
        }
        here
    }

    fn read_sealed(&self, sealed: &Arc<SealedFile>, seq: Seq) -> Result<Record, ReadError> {
        let (offset, problem) = match sealed.record_offset(seq) {
            Ok(offset) => {
                match Record::decode(Block::Sealed(Arc::clone(sealed)), in_memory(offset), seq, None) {
                    Ok(record) => return Ok(record),
                    Err(problem) => (offset, problem),
                }
            }
            Err(problem) => (sealed.commits_limit(), problem),
        };
        Err(ReadError::Damaged(self.segment.damage(seq..seq.next(), offset, problem)))
    }

    fn read_compressed(&self, compressed: &CompressedFile, seq: Seq) -> Result<Record, ReadError> {
        let damaged = |seqs, offset, problem| ReadError::Damaged(self.segment.damage(seqs, offset, problem));
        match compressed.record(seq)? {
            Ok(FoundRecord { block, at, offset, commit_time_ns }) => {
                Record::decode(Block::Read(block), at, seq, Some(commit_time_ns))
                    .map_err(|problem| damaged(seq..seq.next(), offset, problem))
            }
            Err(LostRecords { seqs, offset, problem }) => Err(damaged(seqs, offset, problem)),
        }
    }

    /// The start of the commit whose frame stands there.
    fn place_of_commit(&self, frame_offset: u64) -> Option<Place> {
        let Segment { file, header, .. } = &self.segment;
        let mut block = [0; FRAME_BYTES];
        file.read_up_to(&mut block, frame_offset).ok()?;
        let frame = Frame::decode(&block, header.seed(frame_offset)).ok()?;
        Some(Place { offset: frame_offset, seq: frame.first_seq, commit_time_ns: i64::MIN })
    }

    fn read_at(
        &self,
        seq: Seq,
        offset: u64,
        commit_end: u64,
        commit_time_ns: i64,
    ) -> Result<Record, ReadError> {
        let bytes = read_record_bytes(&self.segment.file, offset, commit_end)?;
        let decoded = Record::decode(Block::Read(bytes.into()), 0, seq, Some(commit_time_ns));
        decoded.map_err(|problem| ReadError::Damaged(self.segment.damage(seq..seq.next(), offset, problem)))
    }
}

/// The bytes of a record, as far as its length field can be believed; decoding judges them.
fn read_record_bytes(file: &LogFile, offset: u64, commit_end: u64) -> Result<Vec<u8>, ReadError> {
    let room = in_memory((commit_end - offset).min(FIRST_READ_BYTES as u64));
    let mut bytes = vec![0; room];
    let read = file.read_up_to(&mut bytes, offset)?;
    bytes.truncate(read);
    let header =
        bytes.first_chunk::<RECORD_HEADER_BYTES>().and_then(|block| RecordHeader::decode(block).ok());
    let total = header.map_or(0, |header| header.total_bytes()).min(commit_end - offset);
    let (have, total) = (bytes.len(), in_memory(total));
    bytes.resize(total.max(RECORD_HEADER_BYTES.min(have)), 0);
    if let Some(rest) = bytes.get_mut(have..).filter(|rest| !rest.is_empty()) {
        let read = file.read_up_to(rest, offset + on_disk(have))?;
        bytes.truncate(have + read);
    }
    Ok(bytes)
}

/// Has the processor fetch the beginnings of some records from memory at the same time. Reading them one after the other
/// it would wait for each, since what is looked at next depends on what was found.
fn fetch(sealed: &SealedFile, seqs: &[Seq]) {
    let bytes = sealed.bytes();
    let mut offsets = [0; FETCHED_RECORDS];
    for (offset, seq) in offsets.iter_mut().zip(seqs) {
        *offset = sealed.record_offset(*seq).map_or(0, in_memory);
    }
    let mut touched = 0_u8;
    for offset in offsets.iter().take(seqs.len()) {
        for line in 0..FETCHED_LINES {
            touched ^= bytes.get(offset + line * LINE_BYTES).copied().unwrap_or(0);
        }
    }
    black_box(touched);
}
