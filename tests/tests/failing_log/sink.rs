//! A sink over a log whose syncs fail while the index knows nothing of what is in doubt: it opens the ledger again, and
//! stores what is not stored.

use std::time::{Duration, Instant};

use runledger_audit::{AuditSink, Event, EventFilter, EventId, IndexStatus, SinkOptions};

use super::{Place, custom, ids};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

#[test]
fn events_in_doubt_are_stored_once_in_order_though_the_index_was_paused_when_the_sync_failed() {
    let place = Place::new();
    let sink_options = SinkOptions::new()
        .reopen(place.options())
        .batch_events_max(10)
        // Long enough that nothing is tried again before somebody asks for it.
        .retry_delays(Duration::from_secs(300), Duration::from_secs(300));
    let sink = AuditSink::new(place.open(), sink_options).unwrap();
    let mut sent: Vec<EventId> = vec![sink.record_durable(custom("before")).unwrap()];

    for round in 0..3 {
        let paused = sink.ledger().unwrap();
        paused.pause_index().unwrap();
        let indexed_end = paused.health().unwrap().index.indexed_end;
        place.disk.fail_syncs(1);
        // The real disk under it keeps what was written, so that the events are in the log though nobody was told so.
        let events: Vec<Event> = (0..5).map(|_| custom("in doubt")).collect();
        sent.extend(events.iter().map(|event| event.event_id));
        for event in events {
            sink.record(event).unwrap();
        }
        while sink.stats().failures <= round {
            std::thread::yield_now();
        }
        place.disk.fail_syncs(0);
        assert_eq!(
            paused.health().unwrap().index.indexed_end,
            indexed_end,
            "the index knows of none of them"
        );
        sink.flush(soon()).unwrap();
    }
    let ledger = sink.ledger().unwrap();
    sink.shutdown(soon()).unwrap();
    assert_eq!(ids(&ledger), sent, "each once, and in order");
    assert_eq!(ledger.count(&EventFilter::default()).unwrap(), sent.len() as u64);
    assert_eq!(ledger.anomalies().unwrap(), []);
    assert_eq!(ledger.health().unwrap().index.status, IndexStatus::Following);
}
