//! The one handle of a ledger: appending, asking, closing.
//!
//! A ledger is opened either for writing, by one process at a time, or for reading, by any number beside it. The handle
//! is cheap to clone and may be used from any thread; the last clone that is dropped closes the ledger.

mod ancestry;
mod answer;
mod append;
mod append_batch;
mod as_of;
mod ask;
mod audits;
mod claims;
mod compress;
mod correlation;
mod counts;
mod events;
mod health;
mod in_flight;
mod index;
mod interruptions;
mod live;
#[cfg(feature = "metrics")]
mod metrics;
mod open;
mod past;
mod place;
mod provenance;
mod read;
mod recorded_reads;
mod run_figures;
mod run_logs;
mod run_selection;
mod run_writes;
mod runs;
mod runs_as_of;
mod stats;
mod tail;
mod trace;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runledger_wal::{LedgerId, Reader, Seq};

pub use ancestry::{Ancestry, AncestryEnd};
pub use append::{Receipt, Submitted};
pub use append_batch::BatchError;
pub use counts::ValueCounts;
pub use events::{Page, StoredRecord};
pub use health::{Health, IndexHealth, IndexStatus, QueueHealth};
pub(crate) use live::Feeder;
pub use live::{LiveHealth, Recent, SubscribeFrom, Subscription, SubscriptionError};
pub use open::{IndexState, LedgerOptions, OpenReport, Progress, ProgressCallback};
pub(crate) use place::{has_unfinished_reset, index_folder, is_empty, log_folder, require_ledger};
pub use read::{SourceEntry, StoredEvent};
pub use run_logs::{RunLogEntry, RunLogPage};
pub use run_selection::RunListCost;
pub use stats::LedgerStats;
pub use tail::Tail;

use self::append::Writer;
use self::ask::Asker;
use self::health::LogFailures;
use self::index::Index;
use self::live::Live;
use crate::{CloseError, IndexError, LedgerReader, OpenError};

/// A ledger that is open.
#[derive(Clone)]
pub struct Ledger {
    core: Asker,
    /// Whose questions are recorded; nobody's when absent.
    reader: Option<Arc<LedgerReader>>,
}

/// What the clones of a handle share.
struct Core {
    writer: Option<Writer>,
    index: Index,
    live: Live,
    log: Reader,
    log_failures: LogFailures,
    directory: PathBuf,
    report: OpenReport,
}

impl Ledger {
    /// Opens the ledger in `directory` for writing, and makes one where there is nothing.
    ///
    /// # Durability
    ///
    /// What a process that died had acknowledged is there. What it had not may be: whole events, in order.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// assert!(ledger.open_report().created);
    /// // One writer at a time.
    /// assert!(Ledger::open(ledger.directory()).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Another process has it open for writing; it is damaged; a newer program wrote it; `directory` holds something
    /// else. Nothing is changed then.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(directory)
    }

    /// Opens the ledger in `directory` for reading, beside a writer or without one. Takes no lock and writes nothing
    /// there.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let reader = Ledger::open_read_only(ledger.directory())?;
    /// assert!(reader.is_read_only());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// There is no ledger; a newer program wrote it; neither its index nor a temporary one can be used.
    pub fn open_read_only(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open_read_only(directory)
    }

    /// Ways to open a ledger.
    pub fn options() -> LedgerOptions {
        LedgerOptions::default()
    }

    /// What was found at opening.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.core.report
    }

    /// The same ledger, whose questions wait at most so long for the index. See [`LedgerOptions::query_wait_max`].
    ///
    /// ```
    /// use runledger_audit::{EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let soon = ledger.with_query_wait(std::time::Duration::from_millis(50));
    /// assert_eq!(soon.count(&EventFilter::default())?, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_query_wait(&self, wait_max: Duration) -> Self {
        Self { core: self.core.with_wait(Some(wait_max)), reader: self.reader.clone() }
    }

    /// Has the index wait: nothing is written to it from when this returns until [`Ledger::resume_index`]. Appends go
    /// on; questions about what is appended meanwhile wait, at most as long as they may.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.pause_index()?;
    /// // Appends go on.
    /// ledger.resume_index()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The ledger is open for reading.
    pub fn pause_index(&self) -> Result<(), IndexError> {
        self.core.index.followed()?.pause();
        Ok(())
    }

    /// Ends a pause. An index that failed is tried again at once.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, QueryError};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.pause_index()?;
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// let soon = ledger.with_query_wait(Duration::from_millis(1));
    /// assert!(matches!(soon.count(&EventFilter::default()), Err(QueryError::Behind(_))));
    /// ledger.resume_index()?;
    /// assert_eq!(ledger.count(&EventFilter::default())?, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The ledger is open for reading.
    pub fn resume_index(&self) -> Result<(), IndexError> {
        self.core.index.followed()?.resume();
        Ok(())
    }

    /// Empties the index and builds it anew from the log, on this thread. Appends go on. `progress` counts records.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.rebuild_index(|progress| println!("{} of {}", progress.done, progress.total))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The ledger is open for reading; the log can't be read; the index can't be written, and is tried again by itself.
    pub fn rebuild_index(&self, progress: impl FnMut(Progress)) -> Result<(), IndexError> {
        self.core.index.followed()?.rebuild(progress)
    }

    /// The ledger's identity, the same in all of its files.
    #[must_use]
    pub fn ledger_id(&self) -> LedgerId {
        self.core.log.ledger_id()
    }

    /// Whether it was opened for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.core.writer.is_none()
    }

    /// Where the ledger lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.core.directory
    }

    /// The number of durable records: the `Seq` of the next.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// assert_eq!(ledger.durable_end()?.get(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The watermark can't be read; none for who writes.
    pub fn durable_end(&self) -> Result<Seq, crate::QueryError> {
        Ok(self.core.log.durable_end()?)
    }

    /// Makes everything durable and marks the ledger as closed in good order.
    ///
    /// In this order: from now on appends by other clones are refused, with an error that says that nothing was stored. What
    /// was placed before is written, synced, and acknowledged to who waits for it. The subscriptions are given the events up
    /// to there, and end. The index comes to the same end, unless it is paused or fails, is written out, and stops.
    /// Questions that are under way are answered, and so are later ones about what was indexed. A ledger that is open for
    /// reading only has its subscriptions ended. Whoever closes another clone hears what the first close came to.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.close()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The log could not be written to its end, or the index not be brought there. What was acknowledged is safe.
    pub fn close(self) -> Result<(), CloseError> {
        self.core.settle_interruptions();
        self.core.close()
    }
}

impl Core {
    fn close(&self) -> Result<(), CloseError> {
        // The log first, so that the index can come to its very end and the next opening has nothing to replay. The index
        // also when the log can't be closed well: whoever opens the ledger next must be the only one that writes there.
        let log = self.writer.as_ref().map_or(Ok(()), Writer::close);
        self.log.end_waits();
        let index = self.index.close();
        log?;
        Ok(index?)
    }
}

/// What was not closed is closed as well as it can be. Nobody is left to be told of a failure: what was acknowledged is
/// safe, and the next opening finds the rest.
impl Drop for Core {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("directory", &self.core.directory).finish_non_exhaustive()
    }
}
