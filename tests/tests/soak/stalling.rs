//! A storage that stalls for 50 ms and fails every seventh call.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use runledger_audit::{AuditSink, Destination, EventId, QueuedEvent, SinkOptions, StoreError};

use super::{Latencies, call, scale, soon};

const EVENTS: u64 = 10_000;
const STALL: Duration = Duration::from_millis(50);
const FAILING_EVERY: u64 = 7;
/// Far less than the events: whoever records has to wait, again and again.
const QUEUE_EVENTS_MAX: usize = 1_000;
const THREADS: u64 = 4;

/// Keeps ids in order, knows an event by its id, and as a log whose sync failed keeps a part of what it refuses.
#[derive(Clone, Default)]
struct Storage {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    ids: Vec<EventId>,
    known: HashSet<EventId>,
    calls: u64,
    failed: u64,
}

impl Destination for Storage {
    fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
        std::thread::sleep(STALL);
        let mut kept = self.kept.lock();
        kept.calls += 1;
        let fails = kept.calls.is_multiple_of(FAILING_EVERY);
        // What fails is stored whole, in part, or not at all, and says nothing of it.
        let stored =
            if fails { events.len() * usize::try_from(kept.failed % 3).unwrap() / 2 } else { events.len() };
        for event in events.iter().take(stored) {
            if kept.known.insert(event.event_id) {
                kept.ids.push(event.event_id);
            }
        }
        if fails {
            kept.failed += 1;
            return Err(StoreError::failed(0, "the storage failed, as every seventh time"));
        }
        Ok(())
    }
}

#[test]
fn ten_thousand_events_under_a_storage_that_stalls_and_fails_are_stored_in_order_each_once() {
    let events = EVENTS * scale();
    let storage = Storage::default();
    let options = SinkOptions::new()
        .queue_events_max(QUEUE_EVENTS_MAX)
        .batch_events_max(256)
        .retry_delays(Duration::from_millis(1), Duration::from_millis(20));
    let sink = AuditSink::to(storage.clone(), options).unwrap();
    let began = Instant::now();
    let record = |thread: u64| {
        let sink = sink.clone();
        move || {
            let mut sent = Vec::new();
            let mut latencies = Vec::new();
            for number in 0..events / THREADS {
                let event = call(number * THREADS + thread);
                let before = Instant::now();
                sent.push(sink.record(event).unwrap());
                latencies.push(before.elapsed());
            }
            (sent, latencies)
        }
    };
    let threads: Vec<_> = (0..THREADS).map(|thread| std::thread::spawn(record(thread))).collect();
    let threads: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    sink.flush(soon()).unwrap();
    let took = began.elapsed();
    let kept = storage.kept.lock();
    assert_eq!(kept.ids.len() as u64, events, "each once, and none is missing");
    for (sent, _) in &threads {
        let of_thread: HashSet<_> = sent.iter().collect();
        assert!(
            kept.ids.iter().filter(|id| of_thread.contains(id)).eq(sent),
            "in the order of who sent them"
        );
    }
    let stats = sink.stats();
    assert_eq!((stats.recorded, stats.durable, stats.queued), (events, events, 0), "{stats:?}");
    assert!(stats.high_water <= QUEUE_EVENTS_MAX as u64 && stats.waited > 0, "{stats:?}");
    assert!(kept.failed > 0 && stats.failures == kept.failed, "{stats:?}");
    let latencies = Latencies(threads.into_iter().flat_map(|(_, latencies)| latencies).collect());
    println!("{events} events, {THREADS} threads, {took:?}: {} calls, {} failed", kept.calls, kept.failed);
    println!(
        "  sent again {}, most queued {}, record waited {} times",
        stats.retries, stats.high_water, stats.waited
    );
    println!("  record, waiting for room included: {latencies}");
}
