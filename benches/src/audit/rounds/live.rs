//! How soon a subscriber sees what became durable.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use runledger::{EventFilter, Ledger, SubscribeFrom};

use crate::index::corpus::Corpus;
use crate::job::Outcome;
use crate::latency::{counts_of, latencies};

/// How long an event may take to be seen.
const SEEN_WAIT_MAX: Duration = Duration::from_secs(60);

/// Appends events one by one, and times when a subscriber in another thread sees each: from when the append returned,
/// which is after it became durable. One that is seen sooner counts as seen at once.
pub(super) fn live(ledger: &Path, events: u64) -> Result<Outcome> {
    let corpus = Corpus::generate(events);
    let ledger = Ledger::open(ledger).context("make a ledger")?;
    let mut subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    let begin = Instant::now();
    let (durable_at, seen_at) = thread::scope(|scope| {
        let subscriber = scope.spawn(move || {
            let mut seen_at = Vec::new();
            while (seen_at.len() as u64) < events {
                let deadline = Some(Instant::now() + SEEN_WAIT_MAX);
                let event = subscription.next_until(deadline)?.context("an event is not seen")?;
                seen_at.push(Instant::now());
                ensure!(event.seq.get() + 1 == seen_at.len() as u64, "an event is missing, or came twice");
            }
            Ok::<_, anyhow::Error>(seen_at)
        });
        let append = |number| {
            ledger.append(corpus.event(number).context("no event")?)?;
            Ok::<_, anyhow::Error>(Instant::now())
        };
        let durable_at: Vec<_> = (0..events).map(append).collect::<Result<_>>()?;
        let seen_at = subscriber.join().expect("a subscriber returns its errors")?;
        Ok::<_, anyhow::Error>((durable_at, seen_at))
    })?;
    let elapsed = begin.elapsed();
    ledger.close()?;
    let mut latency_ns = latencies();
    for (durable, seen) in durable_at.iter().zip(&seen_at) {
        let waited = seen.saturating_duration_since(*durable);
        latency_ns.saturating_record(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX).max(1));
    }
    Ok(Outcome { records: events, elapsed, latency_ns: counts_of(&latency_ns), ..Outcome::default() })
}
