//! A reader's index: the tables on disk, and over them in private memory what is new in the log. Nothing is written to
//! the ledger.
//!
//! What is new is added at each question. When it outgrows the memory that it may take, the writer's newer tables are
//! opened instead. Where there is no index on disk, it does not fit the log, or it is too far behind, a temporary one is
//! built outside the ledger, in bounded memory.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use runledger_ingest::IngestError;
use runledger_store::{self as store, Store, View};
use runledger_wal::{Reader, Seq};

use super::temporary_folder::TemporaryFolder;
use super::{IndexState, ProgressCallback, Size, catch_up, misfit, options};
use crate::IndexError;

pub(in crate::ledger) struct PrivateIndex {
    log: Reader,
    folder: PathBuf,
    memory_bytes_max: Option<usize>,
    current: Mutex<Current>,
}

/// The store that answers now.
struct Current {
    store: Store,
    indexed_end: Seq,
    /// Whether it turned out damaged, or full: another must be opened.
    forgotten: bool,
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
        memory_bytes_max: Option<usize>,
        progress: Option<&ProgressCallback>,
    ) -> Result<(Self, IndexState), IndexError> {
        let (current, state) = Current::open(log, folder, memory_bytes_max, progress)?;
        let current = Mutex::new(current);
        Ok((Self { log: log.clone(), folder: folder.to_owned(), memory_bytes_max, current }, state))
    }

    pub(super) fn view_past(&self, end: Seq) -> Result<View, IndexError> {
        let mut current = self.current.lock();
        if !current.forgotten && current.indexed_end < end {
            match catch_up(&self.log, &current.store, None) {
                Ok(indexed_end) => current.indexed_end = indexed_end,
                Err(error) if wants_another(&error) => current.forgotten = true,
                Err(error) => return Err(IndexError::Build(error.into())),
            }
        }
        if current.forgotten {
            *current = Current::open(&self.log, &self.folder, self.memory_bytes_max, None)?.0;
        }
        Ok(current.store.view())
    }

    /// The store that answers now is not to be believed.
    pub(super) fn forget(&self) {
        self.current.lock().forgotten = true;
    }

    pub(super) fn indexed_end(&self) -> Seq {
        self.current.lock().indexed_end
    }

    pub(super) fn size(&self) -> Size {
        Size::of(&self.current.lock().store)
    }
}

impl Current {
    /// Opens the index on disk, or builds a temporary one where that can't be used.
    fn open(
        log: &Reader,
        folder: &Path,
        memory_bytes_max: Option<usize>,
        progress: Option<&ProgressCallback>,
    ) -> Result<(Self, IndexState), IndexError> {
        match Self::on_disk(log, folder, memory_bytes_max, progress) {
            Ok(current) => Ok((current, IndexState::Current)),
            Err(Unusable::For(reason)) => {
                Ok((Self::temporary(log, progress)?, IndexState::Temporary { reason }))
            }
            Err(Unusable::Error(error)) => Err(error),
        }
    }

    fn on_disk(
        log: &Reader,
        folder: &Path,
        memory_bytes_max: Option<usize>,
        progress: Option<&ProgressCallback>,
    ) -> Result<Self, Unusable> {
        let mut options = options();
        if let Some(bytes) = memory_bytes_max {
            options = options.private_memory_bytes_max(bytes);
        }
        let store = Store::open_read_only(folder, options).map_err(|error| {
            if error.is_rebuildable() {
                Unusable::For(error.to_string())
            } else {
                Unusable::Error(error.into())
            }
        })?;
        if let Some(reason) = misfit(&store, log) {
            return Err(Unusable::For(reason));
        }
        match catch_up(log, &store, progress) {
            Ok(indexed_end) => Ok(Self { store, indexed_end, forgotten: false, _temporary: None }),
            Err(error) if wants_another(&error) => Err(Unusable::For(error.to_string())),
            Err(error) => Err(Unusable::Error(IndexError::Build(error.into()))),
        }
    }

    fn temporary(log: &Reader, progress: Option<&ProgressCallback>) -> Result<Self, IndexError> {
        let folder = TemporaryFolder::new()?;
        let store = Store::open(folder.path(), options())?;
        let indexed_end = catch_up(log, &store, progress).map_err(|error| IndexError::Build(error.into()))?;
        Ok(Self { store, indexed_end, forgotten: false, _temporary: Some(folder) })
    }
}

/// Whether another store can do what this one can't.
fn wants_another(error: &IngestError) -> bool {
    error.is_rebuildable() || matches!(error, IngestError::Store(store::WriteError::MemoryFull { .. }))
}
