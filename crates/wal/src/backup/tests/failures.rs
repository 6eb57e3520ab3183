//! Whatever fails, and wherever the process or the machine dies: a whole copy or none, and the next backup succeeds.

use super::*;
use crate::testing::faulty::{Call, Fault, FaultyStorage};
use crate::testing::simulated::Event;
use crate::testing::{append, open_in, place};

const INPUT_OUTPUT_ERROR: i32 = 5;
const NO_SPACE: i32 = 28;

fn beside() -> [PathBuf; 2] {
    ["report.json", "target.json"].map(|name| Path::new(MOUNTED).join(name))
}

fn with_file_beside() -> SimulatedDisk {
    let disk = three_segments(8, Left::Killed);
    let file = LogFile::open(&disk, beside()[0].clone(), OpenMode::CreateNew).unwrap();
    file.write_all(b"{}", 0).unwrap();
    file.sync().unwrap();
    disk.sync_directory(Path::new(MOUNTED)).unwrap();
    disk
}

fn options_beside(disk: &SimulatedDisk) -> BackupOptions {
    let [from, to] = beside();
    options(disk).file_beside(from, to)
}

#[test]
fn a_sync_that_fails_leaves_nothing() {
    let disk = with_file_beside();
    let sound = records(&disk, &source());
    for number in disk.operations().. {
        let failing = disk.after_kill();
        failing.plan(number, Event::FailedSync);
        let made = backup(&source(), &target(), &options_beside(&failing));
        if failing.operations() <= number {
            assert_eq!(made.unwrap().records, sound.len() as u64);
            break;
        }
        if made.is_err() {
            for path in [target(), unfinished()] {
                assert!(failing.list(&path).is_err(), "operation {number}: {}", path.display());
            }
            assert!(failing.open(&beside()[1], OpenMode::Read).is_err(), "operation {number}");
        }
    }
}

#[test]
fn after_a_death_or_a_power_cut_at_any_operation_the_copy_is_whole_or_not_there_and_can_be_made_again() {
    let disk = with_file_beside();
    let sound = records(&disk, &source());
    for number in disk.operations().. {
        let dying = disk.after_kill();
        dying.plan(number, Event::Death);
        let made = backup(&source(), &target(), &options_beside(&dying));
        let is_whole_or_nothing = |found: &SimulatedDisk, when: &str| {
            let is_there = !found.list(&target()).unwrap_or_default().is_empty();
            if is_there {
                assert_eq!(bytes_of(found, &beside()[1]), b"{}", "operation {number}: {when}");
                is_clean_and_sound(found, &target());
            } else {
                assert!(made.is_err(), "operation {number}: {when}: reported as done");
                let made = backup(&source(), &target(), &options_beside(found));
                assert!(made.is_ok(), "operation {number}: {when}: {made:?}");
            }
            assert_eq!(records(found, &target()), sound, "operation {number}: {when}");
        };
        is_whole_or_nothing(&dying.after_kill(), "killed");
        (0..6).for_each(|choices| is_whole_or_nothing(&dying.after_power_cut(choices), "power cut"));
        if made.is_ok() {
            break;
        }
    }
}

#[test]
fn each_call_that_fails_once_leaves_a_whole_copy_or_nothing_and_is_no_damage() {
    let (directory, path) = place();
    let (wal, _) = open_in(&path);
    (0..60).for_each(|number| append(&wal, number));
    wal.close().unwrap();
    let to = directory.path().join("copy");
    let calls = [
        Call::List,
        Call::Open,
        Call::Length,
        Call::Read,
        Call::Write,
        Call::SetLength,
        Call::Sync,
        Call::SyncDirectory,
        Call::Rename,
    ];
    for (call, errno) in calls.into_iter().flat_map(|call| [(call, INPUT_OUTPUT_ERROR), (call, NO_SPACE)]) {
        // Reads and writes are many, and short.
        let stride = if matches!(call, Call::Read | Call::Write) { 13 } else { 1 };
        for after in (0..).step_by(stride) {
            let storage = FaultyStorage::default();
            storage.fail(Fault { call, path_end: "", after, times: 1, errno });
            let options = BackupOptions::new().storage(Arc::new(storage.clone()));
            let made = backup(&path, &to, &options);
            let when = format!("{call:?} {after}: {made:?}");
            match &made {
                Ok(report) => {
                    assert_eq!(report.records, 60, "{when}");
                    std::fs::remove_dir_all(&to).unwrap();
                }
                Err(BackupError::Storage(error)) => {
                    assert_eq!(error.is_storage_full(), errno == NO_SPACE, "{when}");
                }
                Err(error) => panic!("{when}: {error}"),
            }
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "{when}");
            if !storage.has_failed() {
                break;
            }
        }
    }
}

#[test]
fn a_disk_that_is_full_from_some_write_on_is_said_so_and_nothing_is_left() {
    let (directory, path) = place();
    let (wal, _) = open_in(&path);
    (0..60).for_each(|number| append(&wal, number));
    wal.close().unwrap();
    let to = directory.path().join("copy");
    for after in (0..).step_by(7) {
        let storage = FaultyStorage::default();
        storage.fail(Fault { call: Call::Write, path_end: "", after, times: u32::MAX, errno: NO_SPACE });
        match backup(&path, &to, &BackupOptions::new().storage(Arc::new(storage))) {
            Ok(report) => {
                assert_eq!(report.records, 60);
                break;
            }
            Err(BackupError::Storage(error)) => assert!(error.is_storage_full(), "{error}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "after {after} writes");
    }
}
