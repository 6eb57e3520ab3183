//! One error type per operation. Corruption carries its [`Damage`], failed system calls their [`StorageError`];
//! neither is ever reported as the other.

use std::path::PathBuf;

use crate::damage::Damage;
use crate::new_place::PlaceError;
use crate::seq::LedgerId;
use crate::storage::file::StorageError;

/// Why a log couldn't be opened.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no log at this place.
    #[error("there is no ledger log at {}", path.display())]
    NotALedger {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds something, and it isn't a log.
    #[error("{} holds files and no ledger log; it is left untouched", path.display())]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The log was written by a newer program. Nothing was changed.
    #[error("{} has format version {found}, this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The file that says so.
        path: PathBuf,
        /// The file's version.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// The log's leaves are made by another function than the one given.
    #[error("the log's leaves are made by function {found}, and function {given} was given")]
    OtherLeafFunction {
        /// The function that the log names.
        found: u32,
        /// The function that was given.
        given: u32,
    },
    /// Another writer holds the log.
    #[error("{} is held by another writer{}", path.display(), holder(*pid))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
        /// Since when, in nanoseconds since the Unix epoch, if it said so.
        since: Option<i64>,
    },
    /// Acknowledged data is damaged. Nothing was changed.
    #[error("damaged: {0}")]
    Damaged(#[source] Damage),
    /// An option has an impossible value.
    #[error("{option} is {given}, possible are {min} to {max}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        given: u64,
        /// The least possible.
        min: u64,
        /// The greatest possible.
        max: u64,
    },
    /// A system call failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(", process {pid}"))
}

/// Why an append isn't known to have succeeded.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The payload is too long. Nothing was written.
    #[error("a record of {bytes} bytes is over the limit of {max}")]
    TooLarge {
        /// The payload's length.
        bytes: u64,
        /// The longest possible: [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX).
        max: u64,
    },
    /// The batch is too long. Nothing was written.
    #[error("a batch of {bytes} bytes is over the limit of {max}")]
    BatchTooLarge {
        /// The length of all its records.
        bytes: u64,
        /// The longest possible: [`BATCH_BYTES_MAX`](crate::BATCH_BYTES_MAX).
        max: u64,
    },
    /// There was no room in the queue, and the caller didn't want to wait for it. Nothing was written; there is room again
    /// as soon as a commit is on its way.
    #[error("the queue of {bytes_max} bytes is full")]
    QueueFull {
        /// How much may wait to be written: [`Options::commit_queue_bytes_max`](crate::Options::commit_queue_bytes_max).
        bytes_max: u64,
    },
    /// The storage is full. The record isn't in the log and won't appear there; appends resume when space returns.
    #[error("the storage is full")]
    StorageFull(#[source] StorageError),
    /// The record couldn't be written for another passing reason (such as too many open files). It isn't in the log
    /// and won't appear there; a later append may succeed.
    #[error("nothing was written")]
    NotWritten(#[source] StorageError),
    /// Writing or syncing failed, so that nobody knows whether the record is on stable storage. It may or may not be
    /// there when the log is opened again. The log accepts nothing more until then.
    #[error("the outcome is unknown: the record may or may not be there when the log is opened again")]
    OutcomeUnknown(#[source] StorageError),
    /// An earlier write or sync failed. This record wasn't written.
    #[error("the log accepts nothing more since a write failed; it must be opened again")]
    Poisoned(#[source] StorageError),
    /// The log was closed. This record wasn't written.
    #[error("the log is closed")]
    Closed,
}

impl AppendError {
    /// Whether the record may be in the log in spite of this error.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, AppendError::OutcomeUnknown(_))
    }

    /// Whether there was no room in the queue.
    #[must_use]
    pub fn is_queue_full(&self) -> bool {
        matches!(self, AppendError::QueueFull { .. })
    }

    /// Whether there was no space left.
    #[must_use]
    pub fn is_storage_full(&self) -> bool {
        matches!(self, AppendError::StorageFull(_))
    }
}

/// Why a record couldn't be read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Acknowledged data is damaged.
    #[error("damaged: {0}")]
    Damaged(#[source] Damage),
    /// A segment was written by a newer program.
    #[error("{} has format version {found}, this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// A segment is compressed, and its leaves are made by another function than the one given, so that they can't be
    /// recomputed.
    #[error("the log's leaves are made by function {found}, and function {given} was given")]
    OtherLeafFunction {
        /// The function that the log names.
        found: u32,
        /// The function that was given.
        given: u32,
    },
    /// A system call failed. Says nothing about the data.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a log couldn't be compressed. What was compressed before stays so.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// A sync failed before, and nothing more is written until the log is opened again.
    #[error("nothing more is written since a sync failed")]
    Poisoned(#[source] StorageError),
    /// A system call failed. The segment that it was about is as it was before.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a log couldn't be verified at all. Damage is no such reason: it is what the report is about.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no log at this place.
    #[error("there is no ledger log at {}", path.display())]
    NotALedger {
        /// The directory.
        path: PathBuf,
    },
    /// The log was written by a newer program.
    #[error("{} has format version {found}, this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The file that says so.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// The log's leaves are made by another function than the one given, so that they can't be recomputed.
    #[error("the log's leaves are made by function {found}, and function {given} was given")]
    OtherLeafFunction {
        /// The function that the log names.
        found: u32,
        /// The function that was given.
        given: u32,
    },
    /// A system call failed. Says nothing about the data.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a log couldn't be repaired. Damage to acknowledged data is no such reason: it is reported and left alone.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The log couldn't be opened or locked.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a file that isn't this log's, or not at its place. What it means isn't known, so nothing was changed.
    #[error("there is a file that doesn't belong here, so nothing was changed: {0}")]
    NotUnderstood(#[source] Damage),
    /// The log couldn't be examined.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A system call failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a log couldn't be salvaged. Nothing was changed, and nothing that looks like a log was left. Damage is no such
/// reason: it is what the report is about.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SalvageError {
    /// There is no log at this place.
    #[error("there is no ledger log at {}", path.display())]
    NotALedger {
        /// The directory.
        path: PathBuf,
    },
    /// The log was written by a newer program.
    #[error("{} has format version {found}, this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The file that says so.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// The log's leaves are made by another function than the one given, so that they can't be recomputed.
    #[error("the log's leaves are made by function {found}, and function {given} was given")]
    OtherLeafFunction {
        /// The function that the log names.
        found: u32,
        /// The function that was given.
        given: u32,
    },
    /// A writer holds the log, or held it while it was read.
    #[error("{} is held by a writer{}", path.display(), holder(*pid))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
        /// Since when, in nanoseconds since the Unix epoch, if it said so.
        since: Option<i64>,
    },
    /// There is something already where the new log should be.
    #[error("{} is taken: records are only salvaged into an empty directory or a new one", path.display())]
    Taken {
        /// What is there.
        path: PathBuf,
    },
    /// The new log would lie inside the old one.
    #[error("{} is inside {}, in which nothing may be changed", path.display(), ledger.display())]
    Inside {
        /// The new log's directory.
        path: PathBuf,
        /// The old one's.
        ledger: PathBuf,
    },
    /// A system call failed. Says nothing about the old log's data.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a log couldn't be backed up. Nothing in it was changed, and nothing that looks like a log was left.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no log at this place.
    #[error("there is no ledger log at {}", path.display())]
    NotALedger {
        /// The directory.
        path: PathBuf,
    },
    /// The log was written by a newer program.
    #[error("{} has format version {found}, this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The file that says so.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// The log's leaves are made by another function than the one given, so that they can't be recomputed.
    #[error("the log's leaves are made by function {found}, and function {given} was given")]
    OtherLeafFunction {
        /// The function that the log names.
        found: u32,
        /// The function that was given.
        given: u32,
    },
    /// Acknowledged data is damaged. Salvage copies what is left of it.
    #[error("damaged: {damage}{}", more_places(*more))]
    Damaged {
        /// The first damaged place.
        #[source]
        damage: Damage,
        /// How many more there are.
        more: u64,
    },
    /// Power may have failed since the log was last open, and behind the last place that is known to be durable there are
    /// records that may have been acknowledged. Opening the log for writing makes them part of it.
    #[error("{} wasn't closed in good order and has {records} records to recover; open it first", path.display())]
    Unrecovered {
        /// The log's directory.
        path: PathBuf,
        /// How many records are to be recovered.
        records: u64,
    },
    /// There is something already where the copy should be, or another backup is being made there.
    #[error("{} is taken: a copy is only made in an empty directory or a new one", path.display())]
    Taken {
        /// What is there.
        path: PathBuf,
    },
    /// The copy would lie inside the log.
    #[error("{} is inside {}, in which nothing may be changed", path.display(), ledger.display())]
    Inside {
        /// The copy's directory.
        path: PathBuf,
        /// The log's.
        ledger: PathBuf,
    },
    /// A system call failed. Says nothing about the log's data.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn more_places(more: u64) -> String {
    if more == 0 { String::new() } else { format!(", and {more} more places") }
}

impl From<PlaceError> for BackupError {
    fn from(error: PlaceError) -> BackupError {
        match error {
            PlaceError::Taken { path } => BackupError::Taken { path },
            PlaceError::Inside { path, ledger } => BackupError::Inside { path, ledger },
            PlaceError::Storage(error) => BackupError::Storage(error),
        }
    }
}

impl From<PlaceError> for SalvageError {
    fn from(error: PlaceError) -> SalvageError {
        match error {
            PlaceError::Taken { path } => SalvageError::Taken { path },
            PlaceError::Inside { path, ledger } => SalvageError::Inside { path, ledger },
            PlaceError::Storage(error) => SalvageError::Storage(error),
        }
    }
}

/// Why a backup couldn't be restored. Nothing in it was changed, and nothing that looks like a log was left.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A writer has the backup open: it is a log in use.
    #[error("{} is held by a writer{}", path.display(), holder(*pid))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
        /// Since when, in nanoseconds since the Unix epoch, if it said so.
        since: Option<i64>,
    },
    /// The log isn't as a backup leaves it: somebody wrote to it, and didn't close it in good order.
    #[error("{} wasn't closed in good order, so it is no finished backup", path.display())]
    NotClean {
        /// The log's directory.
        path: PathBuf,
    },
    /// The backup can't be copied: it is damaged, or missing, or the target can't be written.
    #[error(transparent)]
    Copy(#[from] BackupError),
}

impl From<StorageError> for RestoreError {
    fn from(error: StorageError) -> RestoreError {
        RestoreError::Copy(error.into())
    }
}

/// Why a log couldn't be deleted. It is there as it was, but for a failed system call after it had lost its name: then it
/// is gone, and the next reset removes what is left of its files.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// There is no log at this place.
    #[error("there is no ledger log at {}", path.display())]
    NotALedger {
        /// The directory.
        path: PathBuf,
    },
    /// The log was written by a newer program.
    #[error("{} has format version {found}, this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The file that says so.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// It is another ledger than the one that was to be deleted.
    #[error("{} is ledger {found}, not {given}", path.display())]
    OtherLedger {
        /// The log's directory.
        path: PathBuf,
        /// The ledger that it is.
        found: LedgerId,
        /// The one that was given.
        given: LedgerId,
    },
    /// Nothing says which ledger it is: neither the watermark nor any segment. Delete it by hand if it is to go.
    #[error("{} is so damaged that nothing says which ledger it is", path.display())]
    Unidentified {
        /// The log's directory.
        path: PathBuf,
    },
    /// There is a file among the log's that isn't the log's.
    #[error("{} isn't the ledger's, so nothing was deleted", path.display())]
    Foreign {
        /// That file.
        path: PathBuf,
    },
    /// A writer holds the log.
    #[error("{} is held by a writer{}", path.display(), holder(*pid))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
        /// Since when, in nanoseconds since the Unix epoch, if it said so.
        since: Option<i64>,
    },
    /// A system call failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why closing didn't make everything durable.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// What was pending couldn't be made durable.
    #[error("what was pending couldn't be made durable")]
    Append(#[from] AppendError),
    /// The close couldn't be recorded. All records are durable; the next open will look at the log's end.
    #[error("the close couldn't be recorded")]
    Storage(#[from] StorageError),
}
