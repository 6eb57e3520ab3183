//! The figures that were promised elsewhere, with wide margins: a machine that is busy with other things must not fail
//! them.

use std::time::{Duration, Instant};

use runledger_audit::{AuditSink, EventFilter, Ledger, Seq, SinkOptions};

use super::{Latencies, call, scale, soon};

const EVENTS: u64 = 20_000;
/// The floor for handing an event over.
const HAND_OFF_P95_MAX: Duration = Duration::from_millis(1);
/// The floor for a durable write.
const DURABLE_P95_MAX: Duration = Duration::from_millis(5);
/// A busy machine with a slow disk may take so many times as long for what waits for a sync.
const DISK_MARGIN: u32 = 20;
/// The floor for reading 100,000 events from the log.
const REPLAY_OF_100_000_MAX: Duration = Duration::from_millis(500);
/// The floor for a filtered question.
const QUESTION_P95_MAX: Duration = Duration::from_millis(500);

#[test]
fn handing_over_and_durable_writes_and_reading_keep_their_floors() {
    let events = EVENTS * scale();
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path().join("ledger")).unwrap();
    let sink = AuditSink::new(ledger.clone(), SinkOptions::new()).unwrap();
    let made: Vec<_> = (0..events).map(call).collect();
    let began = Instant::now();
    let hand_off: Vec<_> = made
        .into_iter()
        .map(|event| {
            let before = Instant::now();
            sink.record(event).unwrap();
            before.elapsed()
        })
        .collect();
    let handed_over = began.elapsed();
    sink.flush(soon()).unwrap();
    let stored = began.elapsed();
    let hand_off = Latencies(hand_off);
    println!("{events} events: handed over in {handed_over:?}, durable after {stored:?}, record: {hand_off}");
    assert!(hand_off.at(95) < HAND_OFF_P95_MAX);

    let durable = (0..200).map(|number| {
        let before = Instant::now();
        sink.record_durable(call(number)).unwrap();
        before.elapsed()
    });
    let durable = Latencies(durable.collect());
    println!("  record_durable, alone: {durable}");
    assert!(durable.at(95) < DURABLE_P95_MAX * DISK_MARGIN);

    let before = Instant::now();
    let read = ledger.tail(Seq::ZERO).map(Result::unwrap).count();
    let per_100_000 = before.elapsed() * 100_000 / u32::try_from(read).unwrap();
    println!("  read {read} events from the log, decoded: {per_100_000:?} for 100,000");
    assert!(per_100_000 < REPLAY_OF_100_000_MAX * DISK_MARGIN);

    let filter =
        EventFilter { run: Some("run-3".into()), tool: Some("shell".into()), ..EventFilter::default() };
    let questions = (0..50).map(|_| {
        let before = Instant::now();
        assert_eq!(ledger.events(&filter).unwrap().items.len(), 100);
        before.elapsed()
    });
    let questions = Latencies(questions.collect());
    println!("  100 events of a run and a tool: {questions}");
    assert!(questions.at(95) < QUESTION_P95_MAX);
}
