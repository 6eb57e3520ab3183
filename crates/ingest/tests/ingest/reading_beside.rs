//! Another process reads: the tables on disk, and what is newer from the log in private memory.

use std::fs;

use runledger_ingest::{IngestError, catch_up};
use runledger_store::Store;
use runledger_wal::{Reader, ReaderOptions, Seq};

use crate::toy::{Place, Toy, check, contents, expected, options, payload, store_options};

#[test]
fn a_reader_beside_the_writer_sees_what_is_newer_than_the_tables() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(200);
    check(&store, &ingestor, 200);
    assert!(store.stats().memory_bytes > 0, "some of it is not in tables");

    // By the files alone, as another process does it.
    let log = Reader::open(&place.dir.path().join("wal"), ReaderOptions::new()).unwrap();
    let reader = Store::open_read_only(&place.index_path(), store_options()).unwrap();
    assert!(contents(&reader.view()).len() < expected(200).len());
    let end = catch_up(&log, &reader, Toy::default(), None, options(), |_| ()).unwrap();
    assert_eq!(end, Seq::new(200));
    assert_eq!(contents(&reader.view()), expected(200));

    // And again, for what came since.
    place.append_until(230);
    let end = catch_up(&log, &reader, Toy::default(), None, options(), |_| ()).unwrap();
    assert_eq!((end, contents(&reader.view())), (Seq::new(230), expected(230)));
    check(&store, &ingestor, 230);
}

#[test]
fn catching_up_goes_as_far_as_asked_and_reports_each_batch() {
    let place = Place::new();
    place.append_until(100);
    let store = place.open_store();
    let mut seen = Vec::new();
    let until = Some(Seq::new(50));
    let end = catch_up(&place.log.reader(), &store, Toy::default(), until, options(), |progress| {
        seen.push((progress.indexed_end.get(), progress.target.get()));
    });
    assert_eq!(end.unwrap(), Seq::new(50));
    assert_eq!(contents(&store.view()), expected(50));
    assert_eq!(seen, (1..=8).map(|batch| ((batch * 7).min(50), 50)).collect::<Vec<_>>());
    // Never past what is durable.
    let until = Some(Seq::new(1000));
    let end = catch_up(&place.log.reader(), &store, Toy::default(), until, options(), |_| ());
    assert_eq!(end.unwrap(), Seq::new(100));
    assert_eq!(contents(&store.view()), expected(100));
}

#[test]
fn an_index_that_does_not_fit_is_refused_by_a_reader_and_left_alone() {
    let place = Place::new();
    place.append_until(20);
    let store = place.open_store();
    catch_up(&place.log.reader(), &store, Toy::default(), None, options(), |_| ()).unwrap();
    store.close().unwrap();
    let other = Place::new();
    let reader = Store::open_read_only(&place.index_path(), store_options()).unwrap();
    let error = catch_up(&other.log.reader(), &reader, Toy::default(), None, options(), |_| ()).unwrap_err();
    assert!(matches!(&error, IngestError::NeedsRebuild { .. }) && error.is_rebuildable(), "{error}");
    assert_eq!(contents(&reader.view()), expected(20));
}

#[test]
fn a_damaged_record_is_noted_and_all_others_are_indexed() {
    const RECORDS: u64 = 30;
    for damaged in [0, 19, RECORDS - 1] {
        let place = Place::new();
        place.append_until(RECORDS);
        let store = place.open_store();
        let Place { dir, log } = place;
        log.close().unwrap();
        let segment = dir.path().join("wal/00000000000000000000.wal");
        let mut bytes = fs::read(&segment).unwrap();
        let wanted = payload(damaged);
        let at = bytes.windows(wanted.len()).position(|window| window == wanted).unwrap();
        *bytes.get_mut(at).unwrap() ^= 1;
        fs::write(&segment, bytes).unwrap();

        let log = Reader::open(&dir.path().join("wal"), ReaderOptions::new()).unwrap();
        for _ in 0..2 {
            let end = catch_up(&log, &store, Toy::default(), None, options(), |_| ()).unwrap();
            assert_eq!(end, Seq::new(RECORDS), "record {damaged} is damaged");
            let mut noted = 0;
            for number in 0..RECORDS {
                let payload_key = [&b"payload/"[..], &payload(number)].concat();
                let note_key = [&b"damaged/"[..], &number.to_be_bytes()].concat();
                let view = store.view();
                let (indexed, note) = (view.get(&payload_key).unwrap(), view.get(&note_key).unwrap());
                assert_eq!(indexed.is_some(), number != damaged, "record {number}, {damaged} is damaged");
                noted += u64::from(note.is_some());
            }
            assert_eq!(noted, 1, "record {damaged} is damaged");
        }
    }
}
