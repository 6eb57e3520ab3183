//! Handing events to the sink: how long the caller is held up.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use runledger::{AuditSink, EventFilter, Ledger, SinkOptions};

use crate::index::corpus::Corpus;
use crate::job::Outcome;
use crate::latency::{counts_of, latencies};

/// Events of a burst: what a busy agent does in a moment. The sink holds more.
const BURST_EVENTS: u64 = 1000;

/// How long a burst may take to become durable.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(60);

/// Hands over bursts of events, each once the last one is durable. Making the events isn't measured.
pub(super) fn hand_off(ledger: &Path, bursts: u64) -> Result<Outcome> {
    let corpus = Corpus::generate(bursts * BURST_EVENTS);
    let ledger = Ledger::open(ledger).context("make a ledger")?;
    let sink = AuditSink::new(ledger, SinkOptions::new())?;
    let mut latency_ns = latencies();
    let begin = Instant::now();
    for burst in 0..bursts {
        let numbers = burst * BURST_EVENTS..(burst + 1) * BURST_EVENTS;
        let events: Vec<_> = numbers.filter_map(|number| corpus.event(number)).collect();
        for event in events {
            let begin = Instant::now();
            sink.record(event)?;
            latency_ns.saturating_record(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        sink.flush(Instant::now() + FLUSH_WAIT_MAX)?;
    }
    let elapsed = begin.elapsed();
    let found = sink.ledger().context("the sink has no ledger")?.count(&EventFilter::default())?;
    ensure!(found == corpus.len(), "{} events were handed over, {found} are found", corpus.len());
    sink.shutdown(Instant::now() + FLUSH_WAIT_MAX)?;
    Ok(Outcome { records: found, elapsed, latency_ns: counts_of(&latency_ns), ..Outcome::default() })
}
