//! Ledgers that earlier versions wrote are read by this one, event for event.
//!
//! One frozen ledger per format version lies in `tests/fixtures/vN/`, with the event JSON that it must give in
//! `events.jsonl`. A fixture is made once, when its version is new, and never again: a change that can't read it has
//! changed the format.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::path::{Path, PathBuf};

use runledger::{Event, EventFilter, IndexState, Ledger, RunFilter, Seq};

const VERSIONS: [&str; 4] = ["v1", "v2", "v3", "v4"];

fn fixture(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(version)
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

fn lines(ledger: &Ledger) -> Vec<String> {
    let print = |stored: runledger::StoredEvent| stored.event.to_json(Some(stored.seq));
    ledger.tail(Seq::new(0)).map(|stored| print(stored.unwrap())).collect()
}

#[test]
fn every_frozen_ledger_gives_its_events_and_goes_on() {
    for version in VERSIONS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        copy_folder(&fixture(version).join("ledger"), &path);
        let expected = std::fs::read_to_string(fixture(version).join("events.jsonl")).unwrap();
        let expected: Vec<&str> = expected.lines().collect();

        let reader = Ledger::open_read_only(&path).unwrap();
        assert_eq!(lines(&reader), expected, "{version}");
        let verified = runledger::verify(&path, |_| ()).unwrap();
        assert_eq!((verified.records, verified.damaged.len()), (expected.len() as u64, 0), "{version}");

        let ledger = Ledger::open(&path).unwrap();
        let newest = Event::from_json(r#"{"kind":"custom","runId":"new"}"#).unwrap();
        assert_eq!(ledger.append(newest).unwrap().seq, Seq::new(expected.len() as u64), "{version}");
        assert!(ledger.run("run-1").unwrap().unwrap().events > 0, "{version}");
        assert!(ledger.count(&EventFilter::default()).unwrap() > 0, "{version}");
        assert!(!ledger.runs(&RunFilter::default()).unwrap().is_empty(), "{version}");
    }
}

/// The index of the fixture is of its own version; this one reads it or builds it again, and says which.
#[test]
fn the_newest_fixture_has_an_index_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    copy_folder(&fixture(VERSIONS.last().unwrap()).join("ledger"), &path);
    assert_eq!(Ledger::open_read_only(&path).unwrap().open_report().index, IndexState::Current);
}

/// Writes the fixture of a version that is new: run it once, by hand, and commit what it made. It refuses to touch one
/// that is there.
#[test]
#[ignore = "makes a fixture, for a new format version only"]
fn write_the_fixture_of_the_newest_version() {
    let folder = fixture(VERSIONS.last().unwrap());
    assert!(!folder.exists(), "{} is frozen", folder.display());
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ledger");
    let ledger = Ledger::options().segment_bytes(8192).open(&path).unwrap();
    for line in include_str!("new_events.jsonl").lines() {
        ledger.append(Event::from_json(line).unwrap()).unwrap();
    }
    let printed: String = lines(&ledger).into_iter().map(|line| line + "\n").collect();
    std::fs::write(folder.join("events.jsonl"), printed).unwrap();
    ledger.close().unwrap();
    for file in ["wal/spare.wal", "wal/lock", "index/lock"] {
        let _ = std::fs::remove_file(path.join(file));
    }
}
