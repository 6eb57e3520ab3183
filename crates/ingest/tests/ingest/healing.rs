//! What fails is tried again; what is damaged is built anew; the log goes on regardless.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use runledger_ingest::{Ingestor, Status, WaitError};
use runledger_store::{Batch, Damage, Store};
use runledger_wal::Seq;

use crate::failing_directory::{Call, EIO, ENOSPC, FailingDirectory, Trouble};
use crate::toy::{Place, Toy, check, contents, expected, options, patience, store_options};

/// Memory for what can't be written out: the memory table, and a batch of seven records over it.
const MEMORY_BYTES_MAX: usize = 4_000 + 2_000;

#[test]
fn a_directory_that_takes_nothing_never_stops_the_log_is_told_and_heals_by_itself() {
    for (call, errno) in Call::ALL.into_iter().flat_map(|call| [(call, ENOSPC), (call, EIO)]) {
        let place = Place::new();
        let (directory, switch) = FailingDirectory::new(place.index_path());
        let store = Store::open_in(Arc::new(directory), store_options()).unwrap();
        let ingestor = place.start(&store);
        place.append_until(20);
        check(&store, &ingestor, 20);

        switch.set(Some(Trouble { call, errno, times: None }));
        // More than the memory table holds: it must be written out, and can't be.
        place.append_until(500);
        let error = ingestor.wait_indexed(Seq::new(500), patience()).unwrap_err();
        assert!(matches!(&error, WaitError::Failed { .. }), "{call:?}: {error}");
        assert!(matches!(ingestor.status(), Status::Failed { attempts, .. } if attempts >= 3), "{call:?}");
        let stuck = ingestor.indexed_end();
        assert!(store.stats().memory_bytes <= MEMORY_BYTES_MAX, "{call:?}: {:?}", store.stats());
        place.append_until(520);
        assert_eq!(ingestor.lag().unwrap().events, 520 - stuck.get(), "{call:?}");
        // What it has is right, and as of one record.
        assert_eq!(contents(&store.view()), expected(stuck.get()), "{call:?}");

        switch.set(None);
        wait_until_healed(&ingestor, 520);
        check(&store, &ingestor, 520);
        assert_eq!(ingestor.status(), Status::Following, "{call:?}");
        assert!(ingestor.last_failure().is_some(), "{call:?}");
        drop(ingestor);
        store.close().unwrap();
        assert_eq!(contents(&place.open_store().view()), expected(520), "{call:?}: on disk too");
    }
}

#[test]
fn a_single_failed_call_is_nobodys_loss() {
    for (call, errno) in Call::ALL.into_iter().flat_map(|call| [(call, ENOSPC), (call, EIO)]) {
        let place = Place::new();
        let (directory, switch) = FailingDirectory::new(place.index_path());
        let store = Store::open_in(Arc::new(directory), store_options()).unwrap();
        let ingestor = place.start(&store);
        switch.set(Some(Trouble { call, errno, times: Some(1) }));
        place.append_until(500);
        check(&store, &ingestor, 500);
        assert!(switch.is_over(), "{call:?} was met");
        drop(ingestor);
        store.close().unwrap();
        assert_eq!(contents(&place.open_store().view()), expected(500), "{call:?}: on disk too");
    }
}

/// A failure that was told before it healed may be told once more.
fn wait_until_healed(ingestor: &Ingestor, end: u64) {
    let deadline = patience();
    while let Err(error) = ingestor.wait_indexed(Seq::new(end), deadline) {
        assert!(matches!(error, WaitError::Failed { .. }), "{error}");
        thread::yield_now();
    }
}

#[test]
fn a_panicking_indexer_is_a_failure_like_others_and_leaves_no_half_record() {
    let place = Place::new();
    let store = place.open_store();
    let toy = Toy::default();
    let ingestor = Ingestor::start(place.log.reader(), store.clone(), toy.clone(), options()).unwrap();
    place.append_until(10);
    check(&store, &ingestor, 10);
    toy.panics.store(true, Ordering::Relaxed);
    place.append_until(40);
    let error = ingestor.wait_indexed(Seq::new(40), patience()).unwrap_err();
    assert_eq!(error, WaitError::Failed { reason: "indexing panicked".to_owned() });
    toy.panics.store(false, Ordering::Relaxed);
    ingestor.resume();
    wait_until_healed(&ingestor, 40);
    check(&store, &ingestor, 40);
}

#[test]
fn a_view_is_complete_even_while_the_index_is_emptied_and_built_anew() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(60);
    let expected = expected(60);
    thread::scope(|scope| {
        let rebuilds = scope.spawn(|| {
            for _ in 0..10 {
                ingestor.rebuild("again", |_| ()).unwrap();
            }
        });
        while !rebuilds.is_finished() {
            let view = ingestor.view(&store, Seq::new(60), patience()).unwrap();
            assert_eq!(contents(&view), expected);
        }
    });
}

#[test]
fn damage_that_a_reader_reports_is_healed() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(60);
    check(&store, &ingestor, 60);
    // Something that no record put there stands for what damage does.
    let mut wrong = Batch::new();
    wrong.put(b"count", b"wrong");
    store.apply(&wrong, &store.checkpoint().unwrap()).unwrap();
    let damage = Damage {
        file: "0000000000000001.table".to_owned(),
        offset: 0,
        problem: "block checksum",
        expected: String::new(),
        found: String::new(),
    };
    ingestor.report_damage(&damage.into());
    let view = ingestor.view(&store, Seq::new(60), patience()).unwrap();
    assert_eq!(contents(&view), expected(60));
}

#[test]
fn a_damaged_table_is_noticed_by_the_indexer_and_the_index_built_anew() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(300);
    check(&store, &ingestor, 300);
    drop(ingestor);
    store.compact().unwrap();
    store.close().unwrap();
    let tables = fs::read_dir(place.index_path()).unwrap().map(|entry| entry.unwrap().path());
    let table = tables.into_iter().find(|path| path.extension().is_some_and(|end| end == "table")).unwrap();
    let mut bytes = fs::read(&table).unwrap();
    // The first block, where the counters are. The store opens without looking at it.
    bytes[10] ^= 1;
    fs::write(&table, bytes).unwrap();

    let store = place.open_store();
    store.view().get(b"count").unwrap_err();
    let ingestor = place.start(&store);
    place.append_until(310);
    wait_until_healed(&ingestor, 310);
    check(&store, &ingestor, 310);
}
