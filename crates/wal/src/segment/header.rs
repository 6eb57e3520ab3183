//! The first block of a segment.
//!
//! Format: FORMAT.md#header-4096-bytes
//!
//! A version is believed only after the checksum matched: until then it is just a damaged header. Whatever this
//! version doesn't know is refused, not ignored.

use crate::damage::{Problem, check_crc, check_max, check_zero};
use crate::fields::{array_at, i64_at, part, put, u32_at, u64_at};
use crate::options::SEGMENT_BYTES_MAX;
use crate::planted::{Bug, planted};
use crate::seq::{LedgerId, Seq};

/// The length of a header, and where the first commit may start.
pub(crate) const HEADER_BYTES: usize = 4096;

/// [`HEADER_BYTES`] as an offset.
pub(crate) const HEADER_END: u64 = HEADER_BYTES as u64;

/// The highest version of the format that this crate reads: that of compressed segments.
pub const FORMAT_VERSION: u32 = 2;

/// The version of a segment that is appended to: programs that know nothing of compressed ones read it too.
const APPENDED_VERSION: u32 = 1;

/// The least alignment of commits: that of records.
pub(crate) const COMMIT_ALIGNMENT_BYTES_MIN: u32 = 8;

/// The greatest alignment of commits.
pub(crate) const COMMIT_ALIGNMENT_BYTES_MAX: u32 = 65536;

const MAGIC: [u8; 8] = *b"RLSEGMNT";
const MAGIC_TEXT: &str = "RLSEGMNT";
const PART: &str = "segment header";

/// Layout marks of a segment as it was appended: records store their leaf.
const LAYOUT_APPENDED: u64 = 1;

/// Layout marks of a compressed one: leaves are computed from the payloads.
const LAYOUT_COMPRESSED: u64 = 2;

/// Where the checksum stands.
const CRC_AT: usize = HEADER_BYTES - 4;

/// What a segment says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) ledger_id: LedgerId,
    pub(crate) first_seq: Seq,
    /// Random per segment; seeds the checksums of its frames and footer.
    pub(crate) nonce: [u8; 16],
    /// 0 as appended, one more for each rewrite.
    pub(crate) generation: u64,
    pub(crate) created_ns: i64,
    pub(crate) leaf_function: u32,
    /// Commits start at multiples of this.
    pub(crate) commit_alignment_bytes: u32,
    /// What was allocated for the file when it was created.
    pub(crate) capacity_bytes: u64,
    /// Whether commits and footer lie behind it in blocks: see [`compressed`](crate::segment::compressed).
    pub(crate) compressed: bool,
}

/// Why a header can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Sound, and of a version that this program doesn't know.
    NewerVersion(u32),
    /// Not sound.
    Damaged(Problem),
}

impl From<Problem> for HeaderError {
    fn from(problem: Problem) -> HeaderError {
        HeaderError::Damaged(problem)
    }
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let (version, layout) = layout_of(self.compressed);
        let mut block = [0; HEADER_BYTES];
        put(&mut block, 0, &MAGIC);
        put(&mut block, 8, &version.to_le_bytes());
        put(&mut block, 12, &4096_u32.to_le_bytes());
        put(&mut block, 16, &self.ledger_id.to_bytes());
        put(&mut block, 32, &self.first_seq.get().to_le_bytes());
        put(&mut block, 40, &self.nonce);
        put(&mut block, 56, &self.generation.to_le_bytes());
        put(&mut block, 64, &self.created_ns.to_le_bytes());
        put(&mut block, 72, &layout.to_le_bytes());
        put(&mut block, 80, &self.leaf_function.to_le_bytes());
        put(&mut block, 84, &self.commit_alignment_bytes.to_le_bytes());
        put(&mut block, 88, &self.capacity_bytes.to_le_bytes());
        let crc = crc32c::crc32c(part(&block, 0..CRC_AT));
        put(&mut block, CRC_AT, &crc.to_le_bytes());
        block
    }

    /// Reads a header and checks all of it but whether it belongs to this file and ledger.
    pub(crate) fn decode(block: &[u8; HEADER_BYTES]) -> Result<SegmentHeader, HeaderError> {
        let magic: [u8; 8] = array_at(block, 0);
        if magic != MAGIC {
            return Err(Problem::magic(PART, MAGIC_TEXT, &magic).into());
        }
        check_crc(PART, crc32c::crc32c(part(block, 0..CRC_AT)), u32_at(block, CRC_AT))?;
        let version = u32_at(block, 8);
        if version > FORMAT_VERSION {
            return Err(HeaderError::NewerVersion(version));
        }
        let fixed =
            |field, expected: u64, found: u64| crate::damage::check_field(PART, field, expected, found);
        let compressed = version == FORMAT_VERSION;
        let (version_expected, layout) = layout_of(compressed);
        fixed("format version", u64::from(version_expected), u64::from(version))?;
        fixed("header length", HEADER_END, u64::from(u32_at(block, 12)))?;
        fixed("layout marks", layout, u64_at(block, 72))?;
        check_zero(PART, "encryption fields", part(block, 96..128))?;
        check_zero(PART, "reserved bytes", part(block, 128..CRC_AT))?;
        let header = SegmentHeader {
            ledger_id: LedgerId::from_bytes(array_at(block, 16)),
            first_seq: Seq::new(u64_at(block, 32)),
            nonce: array_at(block, 40),
            generation: u64_at(block, 56),
            created_ns: i64_at(block, 64),
            leaf_function: u32_at(block, 80),
            commit_alignment_bytes: u32_at(block, 84),
            capacity_bytes: u64_at(block, 88),
            compressed,
        };
        if !is_commit_alignment(header.commit_alignment_bytes) {
            return Err(Problem::Range {
                part: PART,
                field: "commit alignment",
                min: u64::from(COMMIT_ALIGNMENT_BYTES_MIN),
                max: u64::from(COMMIT_ALIGNMENT_BYTES_MAX),
                found: u64::from(header.commit_alignment_bytes),
            }
            .into());
        }
        check_max(PART, "first seq", Seq::MAX.get(), header.first_seq.get())?;
        check_max(PART, "capacity", SEGMENT_BYTES_MAX, header.capacity_bytes)?;
        Ok(header)
    }

    /// Checks that the header belongs to this ledger and to a file of this name.
    pub(crate) fn check_place(&self, ledger_id: LedgerId, first_seq: Seq) -> Result<(), Problem> {
        if self.ledger_id != ledger_id {
            return Err(Problem::OtherLedger { part: PART, expected: ledger_id, found: self.ledger_id });
        }
        crate::damage::check_field(PART, "first seq", first_seq.get(), self.first_seq.get())
    }

    /// Where a commit may start that doesn't start before `offset`.
    pub(crate) fn commit_start(&self, offset: u64) -> u64 {
        offset.next_multiple_of(u64::from(self.commit_alignment_bytes))
    }

    /// What the checksums of a structure at this offset continue from.
    pub(crate) fn seed(&self, offset: u64) -> u32 {
        let nonce = if planted(Bug::SeedWithoutNonce) { &[0; 16] } else { &self.nonce };
        crate::fields::seed(nonce, if planted(Bug::SeedWithoutOffset) { 0 } else { offset })
    }
}

/// Whether this is what [`SegmentHeader::check_place`] says of a sound header: the file is another ledger's, or another
/// place's. No crash makes such a file.
pub(crate) fn is_of_another_place(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::OtherLedger { part: PART, .. } | Problem::Field { part: PART, field: "first seq", .. }
    )
}

/// Version and layout marks of a segment.
const fn layout_of(compressed: bool) -> (u32, u64) {
    if compressed { (FORMAT_VERSION, LAYOUT_COMPRESSED) } else { (APPENDED_VERSION, LAYOUT_APPENDED) }
}

/// Whether commits may be aligned so.
pub(crate) const fn is_commit_alignment(bytes: u32) -> bool {
    bytes.is_power_of_two() && bytes >= COMMIT_ALIGNMENT_BYTES_MIN && bytes <= COMMIT_ALIGNMENT_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            ledger_id: LedgerId::from_bytes([7; 16]),
            first_seq: Seq::new(5),
            nonce: [9; 16],
            generation: 0,
            created_ns: 1_700_000_000_000_000_000,
            leaf_function: 0,
            commit_alignment_bytes: 8,
            capacity_bytes: 65536,
            compressed: false,
        }
    }

    /// Changes bytes and makes the checksum right again.
    fn with(at: usize, bytes: &[u8]) -> [u8; HEADER_BYTES] {
        let mut block = header().encode();
        put(&mut block, at, bytes);
        let crc = crc32c::crc32c(part(&block, 0..CRC_AT));
        put(&mut block, CRC_AT, &crc.to_le_bytes());
        block
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for header in [header(), SegmentHeader { compressed: true, generation: 1, ..header() }] {
            assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
        }
    }

    #[test]
    fn every_flipped_bit_is_damage_and_never_a_newer_version() {
        let good = header().encode();
        for bit in 0..good.len() * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(SegmentHeader::decode(&bad), Err(HeaderError::Damaged(_))), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        assert_eq!(SegmentHeader::decode(&with(8, &3_u32.to_le_bytes())), Err(HeaderError::NewerVersion(3)));
    }

    #[test]
    fn what_this_version_does_not_know_is_refused() {
        let places = [
            ("version 0", 8, 0),
            ("version 2", 8, 2),
            ("header length", 12, 8192),
            ("layout", 72, 3),
            ("alignment", 84, 12),
        ];
        for (what, at, value) in places {
            assert!(SegmentHeader::decode(&with(at, &u32::to_le_bytes(value))).is_err(), "{what}");
        }
        assert!(SegmentHeader::decode(&with(96, &[1])).is_err(), "encryption");
        assert!(SegmentHeader::decode(&with(4000, &[1])).is_err(), "reserved");
        for (what, at, max) in [("first seq", 32, Seq::MAX.get()), ("capacity", 88, SEGMENT_BYTES_MAX)] {
            assert!(SegmentHeader::decode(&with(at, &max.to_le_bytes())).is_ok(), "{what}");
            assert!(SegmentHeader::decode(&with(at, &(max + 1).to_le_bytes())).is_err(), "{what}");
        }
    }
}
