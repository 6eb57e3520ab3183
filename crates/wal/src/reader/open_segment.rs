//! One segment as a reader has it open: sealed and mapped, or growing and read by position.

use std::path::Path;
use std::sync::Arc;

use crate::damage::Problem;
use crate::error::ReadError;
use crate::fields::{in_memory, on_disk};
use crate::map::Map;
use crate::reader::commit_index::{CommitIndex, RecordPlace};
use crate::record::{Block, RECORD_HEADER_BYTES, Record, RecordHeader};
use crate::segment::footer::{CommitEntry, Footer, TRAILER_BYTES, Trailer};
use crate::segment::header::FORMAT_VERSION;
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::LogFile;
use crate::storage::{OpenMode, Storage};
use crate::sync::Mutex;

/// How much is read of a record before its length is known.
const FIRST_READ_BYTES: usize = 4096;

/// A segment that is open for reading.
#[derive(Debug)]
pub(super) struct OpenSegment {
    segment: Segment,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// It has its footer, which was checked, and is mapped.
    Sealed(Sealed),
    /// It may still grow, or its storage doesn't map.
    Growing(Mutex<CommitIndex>),
}

/// A mapped segment.
#[derive(Debug)]
pub(super) struct Sealed {
    map: Arc<Map>,
    footer: Footer,
    trailer: Trailer,
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
        storage: &dyn Storage,
        directory: &Path,
        ledger_id: LedgerId,
        first_seq: Seq,
        next: Option<Seq>,
    ) -> Result<OpenSegment, OpenSegmentError> {
        let opened = Segment::open(storage, directory, ledger_id, first_seq, OpenMode::Read);
        let segment = opened.map_err(|error| match error {
            SegmentError::Storage(error) => ReadError::Storage(error).into(),
            SegmentError::NewerVersion { path, found } => {
                ReadError::NewerVersion { path, found, known: FORMAT_VERSION }.into()
            }
            SegmentError::Damaged { offset, problem } => OpenSegmentError::Damaged { offset, problem },
        })?;
        let kind = match Sealed::of(&segment)? {
            Some(sealed) => Kind::Sealed(sealed),
            None => Kind::Growing(Mutex::new(CommitIndex::new(&segment.header, next))),
        };
        Ok(OpenSegment { segment, kind })
    }

    pub(super) fn first_seq(&self) -> Seq {
        self.segment.header.first_seq
    }

    /// The mapped file, if it is sealed.
    pub(super) fn sealed(&self) -> Option<&Sealed> {
        match &self.kind {
            Kind::Sealed(sealed) => Some(sealed),
            Kind::Growing(_) => None,
        }
    }

    /// Reads a record that lies in this segment or behind it. `durable_end` is how far the log can be relied on.
    pub(super) fn read(&self, seq: Seq, durable_end: Seq) -> Result<Found, ReadError> {
        match &self.kind {
            Kind::Sealed(sealed) => match sealed.commit_of(&self.segment, seq) {
                Some(commit) => sealed.read(&self.segment, seq, commit.commit_time_ns).map(Found::Record),
                None => Ok(Found::EndsBefore(sealed.end(&self.segment))),
            },
            Kind::Growing(index) => {
                let place = index.lock().place_of(&self.segment, seq, durable_end)?;
                match place {
                    RecordPlace::At { offset, commit_end, commit_time_ns } => {
                        self.read_at(seq, offset, commit_end, commit_time_ns).map(Found::Record)
                    }
                    RecordPlace::EndsBefore(end) => Ok(Found::EndsBefore(end)),
                    RecordPlace::Damaged(damage) => Err(ReadError::Damaged(damage)),
                }
            }
        }
    }

    fn read_at(
        &self,
        seq: Seq,
        offset: u64,
        commit_end: u64,
        commit_time_ns: i64,
    ) -> Result<Record, ReadError> {
        let bytes = read_record_bytes(&self.segment.file, offset, commit_end)?;
        let decoded = Record::decode(Block::Read(bytes.into()), 0, seq, commit_time_ns);
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

impl Sealed {
    /// Maps the segment, if it has a footer that is whole.
    fn of(segment: &Segment) -> Result<Option<Sealed>, ReadError> {
        if segment.trailer()?.is_none() {
            return Ok(None);
        }
        let map = segment.file.raw().map().map_err(|error| segment.file.error("map", error))?;
        let Some(map) = map else { return Ok(None) };
        let bytes = map.bytes();
        let trailer = bytes.last_chunk::<TRAILER_BYTES>();
        let trailer =
            trailer.and_then(|block| Trailer::decode(block, &segment.header, on_disk(bytes.len())).ok());
        let checked = trailer.and_then(|trailer| {
            let footer = bytes.get(in_memory(trailer.footer_offset)..)?;
            Some((trailer, Footer::check(trailer, footer, &segment.header).ok()?))
        });
        // Without a sound footer the records can still be found, one commit after the other.
        Ok(checked.map(|(trailer, footer)| Sealed { map: Arc::new(map), footer, trailer }))
    }

    fn footer_bytes(&self) -> &[u8] {
        self.map.bytes().get(in_memory(self.trailer.footer_offset)..).unwrap_or_default()
    }

    /// The first record after the segment's last one.
    pub(super) fn end(&self, segment: &Segment) -> Seq {
        segment.header.first_seq.plus(self.trailer.records)
    }

    fn commit_of(&self, segment: &Segment, seq: Seq) -> Option<CommitEntry> {
        if seq >= self.end(segment) { None } else { self.footer.commit_of(self.footer_bytes(), seq) }
    }

    fn read(&self, segment: &Segment, seq: Seq, commit_time_ns: i64) -> Result<Record, ReadError> {
        let index = seq.since(segment.header.first_seq);
        let offset =
            self.footer.record_offset(self.footer_bytes(), index).unwrap_or(self.trailer.footer_offset);
        let decoded = if offset >= self.trailer.footer_offset {
            let max = self.trailer.footer_offset;
            Err(Problem::Range { part: "footer", field: "record offset", min: 0, max, found: offset })
        } else {
            Record::decode(Block::Mapped(Arc::clone(&self.map)), in_memory(offset), seq, commit_time_ns)
        };
        decoded.map_err(|problem| ReadError::Damaged(segment.damage(seq..seq.next(), offset, problem)))
    }
}

/// How much of a growing segment is read at a time by whoever reads it in order.
const CHUNK_BYTES: u64 = 256 << 10;

/// Reads a segment's records one after the other, sparing the work that neighbours share.
#[derive(Debug, Clone)]
pub(super) enum Run {
    Sealed(SealedRun),
    Growing(GrowingRun),
}

impl Run {
    /// A run through this segment, if it holds this record.
    pub(super) fn over(segment: Arc<OpenSegment>, seq: Seq) -> Option<Run> {
        if segment.sealed().is_some() {
            return SealedRun::over(segment, seq).map(Run::Sealed);
        }
        Some(Run::Growing(GrowingRun { segment, chunk: Arc::new([]), start: 0 }))
    }

    /// Reads a record; `None` if it must be looked for elsewhere, or more closely.
    pub(super) fn read(&mut self, seq: Seq, durable_end: Seq) -> Option<Record> {
        match self {
            Run::Sealed(run) => run.read(seq)?.ok(),
            Run::Growing(run) => run.read(seq, durable_end),
        }
    }
}

/// Reads a growing segment's records out of larger pieces of it.
#[derive(Debug, Clone)]
pub(super) struct GrowingRun {
    segment: Arc<OpenSegment>,
    chunk: Arc<[u8]>,
    /// Where in the file the chunk starts.
    start: u64,
}

impl GrowingRun {
    fn read(&mut self, seq: Seq, durable_end: Seq) -> Option<Record> {
        let Kind::Growing(index) = &self.segment.kind else { return None };
        let place = index.lock().place_of(&self.segment.segment, seq, durable_end).ok()?;
        let RecordPlace::At { offset, commit_time_ns, .. } = place else { return None };
        self.decode(seq, offset, commit_time_ns).or_else(|| {
            let file = &self.segment.segment.file;
            let rest_bytes = file.length().ok()?.saturating_sub(offset);
            let mut bytes = vec![0; in_memory(rest_bytes.min(CHUNK_BYTES))];
            let read = file.read_up_to(&mut bytes, offset).ok()?;
            bytes.truncate(read);
            (self.chunk, self.start) = (bytes.into(), offset);
            self.decode(seq, offset, commit_time_ns)
        })
    }

    /// The record at this offset, if the chunk holds all of it.
    fn decode(&self, seq: Seq, offset: u64, commit_time_ns: i64) -> Option<Record> {
        let at = in_memory(offset.checked_sub(self.start)?);
        Record::decode(Block::Read(Arc::clone(&self.chunk)), at, seq, commit_time_ns).ok()
    }
}

/// Reads a sealed segment's records one after the other, without looking up the commit of each.
#[derive(Debug, Clone)]
pub(super) struct SealedRun {
    segment: Arc<OpenSegment>,
    commit_time_ns: i64,
    /// The first record of the next commit.
    commit_end: Seq,
}

impl SealedRun {
    /// A run through this segment, if it is sealed and holds this record.
    pub(super) fn over(segment: Arc<OpenSegment>, seq: Seq) -> Option<SealedRun> {
        let end = segment.sealed()?.end(&segment.segment);
        (seq < end).then_some(SealedRun { segment, commit_time_ns: 0, commit_end: Seq::ZERO })
    }

    /// Reads a record; `None` if the segment ends before it.
    pub(super) fn read(&mut self, seq: Seq) -> Option<Result<Record, ReadError>> {
        let sealed = self.segment.sealed()?;
        let segment = &self.segment.segment;
        if seq >= self.commit_end {
            let commit = sealed.commit_of(segment, seq)?;
            self.commit_time_ns = commit.commit_time_ns;
            self.commit_end =
                sealed.footer.commit_after(sealed.footer_bytes(), seq).unwrap_or(sealed.end(segment));
        }
        Some(sealed.read(segment, seq, self.commit_time_ns))
    }
}
