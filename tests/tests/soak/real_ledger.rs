//! A real ledger whose log fails again and again, and which the sink opens again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runledger_audit::{
    AuditSink, Body, Event, EventFilter, Ledger, RunStarted, RunStatus, Seq, SinkOptions, verify,
};
use runledger_tests::failing_storage::FailingStorage;

use super::{Latencies, call, scale, soon};

const EVENTS: u64 = 10_000;
const STALL: Duration = Duration::from_millis(5);
const FAILING_EVERY: u64 = 7;

#[test]
fn a_log_whose_syncs_fail_is_opened_again_by_the_sink_and_every_event_is_stored_once_in_order() {
    let events = EVENTS * scale();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let disk = FailingStorage::new();
    let options = || Ledger::options().log_storage(Arc::new(disk.clone()));
    let ledger = options().open(&path).unwrap();
    let run = Event::new(Body::RunStarted(RunStarted::default())).with_run("run-0");
    ledger.append(run).unwrap();
    let sink_options = SinkOptions::new()
        .reopen(options())
        .batch_events_max(200)
        .retry_delays(Duration::from_millis(1), Duration::from_millis(50));
    let sink = AuditSink::new(ledger.clone(), sink_options).unwrap();
    disk.stall(STALL);
    disk.fail_syncs(FAILING_EVERY);
    let began = Instant::now();
    let mut latencies = Vec::new();
    let sent: Vec<_> = (0..events)
        .map(|number| {
            let event = call(number);
            let before = Instant::now();
            let id = sink.record(event).unwrap();
            latencies.push(before.elapsed());
            id
        })
        .collect();
    sink.flush(soon()).unwrap();
    let took = began.elapsed();
    disk.fail_syncs(0);
    disk.stall(Duration::ZERO);
    let stats = sink.stats();
    assert_eq!((stats.recorded, stats.durable, stats.refused), (events, events, 0), "{stats:?}");
    assert!(stats.failures > 0 && disk.failed_syncs() > 0, "{stats:?}");
    assert!(ledger.append(call(0)).is_err(), "the first handle was closed by opening the ledger again");
    let now = sink.ledger().unwrap();
    sink.shutdown(soon()).unwrap();
    let stored: Vec<_> = now.tail(Seq::new(1)).map(|stored| stored.unwrap().event.event_id).collect();
    assert_eq!(stored, sent, "each once, and in order");
    assert_eq!(now.anomalies().unwrap(), []);
    assert_eq!(
        now.count(&EventFilter { session: Some("session-1".into()), ..EventFilter::default() }).unwrap(),
        events
    );
    assert_eq!(now.run("run-0").unwrap().unwrap().status, RunStatus::Running, "its process lives");
    now.close().unwrap();
    drop((ledger, sink));
    assert!(verify(&path, |_| ()).unwrap().is_sound());
    println!(
        "{events} events in {took:?}: {} syncs failed, {} attempts to store, {} of them failed, {} events sent again",
        disk.failed_syncs(),
        stats.attempts,
        stats.failures,
        stats.retries,
    );
    println!("  record: {}", Latencies(latencies));
}

#[test]
fn a_full_disk_keeps_events_in_the_queue_and_they_are_stored_in_order_when_space_returns() {
    const KEPT: usize = 500;
    let folder = tempfile::tempdir().unwrap();
    let disk = FailingStorage::new();
    let ledger =
        Ledger::options().log_storage(Arc::new(disk.clone())).open(folder.path().join("ledger")).unwrap();
    let options = SinkOptions::new()
        .queue_events_max(KEPT)
        .retry_delays(Duration::from_millis(1), Duration::from_millis(10));
    let sink = AuditSink::new(ledger.clone(), options).unwrap();
    let mut sent = vec![sink.record_durable(call(0)).unwrap()];
    disk.fill(true);
    sent.extend((0..KEPT as u64).map(|number| sink.record(call(number)).unwrap()));
    assert!(sink.try_record(call(0)).is_err(), "the limit is kept");
    assert!(sink.flush(Instant::now() + Duration::from_millis(50)).is_err());
    let stats = sink.stats();
    assert!(!stats.is_well() && stats.queued == KEPT as u64, "{stats:?}");
    assert!(stats.last_error.as_ref().unwrap().contains("full"), "{stats:?}");
    disk.fill(false);
    sink.flush(soon()).unwrap();
    assert!(sink.stats().is_well());
    let stored: Vec<_> = ledger.tail(Seq::ZERO).map(|stored| stored.unwrap().event.event_id).collect();
    assert_eq!(stored, sent);
}
