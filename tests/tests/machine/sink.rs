//! A sink over real disks that are full or fail: what it was given is stored once, in order, or given back to be handed
//! over again. Nothing is lost.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runledger::{
    AuditSink, Body, Custom, Event, EventFilter, EventId, Ledger, LedgerOptions, Seq, SinkOptions, verify,
};

use crate::failing_device::{Failing, FailingDisk};
use crate::full_index::Ballast;
use crate::mounted::Mounted;

/// How often the disk is filled, or the device begins to fail.
const ROUNDS: u64 = 6;
/// Events of a round before that.
const EVENTS: u64 = 400;
/// What the sink holds while nothing can be stored.
const QUEUE_EVENTS_MAX: usize = 300;
const SEGMENT_BYTES: u64 = 256 << 10;
const DEVICE_BYTES: u64 = 64 << 20;
const TMPFS_BYTES: u64 = 48 << 20;

#[test]
#[ignore = "needs root"]
fn a_sink_on_a_full_tmpfs_keeps_events_and_stores_them_once_in_order_when_space_returns() {
    let disk = Mounted::in_memory(TMPFS_BYTES);
    let mut sent = Sent::default();
    let sink = sent.open(&disk.path("ledger"));
    for round in 0..ROUNDS {
        sent.record(&sink, EVENTS);
        sink.flush(soon()).unwrap();
        let ballast = Ballast::fill(&disk.path("ballast"));
        sent.record_until_it_fails(&sink);
        let stats = sink.stats();
        assert!(!stats.is_well() && stats.last_error.is_some(), "round {round}: {stats:?}");
        drop(ballast);
        sink.flush(soon()).unwrap();
        assert!(sink.stats().is_well(), "round {round}");
    }
    close(sink);
    assert_eq!(sent.given_back.lock().unwrap().len(), 0);
    sent.check(&disk.path("ledger"));
}

#[test]
#[ignore = "needs root, ext4, e2fsck, fuse, nbdkit, nbdfuse"]
fn a_sink_on_a_device_whose_writes_fail_loses_doubles_and_reorders_nothing() {
    sink_on_failing_device(Failing::Writes);
}

#[test]
#[ignore = "needs root, ext4, e2fsck, fuse, nbdkit, nbdfuse"]
fn a_sink_on_a_device_some_writes_of_which_fail_loses_doubles_and_reorders_nothing() {
    sink_on_failing_device(Failing::SomeWrites);
}

fn sink_on_failing_device(failing: Failing) {
    let mut failing_disk = FailingDisk::new(failing, DEVICE_BYTES);
    let path = failing_disk.disk.path("ledger");
    let mut sent = Sent::default();
    let (mut went_on, mut given_back) = (0, 0);
    for _ in 0..ROUNDS {
        let sink = sent.open(&path);
        sent.record_again(&sink);
        sent.record(&sink, EVENTS);
        sink.flush(soon()).unwrap();
        failing_disk.fail();
        sent.record_until_it_fails(&sink);
        failing_disk.repair();
        if failing_disk.disk.is_writable() {
            // The file system goes on, and so does the sink, which opens its ledger again.
            sink.flush(soon()).unwrap();
            went_on += 1;
            close(sink);
        } else {
            // It takes nothing more until it is mounted anew. The program ends, and is told what it still has to store.
            sink.shutdown(Instant::now()).unwrap_err();
            close(sink);
            given_back += sent.given_back.lock().unwrap().len();
        }
        // What only the page cache has is lost now.
        failing_disk.disk.remount_repaired();
    }
    let sink = sent.open(&path);
    sent.record_again(&sink);
    sent.record(&sink, EVENTS);
    sink.flush(soon()).unwrap();
    close(sink);
    failing_disk.disk.remount();
    sent.check(&path);
    println!(
        "{failing:?}: {} events, went on {went_on} of {ROUNDS} times, {given_back} given back",
        sent.ids.len()
    );
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn ledger_options() -> LedgerOptions {
    Ledger::options().segment_bytes(SEGMENT_BYTES)
}

/// Ends the sink and its ledger, so that nothing keeps a file open.
fn close(sink: AuditSink) {
    let ledger = sink.ledger().unwrap();
    let _ = sink.shutdown(soon());
    drop(sink);
    let _ = ledger.close();
}

/// What was handed to sinks, in order, and what they gave back.
#[derive(Default)]
struct Sent {
    ids: Vec<EventId>,
    given_back: Arc<Mutex<Vec<Event>>>,
}

impl Sent {
    fn open(&self, path: &Path) -> AuditSink {
        let given_back = Arc::clone(&self.given_back);
        let options = SinkOptions::new()
            .queue_events_max(QUEUE_EVENTS_MAX)
            .batch_events_max(50)
            .retry_delays(Duration::from_millis(1), Duration::from_millis(20))
            .reopen(ledger_options())
            .on_undelivered(move |undelivered| given_back.lock().unwrap().push(*undelivered.event));
        AuditSink::new(ledger_options().open(path).unwrap(), options).unwrap()
    }

    fn event(&mut self) -> Event {
        let body = Body::Custom(Custom { type_name: "note".to_owned(), ..Custom::default() });
        // A few hundred bytes, so that a disk is soon full.
        let event = Event { target: Some("x".repeat(400)), ..Event::new(body).with_run("r") };
        self.ids.push(event.event_id);
        event
    }

    fn record(&mut self, sink: &AuditSink, events: u64) {
        for _ in 0..events {
            sink.record(self.event()).unwrap();
        }
    }

    /// What an earlier sink gave back comes first.
    fn record_again(&self, sink: &AuditSink) {
        for event in std::mem::take(&mut *self.given_back.lock().unwrap()) {
            sink.record(event).unwrap();
        }
    }

    /// Hands over until an attempt to store has failed. The sink waits when it is full, which here is never.
    fn record_until_it_fails(&mut self, sink: &AuditSink) {
        let (failures, deadline) = (sink.stats().failures, soon());
        while sink.stats().failures == failures {
            assert!(Instant::now() < deadline, "{:?}", sink.stats());
            if sink.stats().queued < QUEUE_EVENTS_MAX as u64 {
                sink.record(self.event()).unwrap();
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Everything is there, each once, in the order in which it was handed over.
    fn check(&self, path: &Path) {
        let ledger = Ledger::options().leave_runs_open(true).open(path).unwrap();
        let stored = ledger.tail(Seq::ZERO).map(|stored| stored.unwrap().event);
        // Between them stand the marks of runs whose process ended.
        let stored: Vec<EventId> = stored
            .filter(|event| matches!(event.body, Body::Custom(_)))
            .map(|event| event.event_id)
            .collect();
        assert!(stored == self.ids, "{} of {} are stored", stored.len(), self.ids.len());
        let of_run = EventFilter { run: Some("r".into()), ..EventFilter::default() };
        assert!(ledger.count(&of_run).unwrap() >= self.ids.len() as u64);
        assert_eq!(ledger.anomalies().unwrap(), []);
        ledger.close().unwrap();
        assert!(verify(path, |_| ()).unwrap().is_sound());
    }
}
