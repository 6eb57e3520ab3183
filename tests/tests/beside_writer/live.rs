//! Subscriptions and recent events in a process of their own beside the writer: each event once, in order, none missing,
//! and everything that was acknowledged.

use std::time::{Duration, Instant};

use runledger::{EventFilter, Ledger, Seq, SubscribeFrom};

use super::{EVENTS, RUNS, Writer};

/// More than a slow machine needs for an event.
const EVENT_WAIT_MAX: Duration = Duration::from_secs(60);

fn start() -> (tempfile::TempDir, Writer, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    let writer = Writer::start(&directory);
    while writer.acknowledged() == 0 {
        assert!(!writer.is_done(), "the writer ended at once");
        std::thread::yield_now();
    }
    let reader = Ledger::open_read_only(&directory).unwrap();
    (folder, writer, reader)
}

#[test]
fn subscriptions_in_another_process_see_each_event_once_and_in_order() {
    let (_folder, writer, reader) = start();
    let of_run = EventFilter { run: Some("2".into()), ..EventFilter::default() };
    let now = reader.durable_end().unwrap().get();
    std::thread::scope(|scope| {
        let subscriptions = [
            (0, 1, reader.subscribe(&EventFilter::default(), Seq::ZERO).unwrap()),
            (now, 1, reader.subscribe(&EventFilter::default(), Seq::new(now)).unwrap()),
            (2, RUNS, reader.subscribe(&of_run, Seq::ZERO).unwrap()),
        ];
        for (first, step, mut subscription) in subscriptions {
            scope.spawn(move || {
                let mut expected = first;
                while expected < EVENTS {
                    let deadline = Instant::now() + EVENT_WAIT_MAX;
                    let stored = subscription.next_until(Some(deadline)).unwrap().expect("one more comes");
                    assert_eq!(stored.seq.get(), expected);
                    expected += step;
                }
            });
        }
    });
    while !writer.is_done() {
        std::thread::yield_now();
    }
    let mut coming = reader.subscribe(&EventFilter::default(), SubscribeFrom::Now).unwrap();
    assert!(coming.try_next().unwrap().is_none());
    reader.close().unwrap();
    assert!(coming.next_until(None).unwrap().is_none() && coming.has_ended());
}

#[test]
fn recent_events_in_another_process_reach_what_was_acknowledged() {
    let (_folder, writer, reader) = start();
    let (mut rounds, mut last_end) = (0_u64, 0);
    loop {
        let is_last = writer.is_done();
        let acknowledged = writer.acknowledged();
        let recent = reader.recent(100).unwrap();
        let (from, end) = (recent.from.get(), recent.end.get());
        assert!(end >= acknowledged && end >= last_end, "{end} after {acknowledged} and {last_end}");
        assert_eq!(end - from, end.min(100));
        assert!(recent.events.iter().map(|stored| stored.seq.get()).eq(from..end));
        (rounds, last_end) = (rounds + 1, end);
        if is_last {
            break;
        }
    }
    assert!(rounds > 20 && last_end == EVENTS, "{rounds} rounds, to {last_end}");
}
