//! Merging tables into fewer, in the background.
//!
//! Invariant: a merge replaces neighbours in age by one table with the same answers. It works on tables that nobody
//! changes and takes a lock only to publish its result. A failure is kept for whoever asks, and tried again; writers
//! wait, or fail, only when tables are far more than they should be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::core::Core;
use crate::error::{OpenError, WriteError};
use crate::merge::{MergeCursor, Source};
use crate::planted::{Bug, planted};
use crate::table::{POSITIONS_MAX, Table};
use crate::tier;

/// This many tables of similar size are merged into one.
const MERGE_WIDTH: usize = 4;
/// Writing waits when there are this many tables more than `tables_max`.
const TABLES_OVER_MAX: usize = 8;
/// A failed merge is tried again after this, or at the next flush.
const MERGE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// What the merging thread, the writer and those who ask share.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    /// Read in the middle of a merge, so without the lock.
    stopping: AtomicBool,
    state: Mutex<State>,
    /// There may be work, or it is time to stop.
    wake: Condvar,
    /// A merge ended, well or not.
    progress: Condvar,
    /// Held by whoever merges, so that no table is merged twice at a time.
    merging: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    wanted: bool,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    reason: String,
    damage: Option<crate::Damage>,
}

impl Merger {
    pub(crate) fn wake(&self) {
        self.state.lock().wanted = true;
        self.wake.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Under the lock: a thread between its check and its wait would miss the call.
        let _state = self.state.lock();
        self.wake.notify_all();
        self.progress.notify_all();
    }

    /// The right to replace tables. Waits for a merge in progress, which may take long.
    pub(crate) fn begin(&self) -> MutexGuard<'_, ()> {
        self.merging.lock()
    }

    /// After whatever failed to merge is gone.
    pub(crate) fn forget_failure(&self) {
        self.state.lock().failure = None;
        self.progress.notify_all();
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.state.lock().failure.as_ref().map(|failure| failure.reason.clone())
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Waits until another table may be added. Fails when merging does, rather than wait for what may never come.
    pub(crate) fn wait_for_room(&self, core: &Core) -> Result<(), WriteError> {
        let limit = core.options.tables_max.saturating_add(TABLES_OVER_MAX);
        let mut state = self.state.lock();
        loop {
            let tables = core.version().tables.len();
            if let Some(damage) = state.failure.as_ref().and_then(|failure| failure.damage.clone()) {
                return Err(WriteError::Damaged(damage));
            }
            if tables < limit || !core.options.merge_in_background {
                return Ok(());
            }
            if let Some(failure) = &state.failure {
                return Err(WriteError::MergeStalled { tables, reason: failure.reason.clone() });
            }
            if self.is_stopping() {
                return Err(WriteError::Closed);
            }
            self.progress.wait(&mut state);
        }
    }

    fn finished(&self, outcome: &Result<bool, WriteError>) {
        let mut state = self.state.lock();
        state.failure = match outcome {
            Ok(_) => None,
            Err(error) => Some(Failure {
                reason: describe(error),
                damage: match error {
                    WriteError::Damaged(damage) => Some(damage.clone()),
                    _ => None,
                },
            }),
        };
        self.progress.notify_all();
    }
}

/// The thread that merges.
#[derive(Debug)]
pub(crate) struct MergerThread {
    thread: JoinHandle<()>,
}

impl MergerThread {
    pub(crate) fn start(core: &Arc<Core>) -> Result<Self, OpenError> {
        let shared = Arc::clone(core);
        let thread = thread::Builder::new().name("runledger-merge".to_owned()).spawn(move || run(&shared));
        let thread = thread.map_err(|source| OpenError::Io {
            operation: "start the merging thread for",
            path: core.directory.path().to_owned(),
            source,
        })?;
        // What was left to merge when the store was last open.
        core.merger.wake();
        Ok(Self { thread })
    }

    pub(crate) fn join(self) {
        // The thread catches its own panics, so there is nothing to learn from the result.
        let _ = self.thread.join();
    }
}

fn run(core: &Core) {
    let merger = &core.merger;
    while !merger.is_stopping() {
        let outcome = catch_unwind(AssertUnwindSafe(|| core.merge_once()))
            .unwrap_or_else(|_| Err(internal("a merge panicked", core)));
        merger.finished(&outcome);
        let mut state = merger.state.lock();
        if merger.is_stopping() {
            return;
        }
        match outcome {
            Ok(true) => {}
            Ok(false) => {
                while !state.wanted && !merger.is_stopping() {
                    merger.wake.wait(&mut state);
                }
            }
            // Damage does not go away by trying again.
            Err(WriteError::Damaged(_)) => merger.wake.wait(&mut state),
            Err(_) => {
                merger.wake.wait_for(&mut state, MERGE_RETRY_DELAY);
            }
        }
        state.wanted = false;
    }
}

impl Core {
    /// Does the most useful merge. `false`: there was none to do.
    pub(crate) fn merge_once(&self) -> Result<bool, WriteError> {
        let _merging = self.merger.begin();
        // Whoever merges on the caller's thread closes when it is done.
        let stop = || self.options.merge_in_background && self.merger.is_stopping();
        if stop() {
            return Ok(false);
        }
        let tables = self.catalog.lock().tables.clone();
        let sizes: Vec<u64> = tables.iter().map(|table| table.meta().bytes).collect();
        let Some(range) = tier::pick(&sizes, MERGE_WIDTH, self.options.tables_max) else { return Ok(false) };
        let keep_deletions = range.start > 0 && !planted(Bug::MergeDropsDeletions);
        let inputs = tables.get(range).unwrap_or_default();
        if inputs.iter().map(|table| u64::from(table.positions().count())).sum::<u64>() > POSITIONS_MAX {
            // From here on there is a table more for every four thousand million positions.
            return Ok(false);
        }
        self.replace_tables(inputs, keep_deletions, stop)?;
        Ok(true)
    }

    /// Merges all tables into one without deletions.
    pub(crate) fn merge_everything(&self) -> Result<(), WriteError> {
        let _merging = self.merger.begin();
        let tables = self.catalog.lock().tables.clone();
        if tables.is_empty() {
            return Ok(());
        }
        self.replace_tables(&tables, false, || self.merger.is_stopping())
    }
}

/// A cursor over `tables`, which go from the oldest to the newest.
pub(crate) fn merged(tables: &[Arc<Table>]) -> MergeCursor {
    for table in tables {
        table.read_ahead();
    }
    let tables = if planted(Bug::MergeForgetsOldest) { tables.get(1..).unwrap_or_default() } else { tables };
    let newest_first: Vec<_> =
        if planted(Bug::MergeOldestWins) { tables.iter().collect() } else { tables.iter().rev().collect() };
    let sources = newest_first.into_iter().map(|table| Source::Table(Box::new(table.entries())));
    MergeCursor::new(sources.collect())
}

fn internal(problem: &'static str, core: &Core) -> WriteError {
    WriteError::Io {
        operation: "merge the tables of",
        path: core.directory.path().to_owned(),
        source: std::io::Error::other(problem),
    }
}

/// The error and what caused it, in one line.
fn describe(error: &WriteError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
