//! Rounds over a log that was filled before: opening it after its process was killed, and replaying it.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use super::Round;
use super::batches::append_batch;
use crate::job::{Outcome, Reply};
use crate::observed::ReadCounts;
use crate::wal::engine::{Log, Room};
use crate::wal::payload::payload;
use crate::worker;

/// How many records are filled in at once.
const BATCH_RECORDS: u64 = 1000;

/// Threads that go on appending until the process is killed: a kill that finds commits in the making.
const THREADS: u64 = 4;

/// Appends so many records to a new log, and closes it.
pub(super) fn fill(round: &Round<'_>, records: u64) -> Result<Outcome> {
    let log = round.engine.open(round.directory, Room::Lasting).context("open a new log")?;
    let begin = Instant::now();
    append_batches(log.as_ref(), records)?;
    let elapsed = begin.elapsed();
    log.close().context("close")?;
    Ok(Outcome { records, elapsed, ..Outcome::default() })
}

fn append_batches(log: &dyn Log, records: u64) -> Result<()> {
    let mut next = 0;
    while next < records {
        let batch = BATCH_RECORDS.min(records - next);
        append_batch(log, &mut next, batch)?;
    }
    Ok(())
}

/// Opens the log and says how long that took; then appends until it is killed.
pub(super) fn open_and_go_on(round: &Round<'_>, records: u64) -> Result<Outcome> {
    let (before, begin) = (ReadCounts::read(), Instant::now());
    let log = round.engine.open(round.directory, Room::Lasting).context("open the log")?;
    let elapsed = begin.elapsed();
    let read = ReadCounts::read().zip(before);
    let outcome = Outcome {
        records,
        elapsed,
        read_bytes: read.map(|(after, before)| after.bytes - before.bytes),
        read_calls: read.map(|(after, before)| after.calls - before.calls),
        ..Outcome::default()
    };
    // The answer is sent from here, because this doesn't return.
    worker::answer(&Reply::Done(Box::new(outcome)))?;
    thread::scope(|scope| {
        for writer in 1..=THREADS {
            let log = log.as_ref();
            scope.spawn(move || (0..).try_for_each(|index| log.append(&payload(writer, index)).map(drop)));
        }
    });
    bail!("the log refused appends before the process was killed")
}

/// Compares the first records with what was filled in; those behind them are counted.
pub(super) fn compare(round: &Round<'_>, records: u64) -> Result<Outcome> {
    let mut seen = 0;
    round.engine.read(round.directory, &mut |number, found| {
        ensure!(seen >= records || found == payload(0, seen), "record {number} is not what was appended");
        seen += 1;
        Ok(())
    })?;
    ensure!(seen >= records, "{} acknowledged records are missing", records - seen);
    Ok(Outcome { records, verified: records, ..Outcome::default() })
}

/// Reads everything once. What is read is looked at only so far that it must be there.
pub(super) fn replay(round: &Round<'_>, expected: u64) -> Result<Outcome> {
    let (mut records, mut bytes) = (0, 0);
    let begin = Instant::now();
    round.engine.read(round.directory, &mut |_, payload| {
        records += 1;
        bytes += payload.len() as u64;
        black_box(payload.first());
        Ok(())
    })?;
    ensure!(records == expected, "{records} records instead of {expected}");
    Ok(Outcome { records, bytes, elapsed: begin.elapsed(), ..Outcome::default() })
}
