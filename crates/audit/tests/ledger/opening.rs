//! Opening what is there, what is not, and what lost its index.

use runledger_audit::{ErrorClass, EventFilter, IndexState, Ledger, OpenError, RunStatus, Seq, Timestamp};

use super::{Place, custom, started};

#[test]
fn a_place_without_a_ledger_is_refused_for_reading_and_left_as_it_is() {
    let place = Place::new();
    let error = Ledger::open_read_only(place.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotALedger { exists: false, .. }));
    assert_eq!(error.class(), ErrorClass::Refused);
    assert!(!place.path().exists());
    assert!(Ledger::options().create(false).open(place.path()).is_err());
    assert!(!place.path().exists());
}

#[test]
fn a_folder_of_other_files_is_not_made_a_ledger() {
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    std::fs::write(place.path().join("notes.txt"), "mine").unwrap();
    let error = Ledger::open(place.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotALedger { exists: true, .. }));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn a_log_whose_files_are_gone_is_not_started_over() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a")).unwrap();
    ledger.close().unwrap();
    let log = place.path().join("wal");
    for file in std::fs::read_dir(&log).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let error = Ledger::open(place.path()).unwrap_err();
    assert!(matches!(&error, OpenError::LogLost { path } if *path == log), "{error}");
    assert_eq!(error.class(), ErrorClass::Damage);
    assert_eq!(Ledger::open_read_only(place.path()).unwrap_err().class(), ErrorClass::Damage);
    assert_eq!(std::fs::read_dir(&log).unwrap().count(), 0);
}

#[test]
fn a_second_writer_is_told_which_process_holds_the_ledger_and_since_when() {
    let place = Place::new();
    let before = Timestamp::now();
    let ledger = place.open();
    let error = Ledger::open(place.path()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Held);
    match &error {
        OpenError::Held { pid, since, .. } => {
            assert_eq!(*pid, Some(std::process::id()));
            let since = since.unwrap();
            assert!(before <= since && since <= Timestamp::now(), "{since}");
        }
        other => panic!("{other:?}"),
    }
    let words = error.to_string();
    assert!(words.contains(&std::process::id().to_string()) && words.contains("since 20"), "{words}");
    // Who only reads is let in, and the writer goes on.
    assert_eq!(place.read().durable_end().unwrap(), Seq::ZERO);
    ledger.append(custom("a")).unwrap();
    ledger.close().unwrap();
    assert_eq!(place.open().count(&EventFilter::default()).unwrap(), 1);
}

#[test]
fn a_deleted_or_damaged_index_is_rebuilt_by_the_writer_and_done_without_by_readers() {
    let place = Place::new();
    let ledger = place.open();
    for number in 0..50 {
        ledger.append(custom("a").with_run(format!("run-{}", number % 5))).unwrap();
    }
    let filter = EventFilter { run: Some("run-3".into()), ..EventFilter::default() };
    let before = ledger.events(&filter).unwrap();
    ledger.close().unwrap();
    let index = place.path().join("index");
    let damage = |path: std::path::PathBuf| {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    for damaged in [false, true] {
        if damaged {
            damage(index.join("manifest"));
        } else {
            std::fs::remove_dir_all(&index).unwrap();
        }
        let reader = place.read();
        assert!(matches!(reader.open_report().index, IndexState::Temporary { .. }), "damaged: {damaged}");
        assert_eq!(reader.events(&filter).unwrap(), before);
        assert_eq!(index.exists(), damaged, "readers write nothing");
        let ledger = place.open();
        assert!(matches!(ledger.open_report().index, IndexState::Rebuilt { .. }), "damaged: {damaged}");
        assert_eq!(ledger.events(&filter).unwrap(), before);
        ledger.close().unwrap();
        assert_eq!(place.open().open_report().index, IndexState::Current);
    }
}

#[test]
fn an_index_of_another_ledger_is_rebuilt() {
    let (place, other) = (Place::new(), Place::new());
    for (place, type_name) in [(&place, "a"), (&other, "b")] {
        let ledger = place.open();
        ledger.append(custom(type_name).with_run(type_name)).unwrap();
        ledger.close().unwrap();
    }
    std::fs::remove_dir_all(place.path().join("index")).unwrap();
    std::fs::rename(other.path().join("index"), place.path().join("index")).unwrap();
    for (ledger, who) in [(place.read(), "reader"), (place.open(), "writer")] {
        assert_ne!(ledger.open_report().index, IndexState::Current, "{who}");
        assert!(ledger.run("b").unwrap().is_none());
        assert!(ledger.run("a").unwrap().is_some());
    }
}

#[test]
fn a_reader_beside_the_writer_sees_what_was_acknowledged_before_it_asked() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a").with_run("r")).unwrap();
    let reader = place.read();
    for count in 1..20 {
        assert_eq!(
            reader.count(&EventFilter { run: Some("r".into()), ..EventFilter::default() }).unwrap(),
            count
        );
        ledger.append(custom("a").with_run("r")).unwrap();
    }
    let mut tail = reader.tail(Seq::new(0));
    assert!(tail.by_ref().map(|stored| stored.unwrap().seq.get()).eq(0..20));
    ledger.append(custom("b")).unwrap();
    assert!(tail.wait(None).unwrap());
    assert_eq!(tail.next().unwrap().unwrap().seq, Seq::new(20));
}

#[test]
fn a_run_at_work_is_interrupted_once_its_writer_is_gone_and_not_while_it_lives() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(started("alive")).unwrap();
    assert_eq!(place.read().run("alive").unwrap().unwrap().status, RunStatus::Running);
    let imported =
        runledger_audit::Event { source_id: Some("line/1".into()), ..custom("line").with_run("imported") };
    ledger.append(imported).unwrap();

    let killed = place.killed();
    let reopened = killed.open();
    assert_eq!(reopened.interrupted_runs().unwrap(), ["alive"]);
    assert_eq!(reopened.run("alive").unwrap().unwrap().status, RunStatus::Interrupted);
    assert_eq!(reopened.run("imported").unwrap().unwrap().status, RunStatus::Completed);
    drop(reopened);
    assert!(killed.open().interrupted_runs().unwrap().is_empty(), "only once");

    // Left in good order: only who means to go on with the run leaves it open.
    drop(ledger);
    assert!(place.open().interrupted_runs().unwrap().is_empty());
    assert_eq!(Ledger::open(place.path()).unwrap().interrupted_runs().unwrap(), ["alive"]);
}

#[test]
fn a_damaged_record_is_named_and_the_others_are_still_answered() {
    let place = Place::new();
    let ledger = place.open();
    for run in ["whole", "whole", "damaged"] {
        ledger.append(custom("a").with_run(run)).unwrap();
    }
    ledger.close().unwrap();
    let segment = place.path().join("wal/00000000000000000000.wal");
    let mut bytes = std::fs::read(&segment).unwrap();
    let last = bytes.windows(7).rposition(|window| window == b"damaged").unwrap();
    bytes[last] ^= 1;
    std::fs::write(segment, bytes).unwrap();
    let reader = place.read();
    assert_eq!(reader.open_report().index, IndexState::Current);
    let of_run = |run: &str| reader.events(&EventFilter { run: Some(run.into()), ..EventFilter::default() });
    assert_eq!(of_run("whole").unwrap().items.len(), 2);
    let error = of_run("damaged").unwrap_err();
    assert_eq!(error.class(), ErrorClass::Damage);
    let report = runledger_audit::verify(place.path(), |_| ()).unwrap();
    assert_eq!(
        (report.damaged.len(), report.damaged[0].seq_from, report.damaged[0].seq_to),
        (1, Seq::new(2), Seq::new(3))
    );
    // Damage behind does not keep the log from growing; what it touches stays named.
    assert_eq!(place.open().append(custom("b")).unwrap().seq, Seq::new(3));
    assert_eq!(of_run("damaged").unwrap_err().class(), ErrorClass::Damage);
}

#[test]
fn a_reader_that_lives_longer_than_its_memory_lasts_still_answers_all() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a").with_run("r")).unwrap();
    let reader = Ledger::options().reader_memory_bytes_max(64 << 10).open_read_only(place.path()).unwrap();
    let all = EventFilter { run: Some("r".into()), ..EventFilter::default() };
    for number in 1..2000 {
        let _ = ledger.submit(custom("a").with_run("r"), runledger_audit::Durability::Buffered).unwrap();
        if number % 500 == 0 {
            ledger.sync().unwrap();
            assert_eq!(reader.count(&all).unwrap(), number + 1);
        }
    }
}

#[test]
fn a_handle_that_is_dropped_leaves_a_closed_ledger_with_its_index_written_out() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a").with_run("r")).unwrap();
    drop(ledger.clone());
    ledger.append(custom("b")).unwrap();
    drop(ledger);
    let reader = place.read();
    assert_eq!(reader.stats().unwrap().index_tables, 1);
    assert_eq!(reader.open_report().index, IndexState::Current);
    // A log that was not closed in good order goes on in another segment.
    place.open().append(custom("c")).unwrap();
    assert_eq!(reader.stats().unwrap().log_segments, 1);
}
