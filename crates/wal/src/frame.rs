//! The frame in front of each commit's records.
//!
//! Format: FORMAT.md#commit-frame-64-bytes
//!
//! A frame is tied to its segment and its offset by the seed of its checksums. Decoding checks all that can be
//! checked without the records; that these fill the frame's length and match its checksum is the scanner's business.

use crate::damage::{Problem, check_crc, check_field, check_max, check_zero};
use crate::fields::{array_at, i64_at, part, put, u32_at, u64_at};
use crate::planted::{Bug, planted};
use crate::record::{RECORD_ALIGNMENT_BYTES, RECORD_HEADER_BYTES};
use crate::seq::Seq;

/// The length of a frame.
pub(crate) const FRAME_BYTES: usize = 64;

/// What a frame starts with.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"RLCF";

const FRAME_MAGIC_TEXT: &str = "RLCF";
const PART: &str = "commit frame";

/// What stands in front of the records of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first_seq: Seq,
    /// Every `Seq` below this one was durable when the commit was written.
    pub(crate) durable_before: Seq,
    pub(crate) commit_time_ns: i64,
    pub(crate) records: u32,
    /// The length of the records, padding included.
    pub(crate) records_bytes: u64,
    pub(crate) records_crc: u32,
}

impl Frame {
    /// The frame's bytes, for a place whose seed this is.
    pub(crate) fn encode(&self, seed: u32) -> [u8; FRAME_BYTES] {
        let mut block = [0; FRAME_BYTES];
        put(&mut block, 0, &FRAME_MAGIC);
        put(&mut block, 8, &self.first_seq.get().to_le_bytes());
        put(&mut block, 16, &self.durable_before.get().to_le_bytes());
        put(&mut block, 24, &self.commit_time_ns.to_le_bytes());
        put(&mut block, 32, &self.records.to_le_bytes());
        put(&mut block, 40, &self.records_bytes.to_le_bytes());
        put(&mut block, 52, &self.records_crc.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, part(&block, 0..60));
        put(&mut block, 60, &crc.to_le_bytes());
        block
    }

    /// Reads a frame at a place whose seed this is, and checks everything but where it should lie in the log.
    pub(crate) fn decode(block: &[u8; FRAME_BYTES], seed: u32) -> Result<Frame, Problem> {
        let magic: [u8; 4] = array_at(block, 0);
        if magic != FRAME_MAGIC {
            return Err(Problem::magic(PART, FRAME_MAGIC_TEXT, &magic));
        }
        if !planted(Bug::BelieveFrameUnchecked) {
            check_crc(PART, crc32c::crc32c_append(seed, part(block, 0..60)), u32_at(block, 60))?;
        }
        check_zero(PART, "flags", part(block, 4..8))?;
        check_zero(PART, "reserved bytes", part(block, 36..40))?;
        check_zero(PART, "reserved bytes", part(block, 48..52))?;
        check_zero(PART, "reserved bytes", part(block, 56..60))?;
        let frame = Frame {
            first_seq: Seq::new(u64_at(block, 8)),
            durable_before: Seq::new(u64_at(block, 16)),
            commit_time_ns: i64_at(block, 24),
            records: u32_at(block, 32),
            records_bytes: u64_at(block, 40),
            records_crc: u32_at(block, 52),
        };
        frame.check_fields()?;
        Ok(frame)
    }

    fn check_fields(&self) -> Result<(), Problem> {
        if self.records == 0 {
            return Err(Problem::Range {
                part: PART,
                field: "record count",
                min: 1,
                max: u64::from(u32::MAX),
                found: 0,
            });
        }
        let first_seq_max = Seq::MAX.get() - u64::from(self.records);
        check_max(PART, "first seq", first_seq_max, self.first_seq.get())?;
        let least = RECORD_HEADER_BYTES as u64 * u64::from(self.records);
        if self.records_bytes < least {
            let (max, found) = (u64::MAX, self.records_bytes);
            return Err(Problem::Range { part: PART, field: "byte length", min: least, max, found });
        }
        check_field(PART, "byte length modulo 8", 0, self.records_bytes % RECORD_ALIGNMENT_BYTES)
    }

    /// The `Seq` after the commit's last record.
    pub(crate) const fn end_seq(&self) -> Seq {
        self.first_seq.plus(self.records as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame {
            first_seq: Seq::new(7),
            durable_before: Seq::new(6),
            commit_time_ns: -1,
            records: 2,
            records_bytes: 96,
            records_crc: 0x1234_5678,
        }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        assert_eq!(Frame::decode(&frame().encode(9), 9), Ok(frame()));
    }

    #[test]
    fn another_place_or_segment_never_passes() {
        assert!(matches!(Frame::decode(&frame().encode(9), 10), Err(Problem::Checksum { .. })));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = frame().encode(9);
        for bit in 0..good.len() * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::decode(&bad, 9).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn impossible_fields_are_refused_although_the_checksum_matches() {
        for impossible in [
            Frame { records: 0, ..frame() },
            Frame { records_bytes: 72, ..frame() },
            Frame { records_bytes: 97, ..frame() },
            Frame { first_seq: Seq::new(u64::MAX), ..frame() },
            Frame { first_seq: Seq::new(Seq::MAX.get() - 1), ..frame() },
        ] {
            assert!(Frame::decode(&impossible.encode(9), 9).is_err(), "{impossible:?}");
        }
    }
}
