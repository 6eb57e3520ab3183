//! Every single bit of every file of a small log, flipped: it is found and placed, or it means nothing; nobody takes a
//! wrong byte for a right one, and nothing else is lost by it.
//!
//! Of bytes that are all alike (the zeroes of a header's reserved part and of space that was never written to, and files
//! in no use) only every sixty-first bit is tried: a prime, so that it meets each bit of a byte in turn. With each bit
//! flipped the log is verified and read; with every other one it is then opened for writing, with the others recovered.

use runledger_wal::VerifyReport;

use crate::oracle::{Way, judge};
use crate::small_log::{Ending, Place, SmallLog};

const ALIKE_STRIDE: usize = 61;

/// Flips the bits of all files whose number fits, and judges each.
fn flip_every_bit(ending: Ending, alignment_bytes: u32, of_files: impl Fn(&str) -> bool) {
    let log = SmallLog::make(ending, alignment_bytes);
    let whole = judge(&log.storage, &log.payloads, &Way::ALL, "the whole log").unwrap();
    assert!(whole.is_sound() && whole.torn_tail_bytes == 0, "{whole:?}");
    assert_eq!(whole.records, log.payloads.len() as u64);
    let files = log.storage.files();
    for (name, places) in log.places().iter().filter(|(name, _)| of_files(name)) {
        let bytes = &files[name];
        for bit in 0..bytes.len() * 8 {
            let at = bit / 8;
            if is_alike(&places[at], at) && bit % ALIKE_STRIDE != 0 {
                continue;
            }
            log.storage.flip(name, at, 1 << (bit % 8));
            let what = format!("{ending:?}, {name}, bit {} of byte {at}", bit % 8);
            // A log that was closed in good order goes on behind its last commit, and over a byte there that could be one of
            // a footer, without keeping it: no byte of the log, but not left alone either.
            let goes_over = ending == Ending::Closed && places[at] == Place::FooterRoom;
            let way = if goes_over { Way::Recover } else { Way::ALL[bit % 2] };
            let report = judge(&log.storage, &log.payloads, &[way], &what).unwrap();
            check_report(&report, name, at, &places[at], &what);
            log.storage.flip(name, at, 1 << (bit % 8));
        }
    }
}

fn is_alike(place: &Place, at: usize) -> bool {
    match place {
        Place::Needed(_) => (128..4092).contains(&at),
        Place::Unwritten | Place::Unused => true,
        Place::Footer | Place::FooterRoom | Place::Slot => false,
    }
}

/// What verification must say about a flipped bit at this place.
fn check_report(report: &VerifyReport, name: &str, at: usize, place: &Place, what: &str) {
    let sound = report.is_sound() && report.torn_tail_bytes == 0;
    match place {
        Place::Needed(records) => {
            let named = report.damaged.iter().any(|damage| {
                let touched = damage.seq_from.get()..damage.seq_to.get();
                damage.segment == name
                    && damage.offset <= at as u64
                    && touched.start <= records.start
                    && records.end <= touched.end
            });
            assert!(named, "{what}, needed by {records:?}: {report:?}");
        }
        // A footer that lacks a bit may never have been finished; it is made again.
        Place::Footer => {
            let named = report.damaged.iter().any(|damage| damage.segment == name);
            assert!(named || report.is_sound() && report.torn_tail_bytes > 0, "{what}: {report:?}");
        }
        Place::FooterRoom => assert!(report.is_sound(), "{what}: {report:?}"),
        Place::Unwritten => assert!(report.is_sound() && report.torn_tail_bytes > 0, "{what}: {report:?}"),
        // The other slot stands for it; commits behind that one can be recovered.
        Place::Slot | Place::Unused => assert!(sound, "{what}: {report:?}"),
    }
}

const FIRST_SEGMENT: &str = "00000000000000000000.wal";

fn is_later_segment(name: &str) -> bool {
    name.len() == FIRST_SEGMENT.len() && name != FIRST_SEGMENT
}

#[test]
fn every_bit_of_a_killed_logs_sealed_segment_is_watched_over() {
    flip_every_bit(Ending::Killed, 8, |name| name == FIRST_SEGMENT);
}

#[test]
fn every_bit_of_a_killed_logs_growing_segment_is_watched_over() {
    flip_every_bit(Ending::Killed, 8, is_later_segment);
}

#[test]
fn every_bit_of_a_closed_logs_sealed_segment_with_padding_is_watched_over() {
    flip_every_bit(Ending::Closed, 128, |name| name == FIRST_SEGMENT);
}

#[test]
fn every_bit_of_a_closed_logs_growing_segment_with_padding_is_watched_over() {
    flip_every_bit(Ending::Closed, 128, is_later_segment);
}

#[test]
fn no_bit_of_watermark_spare_and_lock_hides_a_record() {
    for ending in [Ending::Killed, Ending::Closed] {
        flip_every_bit(ending, 8, |name| name.len() != FIRST_SEGMENT.len());
    }
}
