//! Copying every intact record out of a damaged log into a new one, and saying what is missing.
//!
//! For what [`recover`](crate::recover()) leaves alone: damage to acknowledged records. The old log is only read, with
//! positioned reads and without a lock. The new one is written under another name beside its own, read back, and gets
//! its name last, so that nothing that looks like a log is left when anything fails on the way.
//!
//! Owns what there is in which order; a segment is walked through in [`walk`], and what is damaged in it is filled in
//! by [`fill`] and [`search`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::damage::Problem;
use crate::error::{SalvageError, VerifyError};
use crate::leaf::{Blake3Leaf, LeafFunction};
use crate::lock;
use crate::new_place::NewPlace;
use crate::open::sync_name_of;
use crate::options::Options;
use crate::salvage::copy::{Copy, reads_back_otherwise};
use crate::salvage::report::{SalvageFinding, SalvageReport};
use crate::salvage::survey::Survey;
use crate::segment::name::{LOCK_NAME, segment_name};
use crate::seq::Seq;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{DiskStorage, OpenMode, Storage};
use crate::verify::{VerifyCallback, VerifyOptions, VerifyProgress, verify_beside};
use crate::watermark::Watermark;

mod copy;
mod fill;
mod json;
mod patient;
pub(crate) mod report;
mod rest;
mod search;
mod segment;
mod survey;
mod walk;

/// How a log is salvaged.
#[derive(Clone)]
pub struct SalvageOptions {
    leaf_function: Arc<dyn LeafFunction>,
    storage: Arc<dyn Storage>,
    progress: Option<VerifyCallback>,
    report_file: Option<PathBuf>,
    segment_bytes: Option<u64>,
}

impl Default for SalvageOptions {
    fn default() -> SalvageOptions {
        SalvageOptions {
            leaf_function: Arc::new(Blake3Leaf),
            storage: Arc::new(DiskStorage),
            progress: None,
            report_file: None,
            segment_bytes: None,
        }
    }
}

impl SalvageOptions {
    /// The defaults: a log on disk, leaves by BLAKE3, nobody told of progress, the report in no file.
    #[must_use]
    pub fn new() -> SalvageOptions {
        SalvageOptions::default()
    }

    /// The function that the log's leaves are made by.
    #[must_use]
    pub fn leaf_function(self, leaf_function: Arc<dyn LeafFunction>) -> SalvageOptions {
        SalvageOptions { leaf_function, ..self }
    }

    /// Where the files are.
    #[must_use]
    pub fn storage(self, storage: Arc<dyn Storage>) -> SalvageOptions {
        SalvageOptions { storage, ..self }
    }

    /// Who is told of progress, now and then. Bytes of the old log.
    #[must_use]
    pub fn progress(self, callback: impl Fn(VerifyProgress) + Send + Sync + 'static) -> SalvageOptions {
        SalvageOptions { progress: Some(Arc::new(callback)), ..self }
    }

    /// A new file for the report as JSON. It is on stable storage before the new log gets its name.
    #[must_use]
    pub fn report_file(self, path: impl Into<PathBuf>) -> SalvageOptions {
        SalvageOptions { report_file: Some(path.into()), ..self }
    }

    /// The size of a full-grown segment of the new log, in bytes; as for a new log, if nothing is said.
    #[must_use]
    pub fn segment_bytes(self, segment_bytes: u64) -> SalvageOptions {
        SalvageOptions { segment_bytes: Some(segment_bytes), ..self }
    }

    fn log_options(&self, survey: &Survey) -> Options {
        let mut options =
            Options::new().leaf_function(Arc::clone(&self.leaf_function)).storage(Arc::clone(&self.storage));
        if let Some(bytes) = self.segment_bytes {
            options = options.segment_bytes(bytes);
        }
        match survey.commit_alignment_bytes {
            Some(bytes) => options.commit_alignment_bytes(bytes),
            None => options,
        }
    }
}

impl fmt::Debug for SalvageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SalvageOptions")
            .field("leaf_function", &self.leaf_function.id())
            .field("storage", &self.storage)
            .field("report_file", &self.report_file)
            .finish_non_exhaustive()
    }
}

/// Copies every intact record of the log in `directory` into a new log in `new_directory`, which must be empty or not
/// exist. The old log is only read.
///
/// The new log is a ledger of its own: another id, numbers dense from 0. Payloads, leaves and commit times are the old
/// ones, and what was committed together stays together. Which record became which is in the report.
///
/// # Durability
///
/// When this returns, the new log is on stable storage.
///
/// # Errors
///
/// See [`SalvageError`]. Damage is no error: it is what the report is about.
///
/// ```
/// use runledger_wal::{Durability, Options, SalvageOptions, Wal, salvage};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let (old, new) = (directory.path().join("old"), directory.path().join("new"));
/// let (wal, _) = Wal::open(&old, Options::new().create(true))?;
/// wal.append(b"first", Durability::Durable)?;
/// wal.close()?;
/// let report = salvage(&old, &new, &SalvageOptions::new())?;
/// assert!(report.is_complete());
/// assert_eq!(report.records, 1);
/// # Ok(())
/// # }
/// ```
pub fn salvage(
    directory: &Path,
    new_directory: &Path,
    options: &SalvageOptions,
) -> Result<SalvageReport, SalvageError> {
    let storage = &*options.storage;
    let bytes_read = Arc::new(AtomicU64::new(0));
    let survey = Survey::take(storage, directory, options.leaf_function.id(), &bytes_read)?;
    refuse_writer(storage, directory)?;
    let place = NewPlace::find(storage, directory, new_directory)?;
    let lock = place.make(storage)?;
    let made = write(directory, &place, options, &survey, &bytes_read).and_then(|report| {
        refuse_writer(storage, directory)?;
        place.publish(storage)?;
        Ok(report)
    });
    if made.is_err() {
        place.clean_up(storage, options.report_file.as_deref());
    }
    drop(lock);
    made
}

/// Salvage doesn't take the lock, and doesn't work while somebody has it.
fn refuse_writer(storage: &dyn Storage, directory: &Path) -> Result<(), SalvageError> {
    match lock::is_held(storage, directory) {
        Ok(false) => Ok(()),
        Ok(true) => {
            let lock::LockText { pid, since_ns, .. } = lock::read_text(storage, directory)?;
            Err(SalvageError::Locked { path: directory.join(LOCK_NAME), pid, since: since_ns })
        }
        // A writer couldn't open it either.
        Err(error) if error.is_no_regular_file() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Writes the new log under its unfinished name, and the report, and reads the new log back.
fn write(
    directory: &Path,
    place: &NewPlace<'_>,
    options: &SalvageOptions,
    survey: &Survey,
    bytes_read: &Arc<AtomicU64>,
) -> Result<SalvageReport, SalvageError> {
    let copy = Copy::start(options.log_options(survey), &place.unfinished)?;
    let mut report = SalvageReport::new(survey.ledger_id, copy.ledger_id);
    survey.remarks.iter().for_each(|remark| report.remarks.push(remark.clone()));
    let mut salvage = Salvage {
        directory,
        options,
        copy,
        report,
        next: Seq::ZERO,
        mark: survey.mark,
        acknowledged_end: survey.acknowledged_end(),
        bytes_read: Arc::clone(bytes_read),
        bytes_done: 0,
        bytes_total: survey.bytes_total(),
    };
    salvage.copy_volumes(survey)?;
    salvage.copy.finish()?;
    let mut report = salvage.report;
    report.bytes_read = bytes_read.load(Ordering::Relaxed);
    if let Some(path) = &options.report_file {
        write_report(&*options.storage, path, &report)?;
    }
    read_back(&place.unfinished, options, report.records)?;
    Ok(report)
}

fn write_report(storage: &dyn Storage, path: &Path, report: &SalvageReport) -> Result<(), StorageError> {
    let file = LogFile::open(storage, path.to_owned(), OpenMode::CreateNew)?;
    file.write_all((report.to_json() + "\n").as_bytes(), 0)?;
    file.sync()?;
    sync_name_of(storage, path)
}

/// What is given a log's name has been read back and verified.
fn read_back(directory: &Path, options: &SalvageOptions, records: u64) -> Result<(), SalvageError> {
    let verify_options = VerifyOptions::new()
        .leaf_function(Arc::clone(&options.leaf_function))
        .storage(Arc::clone(&options.storage));
    match verify_beside(directory, &verify_options, true) {
        Ok(found) if found.is_sound() && found.records == records => Ok(()),
        Err(VerifyError::Storage(error)) => Err(error.into()),
        Ok(_) | Err(_) => Err(reads_back_otherwise(directory).into()),
    }
}

/// A salvage under way.
struct Salvage<'a> {
    directory: &'a Path,
    options: &'a SalvageOptions,
    copy: Copy,
    report: SalvageReport,
    /// The first old number that is neither copied nor reported as lost.
    next: Seq,
    mark: Option<Watermark>,
    /// The first record that nothing but a frame can say was durable.
    acknowledged_end: Seq,
    bytes_read: Arc<AtomicU64>,
    bytes_done: u64,
    bytes_total: u64,
}

impl Salvage<'_> {
    fn copy_volumes(&mut self, survey: &Survey) -> Result<(), StorageError> {
        for (number, volume) in survey.volumes.iter().enumerate() {
            let mut behind = survey.volumes.iter().skip(number + 1).map(|volume| volume.header.first_seq);
            let next = behind.find(|next| *next > volume.header.first_seq);
            self.copy_volume(volume, next)?;
            self.bytes_done += volume.bytes;
            self.tell_progress(0);
        }
        if let Some(mark) = self.mark
            && self.next < mark.seq
        {
            self.miss(segment_name(mark.segment), mark.seq);
        }
        Ok(())
    }

    /// Reports that all records before this one are missing, file and all.
    fn miss(&mut self, file: String, end: Seq) {
        let (seqs, trouble) = (Some(self.next..end), Problem::Missing.into());
        self.report.gap(SalvageFinding { file, seqs, offset: 0, bytes: 0, trouble });
        self.next = end;
    }

    fn tell_progress(&self, bytes: u64) {
        if let Some(callback) = &self.options.progress {
            let bytes_done = (self.bytes_done + bytes).min(self.bytes_total);
            callback(VerifyProgress { bytes_done, bytes_total: self.bytes_total });
        }
    }
}

#[cfg(test)]
mod tests;
