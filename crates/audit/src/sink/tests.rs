//! The queue and its thread against a destination that does as the test says.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::*;
use crate::{Body, Custom, Timestamp};

/// What a destination keeps, and how it fails. As a log does, it knows an event by its id.
#[derive(Default)]
struct Kept {
    ids: Vec<EventId>,
    calls: u64,
    is_failing: bool,
    /// Every so manieth call fails; none when 0.
    failing_every: u64,
    /// Of a failing call, so many events are stored, and nobody is told.
    stored_unsaid: usize,
    /// Events of this name can never be stored.
    refused: Option<&'static str>,
}

#[derive(Clone, Default)]
struct Double {
    kept: Arc<Mutex<Kept>>,
}

impl Destination for Double {
    fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
        let mut kept = self.kept.lock();
        kept.calls += 1;
        let fails =
            kept.is_failing || kept.failing_every > 0 && kept.calls.is_multiple_of(kept.failing_every);
        let known: HashSet<_> = kept.ids.iter().copied().collect();
        let count = if fails { kept.stored_unsaid } else { events.len() };
        for (number, event) in events.iter().take(count).enumerate() {
            if kept.refused.is_some_and(|name| name_of(event) == name) {
                return Err(StoreError::refused(number, "it is too large"));
            }
            if !known.contains(&event.event_id) {
                kept.ids.push(event.event_id);
            }
        }
        if fails { Err(StoreError::failed(0, "the disk is broken")) } else { Ok(()) }
    }
}

fn name_of(event: &Event) -> &str {
    match &event.body {
        Body::Custom(custom) => &custom.type_name,
        _ => "",
    }
}

fn custom(name: &str) -> Event {
    Event::new(Body::Custom(Custom { type_name: name.to_owned(), ..Custom::default() }))
}

fn quick() -> SinkOptions {
    SinkOptions::new().retry_delays(Duration::from_micros(10), Duration::from_millis(1))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// A deadline that has passed.
fn now() -> Instant {
    Instant::now()
}

/// A destination that answers only when it is told to.
struct Gate {
    double: Double,
    asked: mpsc::Sender<usize>,
    go: mpsc::Receiver<()>,
}

impl Destination for Gate {
    fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
        self.asked.send(events.len()).unwrap();
        self.go.recv().unwrap();
        self.double.store(events)
    }
}

fn gate(double: &Double) -> (Gate, mpsc::Receiver<usize>, mpsc::Sender<()>) {
    let (asked, asks) = mpsc::channel();
    let (goes, go) = mpsc::channel();
    (Gate { double: double.clone(), asked, go }, asks, goes)
}

#[test]
fn events_are_stored_in_order_once_each_though_every_third_call_fails_half_way() {
    let double = Double::default();
    (double.kept.lock().failing_every, double.kept.lock().stored_unsaid) = (3, 2);
    let sink = AuditSink::to(double.clone(), quick().batch_events_max(7)).unwrap();
    let ids: Vec<_> = (0..500).map(|_| sink.record(custom("a")).unwrap()).collect();
    sink.flush(soon()).unwrap();
    assert_eq!(double.kept.lock().ids, ids);
    let stats = sink.stats();
    assert_eq!((stats.recorded, stats.durable, stats.queued, stats.queued_bytes), (500, 500, 0, 0));
    assert!(
        stats.failures >= 20 && stats.retries >= stats.failures && stats.failures_in_a_row == 0,
        "{stats:?}"
    );
    assert!(stats.last_error.as_deref() == Some("the disk is broken") && stats.lag.is_none(), "{stats:?}");
}

#[test]
fn a_full_queue_makes_who_records_wait_gives_back_what_is_only_tried_and_loses_nothing() {
    let double = Double::default();
    let (gate, asks, goes) = gate(&double);
    let sink = AuditSink::to(gate, quick().queue_events_max(3)).unwrap();
    let mut ids = vec![sink.record(custom("a")).unwrap()];
    assert_eq!(asks.recv().unwrap(), 1, "what is being stored is in the queue until it is durable");
    ids.extend((0..2).map(|_| sink.record(custom("a")).unwrap()));
    let given = custom("given back");
    match sink.try_record(given.clone()) {
        Err(TryRecordError::Full(event)) => assert_eq!(*event, given),
        other => panic!("{other:?}"),
    }
    let waiting = std::thread::spawn({
        let sink = sink.clone();
        move || sink.record(custom("b")).unwrap()
    });
    while sink.stats().waited == 0 {
        std::thread::yield_now();
    }
    assert!(!waiting.is_finished());
    assert_eq!((sink.stats().queued, sink.stats().high_water, sink.stats().full), (3, 3, 1));
    goes.send(()).unwrap();
    ids.push(waiting.join().unwrap());
    goes.send(()).unwrap();
    goes.send(()).unwrap();
    sink.flush(soon()).unwrap();
    assert_eq!(double.kept.lock().ids, ids);
}

#[test]
fn bytes_are_limited_too_and_an_event_over_the_limit_goes_alone() {
    let double = Double::default();
    let (gate, asks, goes) = gate(&double);
    let sink = AuditSink::to(gate, quick().queue_bytes_max(8 << 10)).unwrap();
    let large = || custom(&"x".repeat(10 << 10));
    sink.record(large()).unwrap();
    asks.recv().unwrap();
    assert!(matches!(sink.try_record(custom("a")), Err(TryRecordError::Full(_))));
    goes.send(()).unwrap();
    sink.flush(soon()).unwrap();
    sink.record(custom("a")).unwrap();
    asks.recv().unwrap();
    assert!(matches!(sink.try_record(large()), Err(TryRecordError::Full(_))));
    sink.try_record(custom("b")).unwrap();
    goes.send(()).unwrap();
    goes.send(()).unwrap();
    sink.flush(soon()).unwrap();
    assert_eq!(double.kept.lock().ids.len(), 3);
}

#[test]
fn while_storing_fails_events_are_kept_in_order_health_says_so_and_it_heals() {
    let double = Double::default();
    double.kept.lock().is_failing = true;
    let sink = AuditSink::to(double.clone(), quick()).unwrap();
    let ids: Vec<_> = (0..100).map(|_| sink.record(custom("a")).unwrap()).collect();
    let error = sink.flush(now()).unwrap_err();
    assert!(error.left > 0);
    while sink.stats().failures < 5 {
        std::thread::yield_now();
    }
    let stats = sink.stats();
    assert!(!stats.is_well() && stats.failures_in_a_row >= 5 && stats.lag.is_some(), "{stats:?}");
    assert_eq!((stats.queued, stats.durable), (100, 0));
    double.kept.lock().is_failing = false;
    sink.flush(soon()).unwrap();
    assert_eq!(double.kept.lock().ids, ids, "a failing store made no copies and lost nothing");
    assert!(sink.stats().is_well());
}

#[test]
fn an_event_that_can_never_be_stored_is_handed_out_and_holds_up_nobody() {
    let double = Double::default();
    double.kept.lock().refused = Some("bad");
    let handed_out = Arc::new(Mutex::new(Vec::new()));
    let options = quick().on_undelivered({
        let handed_out = Arc::clone(&handed_out);
        move |undelivered| {
            handed_out.lock().push((undelivered.event.event_id, undelivered.reason.to_string()));
        }
    });
    let sink = AuditSink::to(double.clone(), options).unwrap();
    let before = sink.record(custom("a")).unwrap();
    let bad = sink.record(custom("bad")).unwrap();
    let behind = sink.record_durable(custom("b")).unwrap();
    assert_eq!(double.kept.lock().ids, [before, behind]);
    assert_eq!(*handed_out.lock(), [(bad, "it can never be stored".to_owned())]);
    assert!(matches!(
        sink.record_durable(custom("bad")),
        Err(RecordDurableError::Refused { reason }) if reason == "it is too large"
    ));
    let stats = sink.stats();
    assert_eq!((stats.refused, stats.failures, stats.durable, stats.recorded), (2, 0, 2, 4));
    assert!(!stats.is_well() && stats.last_refusal.as_deref() == Some("it is too large"));
}

#[test]
fn shutdown_drains_and_then_nothing_is_taken() {
    let double = Double::default();
    let sink = AuditSink::to(double.clone(), quick().batch_events_max(3)).unwrap();
    for _ in 0..100 {
        sink.record(custom("a")).unwrap();
    }
    sink.shutdown(soon()).unwrap();
    assert_eq!(double.kept.lock().ids.len(), 100);
    let late = custom("late");
    let RecordError::Closed(event) = sink.record(late.clone()).unwrap_err();
    assert_eq!(*event, late);
    assert!(matches!(sink.try_record(late), Err(TryRecordError::Closed(_))));
}

#[test]
fn a_shutdown_that_takes_too_long_gives_up_and_says_what_is_left() {
    let double = Double::default();
    double.kept.lock().is_failing = true;
    let (left, lefts) = mpsc::channel();
    let options = SinkOptions::new()
        .retry_delays(Duration::from_secs(3600), Duration::from_secs(3600))
        .on_undelivered(move |undelivered| {
            assert!(matches!(undelivered.reason, Unstored::LeftBehind));
            left.send(undelivered.event.event_id).unwrap();
        });
    let sink = AuditSink::to(double.clone(), options).unwrap();
    let ids: Vec<_> = (0..10).map(|_| sink.record(custom("a")).unwrap()).collect();
    let error = sink.shutdown(now() + Duration::from_millis(20)).unwrap_err();
    assert_eq!((error.left, error.last_error.as_deref()), (10, Some("the disk is broken")));
    let told: Vec<_> = (0..10).map(|_| lefts.recv().unwrap()).collect();
    assert_eq!(told, ids, "each, in order");
    sink.flush(soon()).unwrap();
    assert_eq!((sink.stats().left_behind, sink.stats().queued), (10, 0));
}

#[test]
fn who_waits_for_an_event_or_for_room_is_told_when_the_sink_gives_up() {
    let double = Double::default();
    double.kept.lock().is_failing = true;
    let sink = AuditSink::to(double, quick().queue_events_max(1)).unwrap();
    let durable = std::thread::spawn({
        let sink = sink.clone();
        move || sink.record_durable(custom("a"))
    });
    while sink.stats().queued == 0 {
        std::thread::yield_now();
    }
    let waiting = std::thread::spawn({
        let sink = sink.clone();
        move || sink.record(custom("b"))
    });
    while sink.stats().waited == 0 {
        std::thread::yield_now();
    }
    assert!(sink.shutdown(now()).is_err());
    assert!(matches!(durable.join().unwrap(), Err(RecordDurableError::GivenUp)));
    assert!(matches!(waiting.join().unwrap(), Err(RecordError::Closed(_))));
}

#[test]
fn dropping_the_last_handle_drains() {
    let double = Double::default();
    let sink = AuditSink::to(double.clone(), quick()).unwrap();
    for _ in 0..100 {
        sink.record(custom("a")).unwrap();
    }
    drop(sink.clone());
    drop(sink);
    assert_eq!(double.kept.lock().ids.len(), 100);
}

#[test]
fn a_flush_ends_the_wait_before_a_retry() {
    let double = Double::default();
    double.kept.lock().failing_every = 1;
    let hours = Duration::from_secs(3600);
    let sink = AuditSink::to(double.clone(), SinkOptions::new().retry_delays(hours, hours)).unwrap();
    sink.record(custom("a")).unwrap();
    while sink.stats().failures == 0 {
        std::thread::yield_now();
    }
    double.kept.lock().failing_every = 0;
    sink.flush(soon()).unwrap();
    assert_eq!(double.kept.lock().ids.len(), 1);
}

#[test]
fn a_flush_that_comes_while_an_attempt_fails_ends_the_wait_behind_it() {
    let queue = Queue::new(&SinkOptions::new());
    queue.push(custom("a")).unwrap();
    let flushes = queue.flushes();
    // The attempt is under way; whoever flushes now gives up at once, but has asked.
    assert!(queue.flush(Instant::now()).is_err());
    let begin = Instant::now();
    assert!(queue.wait_to_retry(begin + Duration::from_secs(20), flushes));
    assert!(begin.elapsed() < Duration::from_secs(20), "nobody ended the wait");
}

#[test]
fn a_destination_that_panics_is_tried_again() {
    struct Panics(Double, u32);
    impl Destination for Panics {
        fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
            self.1 += 1;
            assert!(self.1 > 2, "a planned panic");
            self.0.store(events)
        }
    }
    let double = Double::default();
    let sink = AuditSink::to(Panics(double.clone(), 0), quick()).unwrap();
    let id = sink.record_durable(custom("a")).unwrap();
    assert_eq!((double.kept.lock().ids.as_slice(), sink.stats().failures), ([id].as_slice(), 2));
}

#[test]
fn each_threads_events_keep_their_order() {
    let double = Double::default();
    double.kept.lock().failing_every = 4;
    let sink = AuditSink::to(double.clone(), quick().queue_events_max(16).batch_events_max(5)).unwrap();
    let record = |_| {
        let sink = sink.clone();
        std::thread::spawn(move || (0..300).map(|_| sink.record(custom("a")).unwrap()).collect::<Vec<_>>())
    };
    let threads: Vec<_> = (0..4).map(record).collect();
    let sent: Vec<Vec<_>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    sink.flush(soon()).unwrap();
    let kept = &double.kept.lock().ids;
    assert_eq!(kept.len(), 1200);
    for ids in sent {
        let of_thread: HashSet<_> = ids.iter().collect();
        assert!(kept.iter().filter(|id| of_thread.contains(id)).eq(&ids));
    }
    assert!(sink.stats().high_water <= 16);
}

#[test]
fn an_event_keeps_id_and_time_of_its_making() {
    let double = Double::default();
    let sink = AuditSink::to(double.clone(), quick()).unwrap();
    let event = Event { timestamp: Timestamp::from_nanoseconds(7), ..custom("a") };
    assert_eq!(sink.record_durable(event.clone()).unwrap(), event.event_id);
    assert_eq!(double.kept.lock().ids, [event.event_id]);
}

#[cfg(feature = "tokio")]
#[test]
fn tasks_wait_for_room_without_blocking_their_thread() {
    let double = Double::default();
    double.kept.lock().failing_every = 5;
    let sink = AuditSink::to(double.clone(), quick().queue_events_max(2)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let sink = sink.clone();
                tokio::spawn(async move {
                    for _ in 0..50 {
                        sink.record_async(custom("a")).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    sink.flush(soon()).unwrap();
    assert_eq!(double.kept.lock().ids.len(), 400);
    let stats = sink.stats();
    assert!(stats.waited > 0 && stats.full == 0, "{stats:?}");
    sink.shutdown(soon()).unwrap();
    assert!(runtime.block_on(sink.record_async(custom("late"))).is_err());
}

#[test]
fn a_ring_that_is_full_while_its_storage_is_slow_evicts_nothing_of_150_written_150_are_stored() {
    let double = Double::default();
    let (gate, asks, goes) = gate(&double);
    let sink = AuditSink::to(gate, quick().queue_events_max(100)).unwrap();
    let writer = std::thread::spawn({
        let sink = sink.clone();
        move || (0..150).map(|_| sink.record(custom("a")).unwrap()).collect::<Vec<_>>()
    });
    while sink.stats().waited == 0 {
        std::thread::yield_now();
    }
    assert_eq!((sink.stats().queued, double.kept.lock().ids.len()), (100, 0));
    while !writer.is_finished() || sink.stats().queued > 0 {
        if asks.try_recv().is_ok() {
            goes.send(()).unwrap();
        }
        std::thread::yield_now();
    }
    assert_eq!(double.kept.lock().ids, writer.join().unwrap());
}

#[test]
fn a_storage_that_fails_32_times_after_it_stored_an_event_has_no_copies_of_it() {
    let double = Double::default();
    (double.kept.lock().is_failing, double.kept.lock().stored_unsaid) = (true, 1);
    let sink = AuditSink::to(double.clone(), quick()).unwrap();
    let id = sink.record(custom("a")).unwrap();
    while sink.stats().failures < 32 {
        std::thread::yield_now();
    }
    double.kept.lock().is_failing = false;
    sink.flush(soon()).unwrap();
    assert_eq!(double.kept.lock().ids, [id]);
}
