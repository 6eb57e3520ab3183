//! One round: a fresh log, its writers, a warm-up, a measured window, and the proof that the log kept what it
//! acknowledged.
//!
//! A round whose log lost or changed an acknowledged record is an error, not a figure.

use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;

use crate::engine::{Engine, Log};
use crate::payload::payload;

/// How a round runs.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Threads that append at the same time, each waiting for its own record.
    pub(crate) writers: u64,
    /// How long they append before anything counts.
    pub(crate) warm_up: Duration,
    /// How long the measured window is.
    pub(crate) measured: Duration,
}

/// What a round gave.
pub(crate) struct Round {
    /// Appends that returned in the window.
    pub(crate) appends: u64,
    /// Syncs in the window.
    pub(crate) syncs: u64,
    /// The window as it was, not as it was planned.
    pub(crate) window: Duration,
    /// Nanoseconds of each of those appends.
    pub(crate) latency_ns: Histogram<u64>,
    /// Records that were read back and compared, those of the warm-up included.
    pub(crate) verified: u64,
}

/// Latencies from a nanosecond to a minute are told apart to three digits.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// A histogram for latencies.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_NS_MAX, 3).expect("the bounds are constants that fit")
}

/// The phases of a round, as the writers see them.
const WARM_UP: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// What one writer brings home.
struct Writer {
    /// The number of each of its records, in the order of its payloads.
    numbers: Vec<u64>,
    latency_ns: Histogram<u64>,
}

/// Runs one round in an empty directory.
pub(crate) fn run(engine: &dyn Engine, directory: &Path, plan: &Plan) -> Result<Round> {
    let log = engine.create(directory).with_context(|| format!("create {}", engine.name()))?;
    let phase = AtomicU8::new(WARM_UP);
    let (writers, syncs, window) = thread::scope(|scope| {
        let (log, phase) = (log.as_ref(), &phase);
        let writers: Vec<_> =
            (0..plan.writers).map(|writer| scope.spawn(move || append(log, writer, phase))).collect();
        thread::sleep(plan.warm_up);
        let (syncs_before, begin) = (log.syncs(), Instant::now());
        phase.store(MEASURED, Ordering::Relaxed);
        thread::sleep(plan.measured);
        phase.store(OVER, Ordering::Relaxed);
        let (window, syncs) = (begin.elapsed(), log.syncs() - syncs_before);
        let joined = writers.into_iter().map(|writer| writer.join().expect("a writer returns its errors"));
        Ok::<_, anyhow::Error>((joined.collect::<Result<Vec<_>>>()?, syncs, window))
    })
    .with_context(|| format!("append to {}", engine.name()))?;

    let verified = verify(log, &writers).with_context(|| format!("read back from {}", engine.name()))?;
    let mut latency_ns = latencies();
    for writer in &writers {
        latency_ns.add(&writer.latency_ns).context("add up latencies")?;
    }
    Ok(Round { appends: latency_ns.len(), syncs, window, latency_ns, verified })
}

/// One writer: append after append until the round is over.
fn append(log: &dyn Log, writer: u64, phase: &AtomicU8) -> Result<Writer> {
    let mut latency_ns = latencies();
    let mut numbers = Vec::new();
    while phase.load(Ordering::Relaxed) != OVER {
        let payload = payload(writer, numbers.len() as u64);
        let begin = Instant::now();
        let number = log.append(&payload)?;
        let taken = begin.elapsed();
        numbers.push(number);
        if phase.load(Ordering::Relaxed) == MEASURED {
            latency_ns.saturating_record(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    Ok(Writer { numbers, latency_ns })
}

/// Reads the log back and compares every acknowledged record; returns how many there are.
fn verify(log: Box<dyn Log>, writers: &[Writer]) -> Result<u64> {
    let mut acknowledged = Vec::new();
    for (writer, result) in (0..).zip(writers) {
        acknowledged.extend((0..).zip(&result.numbers).map(|(index, number)| (*number, writer, index)));
    }
    acknowledged.sort_unstable();
    let mut expected = acknowledged.iter();
    log.read_back(&mut |number, found| {
        let Some(&(wanted, writer, index)) = expected.next() else {
            bail!("record {number} was never acknowledged");
        };
        ensure!(number == wanted, "record {wanted} is missing: {number} stands in its place");
        ensure!(found == payload(writer, index), "record {number} is not what was appended");
        Ok(())
    })?;
    ensure!(expected.next().is_none(), "{} acknowledged records are missing", expected.len() + 1);
    Ok(acknowledged.len() as u64)
}

#[cfg(test)]
mod tests;
