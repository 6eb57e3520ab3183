//! A backup answers every question as its ledger did at that moment, and is made while the ledger is in use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use runledger_audit::{
    ErrorClass, EventFilter, IndexState, Ledger, MaintenanceError, Order, Seq, backup, restore, verify,
};

use super::{Place, copy_folder, custom, started};

fn copy_of(place: &Place) -> PathBuf {
    place.folder.path().join("copy")
}

fn back_of(place: &Place) -> PathBuf {
    place.folder.path().join("back")
}

fn class(refused: Result<runledger_audit::BackupReport, MaintenanceError>) -> (ErrorClass, String) {
    let error = refused.unwrap_err();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    (error.class(), words)
}

/// What the log holds, and the answers to a few questions.
fn answers(ledger: &Ledger) -> (Vec<String>, Vec<u64>) {
    let records = ledger.tail(Seq::ZERO).map(|event| format!("{:?}", event.unwrap())).collect();
    let counts = ["r-0", "r-1", "r-2"]
        .map(|run| ledger.count(&EventFilter { run: Some(run.into()), ..EventFilter::default() }).unwrap());
    (records, counts.to_vec())
}

fn fill(ledger: &Ledger, events: u64) {
    for number in 0..3 {
        ledger.append(started(&format!("r-{number}"))).unwrap();
    }
    for number in 0..events {
        ledger.append(custom("note").with_run(format!("r-{}", number % 3))).unwrap();
    }
}

#[test]
fn a_backup_of_an_open_ledger_answers_as_the_ledger_does_and_keeps_its_id() {
    let place = Place::new();
    let ledger = place.open();
    fill(&ledger, 100);
    let before = answers(&ledger);
    let report = ledger.backup(copy_of(&place), |_| {}).unwrap();
    assert_eq!(report.records, 103);
    ledger.append(custom("later").with_run("r-0")).unwrap();
    assert!(!copy_of(&place).join("index").exists(), "the index is derived");
    let copy = Ledger::open_read_only(copy_of(&place)).unwrap();
    assert_eq!(answers(&copy), before);
    drop(copy);
    let copy = Ledger::options().leave_runs_open(true).open(copy_of(&place)).unwrap();
    assert!(matches!(copy.open_report().index, IndexState::Rebuilt { .. }));
    assert_eq!(answers(&copy), before);
    assert_eq!(copy.ledger_id(), report.ledger_id);
    assert_eq!(copy.append(custom("on")).unwrap().seq, Seq::new(103));
    assert_eq!(ledger.durable_end().unwrap(), Seq::new(104));
}

#[test]
fn backups_made_while_events_are_recorded_have_all_that_was_acknowledged_before() {
    let place = Place::new();
    let ledger = Ledger::options().segment_bytes(64 << 10).open(place.path()).unwrap();
    let (stop, stored) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                ledger.append(custom("note").with_run("r-0")).unwrap();
                stored.fetch_add(1, Ordering::Release);
            }
        });
        let mut acknowledged = 0;
        for number in 0..5 {
            while stored.load(Ordering::Acquire) < acknowledged + 200 {
                std::thread::yield_now();
            }
            acknowledged = stored.load(Ordering::Acquire);
            let copy = place.folder.path().join(format!("copy-{number}"));
            let report = ledger.backup(&copy, |_| {}).unwrap();
            assert!(report.records >= acknowledged, "{report:?}, {acknowledged}");
            let page = Ledger::open_read_only(&copy).unwrap().events(&EventFilter {
                order: Order::Ascending,
                limit: usize::MAX,
                ..EventFilter::default()
            });
            assert_eq!(page.unwrap().items.len() as u64, report.records);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_damaged_ledger_is_not_backed_up_and_the_error_says_which_events() {
    let place = Place::new();
    let ledger = place.open();
    fill(&ledger, 100);
    ledger.close().unwrap();
    let segment = place.path().join("wal/00000000000000000000.wal");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[6000] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let found = verify(place.path(), |_| {}).unwrap();
    let (refused, words) = class(backup(place.path(), copy_of(&place), |_| {}));
    assert_eq!(refused, ErrorClass::Damage);
    assert!(words.contains(&found.damaged[0].to_string()), "{words}");
    assert!(!copy_of(&place).exists());
}

#[test]
fn a_target_that_is_taken_or_inside_or_a_link_is_refused() {
    let place = Place::new();
    place.open().close().unwrap();
    let folder = place.folder.path();
    std::fs::create_dir(folder.join("taken")).unwrap();
    std::fs::write(folder.join("taken/mine"), "mine").unwrap();
    std::fs::write(folder.join("file"), "mine").unwrap();
    std::fs::create_dir_all(folder.join("report-only")).unwrap();
    std::fs::write(folder.join("report-only/salvage.json"), "{}").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("dangling")).unwrap();
    std::fs::create_dir(folder.join("linked")).unwrap();
    std::os::unix::fs::symlink(folder.join("taken"), folder.join("linked/wal.unfinished")).unwrap();
    for taken in ["taken", "file", "report-only", "dangling", "linked"] {
        let (refused, words) = class(backup(place.path(), folder.join(taken), |_| {}));
        assert!(refused == ErrorClass::Refused && words.contains("taken"), "{taken}: {words}");
    }
    std::os::unix::fs::symlink(place.path(), folder.join("link")).unwrap();
    for inside in ["ledger", "ledger/copy", "ledger/wal", "link/copy", "nothing/../ledger/copy"] {
        let (refused, words) = class(backup(place.path(), folder.join(inside), |_| {}));
        assert!(refused == ErrorClass::Refused && words.contains("inside"), "{inside}: {words}");
    }
    assert_eq!(std::fs::read_to_string(folder.join("taken/mine")).unwrap(), "mine");
    let (refused, _) = class(backup(folder.join("taken"), folder.join("new"), |_| {}));
    assert_eq!(refused, ErrorClass::Refused);
    assert!(!folder.join("new").exists());
    std::fs::create_dir(folder.join("empty")).unwrap();
    backup(place.path(), folder.join("empty"), |_| {}).unwrap();
    backup(place.path(), folder.join("deep/er/copy"), |_| {}).unwrap();
}

#[test]
fn what_a_backup_that_was_cut_short_left_is_cleared_away_by_the_next() {
    let place = Place::new();
    let ledger = place.open();
    fill(&ledger, 10);
    let copy = copy_of(&place);
    std::fs::create_dir_all(copy.join("wal.unfinished")).unwrap();
    std::fs::write(copy.join("wal.unfinished/lock"), "{\"pid\":1,\"madeBy\":\"backup\"}").unwrap();
    std::fs::write(copy.join("wal.unfinished/00000000000000000000.wal"), "half").unwrap();
    std::fs::write(copy.join("salvage.json"), "half").unwrap();
    assert!(Ledger::open(&copy).is_err() && Ledger::open_read_only(&copy).is_err());
    assert_eq!(ledger.backup(&copy, |_| {}).unwrap().records, 13);
    assert!(!copy.join("wal.unfinished").exists());
    assert_eq!(answers(&Ledger::open_read_only(&copy).unwrap()), answers(&ledger));
}

#[test]
fn what_salvage_said_goes_with_the_ledger() {
    let place = Place::new();
    let ledger = place.open();
    fill(&ledger, 10);
    ledger.close().unwrap();
    let salvaged = place.folder.path().join("salvaged");
    runledger_audit::salvage(place.path(), &salvaged, |_| {}).unwrap();
    let said = std::fs::read(salvaged.join("salvage.json")).unwrap();
    backup(&salvaged, copy_of(&place), |_| {}).unwrap();
    restore(copy_of(&place), back_of(&place), |_| {}).unwrap();
    for ledger in [copy_of(&place), back_of(&place)] {
        assert_eq!(std::fs::read(ledger.join("salvage.json")).unwrap(), said);
    }
}

#[test]
fn a_restored_ledger_is_the_backup_and_is_not_made_over_anything() {
    let place = Place::new();
    let ledger = place.open();
    fill(&ledger, 50);
    let report = ledger.backup(copy_of(&place), |_| {}).unwrap();
    let before = answers(&ledger);
    fill(&ledger, 5);
    ledger.close().unwrap();
    let (refused, words) = class(restore(copy_of(&place), place.path(), |_| {}));
    assert!(refused == ErrorClass::Refused && words.contains("taken"), "{words}");
    let index_only = place.folder.path().join("index-only");
    copy_folder(&place.path().join("index"), &index_only.join("index"));
    let (refused, words) = class(restore(copy_of(&place), &index_only, |_| {}));
    assert!(refused == ErrorClass::Refused && words.contains("taken"), "{words}");
    assert_eq!(restore(copy_of(&place), back_of(&place), |_| {}).unwrap(), report);
    let back = Ledger::open(back_of(&place)).unwrap();
    assert_eq!(answers(&back).0[..53], before.0);
}

#[test]
fn an_index_of_a_longer_past_beside_a_restored_log_is_built_anew() {
    let place = Place::new();
    let ledger = place.open();
    fill(&ledger, 50);
    ledger.backup(copy_of(&place), |_| {}).unwrap();
    let before = answers(&ledger);
    fill(&ledger, 200);
    ledger.close().unwrap();
    restore(copy_of(&place), back_of(&place), |_| {}).unwrap();
    copy_folder(&place.path().join("index"), &back_of(&place).join("index"));
    let reader = Ledger::open_read_only(back_of(&place)).unwrap();
    assert!(matches!(reader.open_report().index, IndexState::Temporary { .. }));
    assert_eq!(answers(&reader), before);
    let back = Ledger::options().leave_runs_open(true).open(back_of(&place)).unwrap();
    assert!(matches!(back.open_report().index, IndexState::Rebuilt { .. }));
    assert_eq!(answers(&back), before);
    // As long as the other again, with other events.
    fill(&back, 200);
    assert_eq!(answers(&back).1.iter().sum::<u64>(), 53 + 203);
}

#[test]
fn a_backup_with_a_flipped_byte_or_in_use_or_not_closed_is_refused() {
    let place = Place::new();
    let ledger = place.open();
    fill(&ledger, 50);
    let (refused, words) = class(restore(place.path(), back_of(&place), |_| {}));
    assert!(refused == ErrorClass::Held && words.contains(&std::process::id().to_string()), "{words}");
    let killed = place.killed();
    let (refused, words) = class(restore(killed.path(), back_of(&place), |_| {}));
    assert!(refused == ErrorClass::Refused && words.contains("good order"), "{words}");
    ledger.backup(copy_of(&place), |_| {}).unwrap();
    let segment = copy_of(&place).join("wal/00000000000000000000.wal");
    let sound = std::fs::read(&segment).unwrap();
    for at in [10, 5000, sound.len() / 2, sound.len() - 10] {
        let mut bytes = sound.clone();
        bytes[at] ^= 4;
        std::fs::write(&segment, bytes).unwrap();
        let (refused, words) = class(restore(copy_of(&place), back_of(&place), |_| {}));
        assert_eq!(refused, ErrorClass::Damage, "{at}: {words}");
        assert!(!back_of(&place).exists(), "{at}");
    }
    let nothing: &Path = Path::new("/nowhere/at/all");
    assert_eq!(class(restore(nothing, back_of(&place), |_| {})).0, ErrorClass::Refused);
}

#[test]
fn progress_is_told_and_ends_at_all_bytes() {
    let place = Place::new();
    let ledger = place.open();
    fill(&ledger, 10);
    let ends = Arc::new(AtomicU64::new(0));
    let hear = Arc::clone(&ends);
    let progress = move |progress: runledger_audit::Progress| {
        hear.store(u64::from(progress.done == progress.total && progress.total > 0), Ordering::Relaxed);
    };
    ledger.backup(copy_of(&place), progress).unwrap();
    assert_eq!(ends.load(Ordering::Relaxed), 1);
}
