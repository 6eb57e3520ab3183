//! Appending once, twice, too much.

use runledger_audit::{
    AppendError, Durability, ErrorClass, Event, Json, NAME_BYTES_MAX, Seq, WriterInstance,
};

use super::{Place, custom};

#[test]
fn the_same_event_again_gives_the_number_that_it_has() {
    let place = Place::new();
    let ledger = place.open();
    let event = custom("a");
    let first = ledger.append(event.clone()).unwrap();
    let again = ledger.append(event.clone()).unwrap();
    assert_eq!((again.seq, again.leaf, again.duplicate), (first.seq, first.leaf, true));
    ledger.close().unwrap();
    let ledger = place.open();
    // Sent again to another process, which has another instance.
    let again = ledger.append(event).unwrap();
    assert_eq!((again.seq, again.leaf, again.duplicate), (first.seq, first.leaf, true));
    assert_eq!(ledger.durable_end().unwrap(), Seq::new(1));
}

#[test]
fn the_same_id_with_other_content_is_a_conflict_in_flight_and_stored() {
    let place = Place::new();
    let ledger = place.open();
    let event = custom("a");
    let other = Event { outcome: Some("failure".into()), ..event.clone() };
    let first = ledger.submit(event.clone(), Durability::Buffered).unwrap();
    let conflict = ledger.submit(other.clone(), Durability::Durable).unwrap_err();
    assert!(matches!(&conflict, AppendError::Conflict { event_id, .. } if *event_id == event.event_id));
    first.wait().unwrap();
    ledger.close().unwrap();
    let conflict = place.open().append(other).unwrap_err();
    assert!(matches!(conflict, AppendError::Conflict { seq, .. } if seq == Seq::new(0)), "{conflict}");
    assert_eq!(conflict.class(), ErrorClass::Refused);
}

#[test]
fn an_event_in_flight_that_another_process_wrote_down_too_is_a_retry() {
    let place = Place::new();
    let ledger = place.open();
    let written_by = |bytes: [u8; 16], event: &Event| Event {
        writer_instance: Some(WriterInstance::from_bytes(bytes)),
        ..event.clone()
    };
    let event = custom("a");
    // Held back, so that it stays in flight.
    ledger.pause_index().unwrap();
    let first = ledger.submit(written_by([1; 16], &event), Durability::Buffered).unwrap();
    let again = ledger.submit(written_by([2; 16], &event), Durability::Buffered).unwrap();
    assert_eq!((again.seq(), again.is_duplicate()), (first.seq(), true));
    let other = Event { outcome: Some("failure".into()), ..written_by([2; 16], &event) };
    let conflict = ledger.submit(other, Durability::Buffered).unwrap_err();
    assert!(matches!(conflict, AppendError::Conflict { seq, .. } if seq == first.seq()), "{conflict}");
    ledger.resume_index().unwrap();
}

#[test]
fn one_id_sent_by_many_threads_is_stored_once() {
    let place = Place::new();
    let ledger = place.open();
    let event = custom("a");
    std::thread::scope(|scope| {
        let appends: Vec<_> = (0..8).map(|_| scope.spawn(|| ledger.append(event.clone()).unwrap())).collect();
        let receipts: Vec<_> = appends.into_iter().map(|append| append.join().unwrap()).collect();
        assert_eq!(receipts.iter().filter(|receipt| !receipt.duplicate).count(), 1);
        assert!(receipts.iter().all(|receipt| receipt.seq == Seq::new(0)));
    });
    assert_eq!(ledger.durable_end().unwrap(), Seq::new(1));
}

#[test]
fn an_event_sent_again_at_once_is_recognised_however_far_the_index_is_behind() {
    const EVENTS: u64 = 2000;
    let place = Place::new();
    let ledger = place.open();
    let events: Vec<_> = (0..EVENTS).map(|seq| (Seq::new(seq), custom("a").with_run("r"))).collect();
    for (_, event) in &events {
        drop(ledger.submit(event.clone(), Durability::Buffered).unwrap());
    }
    ledger.sync().unwrap();
    for (seq, event) in events.into_iter().rev() {
        let again = ledger.submit(event, Durability::Durable).unwrap();
        assert_eq!((again.seq(), again.is_duplicate()), (seq, true));
    }
    assert_eq!(ledger.run("r").unwrap().unwrap().events, EVENTS);
}

#[test]
fn what_is_too_large_or_named_too_long_is_refused_and_nothing_is_appended() {
    let place = Place::new();
    let ledger = place.open();
    let large = Json::from_value(&"x".repeat(17 << 20)).unwrap();
    let error = ledger.append(Event { metadata: Some(large), ..custom("a") }).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused);
    let error = ledger.append(custom("a").with_run("r".repeat(NAME_BYTES_MAX + 1))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused);
    assert_eq!(ledger.append(custom("b")).unwrap().seq, Seq::new(0));
}

#[test]
fn a_reader_appends_nothing() {
    let place = Place::new();
    place.open().close().unwrap();
    assert!(matches!(place.read().append(custom("a")), Err(AppendError::ReadOnly)));
}

#[test]
fn events_come_back_as_they_were_appended_with_their_writer_filled_in() {
    let place = Place::new();
    let ledger = place.open();
    let event = Event { metadata: Some(Json::parse(r#"{"a": 1.50}"#).unwrap()), ..custom("a") };
    let receipt = ledger.append(event.clone()).unwrap();
    let stored = ledger.event(event.event_id).unwrap().unwrap();
    assert!(stored.event.writer_instance.is_some());
    assert_eq!((stored.seq, stored.leaf), (receipt.seq, receipt.leaf));
    assert_eq!(Event { writer_instance: None, ..stored.event }, event);
}

#[cfg(feature = "tokio")]
#[test]
fn events_appended_by_tasks_are_durable_found_and_known_again() {
    let place = Place::new();
    let ledger = place.open();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let events: Vec<_> = (0..64).map(|number| custom(&number.to_string())).collect();
    let append = |event: Event| {
        let ledger = ledger.clone();
        runtime.spawn(async move { ledger.append_async(event).await.unwrap() })
    };
    let tasks: Vec<_> = events.iter().cloned().map(append).collect();
    let receipts: Vec<_> = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).collect();
    assert_eq!(ledger.durable_end().unwrap(), Seq::new(64));
    for (event, receipt) in events.into_iter().zip(receipts) {
        assert_eq!(ledger.event(event.event_id).unwrap().unwrap().seq, receipt.seq);
        assert_eq!(ledger.record(event.event_id).unwrap().unwrap().seq(), receipt.seq);
        let again = runtime.block_on(ledger.append_async(event)).unwrap();
        assert!(again.duplicate && again.seq == receipt.seq);
    }
    runtime.shutdown_background();
    ledger.close().unwrap();
}
