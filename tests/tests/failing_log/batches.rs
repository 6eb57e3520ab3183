//! Batches: in their order, each event once, and never with a gap.

use runledger_audit::{AppendError, ErrorClass, Event, EventId, Json, Seq};

use super::{Place, custom, ids};

fn events(count: usize) -> Vec<Event> {
    (0..count).map(|number| custom(&number.to_string())).collect()
}

fn ids_of(events: &[Event]) -> Vec<EventId> {
    events.iter().map(|event| event.event_id).collect()
}

#[test]
fn record_batch_stores_events_in_their_order_and_again_gives_the_numbers_that_they_have() {
    let place = Place::new();
    let ledger = place.open();
    let events = events(3000);
    let receipts = ledger.append_batch(&events).unwrap();
    assert_eq!(ids(&ledger), ids_of(&events));
    assert!(receipts.iter().map(|receipt| receipt.seq).eq((0..3000).map(Seq::new)));
    assert!(receipts.iter().all(|receipt| !receipt.duplicate));
    let again = ledger.append_batch(&events[2990..]).unwrap();
    assert!(again.iter().map(|receipt| receipt.seq).eq((2990..3000).map(Seq::new)));
    assert!(again.iter().all(|receipt| receipt.duplicate));
    assert_eq!(ledger.append_batch::<Event>(&[]).unwrap(), []);
}

#[test]
fn an_event_that_can_t_be_stored_ends_the_batch_and_those_before_it_are_stored() {
    let place = Place::new();
    let ledger = place.open();
    let mut events = events(6);
    let large = Json::from_value(&"x".repeat(17 << 20)).unwrap();
    events[2].metadata = Some(large);
    let error = ledger.append_batch(&events).unwrap_err();
    assert_eq!((error.receipts.len(), error.error.class()), (2, ErrorClass::Refused));
    let conflicting = Event { outcome: Some("failure".into()), ..events[1].clone() };
    let batch = [events[3].clone(), conflicting, events[4].clone()];
    let error = ledger.append_batch(&batch).unwrap_err();
    assert_eq!(error.receipts.len(), 1);
    assert!(matches!(error.error, AppendError::Conflict { event_id, .. } if event_id == events[1].event_id));
    let expected = [&events[0], &events[1], &events[3]].map(|event| event.event_id);
    assert_eq!(ids(&ledger), expected);
}

#[test]
fn an_event_twice_in_a_batch_is_stored_once() {
    let place = Place::new();
    let ledger = place.open();
    let (a, b) = (custom("a"), custom("b"));
    let receipts = ledger.append_batch(&[a.clone(), b.clone(), a.clone()]).unwrap();
    assert_eq!((receipts[2].seq, receipts[2].duplicate), (receipts[0].seq, true));
    assert_eq!(ids(&ledger), [a.event_id, b.event_id]);
}

#[test]
fn a_batch_that_found_no_space_is_not_stored_in_part_and_sent_again_is_stored_once_in_order() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("before")).unwrap();
    let events = events(100);
    place.disk.fill(true);
    let error = ledger.append_batch(&events).unwrap_err();
    assert!(error.receipts.is_empty() && !error.error.is_outcome_unknown(), "{error:?}");
    assert_eq!(ids(&ledger).len(), 1);
    place.disk.fill(false);
    assert!(ledger.append_batch(&events).unwrap().iter().all(|receipt| !receipt.duplicate));
    assert_eq!(ids(&ledger)[1..], ids_of(&events));
}
