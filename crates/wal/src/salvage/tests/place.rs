//! Where the new log goes, what is refused, and what a failure or a crash leaves: nothing, or a whole log.

use super::*;
use crate::SalvageError;
use crate::testing::simulated::Event;
use crate::testing::{append, contents, open_in, place};

#[test]
fn the_new_place_must_be_empty_and_outside_of_the_old_log() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    append(&wal, 0);
    wal.close().unwrap();
    let before = contents(&path);
    let to = |to: &Path| salvage(&path, to, &SalvageOptions::new());
    let taken = path.with_file_name("taken");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("mine"), b"mine").unwrap();
    assert!(matches!(to(&taken), Err(SalvageError::Taken { .. })));
    assert!(matches!(to(&path), Err(SalvageError::Inside { .. })));
    assert!(matches!(to(&path.join("new")), Err(SalvageError::Inside { .. })));
    assert!(matches!(to(&path.join("file").join("new")), Err(SalvageError::Inside { .. })));
    assert_eq!(std::fs::read_dir(&taken).unwrap().count(), 1);
    assert_eq!(contents(&path), before);
    let empty = path.with_file_name("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(to(&empty).unwrap().records, 1);
    assert_eq!(to(&path.with_file_name("a").join("b").join("new")).unwrap().records, 1);
    assert!(matches!(to(&empty), Err(SalvageError::Taken { .. })));
}

#[test]
fn what_is_no_log_newer_held_or_made_with_other_leaves_is_refused_and_nothing_is_made() {
    struct Other;
    impl LeafFunction for Other {
        fn id(&self) -> u32 {
            7
        }
        fn leaf(&self, _: &[u8]) -> crate::Leaf {
            crate::Leaf::from_bytes([0; 32])
        }
    }
    let (directory, path) = place();
    let to = path.with_file_name("new");
    let salvage = || salvage(&path, &to, &SalvageOptions::new());
    assert!(matches!(salvage(), Err(SalvageError::NotALedger { .. })));
    let (wal, _) = open_in(&path);
    append(&wal, 0);
    match salvage() {
        Err(SalvageError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    wal.close().unwrap();
    let other = SalvageOptions::new().leaf_function(Arc::new(Other));
    let refused = super::salvage(&path, &to, &other);
    assert!(matches!(refused, Err(SalvageError::OtherLeafFunction { found: 0, given: 7 })), "{refused:?}");
    let segment = path.join(segment_name(Seq::ZERO));
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[8] = 3;
    let crc = crc32c::crc32c(&bytes[..4092]);
    bytes[4092..4096].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&segment, bytes).unwrap();
    assert!(matches!(salvage(), Err(SalvageError::NewerVersion { found: 3, .. })));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn the_report_is_in_its_file_before_the_log_has_its_name_and_is_json() {
    let disk = three_segments(8, false);
    let name = segments(&disk).remove(0);
    let disk = with(&disk, &name, 5000, &[0xff; 600]);
    let path = Path::new(MOUNTED).join("salvage.json");
    let report = salvage(&old(), &new(), &options(&disk).report_file(&path)).unwrap();
    let file = LogFile::open(&disk, path, OpenMode::Read).unwrap();
    let mut bytes = vec![0; crate::fields::in_memory(file.length().unwrap())];
    file.read_up_to(&mut bytes, 0).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), report.to_json() + "\n");
    assert!(report.records_lost > 0);
}

#[test]
fn a_failure_at_any_operation_leaves_nothing_that_looks_like_a_log() {
    let disk = three_segments(8, false);
    let sound = records(&disk, &old());
    let report_path = Path::new(MOUNTED).join("salvage.json");
    let first = disk.operations();
    for number in first.. {
        let failing = disk.after_kill();
        failing.plan(number, Event::FailedSync);
        let made = salvage(&old(), &new(), &options(&failing).report_file(&report_path));
        if failing.operations() <= number {
            assert_eq!(made.unwrap().records, sound.len() as u64);
            break;
        }
        if made.is_err() {
            for path in [new(), Path::new(MOUNTED).join("new.unfinished"), Path::new(MOUNTED).to_owned()] {
                assert_eq!(failing.list(&path).unwrap_or_default(), [] as [&str; 0], "operation {number}");
            }
        }
    }
}

#[test]
fn after_a_death_or_a_power_cut_at_any_operation_the_new_log_is_whole_or_not_there() {
    let disk = three_segments(8, false);
    let sound = records(&disk, &old());
    let first = disk.operations();
    for number in first.. {
        let dying = disk.after_kill();
        dying.plan(number, Event::Death);
        let made = salvage(&old(), &new(), &options(&dying));
        let is_whole_or_nothing = |found: &SimulatedDisk, when: &str| {
            if found.list(&new()).unwrap_or_default().is_empty() {
                assert!(made.is_err(), "operation {number}: {when}: reported as done");
            } else {
                assert_eq!(records(found, &new()), sound, "operation {number}: {when}");
            }
        };
        is_whole_or_nothing(&dying.after_kill(), "killed");
        (0..8).for_each(|choices| is_whole_or_nothing(&dying.after_power_cut(choices), "power cut"));
        if made.is_ok() {
            break;
        }
    }
}
