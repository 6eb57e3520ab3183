//! What comes of a backup again, and what isn't taken for one.

use super::*;
use crate::{RestoreError, restore};

fn restored() -> PathBuf {
    Path::new(MOUNTED).join("restored")
}

fn restore_from(disk: &SimulatedDisk, directory: &Path) -> Result<BackupReport, RestoreError> {
    restore(directory, &restored(), &options(disk))
}

#[test]
fn a_restored_log_is_the_one_that_was_backed_up() {
    let disk = three_segments(8, Left::Killed);
    let report = backed_up(&disk);
    let before = contents(&disk, &target());
    assert_eq!(restore_from(&disk, &target()).unwrap(), report);
    assert_eq!(contents(&disk, &target()), before, "the backup was changed");
    assert_eq!(records(&disk, &restored()), records(&disk, &source()));
    let (wal, opened) = open(&disk, &restored());
    assert!(opened.clean && opened.next_seq.get() == report.records, "{opened:?}");
    wal.append(b"on", Durability::Durable).unwrap();
}

#[test]
fn a_backup_with_a_flipped_byte_is_refused_before_anything_is_made() {
    let disk = three_segments(8, Left::Closed);
    backed_up(&disk);
    for (name, bytes) in contents(&disk, &target()) {
        if name == LOCK_NAME {
            continue;
        }
        for at in (0..bytes.len()).step_by(251) {
            let damaged = disk.after_kill();
            let first = damaged.operations() + 1;
            file(&damaged, &target().join(&name)).write_all(&[bytes[at] ^ 0x10], at as u64).unwrap();
            match restore_from(&damaged, &target()) {
                Err(RestoreError::Copy(BackupError::Damaged { .. }) | RestoreError::NotClean { .. }) => {
                    assert_eq!(damaged.operations(), first, "{name} at {at}");
                }
                // The unused part of a watermark's slots.
                Ok(_) if name == "watermark" && at % 4096 >= 128 => {}
                other => panic!("{name} at {at}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_log_in_use_or_not_closed_in_good_order_is_no_backup() {
    let disk = three_segments(8, Left::Killed);
    assert!(matches!(restore_from(&disk, &source()), Err(RestoreError::NotClean { .. })));
    let (wal, _) = open(&disk, &source());
    match restore_from(&disk, &source()) {
        Err(RestoreError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    wal.close().unwrap();
    restore_from(&disk, &source()).unwrap();
    let missing = restore_from(&disk, &Path::new(MOUNTED).join("nowhere"));
    assert!(matches!(missing, Err(RestoreError::Copy(BackupError::NotALedger { .. }))), "{missing:?}");
}

#[test]
fn the_place_of_a_restored_log_must_be_empty() {
    let disk = three_segments(8, Left::Closed);
    backed_up(&disk);
    let before = contents(&disk, &source());
    let over = restore(&target(), &source(), &options(&disk));
    assert!(matches!(over, Err(RestoreError::Copy(BackupError::Taken { .. }))), "{over:?}");
    assert_eq!(contents(&disk, &source()), before);
}
