//! One thread appends batches, each durable before the next, or with some under way.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::kept::{self, Acknowledged};
use super::{Round, room};
use crate::job::{Outcome, Window};
use crate::latency::{counts_of, latencies};
use crate::wal::engine::{Log, Waiting};
use crate::wal::payload::{PAYLOAD_BYTES, Payloads, payload};

/// One round. Latencies are those of whole batches, from their placing to the end of waiting for them.
pub(super) fn run(round: &Round<'_>, records: u64, under_way: usize, window: &Window) -> Result<Outcome> {
    let log = round.engine.open(round.directory, room(window, 512 << 20)).context("open a new log")?;
    let mut stream = Stream { log: log.as_ref(), records, next: 0, under_way, waiting: VecDeque::new() };
    let begin = Instant::now();
    while begin.elapsed() < window.warm_up {
        stream.append()?;
    }
    let (first, syncs_before, mut latency_ns) = (stream.durable(), log.syncs(), latencies());
    let begin = Instant::now();
    // The end of a batch is the end of the window.
    let elapsed = loop {
        if let Some(taken_ns) = stream.append()? {
            latency_ns.saturating_record(taken_ns);
        }
        let elapsed = begin.elapsed();
        if elapsed >= window.measured {
            break elapsed;
        }
    };
    let measured = stream.durable() - first;
    let syncs = log.syncs().zip(syncs_before).map(|(after, before)| after - before);
    let next = stream.finish()?;
    ensure!(measured > 0, "no batch returned in the window");
    let verified = kept::check(round, log, &Acknowledged::InOrder(next), &Payloads::Fixed)?;
    let latency_ns = counts_of(&latency_ns);
    let bytes = measured * PAYLOAD_BYTES as u64;
    Ok(Outcome { records: measured, bytes, elapsed, syncs, verified, latency_ns, ..Outcome::default() })
}

/// Batches of one thread.
struct Stream<'a> {
    log: &'a dyn Log,
    /// In a batch.
    records: u64,
    next: u64,
    /// How many are waited for only when the one behind them was placed.
    under_way: usize,
    waiting: VecDeque<(Instant, Waiting)>,
}

impl Stream<'_> {
    /// Places another batch, and waits for the oldest if enough are under way: returns the nanoseconds that one took.
    fn append(&mut self) -> Result<Option<u64>> {
        let payloads: Vec<_> = (self.next..self.next + self.records).map(|index| payload(0, index)).collect();
        let payloads: Vec<_> = payloads.iter().map(<[u8; PAYLOAD_BYTES]>::as_slice).collect();
        let begin = Instant::now();
        self.waiting.push_back((begin, self.log.submit_batch(&payloads).context("append a batch")?));
        self.next += self.records;
        if self.waiting.len() < self.under_way { Ok(None) } else { self.wait() }
    }

    fn wait(&mut self) -> Result<Option<u64>> {
        let Some((begin, oldest)) = self.waiting.pop_front() else { return Ok(None) };
        oldest().context("wait for a batch")?;
        Ok(Some(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How many records were waited for.
    fn durable(&self) -> u64 {
        self.next - self.waiting.len() as u64 * self.records
    }

    /// Waits for all, and returns how many records there are.
    fn finish(mut self) -> Result<u64> {
        while self.wait()?.is_some() {}
        Ok(self.next)
    }
}

/// Appends the next records of the first writer as one batch.
pub(super) fn append_batch(log: &dyn Log, next: &mut u64, records: u64) -> Result<()> {
    let payloads: Vec<_> = (*next..*next + records).map(|index| payload(0, index)).collect();
    let payloads: Vec<_> = payloads.iter().map(<[u8; PAYLOAD_BYTES]>::as_slice).collect();
    log.append_batch(&payloads).context("append a batch")?;
    *next += records;
    Ok(())
}
