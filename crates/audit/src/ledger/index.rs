//! The index as the handle uses it: the writer's is followed by a thread, a reader's is private.

mod followed;
mod private;
mod temporary_folder;

use std::path::Path;
use std::sync::Arc;

use runledger_ingest::{self as ingest, Indexer, Resume};
use runledger_store::{self as store, FirstBytes, PositionTags, Store, View};
use runledger_wal::{Reader, Seq};

use self::followed::FollowedIndex;
use self::private::PrivateIndex;
use super::open::{IndexState, Progress, ProgressCallback};
use crate::indexer::EventIndexer;
use crate::key::Tag;
use crate::{IndexError, QueryError};

/// The index of an open ledger.
pub(super) enum Index {
    /// Of a ledger that is open for writing.
    Followed(FollowedIndex),
    /// Of one that is open for reading.
    Private(PrivateIndex),
}

/// Size of an index on disk.
pub(super) struct Size {
    pub(super) tables: u64,
    pub(super) bytes: u64,
}

impl Size {
    fn of(store: &Store) -> Self {
        let stats = store.stats();
        Self { tables: stats.tables as u64, bytes: stats.table_bytes }
    }
}

impl Index {
    /// Opens the writer's index, brings it up to the log's durable end and has a thread follow from there.
    pub(super) fn follow(
        log: &Reader,
        folder: &Path,
        rebuild: bool,
        progress: Option<&ProgressCallback>,
    ) -> Result<(Self, IndexState), IndexError> {
        let (index, state) = FollowedIndex::open(log, folder, rebuild, progress)?;
        Ok((Self::Followed(index), state))
    }

    /// Opens the index for reading, or builds a temporary one where there is none that fits.
    pub(super) fn private(
        log: &Reader,
        folder: &Path,
        memory_bytes_max: Option<usize>,
        progress: Option<&ProgressCallback>,
    ) -> Result<(Self, IndexState), IndexError> {
        let (index, state) = PrivateIndex::open(log, folder, memory_bytes_max, progress)?;
        Ok((Self::Private(index), state))
    }

    /// A view that has every record before `end`, which is durable.
    pub(super) fn view_past(&self, end: Seq) -> Result<View, QueryError> {
        match self {
            Self::Followed(index) => index.view_past(end),
            Self::Private(index) => Ok(index.view_past(end)?),
        }
    }

    /// Takes note that a read found the index damaged: it is not believed any more.
    pub(super) fn report(&self, damage: &store::ReadError) {
        match self {
            Self::Followed(index) => index.report(damage),
            Self::Private(index) => index.forget(),
        }
    }

    /// The first record that the index may not have.
    pub(super) fn indexed_end(&self) -> Seq {
        match self {
            Self::Followed(index) => index.indexed_end(),
            Self::Private(index) => index.indexed_end(),
        }
    }

    pub(super) fn size(&self) -> Size {
        match self {
            Self::Followed(index) => index.size(),
            Self::Private(index) => index.size(),
        }
    }

    /// Lets the writer's index come to the log's end, stops following and writes it out.
    pub(super) fn close(&self) -> Result<(), IndexError> {
        match self {
            Self::Followed(index) => index.close(),
            Self::Private(_) => Ok(()),
        }
    }
}

/// Why the index does not fit the log, if it does not.
fn misfit(store: &Store, log: &Reader) -> Option<String> {
    match indexer(log).resume(store.checkpoint().as_deref(), log) {
        Resume::Rebuild(reason) => Some(reason),
        Resume::From(_) | Resume::Unknown(_) => None,
    }
}

fn indexer(log: &Reader) -> EventIndexer {
    EventIndexer::new(log.ledger_id(), log.clone())
}

/// Indexes what is durable now, on this thread. Gives the first record that is not in the index then.
fn catch_up(
    log: &Reader,
    store: &Store,
    progress: Option<&ProgressCallback>,
) -> Result<Seq, ingest::IngestError> {
    let callback = progress.map(Arc::clone);
    let report = move |progress: ingest::Progress| {
        if let Some(callback) = &callback {
            callback(Progress { done: progress.indexed_end.get(), total: progress.target.get() });
        }
    };
    ingest::catch_up(log, store, indexer(log), None, ingest::Options::new(), report)
}

fn options() -> store::Options {
    // Only these are looked up whole; streams are walked, and a filter over them would only take room.
    let looked_up = [Tag::EventId, Tag::SourceId, Tag::Superseded, Tag::Run].map(Tag::byte);
    let positions = PositionTags::new(Tag::Time.byte(), &[Tag::Dimension.byte()]);
    store::Options::new().create(true).filtered(FirstBytes::of(&looked_up)).position_tags(positions)
}
