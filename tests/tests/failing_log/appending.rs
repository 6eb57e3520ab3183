//! Events that the log gave up, sent again.

use std::sync::mpsc;
use std::time::Duration;

use runledger_audit::{Body, Durability, ErrorClass, Event, QueryAudit, RunFinished, RunStatus};

use super::{Place, custom, ids};

#[test]
fn an_event_that_found_no_space_and_is_sent_again_is_stored_and_no_duplicate() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("before")).unwrap();
    let event = custom("a");
    place.disk.fill(true);
    for _ in 0..3 {
        let error = ledger.append(event.clone()).unwrap_err();
        assert_eq!((error.class(), error.is_outcome_unknown()), (ErrorClass::Storage, false), "{error:?}");
    }
    place.disk.fill(false);
    let stored = ledger.append(event.clone()).unwrap();
    assert!(!stored.duplicate, "nothing was stored before");
    let again = ledger.append(event.clone()).unwrap();
    assert_eq!((again.seq, again.duplicate), (stored.seq, true));
    assert_eq!(ids(&ledger).last(), Some(&event.event_id));
    assert_eq!(ledger.event(event.event_id).unwrap().unwrap().seq, stored.seq);
}

#[test]
fn who_waits_for_an_event_that_is_given_up_under_way_is_not_told_that_it_is_stored() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("before")).unwrap();
    let event = custom("a");
    place.disk.fill(true);
    let first = ledger.submit(event.clone(), Durability::Durable).unwrap();
    let again = ledger.submit(event.clone(), Durability::Durable).unwrap();
    assert!(first.wait().is_err());
    assert!(again.wait().is_err());
    assert_eq!(ids(&ledger).len(), 1);
    place.disk.fill(false);
}

#[test]
fn an_id_whose_event_was_given_up_is_free_for_other_content() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("before")).unwrap();
    let event = custom("a");
    place.disk.fill(true);
    assert!(ledger.append(event.clone()).is_err());
    place.disk.fill(false);
    // Its number goes to another event, which must not be taken for it.
    let other = ledger.append(custom("b")).unwrap();
    let changed = Event { outcome: Some("failure".into()), ..event };
    let stored = ledger.append(changed.clone()).unwrap();
    assert!(stored.seq > other.seq && !stored.duplicate);
    assert_eq!(ids(&ledger).last(), Some(&changed.event_id));
}

/// Events that say something once, each of them twice under ids of their own.
fn claims_twice() -> Vec<[Event; 2]> {
    let audit = Body::QueryAudit(QueryAudit::new());
    let end = Body::RunFinished(RunFinished::new(RunStatus::Completed));
    [audit, end].map(|body| [(); 2].map(|()| Event::new(body.clone()).with_run("r"))).into()
}

#[test]
fn what_was_given_up_has_claimed_nothing() {
    for [first, again] in claims_twice() {
        let place = Place::new();
        let ledger = place.open();
        ledger.append(custom("before")).unwrap();
        place.disk.fill(true);
        for events in [&[first.clone()][..], &[first.clone(), custom("behind it")]] {
            let error = ledger.append_batch(events).unwrap_err();
            assert!(error.receipts.is_empty() && !error.error.is_outcome_unknown(), "{error:?}");
        }
        place.disk.fill(false);
        ledger.append(custom("in its place")).unwrap();
        let stored = ledger.append(again.clone()).unwrap();
        assert!(!stored.duplicate);
        assert_eq!(ids(&ledger).last(), Some(&again.event_id));
        let late = ledger.append(first).unwrap();
        assert_eq!((late.event_id, late.duplicate), (again.event_id, true));
    }
}

#[test]
fn who_waits_for_a_claim_in_flight_holds_up_nobody_else() {
    const APPENDS: usize = 2_000;
    for [first, again] in claims_twice() {
        let place = Place::new();
        let ledger = place.open();
        place.disk.hold_syncs(true);
        let pending = ledger.submit(first, Durability::Durable).unwrap();
        let (done, all_done) = mpsc::channel();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| ledger.append(again.clone()));
            let ledger = &ledger;
            scope.spawn(move || {
                // Enough of them that the other thread comes to its wait among them.
                for _ in 0..APPENDS {
                    drop(ledger.submit(custom("another"), Durability::Buffered).unwrap());
                }
                done.send(()).unwrap();
            });
            let others_went_on = all_done.recv_timeout(Duration::from_secs(20)).is_ok();
            place.disk.hold_syncs(false);
            assert!(others_went_on);
            let said = asked.join().unwrap().unwrap();
            assert_eq!((said.seq, said.duplicate), (pending.seq(), true));
        });
        pending.wait().unwrap();
    }
}
