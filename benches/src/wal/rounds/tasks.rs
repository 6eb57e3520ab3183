//! Durable appends by tasks of a runtime, each waiting for its own record before it makes the next.
//!
//! The runtime has two workers for every engine: as many as the machine that this is made for has cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::durable::{Writer, observe, settle};
use super::kept::{self, Acknowledged};
use super::{OVER, Round, WARM_UP, room};
use crate::job::{Outcome, Window};
use crate::wal::engine::Log;
use crate::wal::payload::{Payloads, payload};

/// Threads of the runtime.
pub(crate) const WORKERS: usize = 2;

/// One round.
pub(super) fn run(round: &Round<'_>, tasks: u64, window: &Window) -> Result<Outcome> {
    let log = round.engine.open(round.directory, room(window, 256 << 20)).context("open a new log")?;
    let log = Arc::new(log);
    let phase = Arc::new(AtomicU8::new(WARM_UP));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).build()?;
    let writers: Vec<_> = (0..tasks)
        .map(|writer| runtime.spawn(append(Arc::clone(&log), writer, Arc::clone(&phase))))
        .collect();
    let mut outcome = observe(round, log.as_ref().as_ref(), &phase, window);
    let writers = runtime.block_on(async {
        let mut joined = Vec::new();
        for writer in writers {
            joined.push(writer.await.context("a task panicked")??);
        }
        Ok::<_, anyhow::Error>(joined)
    })?;
    drop(runtime);
    settle(&mut outcome, &writers)?;
    let acknowledged = writers.into_iter().map(|writer| writer.numbers).collect();
    let log = Arc::into_inner(log).context("a task still has the log")?;
    outcome.verified = kept::check(round, log, &Acknowledged::ByNumber(acknowledged), &Payloads::Fixed)?;
    Ok(outcome)
}

async fn append(log: Arc<Box<dyn Log>>, writer: u64, phase: Arc<AtomicU8>) -> Result<Writer> {
    let mut own = Writer::new();
    while phase.load(Ordering::Relaxed) != OVER {
        let payload = payload(writer, own.numbers.len() as u64);
        let begin = Instant::now();
        let number = log.append_async(&payload).await?;
        own.count(number, begin, &payload, &phase);
    }
    Ok(own)
}
