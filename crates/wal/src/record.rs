//! One record: its bytes on disk, and [`Record`], what a reader gets.
//!
//! Format: FORMAT.md#record-40-bytes--payload-8-byte-aligned
//!
//! Nothing in a record's bytes depends on where it will lie, so callers hash and checksum on their own thread before
//! any lock is taken. Which commit a record belongs to, and which `Seq` it has, is the frame's business.

use std::fmt;
use std::sync::Arc;

use crate::damage::{Problem, check_crc};
use crate::fields::{array_at, in_memory, on_disk, put, u32_at};
use crate::leaf::LeafFunction;
use crate::planted::{Bug, planted};
use crate::reader::sealed::SealedFile;
use crate::seq::{Leaf, Seq};

/// The longest payload that a record may have. A longer append is refused before anything is written.
pub const RECORD_BYTES_MAX: u32 = 16 << 20;

/// The length of what stands in front of a payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 40;

/// Where the leaf starts in a record; it reaches up to the payload.
const LEAF_AT: usize = 8;

/// The length of a leaf.
pub(crate) const LEAF_BYTES: usize = RECORD_HEADER_BYTES - LEAF_AT;

/// Records start at multiples of this.
pub(crate) const RECORD_ALIGNMENT_BYTES: u64 = 8;

/// The bits of the length field that hold the length. The others are flags, none of which is defined.
const LENGTH_MASK: u32 = (1 << 25) - 1;

const PART: &str = "record";

/// The bytes that a record with this payload takes, header and padding included.
#[inline]
pub(crate) const fn record_bytes(payload_bytes: u32) -> u64 {
    (RECORD_HEADER_BYTES as u64 + payload_bytes as u64).next_multiple_of(RECORD_ALIGNMENT_BYTES)
}

/// What stands in front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) payload_bytes: u32,
    pub(crate) crc: u32,
    pub(crate) leaf: Leaf,
}

impl RecordHeader {
    /// Hashes and checksums a payload.
    ///
    /// # Errors
    ///
    /// The payload's length, if it is over [`RECORD_BYTES_MAX`].
    pub(crate) fn of(payload: &[u8], leaf_function: &dyn LeafFunction) -> Result<RecordHeader, u64> {
        let too_long = || on_disk(payload.len());
        let payload_bytes = u32::try_from(payload.len()).map_err(|_| too_long())?;
        if payload_bytes > RECORD_BYTES_MAX {
            return Err(too_long());
        }
        let leaf = leaf_function.leaf(payload);
        Ok(RecordHeader { payload_bytes, crc: record_crc(payload_bytes, &leaf, payload), leaf })
    }

    pub(crate) fn encode(&self) -> [u8; RECORD_HEADER_BYTES] {
        let mut block = [0; RECORD_HEADER_BYTES];
        put(&mut block, 0, &self.payload_bytes.to_le_bytes());
        put(&mut block, 4, &self.crc.to_le_bytes());
        put(&mut block, 8, self.leaf.as_bytes());
        block
    }

    /// Reads a header and checks its length field; the checksum needs the payload: [`RecordHeader::check`].
    pub(crate) fn decode(block: &[u8; RECORD_HEADER_BYTES]) -> Result<RecordHeader, Problem> {
        let length_field = u32_at(block, 0);
        if length_field & !LENGTH_MASK != 0 {
            return Err(Problem::NotZero { part: PART, field: "flags in the length field" });
        }
        if length_field > RECORD_BYTES_MAX {
            let (max, found) = (u64::from(RECORD_BYTES_MAX), u64::from(length_field));
            return Err(Problem::Range { part: PART, field: "payload length", min: 0, max, found });
        }
        let leaf = Leaf::from_bytes(array_at(block, 8));
        Ok(RecordHeader { payload_bytes: length_field, crc: u32_at(block, 4), leaf })
    }

    /// The bytes of header, payload and padding together.
    pub(crate) const fn total_bytes(&self) -> u64 {
        record_bytes(self.payload_bytes)
    }

    /// The bytes of zero after the payload.
    pub(crate) const fn padding_bytes(&self) -> usize {
        ((RECORD_ALIGNMENT_BYTES - (self.payload_bytes as u64 % RECORD_ALIGNMENT_BYTES))
            % RECORD_ALIGNMENT_BYTES) as usize
    }

    /// The checksum that belongs to this header and payload, whatever the header's is.
    pub(crate) fn crc_of(&self, payload: &[u8]) -> u32 {
        record_crc(self.payload_bytes, &self.leaf, payload)
    }

    /// Checks the payload and the padding that follow this header.
    pub(crate) fn check(&self, payload: &[u8], padding: &[u8]) -> Result<(), Problem> {
        check_crc(PART, self.crc_of(payload), self.crc)?;
        crate::damage::check_zero(PART, "padding", padding)
    }

    /// As [`RecordHeader::check`], where `record` is all of the record in one piece.
    fn check_in(&self, record: &[u8]) -> Result<(), Problem> {
        let end = RECORD_HEADER_BYTES + in_memory(u64::from(self.payload_bytes));
        let (covered, padding) = record.split_at_checked(end).unwrap_or((record, &[]));
        // Leaf and payload lie side by side, so one pass covers both.
        let covered = covered.get(LEAF_AT..).unwrap_or_default();
        check_crc(PART, crc32c::crc32c_append(length_crc(self.payload_bytes), covered), self.crc)?;
        crate::damage::check_zero(PART, "padding", padding)
    }
}

fn record_crc(payload_bytes: u32, leaf: &Leaf, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(length_crc(payload_bytes), leaf.as_bytes());
    crc32c::crc32c_append(crc, payload)
}

fn length_crc(payload_bytes: u32) -> u32 {
    crc32c::crc32c(&payload_bytes.to_le_bytes())
}

/// A record as it was appended: durable, and checked against its checksum when it was read.
///
/// Cheap to clone: the payload is shared, and of a sealed segment it lies in the mapped file itself.
#[derive(Clone)]
pub struct Record {
    seq: Seq,
    /// `None`: the footer of the sealed segment that it lies in says it to whoever asks.
    commit_time_ns: Option<i64>,
    block: Block,
    /// Where its leaf starts in the block, right in front of its payload.
    leaf_at: usize,
    payload_bytes: u32,
}

/// Where a record lies in memory.
#[derive(Clone)]
pub(crate) enum Block {
    /// In bytes that were read.
    Read(Arc<[u8]>),
    /// In a sealed segment that is mapped.
    Sealed(Arc<SealedFile>),
}

impl Block {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Block::Read(bytes) => bytes,
            Block::Sealed(sealed) => sealed.bytes(),
        }
    }
}

impl Record {
    /// Decodes and checks the record that starts at `at` in `block`. A time of `None` is looked up when it is asked for: that
    /// is only for a block that is sealed.
    pub(crate) fn decode(
        block: Block,
        at: usize,
        seq: Seq,
        commit_time_ns: Option<i64>,
    ) -> Result<Record, Problem> {
        let rest = block.bytes().get(at..).unwrap_or_default();
        let header_block = rest.first_chunk().ok_or_else(|| ends(at, RECORD_HEADER_BYTES, rest.len()))?;
        let header = RecordHeader::decode(header_block)?;
        let total = in_memory(header.total_bytes());
        let record = rest.get(..total).ok_or_else(|| ends(at, total, rest.len()))?;
        if !planted(Bug::ShowRecordUnchecked) {
            header.check_in(record)?;
        }
        let payload_bytes = header.payload_bytes;
        Ok(Record { seq, commit_time_ns, leaf_at: at + LEAF_AT, payload_bytes, block })
    }

    /// A record of a commit that was checked as a whole. Its leaf lies at `leaf_at` in `block`, its payload behind it.
    pub(crate) fn of_checked(block: Block, leaf_at: usize, lent: RecordRef<'_>) -> Record {
        let payload_bytes = u32::try_from(lent.payload.len()).expect("a record's length has fewer bits");
        let (seq, commit_time_ns) = (lent.seq, Some(lent.commit_time_ns));
        Record { seq, commit_time_ns, block, leaf_at, payload_bytes }
    }

    /// The same record, lent.
    #[must_use]
    pub fn lend(&self) -> RecordRef<'_> {
        RecordRef::new(self.seq, self.commit_time(), self.leaf_bytes(), self.payload())
    }

    /// Its number.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The hash that is stored with it.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        Leaf::from_bytes(*self.leaf_bytes())
    }

    fn leaf_bytes(&self) -> &[u8; LEAF_BYTES] {
        let leaf = self.block.bytes().get(self.leaf_at..).and_then(<[u8]>::first_chunk);
        leaf.expect("a record was decoded from its block")
    }

    /// The bytes that were appended.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        let start = self.leaf_at + LEAF_BYTES;
        let end = start + in_memory(u64::from(self.payload_bytes));
        self.block.bytes().get(start..end).unwrap_or_default()
    }

    /// When its commit was written, in nanoseconds since the Unix epoch. Never decreases from one record to the next.
    #[must_use]
    pub fn commit_time(&self) -> i64 {
        match (&self.block, self.commit_time_ns) {
            (_, Some(commit_time_ns)) => commit_time_ns,
            (Block::Sealed(sealed), None) => sealed.commit_time_ns(self.seq),
            (Block::Read(_), None) => unreachable!("only a sealed segment is asked for a time later"),
        }
    }
}

/// A record as it was appended, lent by who reads many: durable, and checked against its checksum when it was read.
#[derive(Clone, Copy)]
pub struct RecordRef<'a> {
    seq: Seq,
    commit_time_ns: i64,
    leaf: &'a [u8; LEAF_BYTES],
    payload: &'a [u8],
}

impl<'a> RecordRef<'a> {
    #[inline]
    pub(crate) fn new(
        seq: Seq,
        commit_time_ns: i64,
        leaf: &'a [u8; LEAF_BYTES],
        payload: &'a [u8],
    ) -> RecordRef<'a> {
        RecordRef { seq, commit_time_ns, leaf, payload }
    }

    /// Its number.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The hash that is stored with it.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        Leaf::from_bytes(*self.leaf)
    }

    /// The bytes that were appended.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// When its commit was written, in nanoseconds since the Unix epoch. Never decreases from one record to the next.
    #[must_use]
    pub fn commit_time(&self) -> i64 {
        self.commit_time_ns
    }
}

impl fmt::Debug for RecordRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_debug(f, "RecordRef", *self)
    }
}

fn write_debug(f: &mut fmt::Formatter<'_>, name: &str, record: RecordRef<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("seq", &record.seq())
        .field("leaf", &record.leaf())
        .field("commit_time", &record.commit_time())
        .field("payload_bytes", &record.payload().len())
        .finish_non_exhaustive()
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_debug(f, "Record", self.lend())
    }
}

/// The problem of a record that its surroundings are too short for.
fn ends(at: usize, needed: usize, found: usize) -> Problem {
    Problem::Ends { part: PART, expected: on_disk(at + needed), found: on_disk(at + found) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::leaf::Blake3Leaf;

    fn encoded(payload: &[u8]) -> Vec<u8> {
        let header = RecordHeader::of(payload, &Blake3Leaf).unwrap();
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(payload);
        bytes.resize(bytes.len() + header.padding_bytes(), 0);
        assert_eq!(on_disk(bytes.len()), header.total_bytes());
        bytes
    }

    fn decoded(bytes: &[u8]) -> Result<Record, Problem> {
        Record::decode(Block::Read(bytes.into()), 0, Seq::ZERO, Some(5))
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let record = decoded(&encoded(&payload)).unwrap();
            prop_assert_eq!(record.payload(), payload.as_slice());
            prop_assert_eq!(record.leaf(), Blake3Leaf.leaf(&payload));
        }

        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = decoded(&bytes);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = encoded(b"thirteen byte");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decoded(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_payload_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
        let limit = in_memory(u64::from(RECORD_BYTES_MAX));
        assert!(RecordHeader::of(&vec![0; limit], &Blake3Leaf).is_ok());
        assert_eq!(RecordHeader::of(&vec![0; limit + 1], &Blake3Leaf), Err(u64::from(RECORD_BYTES_MAX) + 1));
    }
}
