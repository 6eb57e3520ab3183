//! The records of one commit that lie in memory as a whole: checked all at once, so that handing them out costs nothing.
//!
//! Format: FORMAT.md#record-40-bytes--payload-8-byte-aligned
//!
//! Says only whether all of it is sound. Where it isn't, [`scan`](crate::segment::scan) finds out which records are
//! touched. This one is made for speed: replay spends most of its time here.

use crate::fields::{in_memory, is_zero, u32_at};
use crate::frame::Frame;
use crate::record::{RECORD_BYTES_MAX, RECORD_HEADER_BYTES, record_bytes};

/// How many bytes of CRC fields are gathered before the records CRC goes on. A multiple of 8, because the CRC of
/// aligned words takes a quarter of the time that the same bytes take by fours.
const GATHERED_BYTES: usize = 256;

/// Where the part of a record starts that its checksum covers behind the length field: leaf and payload.
const COVERED_AT: usize = 8;

/// Checks commits, one after the other.
#[derive(Debug)]
pub(crate) struct RecordsCheck {
    /// A length field and its CRC: neighbours often have the same length.
    length_field: u32,
    length_crc: u32,
}

impl RecordsCheck {
    pub(crate) fn new() -> RecordsCheck {
        RecordsCheck { length_field: 0, length_crc: crc32c::crc32c(&[0; 4]) }
    }

    /// Whether these bytes are exactly the sound records that this frame was made for. `seed` is the frame's.
    pub(crate) fn is_sound(&mut self, records: &[u8], frame: &Frame, seed: u32) -> bool {
        let (mut rest, mut records_crc) = (records, seed);
        let (mut gathered, mut filled) = ([0_u8; GATHERED_BYTES], 0);
        for _ in 0..frame.records {
            let Some((crc_field, behind)) = self.sound_record(rest) else { return false };
            rest = behind;
            if let Some(place) = gathered.get_mut(filled..filled + 4) {
                place.copy_from_slice(&crc_field);
                filled += 4;
            }
            if filled == GATHERED_BYTES {
                records_crc = crc32c::crc32c_append(records_crc, &gathered);
                filled = 0;
            }
        }
        let last = gathered.get(..filled).unwrap_or_default();
        rest.is_empty() && crc32c::crc32c_append(records_crc, last) == frame.records_crc
    }

    /// Whether these bytes start with a sound record.
    pub(crate) fn is_sound_alone(&mut self, bytes: &[u8]) -> bool {
        self.sound_record(bytes).is_some()
    }

    /// The CRC field of the record that these bytes start with, if it is sound, and what lies behind it.
    #[inline]
    fn sound_record<'a>(&mut self, bytes: &'a [u8]) -> Option<([u8; 4], &'a [u8])> {
        let header: &[u8; RECORD_HEADER_BYTES] = bytes.first_chunk()?;
        let (payload_bytes, crc) = (u32_at(header, 0), u32_at(header, 4));
        if payload_bytes > RECORD_BYTES_MAX {
            return None;
        }
        if payload_bytes != self.length_field {
            self.length_field = payload_bytes;
            self.length_crc = crc32c::crc32c(&payload_bytes.to_le_bytes());
        }
        let (record, behind) = bytes.split_at_checked(in_memory(record_bytes(payload_bytes)))?;
        // Leaf and payload lie side by side, so one pass covers both.
        let end = RECORD_HEADER_BYTES + in_memory(u64::from(payload_bytes));
        let (covered, padding) = (record.get(COVERED_AT..end)?, record.get(end..)?);
        let is_sound = crc32c::crc32c_append(self.length_crc, covered) == crc && is_zero(padding);
        is_sound.then_some((crc.to_le_bytes(), behind))
    }
}

/// How long the payload is of the record that these bytes start with, if that is possible. Checks no checksum.
#[inline]
pub(crate) fn payload_bytes_at(bytes: &[u8]) -> Option<u32> {
    let payload_bytes = u32::from_le_bytes(*bytes.first_chunk()?);
    (payload_bytes <= RECORD_BYTES_MAX).then_some(payload_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::Blake3Leaf;
    use crate::record::RecordHeader;
    use crate::seq::Seq;

    const SEED: u32 = 0x1357_9bdf;

    /// The records of a commit and its frame. Enough of them that their CRC fields are gathered more than once.
    fn commit(payload_bytes: impl Iterator<Item = usize>) -> (Vec<u8>, Frame) {
        let (mut bytes, mut records, mut records_crc) = (Vec::new(), 0, SEED);
        for length in payload_bytes {
            let payload = vec![u8::try_from(length % 251).unwrap(); length];
            let header = RecordHeader::of(&payload, &Blake3Leaf).unwrap();
            bytes.extend_from_slice(&header.encode());
            bytes.extend_from_slice(&payload);
            bytes.resize(bytes.len() + header.padding_bytes(), 0);
            records_crc = crc32c::crc32c_append(records_crc, &header.crc.to_le_bytes());
            records += 1;
        }
        let records_bytes = crate::fields::on_disk(bytes.len());
        let (first_seq, durable_before) = (Seq::new(7), Seq::new(7));
        (bytes, Frame { first_seq, durable_before, commit_time_ns: 0, records, records_bytes, records_crc })
    }

    fn is_sound(bytes: &[u8], frame: &Frame) -> bool {
        RecordsCheck::new().is_sound(bytes, frame, SEED)
    }

    #[test]
    fn commits_of_any_number_and_length_of_records_are_sound() {
        for records in [1, 2, 63, 64, 65, 128, 300] {
            let (bytes, frame) = commit((0..records).map(|number| number % 17));
            assert!(is_sound(&bytes, &frame), "{records} records");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (good, frame) = commit([5, 0, 13, 13, 24].into_iter());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_sound(&bad, &frame), "bit {bit}");
        }
    }

    #[test]
    fn sound_records_that_are_not_those_of_the_frame_are_noticed() {
        let (bytes, frame) = commit([16, 16, 24].into_iter());
        let (other, _) = commit([16, 24, 16].into_iter());
        assert!(!is_sound(&other, &frame), "the same records in another order");
        assert!(!is_sound(&bytes, &Frame { records: 2, ..frame }), "one record too many");
        assert!(!is_sound(&bytes, &Frame { records: 4, ..frame }), "one record too few");
        assert!(!RecordsCheck::new().is_sound(&bytes, &frame, SEED + 1), "those of another place");
    }

    #[test]
    fn any_cut_is_noticed() {
        let (bytes, frame) = commit([5, 30].into_iter());
        for length in 0..bytes.len() {
            assert!(!is_sound(&bytes[..length], &frame), "{length} bytes");
        }
    }
}
