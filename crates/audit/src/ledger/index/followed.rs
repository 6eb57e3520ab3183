//! The writer's index: kept on disk, and followed by a thread.

use std::path::Path;
use std::time::{Duration, Instant};

use runledger_ingest::{self as ingest, Ingestor};
use runledger_store::{self as store, Store, View};
use runledger_wal::{Reader, Seq};

use super::{IndexState, ProgressCallback, Size, catch_up, indexer, misfit, options};
use crate::{IndexError, QueryError};

/// How long a question waits for the index to reach what was acknowledged before it.
const QUERY_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long closing waits for the index to reach the log's end.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(10);

pub(in crate::ledger) struct FollowedIndex {
    store: Store,
    ingestor: Ingestor,
    log: Reader,
}

impl FollowedIndex {
    pub(super) fn open(
        log: &Reader,
        folder: &Path,
        rebuild: bool,
        progress: Option<&ProgressCallback>,
    ) -> Result<(Self, IndexState), IndexError> {
        let (store, unusable) = open_or_reset(folder, rebuild)?;
        let reason = unusable.or_else(|| misfit(&store, log));
        catch_up(log, &store, progress).map_err(|error| IndexError::Build(error.into()))?;
        let ingestor = Ingestor::start(log.clone(), store.clone(), indexer(log), ingest::Options::new())
            .map_err(|error| IndexError::Build(error.into()))?;
        // An empty log has nothing that an index could lack.
        let lacking = reason.filter(|_| log.durable_end().is_ok_and(|end| end > Seq::new(0)));
        let state = lacking.map_or(IndexState::Current, |reason| IndexState::Rebuilt { reason });
        Ok((Self { store, ingestor, log: log.clone() }, state))
    }

    pub(super) fn view_past(&self, end: Seq) -> Result<View, QueryError> {
        Ok(self.ingestor.view(&self.store, end, Some(Instant::now() + QUERY_WAIT_MAX))?)
    }

    pub(super) fn report(&self, damage: &store::ReadError) {
        self.ingestor.report_damage(damage);
    }

    pub(super) fn indexed_end(&self) -> Seq {
        self.ingestor.indexed_end()
    }

    pub(super) fn size(&self) -> Size {
        Size::of(&self.store)
    }

    pub(super) fn close(&self) -> Result<(), IndexError> {
        let end = self.log.durable_end()?;
        let caught_up = self.ingestor.wait_indexed(end, Some(Instant::now() + CLOSE_WAIT_MAX));
        self.ingestor.stop();
        self.store.flush()?;
        // What is missing is replayed at the next opening, but whoever closes in good order should know.
        caught_up.map(drop).map_err(|error| IndexError::Build(error.into()))
    }
}

/// Opens the index for writing; one that is damaged or of another version is emptied, for the reason returned.
fn open_or_reset(folder: &Path, rebuild: bool) -> Result<(Store, Option<String>), IndexError> {
    let reason = if rebuild {
        "it was asked for".to_owned()
    } else {
        let missing = !folder.exists();
        match Store::open(folder, options()) {
            Ok(store) => return Ok((store, missing.then(|| "there was none".to_owned()))),
            Err(error) if !error.is_rebuildable() => return Err(error.into()),
            Err(error) => error.to_string(),
        }
    };
    store::reset(folder)?;
    Ok((Store::open(folder, options())?, Some(reason)))
}
