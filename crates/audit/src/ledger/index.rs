//! The index as the handle uses it: the writer's is followed by a thread, a reader's is private.

mod followed;
mod private;
mod temporary_folder;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use runledger_ingest::{self as ingest, Indexer, Resume};
use runledger_store::{self as store, FirstBytes, Store, View};
use runledger_wal::{Reader, Seq};

use self::followed::FollowedIndex;
use self::private::PrivateIndex;
use super::Feeder;
use super::health::IndexHealth;
use super::open::{IndexState, Progress, ProgressCallback};
use crate::indexer::EventIndexer;
use crate::key::Tag;
use crate::{IndexError, QueryError};

/// How the index of a ledger is opened.
#[derive(Clone, Default)]
pub(super) struct IndexOptions {
    pub(super) rebuild: bool,
    pub(super) tail_events_max: Option<u64>,
    pub(super) private_memory_bytes_max: Option<usize>,
    pub(super) progress: Option<ProgressCallback>,
}

impl IndexOptions {
    fn of_ingestor(&self) -> ingest::Options {
        let options = ingest::Options::new();
        match self.tail_events_max {
            Some(events) => options.index_tail_events_max(events),
            None => options,
        }
    }
}

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
    /// Opens the writer's index and has a thread follow the log. What is missing at its end is indexed by the thread; an
    /// index that must be built anew is built before this returns. `feeder` is given what the thread decodes.
    pub(super) fn follow(
        log: &Reader,
        folder: &Path,
        options: &IndexOptions,
        feeder: Feeder,
    ) -> Result<(Self, IndexState), IndexError> {
        let (index, state) = FollowedIndex::open(log, folder, options, feeder)?;
        Ok((Self::Followed(index), state))
    }

    /// Opens the index for reading. What is missing is indexed when somebody asks; where there is none that fits, a
    /// temporary one is built then.
    pub(super) fn private(
        log: &Reader,
        folder: &Path,
        options: IndexOptions,
    ) -> Result<(Self, IndexState), IndexError> {
        let (index, state) = PrivateIndex::open(log, folder, options)?;
        Ok((Self::Private(index), state))
    }

    /// A view that has every record before `end`, which is durable.
    pub(super) fn view_past(&self, end: Seq, deadline: Option<Instant>) -> Result<View, QueryError> {
        match self {
            Self::Followed(index) => index.view_past(end, deadline),
            Self::Private(index) => index.view_past(end, deadline),
        }
    }

    /// As [`Index::view_past`], for whoever can do without it: `None` if the index is not just a little behind.
    pub(super) fn view_if_following(&self, end: Seq, deadline: Option<Instant>) -> Option<View> {
        match self {
            Self::Followed(index) => index.view_if_following(end, deadline),
            Self::Private(index) => index.view_past(end, deadline).ok(),
        }
    }

    /// How it fares, of a log with so many durable records.
    pub(super) fn health(&self, durable_end: Seq) -> Result<IndexHealth, IndexError> {
        match self {
            Self::Followed(index) => index.health(),
            Self::Private(index) => index.health(durable_end),
        }
    }

    /// The writer's index; a reader has nothing that could be paused or built anew.
    pub(super) fn followed(&self) -> Result<&FollowedIndex, IndexError> {
        match self {
            Self::Followed(index) => Ok(index),
            Self::Private(_) => Err(IndexError::ReadOnly),
        }
    }

    /// Takes note that a read found the index damaged: it is not believed any more.
    pub(super) fn report(&self, damage: &store::ReadError) {
        match self {
            Self::Followed(index) => index.report(damage),
            Self::Private(index) => index.report(damage),
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

/// The first record that is not in the index, or why it does not fit the log.
fn fit(store: &Store, log: &Reader) -> Result<Seq, String> {
    match indexer(log).resume(store.checkpoint().as_deref(), log) {
        Resume::Rebuild(reason) => Err(reason),
        Resume::From(next) => Ok(next),
        // Asked again before anything is indexed.
        Resume::Unknown(_) => Ok(Seq::ZERO),
    }
}

fn indexer(log: &Reader) -> EventIndexer {
    EventIndexer::new(log.ledger_id(), log.clone())
}

/// Indexes what is durable now, or what comes before `until` of it, on this thread. Gives the first record that is not
/// in the index then.
fn catch_up(
    log: &Reader,
    store: &Store,
    until: Option<Seq>,
    progress: Option<&ProgressCallback>,
) -> Result<Seq, ingest::IngestError> {
    let callback = progress.map(Arc::clone);
    let report = move |progress: ingest::Progress| {
        if let Some(callback) = &callback {
            callback(progress.into());
        }
    };
    ingest::catch_up(log, store, indexer(log), until, ingest::Options::new(), report)
}

impl From<ingest::Progress> for Progress {
    fn from(progress: ingest::Progress) -> Self {
        Self { done: progress.indexed_end.get(), total: progress.target.get() }
    }
}

fn options() -> store::Options {
    // Only these are looked up whole; the others are walked, and a filter over them would only take room.
    let looked_up = [Tag::EventId, Tag::SourceId, Tag::Superseded, Tag::Run].map(Tag::byte);
    store::Options::new().create(true).filtered(FirstBytes::of(&looked_up))
}
