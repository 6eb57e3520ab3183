//! The writer's index: kept on disk, and followed by a thread.
//!
//! INVARIANT: trouble with it is never trouble for whoever appends: it is told by [`FollowedIndex::health`] and to
//! whoever asks a question.

use std::path::Path;
use std::time::{Duration, Instant};

use runledger_ingest::{Ingestor, Status};
use runledger_store::{self as store, Store, View};
use runledger_wal::{Reader, Seq};

use super::{IndexOptions, IndexState, Size, catch_up, fit, indexer, options};
use crate::ledger::Feeder;
use crate::ledger::health::{IndexHealth, IndexStatus};
use crate::{IndexError, Progress, QueryError};

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
        how: &IndexOptions,
        feeder: Feeder,
    ) -> Result<(Self, IndexState), IndexError> {
        let (store, unusable) = open_or_reset(folder, how.rebuild)?;
        let reason = unusable.or_else(|| fit(&store, log).err());
        if reason.is_some() {
            // Whatever stops it meets the thread as well, which tries again and says so.
            let _ = catch_up(log, &store, None, how.progress.as_ref());
        }
        let ingestor =
            Ingestor::start(log.clone(), store.clone(), indexer(log).feeding(feeder), how.of_ingestor())
                .map_err(|error| IndexError::Build(error.into()))?;
        // An empty log has nothing that an index could lack.
        let lacking = reason.filter(|_| log.durable_end().is_ok_and(|end| end > Seq::new(0)));
        let state = lacking.map_or(IndexState::Current, |reason| IndexState::Rebuilt { reason });
        Ok((Self { store, ingestor, log: log.clone() }, state))
    }

    pub(super) fn view_past(&self, end: Seq, deadline: Option<Instant>) -> Result<View, QueryError> {
        Ok(self.ingestor.view(&self.store, end, deadline)?)
    }

    /// `None` while the index is paused, fails or is built anew, or does not come to `end` in time.
    pub(super) fn view_if_following(&self, end: Seq, deadline: Option<Instant>) -> Option<View> {
        self.ingestor.view_while_following(&self.store, end, deadline).ok()
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

    pub(super) fn health(&self) -> Result<IndexHealth, IndexError> {
        // In this order: a record that is indexed meanwhile makes the lag smaller than it was, never larger.
        let lag = self.ingestor.lag()?;
        let status = match self.ingestor.status() {
            Status::Following => IndexStatus::Following,
            Status::Rebuilding { reason, progress } => {
                IndexStatus::Rebuilding { reason, progress: progress.into() }
            }
            Status::Paused => IndexStatus::Paused,
            Status::Failed { reason, attempts } => IndexStatus::Failed { reason, attempts },
            _ => IndexStatus::Stopped,
        };
        Ok(IndexHealth {
            status,
            indexed_end: self.ingestor.indexed_end(),
            lag_events: lag.events,
            lag: lag.oldest,
            merge_failure: self.store.stats().merge_failure,
            last_failure: self.ingestor.last_failure(),
        })
    }

    /// When this returns, nothing is written to the index until it is resumed.
    pub(in crate::ledger) fn pause(&self) {
        self.ingestor.pause();
    }

    pub(in crate::ledger) fn resume(&self) {
        self.ingestor.resume();
    }

    pub(in crate::ledger) fn rebuild(&self, mut progress: impl FnMut(Progress)) -> Result<(), IndexError> {
        let rebuilt = self.ingestor.rebuild("it was asked for", |done| progress(done.into()));
        rebuilt.map_err(|error| IndexError::Build(error.into()))
    }

    pub(super) fn close(&self) -> Result<(), IndexError> {
        let end = self.log.durable_end()?;
        // Whoever paused it knows that it lags.
        let is_paused = self.ingestor.status() == Status::Paused;
        let caught_up = if is_paused {
            Ok(())
        } else {
            self.ingestor.wait_indexed(end, Some(Instant::now() + CLOSE_WAIT_MAX))
        };
        self.ingestor.stop();
        // Other clones of the ledger may live on while somebody opens it anew: nothing is merged here any more.
        self.store.clone().close()?;
        // What is missing is replayed at the next opening, but whoever closes in good order should know.
        caught_up.map_err(|error| IndexError::Build(error.into()))
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
