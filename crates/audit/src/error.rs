//! What can go wrong, one type per operation, and what that means for a caller.

use std::io;
use std::path::{Path, PathBuf};

use runledger_ingest as ingest;
use runledger_store as store;
use runledger_wal::{self as wal, Seq};

use crate::key::MalformedKey;
use crate::names::NameTooLong;
use crate::query::matching::UnsupportedFilter;
use crate::query::values::ValuesError;
use crate::{DecodeError, EncodeError, EventId, PageTokenError, QueryId, Timestamp};

/// What an error means for whoever asked. The program's exit codes follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The call can't be answered as it is: no ledger there, a newer version, a conflict, a value out of bounds.
    Refused,
    /// Acknowledged data is damaged.
    Damage,
    /// The file system failed: an I/O error, a full disk.
    Storage,
    /// Another process holds the ledger for writing.
    Held,
}

/// Why a ledger could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no ledger.
    #[error("no ledger at {}{}", path.display(), if *exists { ": it holds something else" } else { "" })]
    NotALedger {
        /// Where it was looked for.
        path: PathBuf,
        /// Whether there is anything at all.
        exists: bool,
    },
    /// There was a ledger, as its index shows, and its log is gone. A new one there would give its numbers out again.
    #[error("the log at {} is gone: it is empty, and an index is left of it", path.display())]
    LogLost {
        /// The log's folder.
        path: PathBuf,
    },
    /// A ledger was being deleted there, and something kept that from coming to its end.
    #[error("the ledger at {} was being deleted; a reset deletes the rest", path.display())]
    ResetUnfinished {
        /// The ledger's folder.
        path: PathBuf,
    },
    /// The folder can't be looked at.
    #[error("cannot look at {}", path.display())]
    Directory {
        /// The folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Another handle has the ledger open for writing: only one can. It can be opened for reading all the same.
    #[error("{} is held by another writer{}", path.display(), holder(*pid, *since))]
    Held {
        /// The ledger.
        path: PathBuf,
        /// The process that has it, if it said so.
        pid: Option<u32>,
        /// Since when, by its clock, if it said so.
        since: Option<Timestamp>,
    },
    /// The log can't be opened.
    #[error("cannot open the log")]
    Log(#[source] wal::OpenError),
    /// Questions are to be recorded, and the ledger is opened for reading only.
    #[error("questions can only be recorded in a ledger that is open for writing")]
    ReadsUnrecorded,
    /// The index can be neither opened nor built.
    #[error("cannot open or build the index")]
    Index(#[from] IndexError),
    /// The runs of a dead writer could not be marked as interrupted.
    #[error("cannot mark the runs of a dead writer as interrupted")]
    MarkInterrupted(#[from] AppendError),
    /// A question that opening asks could not be answered.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl OpenError {
    /// What the error means.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NotALedger { .. } | Self::ReadsUnrecorded | Self::ResetUnfinished { .. } => {
                ErrorClass::Refused
            }
            Self::Held { .. } => ErrorClass::Held,
            Self::LogLost { .. } => ErrorClass::Damage,
            Self::Directory { .. } => ErrorClass::Storage,
            Self::Log(error) => class_of_log_open(error),
            Self::Index(error) => error.class(),
            Self::MarkInterrupted(error) => error.class(),
            Self::Query(error) => error.class(),
        }
    }
}

impl OpenError {
    /// What it means for the ledger in `directory` that its log can't be opened.
    pub(crate) fn of_log(directory: &Path, error: wal::OpenError) -> Self {
        match error {
            wal::OpenError::Locked { pid, since, .. } => {
                let since = since.map(Timestamp::from_nanoseconds);
                Self::Held { path: directory.to_owned(), pid, since }
            }
            error => Self::Log(error),
        }
    }
}

/// What is known of who holds a ledger.
fn holder(pid: Option<u32>, since: Option<Timestamp>) -> String {
    let pid = pid.map_or(String::new(), |pid| format!(", process {pid}"));
    since.map_or(pid.clone(), |since| format!("{pid}, since {since}"))
}

/// Why the index can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// It can't be opened.
    #[error("cannot open the index")]
    Open(#[from] store::OpenError),
    /// It can't be read.
    #[error("cannot read the index")]
    Read(#[from] store::ReadError),
    /// It can't be written.
    #[error("cannot write the index")]
    Write(#[from] store::WriteError),
    /// The log that it is built from can't be read.
    #[error("cannot read the log")]
    Log(#[from] wal::ReadError),
    /// It holds what this version did not write.
    #[error(transparent)]
    Malformed(#[from] MalformedKey),
    /// Building it failed.
    #[error("cannot build the index")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The ledger is open for reading: only its writer looks after the index.
    #[error("the ledger is open for reading only")]
    ReadOnly,
    /// A temporary index could not be made or cleared away.
    #[error("cannot {operation} {}", path.display())]
    Temporary {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

impl IndexError {
    /// What the error means. Trouble with the index itself is never damage to the ledger: it is derived.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Log(error) => class_of_log_read(error),
            Self::Build(error) => class_of_causes(error.as_ref()),
            Self::ReadOnly => ErrorClass::Refused,
            _ => ErrorClass::Storage,
        }
    }
}

/// Why an event was not appended, or is not known to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The ledger was opened for reading.
    #[error("the ledger is open for reading only")]
    ReadOnly,
    /// The event can't be stored as it is.
    #[error("cannot encode the event")]
    Encode(#[from] EncodeError),
    /// A name in the event is too long to be found by.
    #[error(transparent)]
    Name(#[from] NameTooLong),
    /// The id is already stored with other content.
    #[error("event {event_id} is already stored as record {seq}, with other content")]
    Conflict {
        /// The id.
        event_id: EventId,
        /// Where it is stored.
        seq: Seq,
    },
    /// The query id is already stored with another audit.
    #[error("query {query_id} is already stored as record {seq}, with other content")]
    QueryConflict {
        /// The query id.
        query_id: QueryId,
        /// Where it is stored.
        seq: Seq,
    },
    /// The run has ended, and the event says otherwise. See [`Ledger::finish_run`](crate::Ledger::finish_run).
    #[error("run {run_id:?} has ended by record {seq}, and this says otherwise")]
    RunFinished {
        /// The run.
        run_id: String,
        /// The event that ended it.
        seq: Seq,
    },
    /// The entry of the run's log is already stored with other content.
    #[error(
        "entry {sequence} of the log of run {run_id:?} is already stored as record {seq}, with other content"
    )]
    LogEntry {
        /// The run.
        run_id: String,
        /// The number of the entry.
        sequence: u64,
        /// Where it is stored.
        seq: Seq,
    },
    /// Whether the id was stored before could not be found out.
    #[error("cannot find out whether the event is stored")]
    Lookup(#[from] QueryError),
    /// The log could not take it. Ask the inner error whether it may be stored all the same.
    #[error("cannot append to the log")]
    Log(#[from] wal::AppendError),
}

impl AppendError {
    /// What the error means.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Lookup(error) => error.class(),
            Self::Log(wal::AppendError::TooLarge { .. } | wal::AppendError::BatchTooLarge { .. })
            | Self::ReadOnly
            | Self::Encode(_)
            | Self::Name(_)
            | Self::Conflict { .. }
            | Self::QueryConflict { .. }
            | Self::RunFinished { .. }
            | Self::LogEntry { .. } => ErrorClass::Refused,
            Self::Log(_) => ErrorClass::Storage,
        }
    }

    /// Whether the event contradicts what is stored: its id, its query id, the end of its run, or the entry of its run's
    /// log is there with other content.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Conflict { .. }
                | Self::QueryConflict { .. }
                | Self::RunFinished { .. }
                | Self::LogEntry { .. }
        )
    }

    /// Whether the event may be stored in spite of the error.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Log(error) if error.is_outcome_unknown())
    }
}

/// Why a question could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The log can't be read.
    #[error("cannot read the log")]
    Log(#[from] wal::ReadError),
    /// The index can't be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The index did not follow the log in time.
    #[error("the index is behind the log")]
    Behind(#[from] ingest::WaitError),
    /// The record is no event that this version can read.
    #[error("record {seq} is no event that this program can read")]
    Undecodable {
        /// Its number.
        seq: Seq,
        /// Why not.
        source: DecodeError,
    },
    /// The index names a record that the log does not have.
    #[error("the index names record {seq}, which the log does not have: rebuild the index")]
    IndexAhead {
        /// The record.
        seq: Seq,
    },
    /// The question was answered, and could not be recorded as is wanted. The answer is withheld.
    #[error("the question cannot be recorded")]
    Unrecorded(#[source] Box<AppendError>),
    /// The page token does not fit the question.
    #[error(transparent)]
    Page(#[from] PageTokenError),
    /// The filter can't be asked of events that are recent or still to come.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedFilter),
}

impl QueryError {
    /// What the error means.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Log(error) => class_of_log_read(error),
            Self::Index(error) => error.class(),
            Self::Behind(_) | Self::IndexAhead { .. } => ErrorClass::Storage,
            Self::Undecodable { source, .. } => match source {
                DecodeError::Damaged { .. } => ErrorClass::Damage,
                DecodeError::NewerSchema { .. } | DecodeError::UnknownKind { .. } => ErrorClass::Refused,
            },
            Self::Unrecorded(error) => error.class(),
            Self::Page(_) | Self::Unsupported(_) => ErrorClass::Refused,
        }
    }
}

impl From<store::ReadError> for QueryError {
    fn from(error: store::ReadError) -> Self {
        Self::Index(error.into())
    }
}

impl From<ValuesError> for QueryError {
    fn from(error: ValuesError) -> Self {
        match error {
            ValuesError::Store(error) => error.into(),
            ValuesError::Malformed(error) => error.into(),
        }
    }
}

impl From<MalformedKey> for QueryError {
    fn from(error: MalformedKey) -> Self {
        Self::Index(error.into())
    }
}

/// Why a ledger was not closed in good order. What was acknowledged is safe all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The log could not be made durable to its end, or not be marked as closed.
    #[error("cannot close the log")]
    Log(#[from] wal::CloseError),
    /// The index could not be written out; the next opening replays the log instead.
    #[error("cannot write out the index")]
    Index(#[from] IndexError),
}

impl CloseError {
    /// What the error means.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        ErrorClass::Storage
    }
}

/// Why a log wasn't compressed to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// The ledger was opened for reading.
    #[error("the ledger was opened for reading")]
    ReadOnly,
    /// The log can't be compressed.
    #[error("cannot compress the log")]
    Log(#[from] wal::CompressError),
}

/// Why a ledger could not be verified, repaired or indexed anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// There is no ledger, or it can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log can't be verified.
    #[error("cannot verify the log")]
    Verify(#[from] wal::VerifyError),
    /// The log can't be repaired.
    #[error("cannot repair the log")]
    Recover(#[from] wal::RecoverError),
    /// The log can't be salvaged.
    #[error("cannot salvage the log")]
    Salvage(#[from] wal::SalvageError),
    /// The ledger can't be backed up.
    #[error("cannot back the ledger up")]
    Backup(#[from] wal::BackupError),
    /// The backup can't be restored.
    #[error("cannot restore the backup")]
    Restore(#[from] wal::RestoreError),
    /// The ledger can't be deleted.
    #[error("cannot delete the ledger")]
    Reset(#[from] wal::ResetError),
    /// A file of a ledger that is being deleted can't be removed.
    #[error("cannot remove {}", path.display())]
    Delete {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The log can't be compressed.
    #[error(transparent)]
    Compress(#[from] CompressError),
    /// The index can't be built.
    #[error("cannot rebuild the index")]
    Index(#[from] IndexError),
    /// The ledger could not be closed in good order.
    #[error(transparent)]
    Close(#[from] CloseError),
}

impl MaintenanceError {
    /// What the error means.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Open(error) => error.class(),
            Self::Verify(error) | Self::Recover(wal::RecoverError::Verify(error)) => class_of_verify(error),
            Self::Recover(wal::RecoverError::Open(error)) => class_of_log_open(error),
            Self::Salvage(wal::SalvageError::Locked { .. }) => ErrorClass::Held,
            Self::Salvage(error) if !matches!(error, wal::SalvageError::Storage(_)) => ErrorClass::Refused,
            Self::Recover(wal::RecoverError::NotUnderstood(_))
            | Self::Reset(wal::ResetError::Unidentified { .. }) => ErrorClass::Damage,
            Self::Backup(error) | Self::Restore(wal::RestoreError::Copy(error)) => class_of_backup(error),
            Self::Restore(wal::RestoreError::Locked { .. }) | Self::Reset(wal::ResetError::Locked { .. }) => {
                ErrorClass::Held
            }
            Self::Reset(error) if !matches!(error, wal::ResetError::Storage(_)) => ErrorClass::Refused,
            Self::Restore(_) | Self::Compress(CompressError::ReadOnly) => ErrorClass::Refused,
            Self::Compress(_)
            | Self::Recover(_)
            | Self::Salvage(_)
            | Self::Reset(_)
            | Self::Delete { .. }
            | Self::Close(_) => ErrorClass::Storage,
            Self::Index(error) => error.class(),
        }
    }
}

/// The class of the first cause that says something about the log.
fn class_of_causes(error: &(dyn std::error::Error + 'static)) -> ErrorClass {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let class = |cause: &(dyn std::error::Error + 'static)| {
        let index_error = cause.downcast_ref::<IndexError>().map(IndexError::class);
        index_error.or_else(|| cause.downcast_ref::<wal::ReadError>().map(class_of_log_read))
    };
    causes.find_map(class).unwrap_or(ErrorClass::Storage)
}

fn class_of_log_open(error: &wal::OpenError) -> ErrorClass {
    match error {
        wal::OpenError::Locked { .. } => ErrorClass::Held,
        wal::OpenError::Damaged(_) => ErrorClass::Damage,
        wal::OpenError::Storage(_) => ErrorClass::Storage,
        _ => ErrorClass::Refused,
    }
}

fn class_of_log_read(error: &wal::ReadError) -> ErrorClass {
    match error {
        wal::ReadError::Damaged(_) => ErrorClass::Damage,
        wal::ReadError::NewerVersion { .. } | wal::ReadError::OtherLeafFunction { .. } => ErrorClass::Refused,
        _ => ErrorClass::Storage,
    }
}

fn class_of_backup(error: &wal::BackupError) -> ErrorClass {
    match error {
        wal::BackupError::Damaged { .. } => ErrorClass::Damage,
        wal::BackupError::Storage(_) => ErrorClass::Storage,
        _ => ErrorClass::Refused,
    }
}

fn class_of_verify(error: &wal::VerifyError) -> ErrorClass {
    match error {
        wal::VerifyError::Storage(_) => ErrorClass::Storage,
        _ => ErrorClass::Refused,
    }
}
