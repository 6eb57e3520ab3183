//! The index as the handle uses it: opened or built, followed, waited for.
//!
//! A ledger that is open for writing has a thread that follows the log. One that is open for reading lays what is new
//! over the index on disk in private memory, at each question. Where there is no index to read, or it does not fit the
//! log, a temporary one is built outside the ledger: readers write nothing inside.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use runledger_ingest::{self as ingest, Indexer, IngestError, Ingestor, Resume};
use runledger_store::{self as store, FirstBytes, Store, View};
use runledger_wal::{Reader, Seq};

use super::open::{IndexState, Progress, ProgressCallback};
use crate::indexer::EventIndexer;
use crate::key::Tag;
use crate::{IndexError, QueryError};

/// How long a question waits for the index to reach what was acknowledged before it.
const QUERY_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long closing waits for the index to reach the log's end.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(10);

/// The index of an open ledger.
pub(super) struct Index {
    store: Store,
    following: Following,
}

/// How the index follows the log.
enum Following {
    /// By a thread, for the writer.
    Thread { ingestor: Ingestor, log: Reader },
    /// At each question, into private memory or into a temporary index.
    AtEachQuestion {
        log: Reader,
        indexed_end: Mutex<Seq>,
        /// Deleted when the ledger is closed.
        _temporary: Option<TemporaryFolder>,
    },
}

/// Size of an index on disk.
pub(super) struct Size {
    pub(super) tables: u64,
    pub(super) bytes: u64,
}

impl Index {
    /// Opens the writer's index, brings it up to the log's durable end and has a thread follow from there.
    pub(super) fn follow(
        log: &Reader,
        folder: &Path,
        rebuild: bool,
        progress: Option<&ProgressCallback>,
    ) -> Result<(Self, IndexState), IndexError> {
        let (store, unusable) = open_or_reset(folder, rebuild)?;
        let indexer = || EventIndexer::new(log.ledger_id(), log.clone());
        let reason = unusable.or_else(|| misfit(&indexer(), &store, log));
        catch_up(log, &store, indexer(), progress)?;
        let ingestor = Ingestor::start(log.clone(), store.clone(), indexer(), ingest::Options::new())
            .map_err(|error| IndexError::Build(error.into()))?;
        // An empty log has nothing that an index could lack.
        let lacking = reason.filter(|_| log.durable_end().is_ok_and(|end| end > Seq::new(0)));
        let state = lacking.map_or(IndexState::Current, |reason| IndexState::Rebuilt { reason });
        Ok((Self { store, following: Following::Thread { ingestor, log: log.clone() } }, state))
    }

    /// Opens the index for reading, or builds a temporary one where there is none that fits.
    pub(super) fn private(
        log: &Reader,
        folder: &Path,
        progress: Option<&ProgressCallback>,
    ) -> Result<(Self, IndexState), IndexError> {
        match open_private(log, folder, progress) {
            Ok((store, indexed_end)) => Ok((Self::asked(store, log, indexed_end, None), IndexState::Current)),
            Err(Unusable::For(reason)) => {
                let temporary = TemporaryFolder::new()?;
                let store = Store::open(&temporary.path, options())?;
                let indexer = EventIndexer::new(log.ledger_id(), log.clone());
                let indexed_end = catch_up(log, &store, indexer, progress)?;
                let index = Self::asked(store, log, indexed_end, Some(temporary));
                Ok((index, IndexState::Temporary { reason }))
            }
            Err(Unusable::Error(error)) => Err(error),
        }
    }

    fn asked(store: Store, log: &Reader, indexed_end: Seq, temporary: Option<TemporaryFolder>) -> Self {
        let indexed_end = Mutex::new(indexed_end);
        Self {
            store,
            following: Following::AtEachQuestion { log: log.clone(), indexed_end, _temporary: temporary },
        }
    }

    /// A view that has every record before `end`, which is durable.
    pub(super) fn view_past(&self, end: Seq) -> Result<View, QueryError> {
        match &self.following {
            Following::Thread { ingestor, .. } => {
                Ok(ingestor.view(&self.store, end, Some(Instant::now() + QUERY_WAIT_MAX))?)
            }
            Following::AtEachQuestion { log, indexed_end, .. } => {
                let mut indexed_end = indexed_end.lock();
                if *indexed_end < end {
                    let indexer = EventIndexer::new(log.ledger_id(), log.clone());
                    *indexed_end = catch_up(log, &self.store, indexer, None)?;
                }
                Ok(self.store.view())
            }
        }
    }

    /// Takes note that a read found the index damaged. The writer's is built again; a reader's question fails.
    pub(super) fn report(&self, damage: &store::ReadError) {
        if let Following::Thread { ingestor, .. } = &self.following {
            ingestor.report_damage(damage);
        }
    }

    /// The first record that the index may not have.
    pub(super) fn indexed_end(&self) -> Seq {
        match &self.following {
            Following::Thread { ingestor, .. } => ingestor.indexed_end(),
            Following::AtEachQuestion { indexed_end, .. } => *indexed_end.lock(),
        }
    }

    pub(super) fn size(&self) -> Size {
        let stats = self.store.stats();
        Size { tables: stats.tables as u64, bytes: stats.table_bytes }
    }

    /// Lets the writer's index come to the log's end, stops following and writes it out.
    pub(super) fn close(&self) -> Result<(), IndexError> {
        match &self.following {
            Following::Thread { ingestor, log } => {
                let end = log.durable_end()?;
                let caught_up = ingestor.wait_indexed(end, Some(Instant::now() + CLOSE_WAIT_MAX));
                ingestor.stop();
                self.store.flush()?;
                // What is missing is replayed at the next opening, but whoever closes in good order should know.
                caught_up.map_err(|error| IndexError::Build(error.into()))
            }
            Following::AtEachQuestion { .. } => Ok(()),
        }
    }
}

/// Why an index that is open for reading can't be used.
enum Unusable {
    /// A temporary one does instead.
    For(String),
    /// A temporary one would meet the same trouble.
    Error(IndexError),
}

fn open_private(
    log: &Reader,
    folder: &Path,
    progress: Option<&ProgressCallback>,
) -> Result<(Store, Seq), Unusable> {
    let store = Store::open_read_only(folder, options()).map_err(|error| {
        if error.is_rebuildable() { Unusable::For(error.to_string()) } else { Unusable::Error(error.into()) }
    })?;
    let indexer = EventIndexer::new(log.ledger_id(), log.clone());
    if let Some(reason) = misfit(&indexer, &store, log) {
        return Err(Unusable::For(reason));
    }
    match ingest::catch_up(log, &store, indexer, None, ingest::Options::new(), report_to(progress)) {
        Ok(indexed_end) => Ok((store, indexed_end)),
        Err(error) if error.is_rebuildable() => Err(Unusable::For(error.to_string())),
        Err(IngestError::Store(error @ store::WriteError::MemoryFull { .. })) => {
            Err(Unusable::For(error.to_string()))
        }
        Err(error) => Err(Unusable::Error(IndexError::Build(error.into()))),
    }
}

/// Opens the index for writing; one that is damaged or of another version is emptied, for the reason returned.
fn open_or_reset(folder: &Path, rebuild: bool) -> Result<(Store, Option<String>), IndexError> {
    if !rebuild {
        let missing = !folder.exists();
        match Store::open(folder, options()) {
            Ok(store) => return Ok((store, missing.then(|| "there was none".to_owned()))),
            Err(error) if !error.is_rebuildable() => return Err(error.into()),
            Err(error) => {
                store::reset(folder)?;
                return Ok((Store::open(folder, options())?, Some(error.to_string())));
            }
        }
    }
    store::reset(folder)?;
    Ok((Store::open(folder, options())?, Some("it was asked for".to_owned())))
}

/// Why the index does not fit the log, if it does not.
fn misfit(indexer: &EventIndexer, store: &Store, log: &Reader) -> Option<String> {
    match indexer.resume(store.checkpoint().as_deref(), log) {
        Resume::Rebuild(reason) => Some(reason),
        Resume::From(_) | Resume::Unknown(_) => None,
    }
}

fn catch_up(
    log: &Reader,
    store: &Store,
    indexer: EventIndexer,
    progress: Option<&ProgressCallback>,
) -> Result<Seq, IndexError> {
    ingest::catch_up(log, store, indexer, None, ingest::Options::new(), report_to(progress))
        .map_err(|error| IndexError::Build(error.into()))
}

fn report_to(callback: Option<&ProgressCallback>) -> impl FnMut(ingest::Progress) {
    let callback = callback.map(Arc::clone);
    move |progress| {
        if let Some(callback) = &callback {
            callback(Progress { done: progress.indexed_end.get(), total: progress.target.get() });
        }
    }
}

fn options() -> store::Options {
    // Only these are looked up whole; streams are walked, and a filter over them would only take room.
    let looked_up = [Tag::EventId, Tag::SourceId, Tag::Superseded, Tag::Run].map(Tag::byte);
    store::Options::new().create(true).filtered(FirstBytes::of(&looked_up))
}

/// A folder for a temporary index, deleted with everything in it when it is dropped.
struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    fn new() -> Result<Self, IndexError> {
        let path = std::env::temp_dir().join(format!("runledger-index-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).map_err(|source| IndexError::Temporary {
            operation: "create",
            path: path.clone(),
            source,
        })?;
        Ok(Self { path })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What stays behind is rubbish in the folder for rubbish; nobody is left to be told.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
