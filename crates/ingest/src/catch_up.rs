//! Indexing on the caller's thread, until a given record.

use runledger_store::Store;
use runledger_wal::{Reader, Seq};

use crate::error::IngestError;
use crate::follower::{Follower, Progress, Step};
use crate::indexer::Indexer;
use crate::options::Options;

/// Brings `store` up to the durable end of the log as it is now, or to `until` if that comes before. Returns the first
/// record that is not in the index then. `progress` is called after each batch.
///
/// A store that is open for reading takes what is new into private memory; nothing is written.
///
/// # Errors
///
/// The first failure ends it, and calling it again goes on from there. Only a store that turns out damaged on the way
/// is built anew at once; if it is open for reading, that is [`IngestError::NeedsRebuild`].
pub fn catch_up<I: Indexer>(
    log: &Reader,
    store: &Store,
    indexer: I,
    until: Option<Seq>,
    options: Options,
    mut progress: impl FnMut(Progress),
) -> Result<Seq, IngestError> {
    let durable_end = log.durable_end()?;
    let target = until.map_or(durable_end, |until| until.min(durable_end));
    let mut follower = Follower::new(log.clone(), store.clone(), indexer, options, Box::new(|| ()));
    let mut damaged_before = false;
    loop {
        match follower.step(Some(target)) {
            Ok(Step::CaughtUp) => return Ok(follower.indexed_end().unwrap_or(target)),
            Ok(Step::Applied | Step::Full) => {
                if let Some(indexed_end) = follower.indexed_end() {
                    progress(Progress { indexed_end, target });
                }
            }
            // The follower builds it anew at the next step. A medium that damages that one too is no place for it.
            Err(IngestError::Damaged(_)) if !damaged_before => damaged_before = true,
            Err(error) => return Err(error),
        }
    }
}
