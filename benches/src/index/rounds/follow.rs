//! What happens while events go on being appended: opening after a kill, and how the index keeps up.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use runledger::{EventFilter, Ledger};

use crate::index::engine::{Engine, Files};
use crate::index::engines::LEDGER;
use crate::index::job::{Appenders, Given, Until};
use crate::index::question::{Answer, Work};
use crate::job::{Outcome, Reply, Window};
use crate::worker;

/// Events of a batch that is appended while the process waits to be killed.
const BATCH_EVENTS: u64 = 256;

/// More than are appended in a round, so that no event comes twice.
const ROUND_EVENTS: u64 = 1 << 24;

/// Opens what was filled, answers how long that took, and appends durable batches until the process is killed.
pub(super) fn open_and_go_on(
    engine: &dyn Engine,
    directory: &Path,
    given: &Given,
    until: Until,
    round: u64,
) -> Result<Outcome> {
    let corpus = given.corpus()?;
    // Whatever was appended before the kill may be in it.
    let questions = Work::AgentRange.questions(&corpus, round, 1);
    let question = questions.first().context("no question")?;
    let begin = Instant::now();
    let mut opened = engine.open(directory, given.indexes, Files::Cached).context("open")?;
    let opened_after = begin.elapsed();
    opened.answer(question, &mut Answer::default())?;
    let answered_after = begin.elapsed();
    let elapsed = match until {
        Until::Opened => opened_after,
        Until::Answered => answered_after,
    };
    worker::answer(&Reply::Done(Box::new(Outcome { elapsed, ..Outcome::default() })))?;
    let mut next = corpus.len() + round * ROUND_EVENTS;
    loop {
        opened.prepare(&corpus, next..next + BATCH_EVENTS)?;
        opened.load()?;
        next += BATCH_EVENTS;
    }
}

/// Durable appends to a new ledger by many at a time, with default options: each makes its next event once the last one
/// is durable. Afterwards a question tells when the index has caught up, and all are counted.
pub(super) fn follow(
    engine: &dyn Engine,
    directory: &Path,
    given: &Given,
    appenders: Appenders,
    window: &Window,
) -> Result<Outcome> {
    ensure!(engine.name() == LEDGER, "only the ledger has an index that follows");
    let corpus = given.corpus()?;
    let ledger = Ledger::options()
        .query_wait_max(Duration::from_secs(3600))
        .open(directory.join("ledger"))
        .context("make a ledger")?;
    let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let append = || {
        while !over.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            ledger.append(corpus.event(number).context("no event")?)?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let Appenders::Threads(threads) = appenders;
    let measured = thread::scope(|scope| {
        let appenders: Vec<_> = (0..threads).map(|_| scope.spawn(append)).collect();
        thread::sleep(window.warm_up);
        let (first, begin) = (ledger.durable_end(), Instant::now());
        thread::sleep(window.measured);
        let (last, elapsed) = (ledger.health(), begin.elapsed());
        over.store(true, Ordering::Relaxed);
        for appender in appenders {
            appender.join().expect("an appender returns its errors")?;
        }
        let last = last?;
        let records = last.durable_end.get() - first?.get();
        Ok::<_, anyhow::Error>(Outcome {
            records,
            elapsed,
            events_behind: Some(last.index.lag_events),
            ..Outcome::default()
        })
    })?;
    let begin = Instant::now();
    let verified = ledger.count(&EventFilter::default())?;
    let caught_up = Some(begin.elapsed());
    let appended = next.load(Ordering::Relaxed);
    ensure!(verified == appended, "{appended} events were acknowledged, {verified} are found");
    ledger.close().context("close the ledger")?;
    Ok(Outcome { verified, caught_up, ..measured })
}
