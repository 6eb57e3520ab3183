//! What can go wrong, one enum per operation.
//!
//! Damage (bytes that are not what was written) and trouble (the medium or the operating system refused) are kept
//! apart: damage is answered by rebuilding the index from the log, trouble by telling the caller and trying again.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Bytes of the index that are not what was written there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file} is damaged at offset {offset}: {problem} (expected {expected}, found {found})")]
pub struct Damage {
    /// Name of the file within the index directory.
    pub file: String,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// What is wrong there.
    pub problem: &'static str,
    /// What should have been there.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl Damage {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers pass numbers and format arguments as they come"
    )]
    pub(crate) fn new(
        file: &str,
        offset: u64,
        problem: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self {
            file: file.to_owned(),
            offset,
            problem,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    pub(crate) fn checksum(
        file: &str,
        offset: u64,
        problem: &'static str,
        expected: u32,
        found: u32,
    ) -> Self {
        Self::new(file, offset, problem, format_args!("{expected:08x}"), format_args!("{found:08x}"))
    }
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no index in this directory, and `Options::create` was not set.
    #[error("no index at {}", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// Tables are there, but nothing says which of them count.
    #[error("the index at {} has tables but no manifest", path.display())]
    MissingManifest {
        /// The directory.
        path: PathBuf,
    },
    /// The manifest names a table that is not there.
    #[error("the index at {} lacks its table {file}", path.display())]
    MissingTable {
        /// The directory.
        path: PathBuf,
        /// The table's file name.
        file: String,
    },
    /// A file is there, and is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// A file of a format version that this program does not know.
    #[error("{file} has format version {found}, newer than the newest that is understood here ({supported})")]
    UnsupportedVersion {
        /// Name of the file within the index directory.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// Another store has this directory open for writing.
    #[error("the index at {} is in use by another writer", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    /// Whether deleting the index ([`reset`](crate::reset)) and building it anew is the answer. It never loses
    /// anything, since an index is derived.
    ///
    /// False for trouble that a new index would meet as well: a failing medium, another writer.
    pub fn is_rebuildable(&self) -> bool {
        match self {
            Self::Missing { .. }
            | Self::MissingManifest { .. }
            | Self::MissingTable { .. }
            | Self::Damaged(_)
            | Self::UnsupportedVersion { .. } => true,
            Self::InUse { .. } | Self::Io { .. } => false,
        }
    }
}

/// Why a read gave no answer. There is no third way beside an error and the right answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A table is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

impl ReadError {
    /// Whether deleting the index and building it anew is the answer.
    pub fn is_rebuildable(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
        }
    }
}

/// Why a batch was not applied, or a flush or merge did not happen. The store is as it was before.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The checkpoint is longer than [`CHECKPOINT_BYTES_MAX`](crate::CHECKPOINT_BYTES_MAX).
    #[error("a checkpoint of {found} bytes is over the limit of {limit}")]
    CheckpointTooLong {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A key is longer than [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX).
    #[error("a key of {found} bytes is over the limit of {limit}")]
    KeyTooLong {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A value is longer than [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX).
    #[error("a value of {found} bytes is over the limit of {limit}")]
    ValueTooLong {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A batch is larger than [`BATCH_BYTES_MAX`](crate::BATCH_BYTES_MAX).
    #[error("a batch of {found} bytes is over the limit of {limit}")]
    BatchTooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A batch posts or ends a position at a number that is not above those of all batches before.
    #[error("the number {found} came behind {last}")]
    NumberNotAbove {
        /// The number.
        found: u64,
        /// The highest before it.
        last: u64,
    },
    /// A store that was opened read-only can't write tables.
    #[error("the index is open for reading only")]
    ReadOnly,
    /// A store that was opened read-only holds as much in private memory as it may.
    #[error("the private memory table holds {limit} bytes, its limit")]
    MemoryFull {
        /// The limit.
        limit: usize,
    },
    /// Tables are made faster than they can be merged, because merging fails.
    #[error("{tables} tables wait to be merged, and merging fails: {reason}")]
    MergeStalled {
        /// How many tables there are.
        tables: usize,
        /// The last failure.
        reason: String,
    },
    /// The store is being closed, or was.
    #[error("the index is closed")]
    Closed,
    /// A table that was read for a merge, or read back after it was written, is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The operating system refused.
    #[error("could not {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl WriteError {
    /// Whether deleting the index and building it anew is the answer, rather than trying again.
    pub fn is_rebuildable(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }

    /// Whether the same call can succeed later without the caller changing anything (space may return).
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::MergeStalled { .. })
    }
}

impl From<ReadError> for WriteError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
        }
    }
}
