//! What isn't understood is left as it is, to the last byte; and so is what was repaired already.

use super::*;
use crate::fields::put;
use crate::testing::{restore, small};
use crate::{Options, Wal};

type Files = Vec<(PathBuf, Vec<u8>)>;

/// A closed log of a few segments, as its files, and the first records of these segments.
fn log_of_files(path: &Path) -> (Files, Vec<Seq>) {
    closed(path);
    let inventory = Inventory::take(&DiskStorage, path).unwrap().unwrap();
    assert!(inventory.segments.len() > 2);
    (contents(path), inventory.segments)
}

/// Changes bytes of a file's first block and makes its checksum, the last bytes of the block, right again.
fn forge(path: &Path, block: std::ops::Range<usize>, at: usize, field: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    let part = &mut bytes[block];
    let crc_at = part.len() - 4;
    put(part, at, field);
    let crc = crc32c::crc32c(&part[..crc_at]);
    put(part, crc_at, &crc.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}

/// A segment's file of another log, with this first record.
fn segment_of_another_log(first_seq: Seq) -> Vec<u8> {
    let (_directory, path) = place();
    let (files, _) = log_of_files(&path);
    let (file, _) = files.iter().find(|(file, _)| file.ends_with(segment_name(Seq::ZERO))).unwrap();
    forge(file, 0..4096, 32, &first_seq.get().to_le_bytes());
    std::fs::read(file).unwrap()
}

/// Repairing refuses this log, with the lock's file or without, and leaves every byte.
fn is_refused(path: &Path) -> RecoverError {
    let recovered = || recover(path, &RecoverOptions::new());
    is_left_alone(path, recovered)
}

/// So does opening it.
fn is_not_opened(path: &Path) -> OpenError {
    is_left_alone(path, || Wal::open(path, small()))
}

fn is_left_alone<T: fmt::Debug, E>(path: &Path, act: impl Fn() -> Result<T, E>) -> E {
    let before = contents(path);
    let refused = act().unwrap_err();
    assert!(contents(path) == before, "a refused log was changed");
    std::fs::remove_file(path.join(crate::segment::name::LOCK_NAME)).unwrap();
    assert!(act().is_err());
    assert!(!path.join(crate::segment::name::LOCK_NAME).exists(), "a refused log got a lock");
    restore(path, &before);
    refused
}

#[test]
fn a_newer_version_anywhere_is_refused_untouched() {
    let (_directory, path) = place();
    let (files, segments) = log_of_files(&path);
    for first_seq in segments {
        forge(&path.join(segment_name(first_seq)), 0..4096, 8, &9_u32.to_le_bytes());
        let refused = is_refused(&path);
        assert!(
            matches!(refused, RecoverError::Open(OpenError::NewerVersion { found: 9, .. })),
            "{refused:?}"
        );
        restore(&path, &files);
    }
    for slot in [0..128, 4096..4224] {
        forge(&path.join(WATERMARK_NAME), slot, 8, &9_u32.to_le_bytes());
        assert!(matches!(is_refused(&path), RecoverError::Open(OpenError::NewerVersion { found: 9, .. })));
        assert!(matches!(is_not_opened(&path), OpenError::NewerVersion { found: 9, .. }));
        restore(&path, &files);
    }
}

#[test]
fn another_leaf_function_anywhere_is_refused_untouched() {
    let (_directory, path) = place();
    let (files, segments) = log_of_files(&path);
    for first_seq in segments {
        forge(&path.join(segment_name(first_seq)), 0..4096, 80, &7_u32.to_le_bytes());
        let refused = is_refused(&path);
        let expected =
            matches!(refused, RecoverError::Open(OpenError::OtherLeafFunction { found: 7, given: 0 }));
        assert!(expected, "{refused:?}");
        restore(&path, &files);
    }
}

#[test]
fn a_file_of_another_ledger_or_place_is_refused_untouched() {
    let (_directory, path) = place();
    let (files, segments) = log_of_files(&path);
    let (middle, end) = (segments[1], Seq::new(100));
    let duplicate = std::fs::read(path.join(segment_name(segments[2]))).unwrap();
    let cases = [
        (segment_name(middle), segment_of_another_log(middle)),
        (segment_name(end), segment_of_another_log(end)),
        (segment_name(middle), duplicate.clone()),
        (segment_name(end), duplicate.clone()),
        ("7.wal".to_owned(), duplicate),
    ];
    for (name, bytes) in cases {
        std::fs::write(path.join(&name), bytes).unwrap();
        match is_refused(&path) {
            RecoverError::NotUnderstood(damage) => assert_eq!(damage.segment, name),
            other => panic!("{name}: {other:?}"),
        }
        restore(&path, &files);
    }
}

#[test]
fn a_last_segment_that_is_not_this_logs_is_not_set_aside_by_opening() {
    let (_directory, path) = place();
    let (files, segments) = log_of_files(&path);
    let end = Seq::new(100);
    let duplicate = std::fs::read(path.join(segment_name(segments[2]))).unwrap();
    for bytes in [segment_of_another_log(end), duplicate] {
        std::fs::write(path.join(segment_name(end)), bytes).unwrap();
        match is_not_opened(&path) {
            OpenError::Damaged(damage) => assert_eq!(damage.segment, segment_name(end)),
            other => panic!("{other:?}"),
        }
        restore(&path, &files);
    }
}

/// Repairs twice; the second time nothing is reported and no byte is another.
fn settles_at_once(path: &Path, what: &str) {
    let first = repaired(path);
    let once = contents(path);
    let second = repaired(path);
    assert_eq!((second.repaired, second.torn_file), (vec![], None), "{what}: {:?}", first.repaired);
    assert!(contents(path) == once, "{what}: repairing again changed something");
}

#[test]
fn repairing_again_changes_no_byte() {
    let (_directory, path) = place();
    let (files, segments) = log_of_files(&path);
    let file = |first_seq: Seq| path.join(segment_name(first_seq));
    let edits: [(&str, &dyn Fn()); 8] = [
        ("in order", &|| ()),
        ("used spare", &|| std::fs::write(path.join(SPARE_NAME), b"RLSEGMNT").unwrap()),
        ("half a watermark", &|| flip(&path.join(WATERMARK_NAME), 50)),
        ("no watermark", &|| std::fs::remove_file(path.join(WATERMARK_NAME)).unwrap()),
        ("damaged watermark", &|| std::fs::write(path.join(WATERMARK_NAME), b"?").unwrap()),
        ("damaged record", &|| flip(&file(segments[1]), 4096 + 64 + 40)),
        ("missing segment", &|| std::fs::remove_file(file(segments[1])).unwrap()),
        ("no footer", &|| {
            let bytes = std::fs::read(file(segments[1])).unwrap();
            std::fs::write(file(segments[1]), &bytes[..bytes.len() - 64]).unwrap();
        }),
    ];
    for (what, edit) in edits {
        edit();
        settles_at_once(&path, what);
        restore(&path, &files);
    }
}

#[test]
fn repairing_a_killed_log_again_changes_no_byte() {
    for junk in [None, Some([9; 100])] {
        let (_directory, path) = place();
        let (wal, _) = Wal::open(&path, Options::new().create(true)).unwrap();
        (0..20).for_each(|number| append(&wal, number));
        kill(wal);
        if let Some(junk) = junk {
            let mut bytes = std::fs::read(path.join(segment_name(Seq::ZERO))).unwrap();
            let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 8;
            bytes[end..end + 100].copy_from_slice(&junk);
            std::fs::write(path.join(segment_name(Seq::ZERO)), bytes).unwrap();
        }
        settles_at_once(&path, "killed");
    }
}

#[test]
fn a_log_that_could_not_be_repaired_is_not_said_to_be() {
    let (_directory, path) = place();
    let (_, segments) = log_of_files(&path);
    flip(&path.join(WATERMARK_NAME), 50);
    std::fs::remove_file(path.join(segment_name(*segments.last().unwrap()))).unwrap();
    let report = repaired(&path);
    assert_eq!(report.repaired, [], "{report:?}");
    assert!(!report.damaged.is_empty());
}
