//! What happens while events go on being appended: opening after a kill, and how the index keeps up.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use runledger::{Event, EventFilter, Ledger};
use tokio::runtime::Builder;

use crate::index::corpus::Corpus;
use crate::index::engine::{Engine, Files};
use crate::index::engines::LEDGER;
use crate::index::job::{Appenders, Given, Until};
use crate::index::question::{Answer, Work};
use crate::job::{Outcome, Reply, Window};
use crate::{wal, worker};

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
    let shared = Arc::new(Shared { ledger, corpus, next: AtomicU64::new(0), over: AtomicBool::new(false) });
    let measured = match appenders {
        Appenders::Threads(threads) => by_threads(&shared, threads, window)?,
        Appenders::Tasks(tasks) => by_tasks(&shared, tasks, window)?,
    };
    let Shared { ledger, next, .. } = Arc::into_inner(shared).context("somebody still appends")?;
    let begin = Instant::now();
    let verified = ledger.count(&EventFilter::default())?;
    let caught_up = Some(begin.elapsed());
    let appended = next.into_inner();
    ensure!(verified == appended, "{appended} events were acknowledged, {verified} are found");
    ledger.close().context("close the ledger")?;
    Ok(Outcome { verified, caught_up, ..measured })
}

/// What all who append have in common.
struct Shared {
    ledger: Ledger,
    corpus: Corpus,
    /// The number of the next event that anybody makes.
    next: AtomicU64,
    over: AtomicBool,
}

impl Shared {
    fn next_event(&self) -> Result<Event> {
        self.corpus.event(self.next.fetch_add(1, Ordering::Relaxed)).context("no event")
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Waits for the warm-up to pass and counts what became durable in the window behind it.
    fn observe(&self, window: &Window) -> Result<Outcome> {
        thread::sleep(window.warm_up);
        let (first, begin) = (self.ledger.durable_end(), Instant::now());
        thread::sleep(window.measured);
        let (last, elapsed) = (self.ledger.health(), begin.elapsed());
        self.over.store(true, Ordering::Relaxed);
        let last = last?;
        let (records, events_behind) = (last.durable_end.get() - first?.get(), Some(last.index.lag_events));
        Ok(Outcome { records, elapsed, events_behind, ..Outcome::default() })
    }
}

fn by_threads(shared: &Shared, threads: u64, window: &Window) -> Result<Outcome> {
    let append = || {
        while !shared.is_over() {
            shared.ledger.append(shared.next_event()?)?;
        }
        Ok::<_, anyhow::Error>(())
    };
    thread::scope(|scope| {
        let appenders: Vec<_> = (0..threads).map(|_| scope.spawn(append)).collect();
        let outcome = shared.observe(window);
        for appender in appenders {
            appender.join().expect("an appender returns its errors")?;
        }
        outcome
    })
}

/// On a runtime of as many workers as the log's bench has.
fn by_tasks(shared: &Arc<Shared>, tasks: u64, window: &Window) -> Result<Outcome> {
    let runtime = Builder::new_multi_thread().worker_threads(wal::TASK_WORKERS).build()?;
    let append = |shared: Arc<Shared>| async move {
        while !shared.is_over() {
            shared.ledger.append_async(shared.next_event()?).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let appenders: Vec<_> = (0..tasks).map(|_| runtime.spawn(append(Arc::clone(shared)))).collect();
    let outcome = shared.observe(window);
    for appender in appenders {
        runtime.block_on(appender).context("a task panicked")??;
    }
    outcome
}
