//! The index follows the log: completely, in order, across restarts and crashes.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use runledger_ingest::{Ingestor, Status, WaitError};
use runledger_store::Store;
use runledger_wal::{Durability, Seq};

use crate::toy::{Place, Toy, check, contents, expected, options, patience, payload, store_options};

#[test]
fn what_is_durable_can_be_found_after_waiting_for_it() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    for number in 0..60 {
        let receipt = place.log.append(&payload(number), Durability::Durable).unwrap();
        assert_eq!(receipt.seq, Seq::new(number));
        check(&store, &ingestor, number + 1);
    }
    assert_eq!(ingestor.indexed_end(), Seq::new(60));
    let lag = ingestor.lag().unwrap();
    assert_eq!((lag.events, lag.oldest), (0, None));
}

#[test]
fn a_view_never_shows_a_part_of_a_record() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    thread::scope(|scope| {
        scope.spawn(|| place.append_until(1000));
        while ingestor.indexed_end() < Seq::new(1000) {
            let view = store.view();
            let end =
                view.checkpoint().map_or(0, |bytes| u64::from_be_bytes(*bytes.first_chunk().unwrap()) + 1);
            assert_eq!(contents(&view), expected(end));
        }
    });
    check(&store, &ingestor, 1000);
}

#[test]
fn replay_after_a_crash_gives_the_same_index() {
    let place = Place::new();
    let mut end = 0;
    for round in 1..=12 {
        let store = place.open_store();
        let ingestor = place.start(&store);
        end += 37 * round;
        place.append_until(end);
        // A crash somewhere on the way: nothing is closed, and how far it came is left to chance.
        ingestor.wait_indexed(Seq::new(end - 20 * round), patience()).unwrap();
    }
    let store = place.open_store();
    assert!(store.checkpoint().is_some(), "something was written out on the way");
    let ingestor = place.start(&store);
    check(&store, &ingestor, end);
}

#[test]
fn a_closed_index_is_not_replayed() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(100);
    check(&store, &ingestor, 100);
    ingestor.stop();
    store.close().unwrap();

    let store = place.open_store();
    let (sender, told) = mpsc::channel();
    let observing = options().observer(move |records| {
        for record in records {
            sender.send(record.seq().get()).unwrap();
        }
    });
    let ingestor = Ingestor::start(place.log.reader(), store.clone(), Toy::default(), observing).unwrap();
    place.append_until(130);
    check(&store, &ingestor, 130);
    drop(ingestor);
    assert_eq!(
        told.iter().collect::<Vec<_>>(),
        (100..130).collect::<Vec<_>>(),
        "each new record once, in order"
    );
}

#[test]
fn an_index_of_another_log_is_emptied_and_built_anew() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(50);
    check(&store, &ingestor, 50);
    drop(ingestor);
    store.close().unwrap();

    let other = Place::new();
    for number in 0..80 {
        other.log.append(format!("z {number}").as_bytes(), Durability::Durable).unwrap();
    }
    let store = place.open_store();
    let ingestor = other.start(&store);
    ingestor.wait_indexed(Seq::new(80), patience()).unwrap();
    let view = store.view();
    assert_eq!(view.get(b"count").unwrap(), Some(80u64.to_be_bytes().to_vec()));
    assert_eq!(view.get(b"count/z").unwrap(), Some(80u64.to_be_bytes().to_vec()));
    assert_eq!(view.get(b"count/a").unwrap(), None, "nothing of the other log is left");
    assert_eq!(contents(&view).len(), 82);
}

#[test]
fn a_rebuild_on_demand_reports_its_progress_and_gives_the_same() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(100);
    check(&store, &ingestor, 100);
    let mut seen = Vec::new();
    ingestor.rebuild("asked for", |progress| seen.push(progress)).unwrap();
    assert!(seen.len() >= 100 / 7 && seen.is_sorted_by_key(|progress| progress.indexed_end), "{seen:?}");
    let last = seen.last().unwrap();
    assert_eq!((last.indexed_end, last.target), (Seq::new(100), Seq::new(100)));
    check(&store, &ingestor, 100);
    place.append_until(120);
    check(&store, &ingestor, 120);
    assert_eq!(ingestor.status(), Status::Following);
}

#[test]
fn a_waiter_gives_up_at_its_deadline_and_not_before() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(3);
    check(&store, &ingestor, 3);
    let started = Instant::now();
    let waited = ingestor.wait_indexed(Seq::new(4), Some(started + Duration::from_millis(50)));
    assert_eq!(waited, Err(WaitError::Timeout { indexed_end: Seq::new(3), wanted: Seq::new(4) }));
    assert!(started.elapsed() >= Duration::from_millis(50));
    // Waits that come before the record are fulfilled by it.
    thread::scope(|scope| {
        let waiters: Vec<_> =
            (0..8).map(|_| scope.spawn(|| ingestor.wait_indexed(Seq::new(4), patience()))).collect();
        place.append_until(4);
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap().is_ok()));
    });
}

#[test]
fn a_paused_ingestor_does_nothing_until_it_is_resumed() {
    let place = Place::new();
    let store = place.open_store();
    let ingestor = place.start(&store);
    place.append_until(10);
    check(&store, &ingestor, 10);
    ingestor.pause();
    assert_eq!(ingestor.status(), Status::Paused);
    place.append_until(30);
    let deadline = Some(Instant::now() + Duration::from_millis(30));
    assert!(matches!(ingestor.wait_indexed(Seq::new(11), deadline), Err(WaitError::Timeout { .. })));
    let lag = ingestor.lag().unwrap();
    assert_eq!(lag.events, 20);
    assert!(lag.oldest.unwrap() >= Duration::from_millis(30));
    ingestor.resume();
    check(&store, &ingestor, 30);
}

#[test]
fn a_stopped_ingestor_lets_go_of_the_store_at_once() {
    let place = Place::new();
    place.append_until(10);
    for _ in 0..5 {
        let store = place.open_store();
        let ingestor = place.start(&store);
        check(&store, &ingestor, 10);
        // Its thread waits for the log now.
        let started = Instant::now();
        ingestor.stop();
        drop(store);
        let reopened: Store = place.open_store();
        assert!(started.elapsed() < Duration::from_millis(500), "took {:?}", started.elapsed());
        assert_eq!(ingestor.wait_indexed(Seq::new(11), patience()), Err(WaitError::Stopped));
        assert_eq!(ingestor.status(), Status::Stopped);
        drop(reopened);
    }
}

#[test]
fn what_must_be_replayed_after_a_crash_is_bounded() {
    let place = Place::new();
    let store = Store::open(&place.index_path(), runledger_store::Options::new().create(true)).unwrap();
    let bounded = options().index_tail_events_max(20);
    let ingestor = Ingestor::start(place.log.reader(), store.clone(), Toy::default(), bounded).unwrap();
    place.append_until(500);
    check(&store, &ingestor, 500);
    let durable = store.durable_checkpoint().unwrap();
    let durable_end = u64::from_be_bytes(*durable.first_chunk().unwrap()) + 1;
    assert!(durable_end >= 500 - 20 - 7, "only {durable_end} of 500 are written out");
}

#[test]
fn what_must_be_replayed_is_bounded_also_where_the_store_writes_itself_out() {
    const TAIL_EVENTS_MAX: u64 = 100;
    let place = Place::new();
    let roomy = store_options().memory_table_bytes_max(20_000);
    let store = Store::open(&place.index_path(), roomy).unwrap();
    let bounded = options().index_tail_events_max(TAIL_EVENTS_MAX);
    let ingestor = Ingestor::start(place.log.reader(), store.clone(), Toy::default(), bounded).unwrap();
    let mut written_out = BTreeSet::new();
    for number in 0..300_u64 {
        // The first ones fill the memory, so that the store writes itself out soon, and not again.
        let bytes = if number < 15 { 2_000 } else { 1 };
        let payload = [number.to_be_bytes().to_vec(), vec![b'x'; bytes]].concat();
        place.log.append(&payload, Durability::Durable).unwrap();
        ingestor.wait_indexed(Seq::new(number + 1), patience()).unwrap();
        let durable = store.durable_checkpoint();
        let durable_end = durable.map_or(0, |bytes| u64::from_be_bytes(*bytes.first_chunk().unwrap()) + 1);
        let tail = number + 1 - durable_end;
        assert!(tail <= TAIL_EVENTS_MAX + 1, "{tail} of {number} would be replayed, {written_out:?}");
        written_out.insert(durable_end);
    }
    assert!((1..15).any(|end| written_out.contains(&end)), "it wrote itself out: {written_out:?}");
}
