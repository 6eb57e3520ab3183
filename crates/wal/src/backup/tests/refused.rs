//! What isn't backed up, and that nothing comes of it.

use super::*;
use crate::testing::{append, open_in, place};

fn nothing_is_left(disk: &SimulatedDisk, when: &str) {
    for path in [target(), unfinished()] {
        assert_eq!(disk.list(&path).unwrap_or_default(), [] as [&str; 0], "{when}: {}", path.display());
    }
}

#[test]
fn damage_is_refused_with_the_records_that_it_touches() {
    let disk = three_segments(8, Left::Closed);
    let sound = records(&disk, &source());
    for name in segments(&disk) {
        for at in [100, 5000] {
            let damaged = disk.after_kill();
            let flipped = bytes_of(&damaged, &source().join(&name))[at] ^ 1;
            file(&damaged, &source().join(&name)).write_all(&[flipped], at as u64).unwrap();
            let found = verify(&source(), &VerifyOptions::new().storage(Arc::new(damaged.clone()))).unwrap();
            match backup(&source(), &target(), &options(&damaged)) {
                Err(BackupError::Damaged { damage, .. }) => {
                    assert_eq!(damage, found.damaged[0], "{name} at {at}");
                    assert!(damage.seq_to > damage.seq_from && damage.seq_to.get() <= sound.len() as u64);
                }
                other => panic!("{name} at {at}: {other:?}"),
            }
            nothing_is_left(&damaged, &name);
        }
    }
}

#[test]
fn a_missing_segment_and_a_lost_watermark_are_damage() {
    let disk = three_segments(8, Left::Closed);
    for (name, _) in contents(&disk, &source()) {
        let damaged = disk.after_kill();
        damaged.remove(&source().join(&name)).unwrap();
        let made = backup(&source(), &target(), &options(&damaged));
        if ["spare.wal", LOCK_NAME].contains(&&*name) {
            assert!(made.is_ok(), "{name}: {made:?}");
            continue;
        }
        match made {
            Err(BackupError::Damaged { damage, .. }) => {
                assert_eq!(damage.problem, Problem::Missing, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        nothing_is_left(&damaged, &name);
    }
}

#[test]
fn the_target_must_be_empty_and_outside_of_the_log() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    append(&wal, 0);
    let to = |to: &Path| backup(&path, to, &BackupOptions::new());
    let taken = path.with_file_name("taken");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("mine"), b"mine").unwrap();
    assert!(matches!(to(&taken), Err(BackupError::Taken { .. })));
    assert!(matches!(to(&taken.join("mine")), Err(BackupError::Taken { .. })));
    assert!(matches!(to(&path), Err(BackupError::Inside { .. })));
    assert!(matches!(to(&path.join("new")), Err(BackupError::Inside { .. })));
    assert_eq!(std::fs::read_dir(&taken).unwrap().count(), 1);
    let empty = path.with_file_name("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(to(&empty).unwrap().records, 1);
    assert_eq!(to(&path.with_file_name("a").join("b")).unwrap().records, 1);
    assert!(matches!(to(&empty), Err(BackupError::Taken { .. })));
    assert!(matches!(
        backup(&path.with_file_name("nowhere"), &path.with_file_name("c"), &BackupOptions::new()),
        Err(BackupError::NotALedger { .. })
    ));
}

#[test]
fn only_what_a_backup_left_unfinished_is_cleared_away() {
    let disk = three_segments(8, Left::Closed);
    let with_unfinished = |files: &[(&str, &str)]| {
        let disk = disk.after_kill();
        disk.create_directory(&unfinished()).unwrap();
        for (name, bytes) in files {
            let file = LogFile::open(&disk, unfinished().join(name), OpenMode::CreateNew).unwrap();
            file.write_all(bytes.as_bytes(), 0).unwrap();
        }
        (disk.clone(), backup(&source(), &target(), &options(&disk)))
    };
    let (segment, ours) = (segment_name(Seq::ZERO), "{\"pid\":1,\"madeBy\":\"backup\"}");
    for left in [&[][..], &[(LOCK_NAME, "")], &[(LOCK_NAME, ours), (&segment, "x"), ("watermark.new", "x")]] {
        let (disk, made) = with_unfinished(left);
        assert!(made.is_ok(), "{left:?}: {made:?}");
        assert_eq!(records(&disk, &target()), records(&disk, &source()));
    }
    for left in [
        &[("mine", "x")][..],
        &[(&segment, "x")],
        &[(LOCK_NAME, "{\"pid\":1}"), (&segment, "x")],
        &[(LOCK_NAME, ours), ("mine", "x")],
        &[(LOCK_NAME, ours), ("7.wal", "x")],
    ] {
        let (disk, made) = with_unfinished(left);
        assert!(matches!(made, Err(BackupError::Taken { path }) if path == unfinished()), "{left:?}");
        assert_eq!(contents(&disk, &unfinished()).len(), left.len());
        for (name, bytes) in left {
            assert_eq!(bytes_of(&disk, &unfinished().join(name)), bytes.as_bytes(), "{left:?}");
        }
    }
}

#[test]
fn two_backups_into_one_place_do_not_meet() {
    let disk = three_segments(8, Left::Closed);
    let (again, seen) = (disk.clone(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&seen);
    let progress = move |_| {
        let second = backup(&source(), &target(), &options(&again));
        assert!(
            matches!(second, Err(BackupError::Taken { .. })) || again.list(&target()).is_ok(),
            "{second:?}"
        );
        count.fetch_add(1, Ordering::Relaxed);
    };
    backup(&source(), &target(), &options(&disk).progress(progress)).unwrap();
    assert!(seen.load(Ordering::Relaxed) > 0);
    assert_eq!(records(&disk, &target()), records(&disk, &source()));
}

#[test]
fn after_a_power_cut_a_copy_has_all_that_was_acknowledged_or_there_is_none() {
    let (mut copied, mut refused) = (0, 0);
    for appends in [1, 2, 30, 60] {
        let disk = SimulatedDisk::default();
        let (wal, _) = open(&disk, &source());
        for number in 0..appends {
            wal.append(&payload(number), Durability::Durable).unwrap();
        }
        kill(wal);
        for choices in 0..16 {
            let found = disk.after_power_cut(choices);
            match backup(&source(), &target(), &options(&found)) {
                Ok(report) => {
                    assert_eq!(report.records, appends, "{choices}");
                    copied += 1;
                }
                Err(BackupError::Unrecovered { records, .. }) => {
                    assert!(records > 0, "{choices}");
                    refused += 1;
                }
                other => panic!("{appends}, {choices}: {other:?}"),
            }
            drop(open(&found, &source()));
            let again = Path::new(MOUNTED).join("again");
            assert_eq!(backup(&source(), &again, &options(&found)).unwrap().records, appends);
        }
    }
    assert!(copied > 0 && refused > 0, "{copied} copied, {refused} refused");
}
