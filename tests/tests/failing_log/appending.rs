//! Events that the log gave up, sent again.

use runledger_audit::{Durability, ErrorClass, Event};

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
