//! Closing in good order, whatever the others are doing: nobody hangs, nobody is told something wrong, nothing acknowledged
//! is lost.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runledger_audit::{AppendError, EventFilter, QueryError, Seq, SubscribeFrom};

use super::{Place, custom};

fn all() -> EventFilter {
    EventFilter::default()
}

#[test]
fn closing_ends_subscriptions_after_the_last_event_and_lets_nobody_hang() {
    const EVENTS: u64 = 50;
    let place = Place::new();
    let ledger = place.open();
    let waits = Barrier::new(5);
    std::thread::scope(|scope| {
        let followers: Vec<_> = (0..4)
            .map(|_| {
                let subscription = ledger.subscribe(&all(), SubscribeFrom::Now).unwrap();
                let waits = &waits;
                scope.spawn(move || {
                    waits.wait();
                    subscription.map(|stored| stored.unwrap().seq.get()).collect::<Vec<_>>()
                })
            })
            .collect();
        waits.wait();
        for _ in 0..EVENTS {
            ledger.append(custom("a")).unwrap();
        }
        ledger.clone().close().unwrap();
        for follower in followers {
            assert_eq!(follower.join().unwrap(), (0..EVENTS).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_subscription_does_not_keep_a_ledger_open_whose_last_handle_is_dropped() {
    let place = Place::new();
    let ledger = place.open();
    let mut subscription = ledger.subscribe(&all(), Seq::ZERO).unwrap();
    ledger.append(custom("a")).unwrap();
    drop(ledger);
    // The lock is free, though the subscription is not.
    let ledger = place.open();
    ledger.append(custom("b")).unwrap();
    assert_eq!(subscription.next_until(None).unwrap().unwrap().seq, Seq::ZERO);
    assert!(subscription.next_until(None).unwrap().is_none() && subscription.has_ended());
}

#[test]
fn closing_a_reader_ends_those_who_wait_by_it_and_leaves_the_writer_alone() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a")).unwrap();
    let reader = place.read();
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let mut subscription = reader.subscribe(&all(), Seq::ZERO).unwrap();
        scope.spawn(move || {
            let first = subscription.next_until(None).unwrap().unwrap();
            told.send(first.seq).unwrap();
            assert!(subscription.next_until(None).unwrap().is_none() && subscription.has_ended());
        });
        assert_eq!(heard.recv_timeout(Duration::from_secs(60)).unwrap(), Seq::ZERO);
        reader.close().unwrap();
    });
    assert_eq!(ledger.append(custom("b")).unwrap().seq, Seq::new(1));
}

#[test]
fn clones_that_append_while_it_is_closed_are_told_so_and_what_was_acknowledged_stays() {
    let place = Place::new();
    let ledger = place.open();
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (ledger, acknowledged) = (ledger.clone(), &acknowledged);
            scope.spawn(move || {
                let error = loop {
                    match ledger.append(custom("a").with_run("r")) {
                        Ok(_) => acknowledged.fetch_add(1, Ordering::SeqCst),
                        Err(error) => break error,
                    };
                };
                assert!(matches!(error, AppendError::Log(_)) && !error.is_outcome_unknown(), "{error:?}");
            });
        }
        while acknowledged.load(Ordering::SeqCst) < 50 {
            std::thread::yield_now();
        }
        ledger.clone().close().unwrap();
    });
    drop(ledger);
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    assert_eq!(place.open().count(&all()).unwrap(), acknowledged);
}

#[test]
fn questions_that_run_while_it_is_closed_are_answered_or_told_that_the_index_stopped() {
    let place = Place::new();
    let ledger = place.open();
    for _ in 0..300 {
        let _ = ledger.submit(custom("a").with_run("r"), runledger_audit::Durability::Buffered).unwrap();
    }
    ledger.sync().unwrap();
    let (answered, go) = (AtomicU64::new(0), Barrier::new(4));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (ledger, answered, go) = (ledger.clone(), &answered, &go);
            scope.spawn(move || {
                go.wait();
                // For some time before, during and after.
                for _ in 0..40 {
                    match ledger.events(&EventFilter { limit: 1000, ..all() }) {
                        Ok(page) => {
                            assert_eq!(page.items.len(), 300);
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(QueryError::Behind(_)) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                    assert_eq!(ledger.recent(10).unwrap().events.len(), 10);
                }
            });
        }
        go.wait();
        while answered.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        ledger.clone().close().unwrap();
    });
    // What was in the index when it stopped is still read from it.
    assert_eq!(ledger.count(&all()).unwrap(), 300);
}

#[test]
fn closing_twice_says_the_same_and_an_append_afterwards_is_refused() {
    let place = Place::new();
    let ledger = place.open();
    let clone = ledger.clone();
    ledger.close().unwrap();
    assert!(clone.append(custom("a")).is_err());
    clone.close().unwrap();
    place.open().close().unwrap();
}
