//! A reset deletes the ledger that was named, with all that is its own and nothing else.

use std::path::Path;

use runledger_audit::{
    ErrorClass, Ledger, LedgerId, MaintenanceError, OpenError, ResetReport, plan_reset, reset,
};

use super::{Place, copy_folder, custom};

fn filled() -> (Place, LedgerId) {
    let place = Place::new();
    let ledger = place.open();
    for _ in 0..20 {
        ledger.append(custom("note")).unwrap();
    }
    let ledger_id = ledger.ledger_id();
    ledger.close().unwrap();
    (place, ledger_id)
}

fn other() -> LedgerId {
    LedgerId::from_bytes([9; 16])
}

fn refused(result: Result<ResetReport, MaintenanceError>) -> ErrorClass {
    result.unwrap_err().class()
}

/// All files below a folder, with their bytes.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_reset_deletes_log_index_and_report_and_the_place_can_be_used_anew() {
    let (place, ledger_id) = filled();
    std::fs::write(place.path().join("salvage.json"), "{}").unwrap();
    let before = files(&place.path());
    let plan = plan_reset(place.path()).unwrap();
    assert_eq!((plan.ledger_id, plan.records, plan.resumes), (Some(ledger_id), Some(20), false));
    assert_eq!(plan.bytes, before.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    assert_eq!(files(&place.path()), before, "a plan changes nothing");
    let report = reset(place.path(), ledger_id).unwrap();
    assert_eq!((report.deleted, report.left.len()), (plan, 0));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    assert_eq!(refused(reset(place.path(), ledger_id)), ErrorClass::Refused);
    let ledger = place.open();
    assert!(ledger.open_report().created);
    assert_ne!(ledger.ledger_id(), ledger_id);
}

#[test]
fn another_id_changes_nothing() {
    let (place, _) = filled();
    let before = files(&place.path());
    assert_eq!(refused(reset(place.path(), other())), ErrorClass::Refused);
    assert_eq!(files(&place.path()), before);
}

#[test]
fn a_ledger_in_use_is_left_alone() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a")).unwrap();
    let ledger_id = ledger.ledger_id();
    assert_eq!(refused(reset(place.path(), ledger_id)), ErrorClass::Held);
    ledger.append(custom("b")).unwrap();
    assert_eq!(ledger.durable_end().unwrap().get(), 2);
}

#[test]
fn what_is_not_the_ledgers_stays_and_among_the_logs_files_it_keeps_all_of_them() {
    let (place, ledger_id) = filled();
    std::fs::write(place.path().join("notes.txt"), "mine").unwrap();
    std::fs::write(place.path().join("index/notes.txt"), "mine").unwrap();
    std::fs::write(place.path().join("wal/notes.txt"), "mine").unwrap();
    let before = files(&place.path());
    assert_eq!(refused(reset(place.path(), ledger_id)), ErrorClass::Refused);
    assert_eq!(files(&place.path()), before);
    std::fs::remove_file(place.path().join("wal/notes.txt")).unwrap();
    let report = reset(place.path(), ledger_id).unwrap();
    assert_eq!(report.left, ["index", "notes.txt"].map(|name| place.path().join(name)));
    let left = files(&place.path());
    assert_eq!(
        left.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        [&place.path().join("index/notes.txt"), &place.path().join("notes.txt")]
    );
}

#[test]
fn links_are_not_followed() {
    let (place, ledger_id) = filled();
    let (other, other_id) = filled();
    let before = files(&other.path());
    std::fs::remove_dir_all(place.path().join("index")).unwrap();
    std::os::unix::fs::symlink(other.path().join("index"), place.path().join("index")).unwrap();
    let report = reset(place.path(), ledger_id).unwrap();
    assert_eq!(report.left, [place.path().join("index")]);
    assert_eq!(files(&other.path()), before);
    std::os::unix::fs::symlink(other.path().join("wal"), place.path().join("wal")).unwrap();
    assert_eq!(refused(reset(place.path(), other_id)), ErrorClass::Refused);
    assert_eq!(files(&other.path()), before);
}

#[test]
fn a_reset_that_was_cut_short_is_named_by_openings_and_finished_by_the_next() {
    let (place, ledger_id) = filled();
    std::fs::rename(place.path().join("wal"), place.path().join("wal.removed")).unwrap();
    let opened = [Ledger::open(place.path()), Ledger::open_read_only(place.path())];
    for opened in opened {
        match opened.map(drop) {
            Err(error @ OpenError::ResetUnfinished { .. }) => assert_eq!(error.class(), ErrorClass::Refused),
            other => panic!("{other:?}"),
        }
    }
    assert!(plan_reset(place.path()).unwrap().resumes);
    assert_eq!(refused(reset(place.path(), other())), ErrorClass::Refused);
    assert!(place.path().join("index").exists());
    reset(place.path(), ledger_id).unwrap();
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);

    // Nothing says any more whose it was, and nothing of it is left that could be.
    std::fs::create_dir(place.path().join("wal.removed")).unwrap();
    let plan = plan_reset(place.path()).unwrap();
    assert_eq!((plan.ledger_id, plan.resumes), (None, true));
    reset(place.path(), other()).unwrap();
    assert!(place.open().open_report().created);
}

#[test]
fn a_damaged_ledger_goes_if_anything_says_which_one_it_is() {
    let (place, ledger_id) = filled();
    std::fs::remove_file(place.path().join("wal/watermark")).unwrap();
    let copy = Place::new();
    copy_folder(&place.path(), &copy.path());
    assert_eq!(plan_reset(place.path()).unwrap().records, None);
    reset(place.path(), ledger_id).unwrap();
    let segment = copy.path().join("wal/00000000000000000000.wal");
    std::fs::write(&segment, "nothing").unwrap();
    assert_eq!(refused(reset(copy.path(), ledger_id)), ErrorClass::Damage);
    assert_eq!(std::fs::read_to_string(segment).unwrap(), "nothing");
    // The log is gone, and the index left of it.
    std::fs::remove_dir_all(copy.path().join("wal")).unwrap();
    std::fs::create_dir(copy.path().join("wal")).unwrap();
    assert_eq!(refused(reset(copy.path(), ledger_id)), ErrorClass::Damage);
}
