//! A reset deletes the ledger that was named, all of it or nothing, and nothing else.

use super::*;
use crate::testing::simulated::{Event, MOUNTED, SimulatedDisk};
use crate::testing::{append, contents, kill, open_in, payload, payloads, place};
use crate::{Background, Durability, Options, Reader, ReaderOptions, Wal};

fn log() -> PathBuf {
    Path::new(MOUNTED).join("wal")
}

fn removed() -> PathBuf {
    Path::new(MOUNTED).join("wal.removed")
}

fn options(disk: &SimulatedDisk) -> ResetOptions {
    ResetOptions::new().storage(Arc::new(disk.clone()))
}

fn open(disk: &SimulatedDisk) -> Result<Wal, OpenError> {
    let options =
        Options::new().segment_bytes(8 << 10).background(Background::Caller).storage(Arc::new(disk.clone()));
    Wal::open(&log(), options).map(|(wal, _)| wal)
}

/// A log of several segments whose writer was killed, with its id and how many records it has.
fn several_segments() -> (SimulatedDisk, LedgerId, u64) {
    let disk = SimulatedDisk::default();
    let options = Options::new().create(true).segment_bytes(8 << 10).background(Background::Caller);
    let (wal, _) = Wal::open(&log(), options.storage(Arc::new(disk.clone()))).unwrap();
    let (ledger_id, mut records) = (wal.reader().ledger_id(), 0);
    while wal.counters().sealed < 2 {
        wal.append(&payload(records), Durability::Durable).unwrap();
        while wal.tend() {}
        records += 1;
    }
    kill(wal);
    (disk.after_kill(), ledger_id, records)
}

fn other() -> LedgerId {
    LedgerId::from_bytes([7; 16])
}

#[test]
fn a_reset_leaves_nothing_and_the_place_can_be_used_anew() {
    let (directory, path) = place();
    let (wal, _) = open_in(&path);
    let ledger_id = wal.reader().ledger_id();
    (0..100).for_each(|number| append(&wal, number));
    wal.close().unwrap();
    let before = contents(&path);
    let plan = plan_reset(&path, &ResetOptions::new()).unwrap();
    assert_eq!((plan.ledger_id, plan.records, plan.resumes), (Some(ledger_id), Some(100), false));
    assert_eq!(plan.files, before.len() as u64);
    assert_eq!(plan.bytes, before.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    assert_eq!(contents(&path), before);
    assert_eq!(reset(&path, ledger_id, &ResetOptions::new()).unwrap(), plan);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let again = reset(&path, ledger_id, &ResetOptions::new());
    assert!(matches!(again, Err(ResetError::NotALedger { .. })), "{again:?}");
    let (wal, report) = open_in(&path);
    assert!(report.created && wal.reader().ledger_id() != ledger_id);
}

#[test]
fn another_ledgers_id_changes_nothing() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    append(&wal, 0);
    let ledger_id = wal.reader().ledger_id();
    wal.close().unwrap();
    std::fs::remove_file(path.join(LOCK_NAME)).unwrap();
    let before = contents(&path);
    match reset(&path, other(), &ResetOptions::new()) {
        Err(ResetError::OtherLedger { found, given, .. }) => assert_eq!((found, given), (ledger_id, other())),
        refused => panic!("{refused:?}"),
    }
    assert_eq!(contents(&path), before);
}

#[test]
fn a_log_that_is_held_is_left_alone_and_says_who_holds_it() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    append(&wal, 0);
    match reset(&path, wal.reader().ledger_id(), &ResetOptions::new()) {
        Err(ResetError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        refused => panic!("{refused:?}"),
    }
    append(&wal, 1);
    assert_eq!(payloads(&wal.reader()), [payload(0), payload(1)]);
}

#[test]
fn nothing_is_deleted_where_there_is_a_file_that_is_not_the_logs() {
    for foreign in ["mine", "7.wal", "notes.torn"] {
        let (_directory, path) = place();
        let (wal, _) = open_in(&path);
        let ledger_id = wal.reader().ledger_id();
        append(&wal, 0);
        wal.close().unwrap();
        std::fs::write(path.join(foreign), b"mine").unwrap();
        let before = contents(&path);
        match reset(&path, ledger_id, &ResetOptions::new()) {
            Err(ResetError::Foreign { path: found }) => assert_eq!(found, path.join(foreign)),
            refused => panic!("{foreign}: {refused:?}"),
        }
        assert_eq!(contents(&path), before);
    }
}

#[test]
fn a_log_without_a_watermark_is_known_by_its_segments_and_one_without_either_is_refused() {
    let (disk, ledger_id, _) = several_segments();
    disk.remove(&log().join(WATERMARK_NAME)).unwrap();
    let plan = plan_reset(&log(), &options(&disk)).unwrap();
    assert_eq!((plan.ledger_id, plan.records), (Some(ledger_id), None));
    let damaged = disk.after_kill();
    for name in damaged.list(&log()).unwrap() {
        let file = LogFile::open(&damaged, log().join(name), OpenMode::Write).unwrap();
        file.write_all(&[0xff; 100], 0).unwrap();
    }
    let refused = reset(&log(), ledger_id, &options(&damaged));
    assert!(matches!(refused, Err(ResetError::Unidentified { .. })), "{refused:?}");
    reset(&log(), ledger_id, &options(&disk)).unwrap();
    assert!(disk.list(&log()).is_err() && disk.list(&removed()).is_err());
}

#[test]
fn after_a_death_or_a_power_cut_at_any_operation_there_is_the_whole_log_or_none() {
    let (disk, ledger_id, records) = several_segments();
    for number in disk.operations().. {
        let dying = disk.after_kill();
        dying.plan(number, Event::Death);
        let made = reset(&log(), ledger_id, &options(&dying));
        let is_whole_or_none = |found: &SimulatedDisk, when: &str| {
            let when = format!("operation {number}: {when}");
            match open(&found.after_kill()) {
                Ok(wal) => {
                    assert!(made.is_err(), "{when}: reported as done");
                    assert_eq!(payloads(&wal.reader()).len() as u64, records, "{when}");
                }
                Err(OpenError::NotALedger { .. }) => {}
                Err(error) => panic!("{when}: {error}"),
            }
            match reset(&log(), ledger_id, &options(found)) {
                Ok(_) => {}
                Err(ResetError::NotALedger { .. }) => assert!(found.list(&removed()).is_err(), "{when}"),
                Err(error) => panic!("{when}: {error}"),
            }
            assert!(found.list(&log()).is_err() && found.list(&removed()).is_err(), "{when}");
        };
        is_whole_or_none(&dying.after_kill(), "killed");
        (0..8).for_each(|choices| is_whole_or_none(&dying.after_power_cut(choices), "power cut"));
        if made.is_ok() {
            break;
        }
    }
}

#[test]
fn a_sync_that_fails_leaves_the_whole_log_or_none() {
    let (disk, ledger_id, records) = several_segments();
    for number in disk.operations().. {
        let failing = disk.after_kill();
        failing.plan(number, Event::FailedSync);
        let made = reset(&log(), ledger_id, &options(&failing));
        if failing.operations() <= number {
            made.unwrap();
            break;
        }
        if made.is_err() && failing.list(&log()).is_ok() {
            assert_eq!(payloads(&open(&failing).unwrap().reader()).len() as u64, records, "{number}");
        }
    }
}

#[test]
fn what_a_reset_that_was_cut_short_left_is_another_ledgers_only_if_it_says_so() {
    let (disk, ledger_id, _) = several_segments();
    let begun = Reset::begin(&log(), ledger_id, &options(&disk)).unwrap();
    assert!(matches!(open(&disk), Err(OpenError::NotALedger { .. })));
    let held = reset(&log(), ledger_id, &options(&disk));
    assert!(matches!(held, Err(ResetError::Locked { .. })), "{held:?}");
    drop(begun);
    let plan = plan_reset(&log(), &options(&disk)).unwrap();
    assert!(plan.resumes && plan.ledger_id == Some(ledger_id), "{plan:?}");
    let refused = reset(&log(), other(), &options(&disk));
    assert!(matches!(refused, Err(ResetError::OtherLedger { .. })), "{refused:?}");
    reset(&log(), ledger_id, &options(&disk)).unwrap();
    assert!(disk.list(&removed()).is_err());
}

#[test]
fn a_reader_that_was_open_before_keeps_what_it_has_open_and_sees_no_other_log() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    (0..10).for_each(|number| append(&wal, number));
    let ledger_id = wal.reader().ledger_id();
    wal.close().unwrap();
    let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
    reset(&path, ledger_id, &ResetOptions::new()).unwrap();
    let (wal, _) = open_in(&path);
    append(&wal, 77);
    for seq in 0..10 {
        if let Ok(Some(record)) = reader.read(crate::Seq::new(seq)) {
            assert_eq!(record.payload(), payload(seq), "{seq}");
        }
    }
}
