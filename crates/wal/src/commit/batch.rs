//! The records of one commit, as the bytes that will be written.
//!
//! The frame's place is kept free in front, so that a commit is one write. Nothing in the bytes depends on the
//! segment or the offset until the frame is filled in.

use std::sync::Arc;
use std::time::Instant;

use crate::commit::outcome::Outcome;
use crate::fields::{on_disk, put};
use crate::frame::{FRAME_BYTES, Frame};
use crate::record::RecordHeader;
use crate::segment::header::SegmentHeader;
use crate::seq::Seq;

/// Buffers that grew beyond this are given back to the allocator after their commit.
const BUFFER_BYTES_KEPT: usize = 4 << 20;

/// A commit that is being filled or written.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    record_crcs: Vec<u8>,
    pub(crate) first_seq: Seq,
    pub(crate) records: u32,
    /// When its first record was placed.
    pub(crate) since: Option<Instant>,
    /// When it was committed, if that isn't now: its records are copied from another log.
    pub(crate) commit_time_ns: Option<i64>,
    /// Whether somebody needs it synced.
    pub(crate) sync: bool,
    /// How many callers wait for it: what the next commit may expect.
    pub(crate) waiting: u32,
    pub(crate) outcome: Arc<Outcome>,
}

impl Batch {
    pub(crate) fn starting_at(first_seq: Seq) -> Batch {
        Batch {
            bytes: vec![0; FRAME_BYTES],
            record_crcs: Vec::new(),
            first_seq,
            records: 0,
            since: None,
            commit_time_ns: None,
            sync: false,
            waiting: 0,
            outcome: Arc::default(),
        }
    }

    /// An empty one, with the memory of one that is done.
    pub(crate) fn reusing(done: Batch, first_seq: Seq) -> Batch {
        let Batch { mut bytes, mut record_crcs, .. } = done;
        bytes.truncate(FRAME_BYTES);
        bytes.shrink_to(BUFFER_BYTES_KEPT);
        record_crcs.clear();
        record_crcs.shrink_to(BUFFER_BYTES_KEPT);
        let (commit_time_ns, outcome) = (None, Arc::default());
        Batch {
            first_seq,
            records: 0,
            since: None,
            commit_time_ns,
            sync: false,
            waiting: 0,
            outcome,
            bytes,
            record_crcs,
        }
    }

    /// Adds a record and gives it its number.
    pub(crate) fn push(&mut self, header: &RecordHeader, payload: &[u8]) -> Seq {
        let seq = self.end_seq();
        self.bytes.extend_from_slice(&header.encode());
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(self.bytes.len() + header.padding_bytes(), 0);
        self.record_crcs.extend_from_slice(&header.crc.to_le_bytes());
        self.records += 1;
        seq
    }

    /// The number that the next record will have.
    pub(crate) fn end_seq(&self) -> Seq {
        self.first_seq.plus(u64::from(self.records))
    }

    /// The length of frame and records.
    pub(crate) fn total_bytes(&self) -> u64 {
        on_disk(self.bytes.len())
    }

    /// The length of the records.
    pub(crate) fn records_bytes(&self) -> u64 {
        on_disk(self.bytes.len() - FRAME_BYTES)
    }

    /// The bytes to write at this offset of this segment.
    pub(crate) fn framed(
        &mut self,
        header: &SegmentHeader,
        offset: u64,
        durable_before: Seq,
        commit_time_ns: i64,
    ) -> &[u8] {
        let seed = header.seed(offset);
        let frame = Frame {
            first_seq: self.first_seq,
            durable_before,
            commit_time_ns,
            records: self.records,
            records_bytes: self.records_bytes(),
            records_crc: crc32c::crc32c_append(seed, &self.record_crcs),
        };
        put(&mut self.bytes, 0, &frame.encode(seed));
        &self.bytes
    }
}
