//! How a ledger fares: what is not yet safe, how far the index is behind, and what fails.
//!
//! Looks at what is known anyhow: it reads one record at most, waits for nothing, and is right for that moment only.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use runledger_wal::{Failure, Seq};

use super::Ledger;
use super::live::LiveHealth;
use crate::{Progress, QueryError, Timestamp};

/// How a ledger fares.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The number of durable records: the `Seq` of the next.
    pub durable_end: Seq,
    /// Events that have a number and are not durable yet. Only their writer knows: a reader sees none.
    pub unsafe_events: u64,
    /// How long ago the oldest of them got its number.
    pub unsafe_for: Option<Duration>,
    /// Those of them that no commit has taken yet.
    pub queue: QueueHealth,
    /// Bytes that this process wrote into the log.
    pub log_bytes_written: u64,
    /// Why the log takes no more events until the ledger is opened again, if it doesn't.
    pub log_failure: Option<String>,
    /// What this process could not write into the log last, also if that passed.
    pub log_last_failure: Option<String>,
    /// When that was.
    pub log_last_failure_at: Option<Timestamp>,
    /// The index.
    pub index: IndexHealth,
    /// Recent events and subscriptions of this handle and its clones.
    pub live: LiveHealth,
}

/// What waits for a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QueueHealth {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From how many bytes on an append waits for room.
    pub bytes_max: u64,
}

/// How an index fares.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexHealth {
    /// What it does.
    pub status: IndexStatus,
    /// The first record that is not in it. For a reader: in the one on disk.
    pub indexed_end: Seq,
    /// Durable events that are not in it.
    pub lag_events: u64,
    /// How long ago the oldest of these was committed, where that is known.
    pub lag: Option<Duration>,
    /// Why its tables can't be merged, if they can't. It is tried again.
    pub merge_failure: Option<String>,
    /// Why it could not be written last, also if that passed.
    pub last_failure: Option<String>,
}

/// What an index does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexStatus {
    /// It follows the log.
    Following,
    /// It was damaged, did not fit the log, or it was asked for: it is built anew.
    Rebuilding {
        /// Why.
        reason: String,
        /// How far that is, in records.
        progress: Progress,
    },
    /// It was asked to wait.
    Paused,
    /// It can't be written, and is tried again and again. Appends go on.
    Failed {
        /// The last failure.
        reason: String,
        /// How often in a row.
        attempts: u32,
    },
    /// The ledger was closed.
    Stopped,
    /// The ledger is open for reading: the index on disk is its writer's, and newer events are laid over it.
    BesideWriter,
    /// The ledger is open for reading, and the index on disk lacks more events than its writer leaves to be indexed again.
    /// So that writer paused it, can't write it, or is just building it anew.
    FarBehind {
        /// How many it leaves, by [`LedgerOptions::index_tail_events_max`](crate::LedgerOptions::index_tail_events_max).
        tail_events_max: u64,
    },
    /// The ledger is open for reading, and its index is missing, damaged or another log's. A temporary one answers; the
    /// next writer builds it anew.
    Unusable {
        /// Why.
        reason: String,
    },
}

impl Health {
    /// Whether nothing fails. A lag is no failure, nor is a pause or a rebuild: they pass, or somebody asked for them.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let index_is_well = match self.index.status {
            IndexStatus::Failed { .. } | IndexStatus::Unusable { .. } | IndexStatus::FarBehind { .. } => {
                false
            }
            IndexStatus::Following
            | IndexStatus::Rebuilding { .. }
            | IndexStatus::Paused
            | IndexStatus::Stopped
            | IndexStatus::BesideWriter => true,
        };
        self.log_failure.is_none() && self.index.merge_failure.is_none() && index_is_well
    }
}

impl Ledger {
    /// How the ledger fares now. Waits for nothing.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let health = ledger.health()?;
    /// assert!(health.is_well() && health.unsafe_events == 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The log's end can't be read, or how far the index on disk is.
    pub fn health(&self) -> Result<Health, QueryError> {
        let durable_end = self.durable_end()?;
        let writer = self.core.writer.as_ref();
        let backlog = writer.map(|writer| writer.log.backlog()).unwrap_or_default();
        let last_failure = self.core.log_failures.last();
        Ok(Health {
            durable_end,
            unsafe_events: backlog.unsafe_records,
            unsafe_for: backlog.oldest,
            queue: QueueHealth {
                events: backlog.queued_records,
                bytes: backlog.queued_bytes,
                bytes_max: backlog.queue_bytes_max,
            },
            log_bytes_written: writer.map_or(0, |writer| writer.log.counters().bytes),
            log_failure: writer.and_then(|writer| writer.log.failure()).map(|failure| failure.to_string()),
            log_last_failure_at: last_failure.as_ref().map(|(at, _)| *at),
            log_last_failure: last_failure.map(|(_, reason)| reason),
            index: self.core.index.health(durable_end)?,
            live: self.core.live.health(durable_end),
        })
    }
}

/// What the log could not do last, as it tells of it, and when it did.
#[derive(Debug, Clone, Default)]
pub(super) struct LogFailures(Arc<Mutex<Option<(Timestamp, String)>>>);

impl LogFailures {
    /// Remembers what the log tells.
    pub(super) fn listener(&self) -> impl Fn(&Failure) + Send + Sync + 'static {
        let last = Arc::clone(&self.0);
        move |failure| *last.lock() = Some((Timestamp::now(), describe(failure)))
    }

    fn last(&self) -> Option<(Timestamp, String)> {
        self.0.lock().clone()
    }
}

/// An error and its causes in one sentence.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
