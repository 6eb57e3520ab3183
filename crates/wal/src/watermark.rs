//! How far the log is durable, kept outside of the log's own tail.
//!
//! Format: FORMAT.md#watermark-8192-bytes
//!
//! Two slots, so that an update that is torn leaves an earlier one. A slot is written after every sync of the log and
//! before anything is acknowledged; it needs no sync of its own then, because a process that dies leaves the page
//! cache behind. Only a power cut can make it lag, and then it says less than the truth, never more.

use crate::damage::{Problem, check_crc, check_field, check_max, check_zero};
use crate::fields::{array_at, i64_at, part, put, u32_at, u64_at};
use crate::frame::FRAME_BYTES;
use crate::planted::{Bug, planted};
use crate::record::{RECORD_ALIGNMENT_BYTES, RECORD_HEADER_BYTES};
use crate::segment::header::HEADER_END;
use crate::seq::{LedgerId, Seq};

pub(crate) mod file;

/// The length of the file.
pub(crate) const WATERMARK_BYTES: usize = 8192;

/// The distance of the slots.
const SLOT_STRIDE_BYTES: u64 = 4096;

/// The part of a slot that is used.
pub(crate) const SLOT_BYTES: usize = 128;

/// The version of the watermark's file, and the highest that this crate reads.
pub(crate) const WATERMARK_FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"RLWATERM";
const MAGIC_TEXT: &str = "RLWATERM";
const PART: &str = "watermark slot";
const FLAG_CLEAN: u32 = 1;
const CRC_AT: usize = 124;

/// The update number of a new log's watermark.
pub(crate) const FIRST_UPDATE: u64 = 1;

/// The highest update number of a sound slot: there is always a higher one.
const UPDATE_MAX: u64 = u64::MAX >> 2;

/// The highest `Seq` of a sound slot. Far below [`Seq::MAX`], so that a log can go on from any.
const SEQ_MAX: u64 = u64::MAX >> 2;

/// How far a log is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watermark {
    pub(crate) ledger_id: LedgerId,
    /// More at each update; the higher one counts, and whether it is even says in which slot it stands.
    pub(crate) update: u64,
    /// The log was closed in good order at exactly this point.
    pub(crate) clean: bool,
    /// The segment that holds the last durable commit.
    pub(crate) segment: Seq,
    /// Where that commit ends. 0 while the log has no segment at all.
    pub(crate) offset: u64,
    /// The number of durable records, and so the number of the next.
    pub(crate) seq: Seq,
    /// Of the last durable commit.
    pub(crate) commit_time_ns: i64,
}

/// Why a slot says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlotError {
    /// Never written.
    Blank,
    /// Sound, and of a version that this program doesn't know.
    NewerVersion(u32),
    /// Torn or damaged.
    Damaged(Problem),
}

impl From<Problem> for SlotError {
    fn from(problem: Problem) -> SlotError {
        SlotError::Damaged(problem)
    }
}

impl Watermark {
    /// The first watermark of a ledger that has no record yet.
    pub(crate) fn of_new_ledger(ledger_id: LedgerId) -> Watermark {
        Watermark {
            ledger_id,
            update: FIRST_UPDATE,
            clean: true,
            segment: Seq::ZERO,
            offset: 0,
            seq: Seq::ZERO,
            commit_time_ns: 0,
        }
    }

    pub(crate) fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut block = [0; SLOT_BYTES];
        put(&mut block, 0, &MAGIC);
        put(&mut block, 8, &WATERMARK_FORMAT_VERSION.to_le_bytes());
        put(&mut block, 12, &(if self.clean { FLAG_CLEAN } else { 0 }).to_le_bytes());
        put(&mut block, 16, &self.ledger_id.to_bytes());
        put(&mut block, 32, &self.update.to_le_bytes());
        put(&mut block, 40, &self.segment.get().to_le_bytes());
        put(&mut block, 48, &self.offset.to_le_bytes());
        put(&mut block, 56, &self.seq.get().to_le_bytes());
        put(&mut block, 64, &self.commit_time_ns.to_le_bytes());
        let crc = crc32c::crc32c(part(&block, 0..CRC_AT));
        put(&mut block, CRC_AT, &crc.to_le_bytes());
        block
    }

    pub(crate) fn decode(block: &[u8; SLOT_BYTES]) -> Result<Watermark, SlotError> {
        if crate::fields::is_zero(block) {
            return Err(SlotError::Blank);
        }
        let magic: [u8; 8] = array_at(block, 0);
        if magic != MAGIC {
            return Err(Problem::magic(PART, MAGIC_TEXT, &magic).into());
        }
        if !planted(Bug::BelieveWatermarkUnchecked) {
            check_crc(PART, crc32c::crc32c(part(block, 0..CRC_AT)), u32_at(block, CRC_AT))?;
        }
        let version = u32_at(block, 8);
        if version > WATERMARK_FORMAT_VERSION {
            return Err(SlotError::NewerVersion(version));
        }
        check_field(PART, "format version", u64::from(WATERMARK_FORMAT_VERSION), u64::from(version))?;
        let flags = u32_at(block, 12);
        if flags & !FLAG_CLEAN != 0 {
            return Err(Problem::NotZero { part: PART, field: "unknown flags" }.into());
        }
        check_zero(PART, "reserved bytes", part(block, 72..CRC_AT))?;
        let watermark = Watermark {
            ledger_id: LedgerId::from_bytes(array_at(block, 16)),
            update: u64_at(block, 32),
            clean: flags & FLAG_CLEAN != 0,
            segment: Seq::new(u64_at(block, 40)),
            offset: u64_at(block, 48),
            seq: Seq::new(u64_at(block, 56)),
            commit_time_ns: i64_at(block, 64),
        };
        watermark.check_fields()?;
        Ok(watermark)
    }

    /// Checks that there can be a log that ends there: what was written last decides where a log is cut.
    fn check_fields(&self) -> Result<(), Problem> {
        if !(FIRST_UPDATE..=UPDATE_MAX).contains(&self.update) {
            let (min, max, found) = (FIRST_UPDATE, UPDATE_MAX, self.update);
            return Err(Problem::Range { part: PART, field: "update number", min, max, found });
        }
        check_max(PART, "seq", SEQ_MAX, self.seq.get())?;
        if self.offset == 0 {
            check_field(PART, "seq of a log without segments", 0, self.seq.get())?;
            return check_field(PART, "segment of a log without segments", 0, self.segment.get());
        }
        let records = self.seq.since(self.segment);
        if records == 0 {
            let (max, found) = (self.seq.get().saturating_sub(1), self.segment.get());
            return Err(Problem::Range { part: PART, field: "segment", min: 0, max, found });
        }
        let records_bytes_min = records.saturating_mul(RECORD_HEADER_BYTES as u64);
        let min = records_bytes_min.saturating_add(HEADER_END + FRAME_BYTES as u64);
        if self.offset < min {
            let found = self.offset;
            return Err(Problem::Range { part: PART, field: "offset", min, max: u64::MAX, found });
        }
        check_field(PART, "offset modulo 8", 0, self.offset % RECORD_ALIGNMENT_BYTES)
    }

    /// Where in the file this update goes.
    pub(crate) fn slot_offset(&self) -> u64 {
        if planted(Bug::OneWatermarkSlot) {
            return 0;
        }
        (self.update % 2) * SLOT_STRIDE_BYTES
    }
}

/// What the two slots say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slots {
    /// The newest sound slot. `other_broken` if the other one is damaged: it may have been newer.
    Sound { newest: Watermark, other_broken: bool },
    /// A slot of a newer version.
    NewerVersion(u32),
    /// No sound slot.
    Broken(Problem),
}

impl Slots {
    /// Reads the file's bytes. A slot that is missing is a broken one: the file is whole from its creation on.
    pub(crate) fn decode(bytes: &[u8]) -> Slots {
        let slots = [slot(bytes, 0), slot(bytes, SLOT_STRIDE_BYTES)];
        if let Some(Err(SlotError::NewerVersion(version))) =
            slots.iter().find(|slot| matches!(slot, Err(SlotError::NewerVersion(_))))
        {
            return Slots::NewerVersion(*version);
        }
        let broken = slots.iter().find_map(|slot| match slot {
            Err(SlotError::Damaged(problem)) => Some(problem.clone()),
            _ => None,
        });
        let newest_first = |slot: &&Watermark| {
            if planted(Bug::OlderWatermarkSlotCounts) { !slot.update } else { slot.update }
        };
        match slots.iter().flatten().max_by_key(newest_first) {
            Some(newest) => {
                // Only a new log's second slot was never written. Any other is blank because something wiped it.
                let wiped = newest.update > FIRST_UPDATE && slots.contains(&Err(SlotError::Blank));
                Slots::Sound { newest: *newest, other_broken: broken.is_some() || wiped }
            }
            None => Slots::Broken(broken.unwrap_or(Problem::Ends {
                part: "watermark",
                expected: SLOT_BYTES as u64,
                found: 0,
            })),
        }
    }
}

/// Reads the slot that lies at this offset.
fn slot(bytes: &[u8], offset: u64) -> Result<Watermark, SlotError> {
    let block = bytes.get(crate::fields::in_memory(offset)..).and_then(<[u8]>::first_chunk);
    let Some(block) = block else {
        let (expected, found) = (offset + SLOT_BYTES as u64, crate::fields::on_disk(bytes.len()));
        return Err(Problem::Ends { part: PART, expected, found }.into());
    };
    let watermark = Watermark::decode(block)?;
    // In the other's place, the next update would overwrite the wrong one of the two.
    check_field(PART, "place", watermark.slot_offset(), offset)?;
    Ok(watermark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watermark(update: u64) -> Watermark {
        Watermark { update, clean: false, offset: 4160 + 40 * update, seq: Seq::new(update), ..new() }
    }

    fn new() -> Watermark {
        Watermark::of_new_ledger(LedgerId::from_bytes([3; 16]))
    }

    fn file(slots: &[Watermark]) -> Vec<u8> {
        let mut bytes = vec![0; WATERMARK_BYTES];
        for slot in slots {
            put(&mut bytes, usize::try_from(slot.slot_offset()).unwrap(), &slot.encode());
        }
        bytes
    }

    #[test]
    fn the_newer_slot_counts() {
        for (first, second) in [(4, 5), (6, 5)] {
            let newest = watermark(first.max(second));
            let slots = Slots::decode(&file(&[watermark(first), watermark(second)]));
            assert_eq!(slots, Slots::Sound { newest, other_broken: false });
        }
    }

    #[test]
    fn a_new_file_has_one_slot_and_is_sound() {
        assert_eq!(Slots::decode(&file(&[new()])), Slots::Sound { newest: new(), other_broken: false });
    }

    #[test]
    fn every_flipped_bit_of_a_slot_leaves_the_other() {
        let good = file(&[watermark(4), watermark(5)]);
        for bit in 0..SLOT_BYTES * 8 {
            let mut bad = good.clone();
            bad[4096 + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                Slots::decode(&bad),
                Slots::Sound { newest: watermark(4), other_broken: true },
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_slot_that_was_wiped_cut_off_or_put_into_the_others_place_may_have_been_the_newer() {
        let good = file(&[watermark(4), watermark(5)]);
        let older = Slots::Sound { newest: watermark(4), other_broken: true };
        let mut wiped = good.clone();
        wiped[4096..].fill(0);
        assert_eq!(Slots::decode(&wiped), older);
        for length in 128..4096 + 128 {
            assert_eq!(Slots::decode(&good[..length]), older, "length {length}");
        }
        let mut moved = good.clone();
        moved.copy_within(..128, 4096);
        assert_eq!(Slots::decode(&moved), older);
        assert!(matches!(Slots::decode(&good[..127]), Slots::Broken(_)));
    }

    #[test]
    fn impossible_ends_are_refused_although_the_checksum_matches() {
        let good = watermark(3);
        assert_eq!(Watermark::decode(&good.encode()), Ok(good));
        for impossible in [
            Watermark { update: 0, ..good },
            Watermark { update: u64::MAX, ..good },
            Watermark { update: UPDATE_MAX + 1, ..good },
            Watermark { seq: Seq::new(u64::MAX), offset: !7, ..good },
            Watermark { seq: Seq::new(SEQ_MAX), offset: 1 << 40, ..good },
            Watermark { segment: good.seq, ..good },
            Watermark { segment: Seq::new(u64::MAX), ..good },
            Watermark { offset: good.offset - 8, ..good },
            Watermark { offset: good.offset + 1, ..good },
            Watermark { offset: 1, ..good },
            Watermark { offset: 0, ..good },
            Watermark { offset: 0, seq: Seq::ZERO, segment: Seq::new(1), ..good },
        ] {
            let decoded = Watermark::decode(&impossible.encode());
            assert!(matches!(decoded, Err(SlotError::Damaged(_))), "{impossible:?}");
        }
    }

    #[test]
    fn no_sound_slot_is_broken_and_never_an_empty_ledger() {
        assert!(matches!(Slots::decode(&[]), Slots::Broken(_)));
        assert!(matches!(Slots::decode(&[0; WATERMARK_BYTES]), Slots::Broken(_)));
        assert!(matches!(Slots::decode(&[0xff; WATERMARK_BYTES]), Slots::Broken(_)));
    }
}
