//! What may be repaired is, what may not be is left alone, and repairing twice changes nothing.

use super::*;
use crate::testing::{append, contents, kill, open_in, payload, payloads, place};
use crate::{Reader, ReaderOptions, VerifyOptions, verify};

mod untouched;

fn repaired(path: &Path) -> RecoverReport {
    recover(path, &RecoverOptions::new()).unwrap()
}

fn records(path: &Path) -> Vec<Vec<u8>> {
    payloads(&Reader::open(path, ReaderOptions::new()).unwrap())
}

/// A closed log of a few segments.
fn closed(path: &Path) -> u64 {
    let (wal, _) = open_in(path);
    (0..100).for_each(|number| append(&wal, number));
    wal.close().unwrap();
    100
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_log_needs_no_repair() {
    let (_directory, path) = place();
    let count = closed(&path);
    let report = repaired(&path);
    assert_eq!((report.repaired, report.damaged, report.records), (vec![], vec![], count));
    let (_, opened) = open_in(&path);
    assert!(opened.clean);
}

#[test]
fn a_killed_log_gets_its_footer_and_repairing_again_changes_nothing() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    (0..60).for_each(|number| append(&wal, number));
    kill(wal);
    let report = repaired(&path);
    assert!(matches!(report.repaired.as_slice(), [.., Repair::FooterWritten { .. }]), "{report:?}");
    let segments = |path: &Path| {
        let mut files = contents(path);
        files.retain(|(path, _)| path.extension().is_some());
        files
    };
    let once = segments(&path);
    let again = repaired(&path);
    assert_eq!((again.repaired, again.records), (vec![], 60));
    assert_eq!(segments(&path), once);
}

#[test]
fn a_torn_tail_is_cut_kept_and_reported() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    (0..3).for_each(|number| append(&wal, number));
    kill(wal);
    let segment = path.join(segment_name(Seq::ZERO));
    let mut bytes = std::fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 200;
    bytes[end..end + 30].fill(9);
    std::fs::write(&segment, bytes).unwrap();
    let report = repaired(&path);
    assert!(report.torn_tail_bytes >= 30 && !report.ambiguous, "{report:?}");
    let kept = std::fs::read(report.torn_file.unwrap()).unwrap();
    assert!(kept.ends_with(&[9; 30]));
    assert_eq!(records(&path), (0..3).map(payload).collect::<Vec<_>>());
    assert_eq!(verify(&path, &VerifyOptions::new()).unwrap().torn_tail_bytes, 0);
}

#[test]
fn a_damaged_footer_is_written_anew_and_damaged_records_are_left_alone() {
    let (_directory, path) = place();
    let count = closed(&path);
    let first = path.join(segment_name(Seq::ZERO));
    let length = std::fs::read(&first).unwrap().len();
    flip(&first, length - 100);
    assert!(!verify(&path, &VerifyOptions::new()).unwrap().is_sound());
    let report = repaired(&path);
    assert_eq!(report.repaired, [Repair::FooterWritten { segment: segment_name(Seq::ZERO) }]);
    assert_eq!((report.damaged.len(), report.records), (0, count));

    flip(&first, 4096 + 64 + 40);
    let before = std::fs::read(&first).unwrap();
    let report = repaired(&path);
    assert_eq!((report.repaired.len(), report.damaged.len()), (0, 1), "{report:?}");
    assert_eq!(std::fs::read(&first).unwrap(), before);
}

#[test]
fn a_lost_watermark_is_rebuilt_from_the_commits_and_said_to_be_ambiguous() {
    let (_directory, path) = place();
    let count = closed(&path);
    std::fs::remove_file(path.join(WATERMARK_NAME)).unwrap();
    let report = repaired(&path);
    assert_eq!(report.repaired.first(), Some(&Repair::WatermarkRebuilt));
    assert!(report.ambiguous);
    assert_eq!(report.records, count);
    let (wal, opened) = open_in(&path);
    assert_eq!(opened.next_seq, Seq::new(count));
    append(&wal, count);
    assert_eq!(payloads(&wal.reader()), (0..=count).map(payload).collect::<Vec<_>>());
}

#[test]
fn a_damaged_slot_is_rewritten() {
    let (_directory, path) = place();
    let count = closed(&path);
    flip(&path.join(WATERMARK_NAME), 4096 + 50);
    let report = repaired(&path);
    assert!(report.repaired.contains(&Repair::WatermarkSlotRewritten), "{report:?}");
    assert_eq!((repaired(&path).repaired, report.records), (vec![], count));
}

#[test]
fn what_an_interrupted_rotation_left_is_removed() {
    let (_directory, path) = place();
    closed(&path);
    std::fs::write(path.join(SPARE_NAME), b"RLSEGMNT").unwrap();
    assert_eq!(repaired(&path).repaired, [Repair::LeftoverRemoved { name: SPARE_NAME.to_owned() }]);
    assert!(!path.join(SPARE_NAME).exists());
}

#[test]
fn a_log_that_is_in_use_is_not_repaired() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    append(&wal, 0);
    let refused = recover(&path, &RecoverOptions::new());
    assert!(matches!(refused, Err(RecoverError::Open(OpenError::Locked { .. }))), "{refused:?}");
}
