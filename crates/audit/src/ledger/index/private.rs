//! A reader's index: the tables on disk, and over them in private memory what is new in the log. Nothing is written to
//! the ledger.
//!
//! What is new is added at each question. When it outgrows the memory that it may take, the writer's newer tables are
//! opened instead. Where there is no index on disk, it does not fit the log, or it is too far behind, a temporary one is
//! built outside the ledger, in bounded memory.
//!
//! INVARIANT: a question whose time runs out leaves behind what was indexed for it, so that the next one goes on there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use runledger_ingest::{self as ingest, IngestError, WaitError};
use runledger_store::{self as store, Store, View};
use runledger_wal::{Reader, Seq};

use super::temporary_folder::TemporaryFolder;
use super::{IndexOptions, IndexState, Size, catch_up, fit, options};
use crate::ledger::health::{IndexHealth, IndexStatus};
use crate::planted::{Bug, planted};
use crate::{IndexError, QueryError};

/// After so many records a question looks at the time.
const EVENTS_BETWEEN_LOOKS: u64 = 8192;

pub(in crate::ledger) struct PrivateIndex {
    log: Reader,
    folder: PathBuf,
    how: IndexOptions,
    current: Mutex<Current>,
    /// Where `current` is, for those who don't get at it in time.
    reached: AtomicU64,
}

/// The store that answers now.
struct Current {
    store: Store,
    indexed_end: Seq,
    /// Whether it turned out full, or not to fit: another must be opened.
    forgotten: bool,
    /// What a question found damaged in it: the one on disk is not opened again.
    damage: Option<String>,
    /// Why the one on disk is not used.
    unusable: Option<String>,
    /// Where a temporary one lies. Deleted with it.
    _temporary: Option<TemporaryFolder>,
}

/// Why the index on disk can't be used.
enum Unusable {
    /// A temporary one does instead.
    For(String),
    /// A temporary one would meet the same trouble.
    Error(IndexError),
}

impl PrivateIndex {
    pub(super) fn open(
        log: &Reader,
        folder: &Path,
        how: IndexOptions,
    ) -> Result<(Self, IndexState), IndexError> {
        let current = match Current::on_disk(log, folder, &how) {
            Ok(current) => current,
            Err(Unusable::For(reason)) => Current::temporary(reason)?,
            Err(Unusable::Error(error)) => return Err(error),
        };
        let state = match &current.unusable {
            Some(reason) => IndexState::Temporary { reason: reason.clone() },
            None => IndexState::Current,
        };
        let reached = AtomicU64::new(current.indexed_end.get());
        let (log, folder, current) = (log.clone(), folder.to_owned(), Mutex::new(current));
        Ok((Self { log, folder, how, current, reached }, state))
    }

    pub(super) fn view_past(&self, end: Seq, deadline: Option<Instant>) -> Result<View, QueryError> {
        let mut current = match deadline {
            None => self.current.lock(),
            Some(deadline) => self.current.try_lock_until(deadline).ok_or_else(|| self.timeout(end))?,
        };
        if !current.forgotten {
            match self.catch_up(&mut current, end, deadline) {
                Ok(()) => return Ok(current.store.view()),
                Err(Behind::Another(_)) => {}
                Err(Behind::Error(error)) => return Err(error),
            }
        }
        // The writer's newer tables, where it has any that do; else a temporary index.
        let found = match current.damage.take() {
            Some(damage) => Err(Unusable::For(damage)),
            None => Current::on_disk(&self.log, &self.folder, &self.how),
        };
        let unusable = match found {
            Ok(newer) => {
                *current = newer;
                match self.catch_up(&mut current, end, deadline) {
                    Ok(()) => return Ok(current.store.view()),
                    Err(Behind::Another(reason)) => reason,
                    Err(Behind::Error(error)) => return Err(error),
                }
            }
            Err(Unusable::For(reason)) => reason,
            Err(Unusable::Error(error)) => return Err(error.into()),
        };
        *current = Current::temporary(unusable)?;
        match self.catch_up(&mut current, end, deadline) {
            Ok(()) => Ok(current.store.view()),
            Err(Behind::Another(reason)) => Err(IndexError::Build(reason.into()).into()),
            Err(Behind::Error(error)) => Err(error),
        }
    }

    fn timeout(&self, wanted: Seq) -> WaitError {
        WaitError::Timeout { indexed_end: Seq::new(self.reached.load(Ordering::Relaxed)), wanted }
    }

    /// Indexes what is missing before `end`, as long as there is time.
    fn catch_up(&self, current: &mut Current, end: Seq, deadline: Option<Instant>) -> Result<(), Behind> {
        let missing = end.get().saturating_sub(current.indexed_end.get());
        let progress = self.how.progress.as_ref().filter(|_| missing > EVENTS_BETWEEN_LOOKS);
        while current.indexed_end < end && !(planted(Bug::IgnoreTail) && current.unusable.is_none()) {
            let piece_end = Seq::new(current.indexed_end.get().saturating_add(EVENTS_BETWEEN_LOOKS)).min(end);
            match catch_up(&self.log, &current.store, Some(piece_end), None) {
                Ok(indexed_end) => current.indexed_end = indexed_end,
                Err(error) if wants_another(&error) => {
                    current.forgotten = true;
                    return Err(Behind::Another(error.to_string()));
                }
                Err(error) => return Err(Behind::Error(IndexError::Build(error.into()).into())),
            }
            self.reached.store(current.indexed_end.get(), Ordering::Relaxed);
            if let Some(progress) = progress {
                progress(crate::Progress { done: current.indexed_end.get(), total: end.get() });
            }
            if current.indexed_end < end && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Behind::Error(self.timeout(end).into()));
            }
        }
        Ok(())
    }

    /// The store that answers now is not to be believed.
    pub(super) fn report(&self, damage: &store::ReadError) {
        if planted(Bug::KeepDamagedIndex) {
            return;
        }
        let mut current = self.current.lock();
        current.forgotten = true;
        current.damage = Some(damage.to_string());
    }

    pub(super) fn indexed_end(&self) -> Seq {
        self.current.lock().indexed_end
    }

    pub(super) fn size(&self) -> Size {
        Size::of(&self.current.lock().store)
    }

    pub(super) fn health(&self, durable_end: Seq) -> Result<IndexHealth, IndexError> {
        // Looked up anew: what is on disk now is the writer's doing, and what a reader laid over it is not.
        let (status, indexed_end) = match Current::on_disk(&self.log, &self.folder, &self.how) {
            Ok(on_disk) => (IndexStatus::BesideWriter, on_disk.indexed_end),
            Err(Unusable::For(reason)) => (IndexStatus::Unusable { reason }, Seq::ZERO),
            Err(Unusable::Error(error)) => return Err(error),
        };
        let lag_events = durable_end.get().saturating_sub(indexed_end.get());
        let tail_events_max = self.how.tail_events_max.unwrap_or(ingest::INDEX_TAIL_EVENTS_MAX_DEFAULT);
        // Twice, since the index is written out between batches, and what is being written out is not there yet.
        let is_far_behind = lag_events > tail_events_max.saturating_mul(2);
        let status = match status {
            IndexStatus::BesideWriter if is_far_behind => IndexStatus::FarBehind { tail_events_max },
            status => status,
        };
        Ok(IndexHealth {
            status,
            indexed_end,
            lag_events,
            lag: None,
            merge_failure: None,
            last_failure: None,
        })
    }
}

/// Why an index is still behind.
enum Behind {
    /// Another one can do what this one can't.
    Another(String),
    Error(QueryError),
}

impl Current {
    /// Opens the index on disk as it is.
    fn on_disk(log: &Reader, folder: &Path, how: &IndexOptions) -> Result<Self, Unusable> {
        let mut options = options();
        if let Some(bytes) = how.private_memory_bytes_max {
            options = options.private_memory_bytes_max(bytes);
        }
        let store = Store::open_read_only(folder, options).map_err(|error| {
            if error.is_rebuildable() {
                Unusable::For(error.to_string())
            } else {
                Unusable::Error(error.into())
            }
        })?;
        let indexed_end = fit(&store, log).map_err(Unusable::For)?;
        Ok(Self { store, indexed_end, forgotten: false, damage: None, unusable: None, _temporary: None })
    }

    /// An empty one outside the ledger, filled by who asks first.
    fn temporary(reason: String) -> Result<Self, IndexError> {
        let folder = TemporaryFolder::new()?;
        let store = Store::open_in(Arc::new(folder.directory()), options())?;
        Ok(Self {
            store,
            indexed_end: Seq::ZERO,
            forgotten: false,
            damage: None,
            unusable: Some(reason),
            _temporary: Some(folder),
        })
    }
}

/// Whether another store can do what this one can't.
fn wants_another(error: &IngestError) -> bool {
    error.is_rebuildable() || matches!(error, IngestError::Store(store::WriteError::MemoryFull { .. }))
}
