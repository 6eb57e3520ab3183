//! The decoders, for fuzz targets: each takes bytes that anybody may have written and says what they decode to.
//!
//! Compiled only with the cargo feature `fuzzing`, and no part of this crate's interface. What decodes is given back
//! encoded again, because that is the property that a target checks: a sound structure has one form.

use std::path::Path;
use std::sync::Arc;

use crate::fields::{in_memory, on_disk};
use crate::frame::{FRAME_BYTES, Frame};
use crate::leaf::{Blake3Leaf, LeafFunction};
use crate::record::{RECORD_HEADER_BYTES, RecordHeader};
use crate::segment::Segment;
use crate::segment::footer::{Footer, TRAILER_BYTES, Trailer};
use crate::segment::header::{HEADER_BYTES, SegmentHeader};
use crate::segment::scan::{CommitFound, Place, Window, read_commit};
use crate::segment::seal::prepare;
use crate::seq::Seq;
use crate::storage::DiskStorage;
use crate::watermark::{SLOT_BYTES, Slots, Watermark};

/// The record at the start of these bytes, encoded again.
#[must_use]
pub fn recode_record(bytes: &[u8]) -> Option<Vec<u8>> {
    let (block, body) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>()?;
    let header = RecordHeader::decode(block).ok()?;
    let (payload, rest) = body.split_at_checked(in_memory(u64::from(header.payload_bytes)))?;
    let padding = rest.get(..header.padding_bytes())?;
    header.check(payload, padding).ok()?;
    let again = RecordHeader { crc: header.crc_of(payload), ..header };
    let mut encoded = again.encode().to_vec();
    encoded.extend_from_slice(payload);
    encoded.resize(in_memory(header.total_bytes()), 0);
    Some(encoded)
}

/// The frame in these bytes at this offset of a segment, encoded again, with its records and their length.
#[must_use]
pub fn recode_frame(block: &[u8; FRAME_BYTES], nonce: &[u8; 16], offset: u64) -> Option<FrameFound> {
    let seed = crate::fields::seed(nonce, offset);
    let frame = Frame::decode(block, seed).ok()?;
    let (records, end_seq) = (u64::from(frame.records), frame.end_seq());
    let records_bytes = frame.records_bytes;
    Some(FrameFound { encoded: frame.encode(seed), records, end_seq, records_bytes })
}

/// A frame that decoded.
#[derive(Debug)]
pub struct FrameFound {
    /// Its bytes, made anew.
    pub encoded: [u8; FRAME_BYTES],
    /// How many records it names.
    pub records: u64,
    /// The number after the last of them.
    pub end_seq: Seq,
    /// Their length.
    pub records_bytes: u64,
}

/// The header in these bytes, encoded again.
#[must_use]
pub fn recode_header(block: &[u8; HEADER_BYTES]) -> Option<[u8; HEADER_BYTES]> {
    SegmentHeader::decode(block).ok().map(|header| header.encode())
}

/// The watermark's slot in these bytes, encoded again.
#[must_use]
pub fn recode_slot(block: &[u8; SLOT_BYTES]) -> Option<[u8; SLOT_BYTES]> {
    Watermark::decode(block).ok().map(|watermark| watermark.encode())
}

/// The bytes of the slot that counts in a watermark's file, and whether the other one may have been newer.
#[must_use]
pub fn newest_slot(bytes: &[u8]) -> Option<([u8; SLOT_BYTES], bool)> {
    match Slots::decode(bytes) {
        Slots::Sound { newest, other_broken } => Some((newest.encode(), other_broken)),
        Slots::NewerVersion(_) | Slots::Broken(_) => None,
    }
}

/// A commit that is sound.
#[derive(Debug)]
pub struct Commit {
    /// Where its frame lies.
    pub offset: u64,
    /// Where it ends.
    pub end: u64,
    /// Its first record.
    pub first_seq: Seq,
    /// The number after its last record.
    pub end_seq: Seq,
    /// Where each of its records lies.
    pub records: Vec<u64>,
    /// When it was written.
    pub commit_time_ns: i64,
}

/// The sound commits at the start of the segment of this name, and the footer that belongs behind them. Nothing if its
/// header isn't sound.
#[must_use]
pub fn walk_segment(directory: &Path, first_seq: Seq) -> Option<(Vec<Commit>, Vec<u8>)> {
    let leaf_function: Arc<dyn LeafFunction> = Arc::new(Blake3Leaf);
    let segment = Segment::open_any(&DiskStorage, directory, None, first_seq, &leaf_function).ok()?;
    let mut window = Window::new(&segment.file, segment.file.length().ok()?);
    let (mut place, mut commits) = (Place::start_of(&segment.header), Vec::new());
    loop {
        let mut records = Vec::new();
        let found = read_commit(&mut window, &segment.header, place, &mut |at, _| records.push(at)).ok()?;
        let CommitFound::Sound(commit) = found else { break };
        let (first_seq, end_seq) = (commit.frame.first_seq, commit.frame.end_seq());
        let (offset, end, commit_time_ns) = (commit.offset, commit.end(), commit.frame.commit_time_ns);
        commits.push(Commit { offset, end, first_seq, end_seq, records, commit_time_ns });
        place = commit.place_after();
    }
    let sealing = prepare(&segment, place.seq).ok()?;
    Some((commits, sealing.footer))
}

/// A footer whose checksums are right, which doesn't say that what it says is.
#[derive(Debug)]
pub struct FooterFound<'a> {
    footer: Footer,
    bytes: &'a [u8],
    offset: u64,
}

/// The footer of a segment with these bytes.
#[must_use]
pub fn find_footer(segment: &[u8]) -> Option<FooterFound<'_>> {
    let header = SegmentHeader::decode(segment.first_chunk()?).ok()?;
    let trailer = segment.last_chunk::<TRAILER_BYTES>()?;
    let trailer = Trailer::decode(trailer, &header, on_disk(segment.len())).ok()?;
    let bytes = segment.get(in_memory(trailer.footer_offset)..)?;
    let footer = Footer::check(trailer, bytes, &header).ok()?;
    Some(FooterFound { footer, bytes, offset: trailer.footer_offset })
}

impl FooterFound<'_> {
    /// Its bytes, the trailer included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Where it starts.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the record so many places after the segment's first one lies.
    #[must_use]
    pub fn record_offset(&self, index: u64) -> Option<u64> {
        self.footer.record_offset(self.bytes, index)
    }

    /// The first record and the time of the commit that holds this record.
    #[must_use]
    pub fn commit_of(&self, seq: Seq) -> Option<(Seq, i64)> {
        let commit = self.footer.commit_of(self.bytes, seq)?;
        Some((commit.first_seq, commit.commit_time_ns))
    }

    /// The first record of the commit behind the one that holds this record.
    #[must_use]
    pub fn commit_after(&self, seq: Seq) -> Option<Seq> {
        self.footer.commit_after(self.bytes, seq)
    }
}
