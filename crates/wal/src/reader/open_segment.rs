//! One segment as a reader has it open: sealed and mapped, or growing and read by position.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::damage::Problem;
use crate::error::ReadError;
use crate::fields::{in_memory, on_disk};
use crate::map::Map;
use crate::reader::commit_index::{CommitIndex, RecordPlace};
use crate::record::{Block, RECORD_HEADER_BYTES, Record, RecordHeader};
use crate::segment::footer::{CommitEntry, Footer, TRAILER_BYTES, Trailer};
use crate::segment::header::FORMAT_VERSION;
use crate::segment::scan::{Place, PlacedFrame};
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage};
use crate::sync::Mutex;

/// How much is read of a record before its length is known.
const FIRST_READ_BYTES: usize = 4096;

/// A segment that is open for reading.
#[derive(Debug)]
pub(super) struct OpenSegment {
    segment: Segment,
    /// The file, if it has a trailer and its storage maps.
    mapped: Option<Mapped>,
    /// Where the commits are, for a segment without a footer that can be used.
    index: Mutex<CommitIndex>,
}

/// A mapped file that ends with a trailer.
#[derive(Debug)]
struct Mapped {
    map: Arc<Map>,
    trailer: Trailer,
    /// Checked when it is first needed: reading in order never does. Without a sound one the records can still be found,
    /// one commit after the other.
    footer: OnceLock<Option<Footer>>,
}

/// A segment with a footer that was checked.
#[derive(Debug, Clone, Copy)]
struct Sealed<'a> {
    segment: &'a Segment,
    map: &'a Arc<Map>,
    trailer: Trailer,
    footer: Footer,
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
        let mapped = Mapped::of(&segment)?;
        let index = Mutex::new(CommitIndex::new(&segment.header, next));
        Ok(OpenSegment { segment, mapped, index })
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
        let Some(sealed) = self.sealed() else { return self.index.lock().commit_place(seq) };
        let CommitEntry { first_seq: seq, offset, .. } = sealed.commit_of(seq)?;
        // A forged footer can name any offset.
        (offset < sealed.trailer.footer_offset).then_some(Place { offset, seq, commit_time_ns: i64::MIN })
    }

    /// Takes note of a commit that somebody came across, so that it needn't be looked for.
    pub(super) fn remember(&self, commit: &PlacedFrame) {
        if self.mapped.is_none() {
            self.index.lock().remember(commit);
        }
    }

    /// The first record of the commit behind the one that holds this record: the segment's end, if that is the last.
    /// `None` if no footer says so.
    pub(super) fn commit_after(&self, seq: Seq) -> Option<Seq> {
        let sealed = self.sealed()?;
        Some(sealed.footer.commit_after(sealed.footer_bytes(), seq).unwrap_or(sealed.end()))
    }

    /// The offset that no commit reaches beyond.
    pub(super) fn commits_limit(&self) -> Result<u64, StorageError> {
        match &self.mapped {
            Some(mapped) => Ok(mapped.trailer.footer_offset),
            None => self.segment.file.length(),
        }
    }

    /// The first record behind this segment, if that is known.
    pub(super) fn end(&self) -> Option<Seq> {
        match &self.mapped {
            Some(mapped) => Some(self.first_seq().plus(mapped.trailer.records)),
            None => self.index.lock().next_segment(),
        }
    }

    /// The mapped file, if it has a trailer.
    pub(super) fn map(&self) -> Option<Arc<Map>> {
        self.mapped.as_ref().map(|mapped| Arc::clone(&mapped.map))
    }

    /// The segment with its footer, if that is sound.
    fn sealed(&self) -> Option<Sealed<'_>> {
        let Mapped { map, trailer, footer } = self.mapped.as_ref()?;
        let check = || {
            // All of it is checked before any of it is believed: a mebibyte, which is fetched in one go.
            map.read_ahead(in_memory(trailer.footer_offset), usize::MAX);
            Footer::check(*trailer, trailer.footer_of(map.bytes()), &self.segment.header).ok()
        };
        let footer = (*footer.get_or_init(check))?;
        Some(Sealed { segment: &self.segment, map, trailer: *trailer, footer })
    }

    /// Reads a record that lies in this segment or behind it. `durable_end` is how far the log can be relied on.
    pub(super) fn read(&self, seq: Seq, durable_end: Seq) -> Result<Found, ReadError> {
        if let Some(sealed) = self.sealed() {
            return match sealed.commit_of(seq) {
                Some(commit) => sealed.read(seq, commit.commit_time_ns).map(Found::Record),
                None => Ok(Found::EndsBefore(sealed.end())),
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

impl Mapped {
    /// Maps the segment, if it ends with a trailer.
    fn of(segment: &Segment) -> Result<Option<Mapped>, ReadError> {
        if segment.trailer()?.is_none() {
            return Ok(None);
        }
        let map = segment.file.raw().map().map_err(|error| segment.file.error("map", error))?;
        let Some(map) = map else { return Ok(None) };
        // The file may have been replaced since: what counts is what was mapped.
        let (block, file_bytes) = (map.bytes().last_chunk::<TRAILER_BYTES>(), on_disk(map.bytes().len()));
        let trailer = block.and_then(|block| Trailer::decode(block, &segment.header, file_bytes).ok());
        Ok(trailer.map(|trailer| Mapped { map: Arc::new(map), trailer, footer: OnceLock::new() }))
    }
}

impl Sealed<'_> {
    fn footer_bytes(&self) -> &[u8] {
        self.trailer.footer_of(self.map.bytes())
    }

    /// The first record after the segment's last one.
    fn end(&self) -> Seq {
        self.segment.header.first_seq.plus(self.trailer.records)
    }

    fn commit_of(&self, seq: Seq) -> Option<CommitEntry> {
        if seq >= self.end() { None } else { self.footer.commit_of(self.footer_bytes(), seq) }
    }

    fn read(&self, seq: Seq, commit_time_ns: i64) -> Result<Record, ReadError> {
        let index = seq.since(self.segment.header.first_seq);
        let offset =
            self.footer.record_offset(self.footer_bytes(), index).unwrap_or(self.trailer.footer_offset);
        let decoded = if offset >= self.trailer.footer_offset {
            let max = self.trailer.footer_offset;
            Err(Problem::Range { part: "footer", field: "record offset", min: 0, max, found: offset })
        } else {
            Record::decode(Block::Mapped(Arc::clone(self.map)), in_memory(offset), seq, commit_time_ns)
        };
        decoded.map_err(|problem| ReadError::Damaged(self.segment.damage(seq..seq.next(), offset, problem)))
    }
}
