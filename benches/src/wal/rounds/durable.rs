//! Durable appends by threads, each waiting for its own record before it makes the next.

use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;

use super::kept::{self, Acknowledged};
use super::{MEASURED, OVER, Round, WARM_UP, room};
use crate::job::{Outcome, Window};
use crate::latency::{counts_of, latencies};
use crate::observed::DeviceCounts;
use crate::wal::engine::Log;
use crate::wal::payload::Payloads;

/// What one writer brings home.
pub(super) struct Writer {
    /// The number of each of its records, in the order of its payloads.
    pub(super) numbers: Vec<u64>,
    pub(super) latency_ns: Histogram<u64>,
    /// Payload bytes of those that were measured.
    pub(super) bytes: u64,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { numbers: Vec::new(), latency_ns: latencies(), bytes: 0 }
    }

    /// A record was acknowledged.
    pub(super) fn count(&mut self, number: u64, begin: Instant, payload: &[u8], phase: &AtomicU8) {
        let taken = begin.elapsed();
        self.numbers.push(number);
        if phase.load(Ordering::Relaxed) == MEASURED {
            self.latency_ns.saturating_record(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
            self.bytes += payload.len() as u64;
        }
    }
}

/// One round.
pub(super) fn run(
    round: &Round<'_>,
    threads: u64,
    window: &Window,
    sizes: Option<&[usize]>,
) -> Result<Outcome> {
    let room = room(window, if sizes.is_some() { 512 << 20 } else { (16 << 20) * threads.min(8) });
    let payloads = sizes.map_or(Payloads::Fixed, |sizes| Payloads::of_sizes(sizes.to_vec()));
    let log = round.engine.open(round.directory, room).context("open a new log")?;
    let phase = AtomicU8::new(WARM_UP);
    let (writers, mut outcome) = thread::scope(|scope| {
        let (log, phase, payloads) = (log.as_ref(), &phase, &payloads);
        let writers: Vec<_> =
            (0..threads).map(|writer| scope.spawn(move || append(log, writer, payloads, phase))).collect();
        let outcome = observe(round, log, phase, window);
        let joined = writers.into_iter().map(|writer| writer.join().expect("a writer returns its errors"));
        Ok::<_, anyhow::Error>((joined.collect::<Result<Vec<_>>>()?, outcome))
    })
    .context("append")?;
    settle(&mut outcome, &writers)?;
    let acknowledged = writers.into_iter().map(|writer| writer.numbers).collect();
    outcome.verified = kept::check(round, log, &Acknowledged::ByNumber(acknowledged), &payloads)?;
    Ok(outcome)
}

/// Leads everybody through the phases, and counts what isn't the writers' own.
pub(super) fn observe(round: &Round<'_>, log: &dyn Log, phase: &AtomicU8, window: &Window) -> Outcome {
    thread::sleep(window.warm_up);
    let (device_before, syncs_before, begin) =
        (DeviceCounts::read(round.directory), log.syncs(), Instant::now());
    phase.store(MEASURED, Ordering::Relaxed);
    thread::sleep(window.measured);
    phase.store(OVER, Ordering::Relaxed);
    let (elapsed, syncs, device) = (begin.elapsed(), log.syncs(), DeviceCounts::read(round.directory));
    let device = device.zip(device_before);
    Outcome {
        elapsed,
        syncs: syncs.zip(syncs_before).map(|(after, before)| after - before),
        device_flushes: device.map(|(after, before)| after.flushes - before.flushes),
        device_bytes: device.map(|(after, before)| after.bytes_written - before.bytes_written),
        ..Outcome::default()
    }
}

/// Adds up what the writers measured.
pub(super) fn settle(outcome: &mut Outcome, writers: &[Writer]) -> Result<()> {
    let mut latency_ns = latencies();
    for writer in writers {
        latency_ns.add(&writer.latency_ns).context("add up latencies")?;
        outcome.bytes += writer.bytes;
    }
    outcome.records = latency_ns.len();
    outcome.latency_ns = counts_of(&latency_ns);
    ensure!(outcome.records > 0, "no append returned in the window");
    Ok(())
}

/// One writer: append after append until the round is over.
fn append(log: &dyn Log, writer: u64, payloads: &Payloads, phase: &AtomicU8) -> Result<Writer> {
    let mut own = Writer::new();
    let mut payload = Vec::new();
    while phase.load(Ordering::Relaxed) != OVER {
        payloads.make(writer, own.numbers.len() as u64, &mut payload);
        let begin = Instant::now();
        let number = log.append(&payload)?;
        own.count(number, begin, &payload, phase);
    }
    Ok(own)
}
