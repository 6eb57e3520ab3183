//! Copying a log as it is into another directory, beside a writer or without one.
//!
//! The copy is the same log, up to the place that was durable when it began: the same ledger id, numbers, leaves and
//! commit times. The log is only read, with positioned reads and without the writer's lock. The copy is written under
//! another name, sealed, read back and verified, and gets its name last.
//!
//! INVARIANT: what gets its name was found sound, whole and closed in good order. Damage is never copied: that is what
//! salvage is for.
//!
//! Owns the order of steps; what is copied is found in [`source`], and copied in [`copying`].

use std::fmt;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::backup::copying::{Copying, copy_bytes};
use crate::backup::source::Source;
use crate::error::{BackupError, VerifyError};
use crate::leaf::{Blake3Leaf, LeafFunction};
use crate::new_place::NewPlace;
use crate::open::sync_name_of;
use crate::seq::LedgerId;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{DiskStorage, OpenMode, Storage};
use crate::verify::{VerifyCallback, VerifyOptions, VerifyProgress, VerifyReport, verify_beside};
use crate::watermark::file::WatermarkFile;
use crate::watermark::{FIRST_UPDATE, Watermark};

mod copying;
mod source;

/// How a log is backed up, or a backup restored.
#[derive(Clone)]
pub struct BackupOptions {
    leaf_function: Arc<dyn LeafFunction>,
    pub(crate) storage: Arc<dyn Storage>,
    progress: Option<VerifyCallback>,
    file_beside: Option<FileBeside>,
}

/// A file that isn't part of the log and goes with it.
#[derive(Debug, Clone)]
struct FileBeside {
    from: PathBuf,
    to: PathBuf,
}

impl Default for BackupOptions {
    fn default() -> BackupOptions {
        let (leaf_function, storage) = (Arc::new(Blake3Leaf), Arc::new(DiskStorage));
        BackupOptions { leaf_function, storage, progress: None, file_beside: None }
    }
}

impl BackupOptions {
    /// The defaults: a log on disk, leaves by BLAKE3, nobody told of progress, no file beside.
    #[must_use]
    pub fn new() -> BackupOptions {
        BackupOptions::default()
    }

    /// The function that the log's leaves are made by.
    #[must_use]
    pub fn leaf_function(self, leaf_function: Arc<dyn LeafFunction>) -> BackupOptions {
        BackupOptions { leaf_function, ..self }
    }

    /// Where the files are.
    #[must_use]
    pub fn storage(self, storage: Arc<dyn Storage>) -> BackupOptions {
        BackupOptions { storage, ..self }
    }

    /// Who is told of progress, now and then. Bytes that were copied, and then those that were read back.
    #[must_use]
    pub fn progress(self, callback: impl Fn(VerifyProgress) + Send + Sync + 'static) -> BackupOptions {
        BackupOptions { progress: Some(Arc::new(callback)), ..self }
    }

    /// A small file that isn't part of the log and is copied too, if it exists. It is on stable storage before the copy
    /// gets its name. `to` must not exist, and must not lie in the copy's directory.
    #[must_use]
    pub fn file_beside(self, from: impl Into<PathBuf>, to: impl Into<PathBuf>) -> BackupOptions {
        BackupOptions { file_beside: Some(FileBeside { from: from.into(), to: to.into() }), ..self }
    }

    /// The same for looking at a log that isn't written here.
    pub(crate) fn verify_options(&self) -> VerifyOptions {
        VerifyOptions::new().leaf_function(Arc::clone(&self.leaf_function)).storage(Arc::clone(&self.storage))
    }

    /// The same for a log that is verified before it is copied. Who is told of progress hears of both as of one work, of which
    /// that is a third.
    pub(crate) fn after_verification(&self) -> (VerifyOptions, BackupOptions) {
        let Some(callback) = &self.progress else { return (self.verify_options(), self.clone()) };
        let bytes_read = Arc::new(AtomicU64::new(0));
        let (hear, read) = (Arc::clone(callback), Arc::clone(&bytes_read));
        let verify_options =
            self.verify_options().progress(move |VerifyProgress { bytes_done, bytes_total }| {
                read.store(bytes_total, Ordering::Relaxed);
                hear(VerifyProgress { bytes_done, bytes_total: bytes_total.saturating_mul(3) });
            });
        let hear = Arc::clone(callback);
        let options = self.clone().progress(move |VerifyProgress { bytes_done, bytes_total }| {
            let read = bytes_read.load(Ordering::Relaxed);
            let copied = u128::from(bytes_done) * 2 * u128::from(read) / u128::from(bytes_total.max(1));
            let copied = u64::try_from(copied).unwrap_or(u64::MAX);
            let bytes_done = read.saturating_add(copied);
            hear(VerifyProgress { bytes_done, bytes_total: read.saturating_mul(3) });
        });
        (verify_options, options)
    }

    fn tell(&self, bytes_done: u64, bytes_total: u64) {
        if let Some(callback) = &self.progress {
            callback(VerifyProgress { bytes_done: bytes_done.min(bytes_total), bytes_total });
        }
    }
}

impl fmt::Debug for BackupOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupOptions")
            .field("leaf_function", &self.leaf_function.id())
            .field("storage", &self.storage)
            .field("file_beside", &self.file_beside)
            .finish_non_exhaustive()
    }
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// The ledger that the copy is, as the original is.
    pub ledger_id: LedgerId,
    /// Its records: those below this number.
    pub records: u64,
    /// Its segments.
    pub segments: u64,
    /// Bytes of its segments.
    pub bytes: u64,
    /// When the last of the records was committed, in nanoseconds since the Unix epoch. Nothing if there is none.
    pub last_commit_time: Option<i64>,
}

/// Copies the log in `directory` into `new_directory`, which must be empty or not exist: all records that were durable when
/// it began. A writer may be at work, in this process or another; it isn't kept from anything, and the log isn't changed.
///
/// The copy is the same log, with the same id, and can be opened like it. So only one of the two should be written to: if
/// both are, the same numbers mean different records. Bytes that recovery cut and kept aside aren't copied.
///
/// A log whose writer died is copied as far as it was acknowledged; one that may lack acknowledged records until it is
/// opened again, because power failed, is refused.
///
/// # Durability
///
/// When this returns, the copy is on stable storage, and was verified.
///
/// # Errors
///
/// See [`BackupError`].
///
/// ```
/// use runledger_wal::{BackupOptions, Durability, Options, ReaderOptions, Reader, Wal, backup};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let (log, copy) = (directory.path().join("log"), directory.path().join("copy"));
/// let (wal, _) = Wal::open(&log, Options::new().create(true))?;
/// wal.append(b"first", Durability::Durable)?;
/// let report = backup(&log, &copy, &BackupOptions::new())?;
/// assert_eq!(report.records, 1);
/// wal.append(b"second", Durability::Durable)?;
/// assert_eq!(Reader::open(&copy, ReaderOptions::new())?.durable_end()?.get(), 1);
/// # Ok(())
/// # }
/// ```
pub fn backup(
    directory: &Path,
    new_directory: &Path,
    options: &BackupOptions,
) -> Result<BackupReport, BackupError> {
    let storage = &*options.storage;
    let source = Source::find(storage, directory, &options.leaf_function)?;
    let place = NewPlace::find(storage, directory, new_directory)?;
    let (lock, was_unfinished) = place.make_for_backup(storage)?;
    let mut made_beside = None;
    let made = write(directory, &place, options, &source).and_then(|report| {
        if let Some(file) = &options.file_beside {
            made_beside = copy_beside(storage, file, was_unfinished)?;
        }
        place.publish(storage)?;
        Ok(report)
    });
    if made.is_err() {
        place.clean_up(storage, made_beside);
    }
    drop(lock);
    made
}

/// Writes the copy under its unfinished name, and reads it back.
fn write(
    directory: &Path,
    place: &NewPlace<'_>,
    options: &BackupOptions,
    source: &Source,
) -> Result<BackupReport, BackupError> {
    let storage = &*options.storage;
    let bytes_copied = source.bytes_total(storage, directory)?;
    let tell = |bytes_done| options.tell(bytes_done, bytes_copied.saturating_mul(2));
    let directories = (directory, &*place.unfinished);
    Copying::new(storage, directories, options.leaf_function.id(), &tell).copy_all(source)?;
    write_mark(storage, &place.unfinished, source.mark)?;
    let found = read_back(directory, &place.unfinished, options, source, bytes_copied)?;
    tell(u64::MAX);
    Ok(BackupReport {
        ledger_id: source.mark.ledger_id,
        records: found.records,
        segments: found.segments,
        bytes: found.bytes,
        last_commit_time: (source.mark.offset > 0).then_some(source.mark.commit_time_ns),
    })
}

/// Says in both slots that the log was closed in good order where the copy ends.
fn write_mark(storage: &dyn Storage, unfinished: &Path, mark: Watermark) -> Result<(), StorageError> {
    let first = Watermark { update: FIRST_UPDATE, clean: true, ..mark };
    let mut watermark = WatermarkFile::create(storage, unfinished, first)?;
    watermark.advance(first)?;
    watermark.sync()
}

/// What is given a log's name has been read back and verified. If it isn't sound, the original tells whether it is to
/// blame.
fn read_back(
    directory: &Path,
    unfinished: &Path,
    options: &BackupOptions,
    source: &Source,
    bytes_copied: u64,
) -> Result<VerifyReport, BackupError> {
    // On one thread: a writer beside it may need the other ones.
    let mut verify_options = options.verify_options().threads(NonZero::<usize>::MIN);
    if let Some(callback) = options.progress.clone() {
        verify_options = verify_options.progress(move |read| {
            let bytes_done = bytes_copied.saturating_add(read.bytes_done.min(bytes_copied));
            callback(VerifyProgress { bytes_done, bytes_total: bytes_copied.saturating_mul(2) });
        });
    }
    let found = verify_beside(unfinished, &verify_options, true)?;
    let is_whole = found.records == source.mark.seq.get() && found.recoverable_records == 0;
    if found.is_sound() && is_whole {
        return Ok(found);
    }
    refuse_damaged(verify_beside(directory, &options.verify_options(), false)?)?;
    Err(StorageError::new("read back", unfinished, std::io::ErrorKind::InvalidData.into()).into())
}

/// Refuses a log that was verified and isn't sound.
pub(crate) fn refuse_damaged(found: VerifyReport) -> Result<VerifyReport, BackupError> {
    let more = crate::fields::on_disk(found.damaged.len()).saturating_sub(1);
    match found.damaged.first() {
        Some(damage) => Err(BackupError::Damaged { damage: damage.clone(), more }),
        None => Ok(found),
    }
}

/// Copies the file beside the log, if there is one. Says where it is now.
fn copy_beside<'a>(
    storage: &dyn Storage,
    file: &'a FileBeside,
    was_unfinished: bool,
) -> Result<Option<&'a Path>, BackupError> {
    let from = match LogFile::open(storage, file.from.clone(), OpenMode::Read) {
        Ok(from) => from,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if was_unfinished {
        // The backup that died may have copied it.
        let _ = storage.remove(&file.to);
    }
    let to =
        LogFile::open(storage, file.to.clone(), OpenMode::CreateNew).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => BackupError::Taken { path: file.to.clone() },
            _ => error.into(),
        })?;
    let copied = copy_bytes(&from, &to, u64::MAX, &mut Vec::new(), &mut |_| {})
        .and_then(|_| to.sync())
        .and_then(|()| sync_name_of(storage, &file.to));
    if copied.is_err() {
        let _ = storage.remove(&file.to);
    }
    copied?;
    Ok(Some(&file.to))
}

impl From<VerifyError> for BackupError {
    fn from(error: VerifyError) -> BackupError {
        match error {
            VerifyError::NotALedger { path } => BackupError::NotALedger { path },
            VerifyError::NewerVersion { path, found, known } => {
                BackupError::NewerVersion { path, found, known }
            }
            VerifyError::OtherLeafFunction { found, given } => {
                BackupError::OtherLeafFunction { found, given }
            }
            VerifyError::Storage(error) => BackupError::Storage(error),
        }
    }
}

#[cfg(test)]
mod tests;
