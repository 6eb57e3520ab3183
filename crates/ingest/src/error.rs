//! What can go wrong while the index follows the log.

use std::error::Error;
use std::io;

use runledger_store as store;
use runledger_wal::{self as wal, Seq};
use thiserror::Error;

/// Why a batch of records did not get into the index. The log is not affected, and the index is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The log could not be read.
    #[error("could not read the log")]
    Log(#[from] wal::ReadError),
    /// The log showed another record than the one that is next.
    #[error("the log showed record {found} where record {expected} was due")]
    Gap {
        /// The record that is next.
        expected: Seq,
        /// The one that came.
        found: Seq,
    },
    /// The indexer could not index a record.
    #[error("could not index record {seq}")]
    Indexer {
        /// The record.
        seq: Seq,
        /// What the indexer said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The index could not take the batch.
    #[error("could not write the index")]
    Store(#[source] store::WriteError),
    /// The index is damaged: it is built anew at the next attempt.
    #[error("the index is damaged")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
    /// The index does not fit the log, and can't be rebuilt since it is open for reading only.
    #[error("the index must be rebuilt: {reason}")]
    NeedsRebuild {
        /// Why it does not fit.
        reason: String,
    },
    /// Whether the index fits the log can't be told.
    #[error("could not compare the index with the log: {reason}")]
    Resume {
        /// Why not.
        reason: String,
    },
    /// Our own bug, in the indexer or here.
    #[error("indexing panicked")]
    Panicked,
    /// The ingestor was stopped.
    #[error("indexing was stopped")]
    Stopped,
}

impl IngestError {
    /// Whether building the index anew is the answer.
    pub fn is_rebuildable(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::NeedsRebuild { .. })
    }

    /// The error and what caused it, in one line.
    pub(crate) fn describe(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            // Some errors already say in their own text what caused them.
            let reason = error.to_string();
            if !text.ends_with(&reason) {
                text = format!("{text}: {reason}");
            }
            cause = error.source();
        }
        text
    }
}

impl From<store::WriteError> for IngestError {
    fn from(error: store::WriteError) -> Self {
        if error.is_rebuildable() { Self::Damaged(Box::new(error)) } else { Self::Store(error) }
    }
}

/// Why an ingestor could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The operating system gave us no thread.
    #[error("could not start the indexing thread")]
    Thread(#[source] io::Error),
}

/// Why the index has not come as far as it was waited for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The deadline passed. Indexing goes on.
    #[error("the index is at record {indexed_end}, and did not get to {wanted} in time")]
    Timeout {
        /// The first record that is not in the index.
        indexed_end: Seq,
        /// How far it should have come.
        wanted: Seq,
    },
    /// Nobody was to wait longer than the index simply follows the log, and it is paused, fails, or is built anew.
    #[error("the index is at record {indexed_end}, before {wanted}, and does not follow the log now")]
    NotFollowing {
        /// The first record that is not in the index.
        indexed_end: Seq,
        /// How far it should have come.
        wanted: Seq,
    },
    /// Indexing fails again and again. It is still tried.
    #[error("indexing fails: {reason}")]
    Failed {
        /// The last failure.
        reason: String,
    },
    /// The ingestor was stopped.
    #[error("indexing was stopped")]
    Stopped,
}
