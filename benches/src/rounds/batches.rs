//! One thread appends batches, each durable before the next.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::kept::{self, Acknowledged};
use super::{Round, counts_of, latencies, room};
use crate::engine::Log;
use crate::job::{Outcome, Window};
use crate::payload::{PAYLOAD_BYTES, Payloads, payload};

/// One round. Latencies are those of whole batches.
pub(super) fn run(round: &Round<'_>, records: u64, window: &Window) -> Result<Outcome> {
    let log = round.engine.open(round.directory, room(window, 512 << 20)).context("open a new log")?;
    let mut next = 0;
    let begin = Instant::now();
    while begin.elapsed() < window.warm_up {
        append_batch(log.as_ref(), &mut next, records)?;
    }
    let (first, syncs_before, mut latency_ns) = (next, log.syncs(), latencies());
    let begin = Instant::now();
    // The end of the batch is the end of the window.
    let elapsed = loop {
        let taken_ns = append_batch(log.as_ref(), &mut next, records)?;
        latency_ns.saturating_record(taken_ns);
        let elapsed = begin.elapsed();
        if elapsed >= window.measured {
            break elapsed;
        }
    };
    let syncs = log.syncs().zip(syncs_before).map(|(after, before)| after - before);
    let measured = next - first;
    ensure!(measured > 0, "no batch returned in the window");
    let verified = kept::check(round, log, &Acknowledged::InOrder(next), &Payloads::Fixed)?;
    let latency_ns = counts_of(&latency_ns);
    let bytes = measured * PAYLOAD_BYTES as u64;
    Ok(Outcome { records: measured, bytes, elapsed, syncs, verified, latency_ns, ..Outcome::default() })
}

/// Appends the next records of the first writer as one batch; returns the nanoseconds that it took.
pub(super) fn append_batch(log: &dyn Log, next: &mut u64, records: u64) -> Result<u64> {
    let payloads: Vec<_> = (*next..*next + records).map(|index| payload(0, index)).collect();
    let payloads: Vec<_> = payloads.iter().map(<[u8; PAYLOAD_BYTES]>::as_slice).collect();
    let begin = Instant::now();
    log.append_batch(&payloads).context("append a batch")?;
    *next += records;
    Ok(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
