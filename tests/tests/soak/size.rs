//! What a month of events takes on the disk.

use std::path::Path;
use std::time::Instant;

use runledger_audit::{Body, Digest, Durability, Event, Ledger, ModelCall, Seq, ToolCall, Usage, verify};
use runledger_tests::random::Random;

use super::{Latencies, scale};

/// A month of 100,000 events a day.
const MONTH_EVENTS: u64 = 3_000_000;
/// The floor for that month, index included.
const MONTH_BYTES_MAX: u64 = 500_000_000;
/// So many are looked at, on a disk whose segments are as much smaller.
const EVENTS: u64 = 30_000;
const SEGMENT_BYTES: u64 = 64 << 20;
const SEGMENT_BYTES_MIN: u64 = 256 << 10;

/// A tool call with the hashes of what went in and came out, or a model call with its tokens. Runs of a hundred events, of
/// some agents; hashes and numbers are all different.
fn event(number: u64) -> Event {
    let run = number / 100;
    let hash = |what: u64| {
        let mut random = Random::new(number * 2 + what);
        let words: [[u8; 8]; 4] = std::array::from_fn(|_| random.bits().to_le_bytes());
        Digest::from_bytes(*words.as_flattened().first_chunk().unwrap())
    };
    let body = if number.is_multiple_of(2) {
        Body::ToolCall(ToolCall {
            tool_id: ["shell", "read", "edit"]
                .into_iter()
                .cycle()
                .nth(usize::try_from(number / 2 % 3).unwrap())
                .unwrap()
                .to_owned(),
            input_hash: Some(hash(0)),
            output_hash: Some(hash(1)),
            duration_ms: Some(number * 37 % 5000),
            ..ToolCall::default()
        })
    } else {
        let usage = Usage {
            input_tokens: number * 7919 % 50_000,
            output_tokens: number * 31 % 2000,
            ..Usage::default()
        };
        Body::ModelCall(ModelCall {
            provider_id: "local".to_owned(),
            model_id: "a-model-of-many-letters".to_owned(),
            usage,
            ..ModelCall::default()
        })
    };
    let event = Event::new(body).with_run(format!("run-{run:08}"));
    Event {
        agent_id: Some(format!("agent-{}", run % 37)),
        session_id: Some(format!("session-{}", run / 3)),
        workspace_id: Some("acme".into()),
        correlation_id: Some(format!("correlation-{}", number / 8)),
        outcome: Some("success".into()),
        ..event
    }
}

/// All that lies in a directory, the spare segment and the index included, by the lengths of the files.
fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata().unwrap() {
            metadata if metadata.is_dir() => bytes_below(&entry.path()),
            metadata => metadata.len(),
        })
        .sum()
}

/// Reads all records in order, and some by themselves, in no order.
fn print_reads(what: &str, ledger: &Ledger, events: u64) {
    let before = Instant::now();
    let read = ledger.tail(Seq::ZERO).map(Result::unwrap).count();
    let per_100_000 = before.elapsed() * 100_000 / u32::try_from(read).unwrap();
    let mut random = Random::new(7);
    let alone = (0..1000).map(|_| {
        let seq = Seq::new(random.bits() % events);
        let before = Instant::now();
        assert!(ledger.event_at(seq).unwrap().is_some());
        before.elapsed()
    });
    let alone = Latencies(alone.collect());
    println!("  {what}: {per_100_000:?} for 100,000 in order, decoded; one by itself: {alone}");
}

#[test]
fn a_month_of_100_000_events_a_day_takes_less_than_500_megabytes_with_its_index() {
    let events = (EVENTS * scale()).min(MONTH_EVENTS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let segment_bytes = (SEGMENT_BYTES * events / MONTH_EVENTS).max(SEGMENT_BYTES_MIN);
    let options = || Ledger::options().segment_bytes(segment_bytes);
    let ledger = options().open(&path).unwrap();
    for number in 0..events {
        // One every second: each is a commit of its own.
        ledger.submit(event(number), Durability::Written).unwrap().wait().unwrap();
    }
    print_reads("as appended", &ledger, events);
    // What an hour without events would do by itself.
    let report = ledger.compress(|_| ()).unwrap();
    print_reads("compressed", &ledger, events);
    let open = bytes_below(&path);
    let stats = ledger.stats().unwrap();
    assert_eq!(stats.durable_end.get(), events);
    ledger.close().unwrap();
    // With all of the index on the disk, which is built in memory first.
    let closed = bytes_below(&path);
    let month = open.max(closed) * MONTH_EVENTS / events;
    println!(
        "{events} events: {open} bytes on the disk while open, {closed} after closing; {} an event, {month} a month",
        open.max(closed) / events,
    );
    println!(
        "  log {} bytes in {} segments, {} compressed from {} to {}; index {} bytes",
        stats.log_bytes,
        stats.log_segments,
        report.segments,
        report.bytes_before,
        report.bytes_after,
        stats.index_bytes
    );
    assert!(month < MONTH_BYTES_MAX, "{month} bytes");
    assert!(verify(&path, |_| ()).unwrap().is_sound());
}
