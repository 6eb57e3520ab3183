//! Looking after a ledger: verify it, repair it, build its index anew.

use std::num::NonZero;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use runledger_wal::{
    self as wal, CompressReport, RecoverReport, SalvageError, SalvageReport, Seq, VerifyReport,
};

use crate::codec::EventLeaf;
use crate::ledger::{is_empty, log_folder, require_ledger};
use crate::{Ledger, MaintenanceError, OpenError, Progress};

/// Reads the whole log and checks every checksum, every hash and every `Seq`, beside a writer or without one. Changes
/// nothing, takes no lock. Works on as many threads as the machine runs at a time; [`verify_on`] lets you choose.
///
/// Damage is what the report is about, not an error. `progress` counts bytes.
///
/// ```
/// use runledger_audit::{Body, Custom, Event, Ledger, verify};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let ledger = Ledger::open(folder.path().join("ledger"))?;
/// ledger.append(Event::new(Body::Custom(Custom::default())))?;
/// let report = verify(ledger.directory(), |_| {})?;
/// assert_eq!((report.records, report.damaged.len()), (1, 0));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// There is no ledger; a newer program wrote it; a file of it can't be read.
pub fn verify(
    directory: impl AsRef<Path>,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<VerifyReport, MaintenanceError> {
    verify_with(directory.as_ref(), wal::VerifyOptions::new(), progress)
}

/// As [`verify`], on so many threads, the caller's included. The report is the same with any number.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_on(
    threads: NonZero<usize>,
    directory: impl AsRef<Path>,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<VerifyReport, MaintenanceError> {
    verify_with(directory.as_ref(), wal::VerifyOptions::new().threads(threads), progress)
}

fn verify_with(
    directory: &Path,
    options: wal::VerifyOptions,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<VerifyReport, MaintenanceError> {
    require_ledger(directory)?;
    let options = options
        .leaf_function(Arc::new(EventLeaf))
        .progress(move |bytes| progress(Progress { done: bytes.bytes_done, total: bytes.bytes_total }));
    Ok(wal::verify(&log_folder(directory), &options)?)
}

/// Repairs what may be repaired: a tail that was never acknowledged is cut and kept aside, what is derived is built
/// again. Damage to acknowledged data is reported and left as it is. Takes the writer's lock.
///
/// ```
/// use runledger_audit::{Ledger, recover};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let ledger = Ledger::open(folder.path().join("ledger"))?;
/// let path = ledger.directory().to_owned();
/// assert!(recover(&path).is_err(), "it has a writer");
/// ledger.close()?;
/// recover(&path)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// There is no ledger; a newer program wrote it; somebody writes to it; a file of it can't be read or written.
pub fn recover(directory: impl AsRef<Path>) -> Result<RecoverReport, MaintenanceError> {
    let directory = directory.as_ref();
    require_ledger(directory)?;
    let options = wal::RecoverOptions::new().leaf_function(Arc::new(EventLeaf));
    Ok(wal::recover(&log_folder(directory), &options)?)
}

/// The file beside a salvaged ledger's log that says what was copied and what is missing, as JSON.
pub(crate) const SALVAGE_REPORT: &str = "salvage.json";

/// Copies every intact record of a damaged ledger into a new one, in `new_directory`, which must be empty or not exist.
/// Records that are no readable event are copied too. The old ledger is only read; it must have no writer.
///
/// What was copied and what is missing is in the report, and in the new ledger's `salvage.json`. The new ledger's index
/// is built when it is first opened for writing. `progress` counts bytes of the old log.
///
/// # Errors
///
/// There is no ledger, a newer program wrote it, a writer holds it, `new_directory` holds something or lies inside the
/// ledger, or it can't be written. No new ledger is left then.
pub fn salvage(
    directory: impl AsRef<Path>,
    new_directory: impl AsRef<Path>,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<SalvageReport, MaintenanceError> {
    let (directory, new_directory) = (directory.as_ref(), new_directory.as_ref());
    require_ledger(directory)?;
    let path = || new_directory.to_owned();
    if real_path(new_directory).starts_with(real_path(directory)) {
        return Err(SalvageError::Inside { path: path(), ledger: directory.to_owned() }.into());
    }
    let is_taken = new_directory.try_exists().unwrap_or(true);
    if is_taken && !(new_directory.is_dir() && is_empty(new_directory)?) {
        return Err(SalvageError::Taken { path: path() }.into());
    }
    let options = wal::SalvageOptions::new()
        .leaf_function(Arc::new(EventLeaf))
        .report_file(new_directory.join(SALVAGE_REPORT))
        .progress(move |bytes| progress(Progress { done: bytes.bytes_done, total: bytes.bytes_total }));
    Ok(wal::salvage(&log_folder(directory), &log_folder(new_directory), &options)?)
}

/// Where a path leads, links followed as far as it exists.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for existing in path.ancestors() {
        let (Ok(mut real), Ok(rest)) = (existing.canonicalize(), path.strip_prefix(existing)) else {
            continue;
        };
        for component in rest.components() {
            match component {
                Component::ParentDir => drop(real.pop()),
                other => real.push(other),
            }
        }
        return real;
    }
    path
}

/// Compresses all full segments of a ledger that nobody writes to. Takes the writer's lock. `progress` counts segments.
///
/// A ledger that is open compresses what is older than an hour by itself, and by [`Ledger::compress`] what it is asked to.
///
/// # Errors
///
/// There is no ledger, a newer program wrote it, a writer holds it; the disk fails or is full. See [`Ledger::compress`].
pub fn compress(
    directory: impl AsRef<Path>,
    progress: impl Fn(Progress),
) -> Result<CompressReport, MaintenanceError> {
    let ledger =
        Ledger::options().create(false).leave_runs_open(true).compress_after(None).open(directory)?;
    let report = ledger.compress(progress)?;
    ledger.close()?;
    Ok(report)
}

/// What building the index anew came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    /// Records of the log.
    pub records: u64,
    /// Records that no query finds, and why. See [`Ledger::anomalies`].
    pub anomalies: Vec<(Seq, String)>,
}

/// Deletes the index and builds it again from the log. Takes the writer's lock.
///
/// `progress` counts records.
///
/// ```
/// use runledger_audit::{Body, Custom, Event, Ledger, rebuild_index};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let ledger = Ledger::open(folder.path().join("ledger"))?;
/// ledger.append(Event::new(Body::Custom(Custom::default())))?;
/// let path = ledger.directory().to_owned();
/// ledger.close()?;
/// assert_eq!(rebuild_index(&path, |_| {})?.records, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// There is no ledger, or it can't be opened for writing: see [`Ledger::open`]. The log can't be read, or the index not be
/// written.
pub fn rebuild_index(
    directory: impl AsRef<Path>,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RebuildReport, MaintenanceError> {
    let options = Ledger::options().create(false).leave_runs_open(true).rebuild_index(true);
    let ledger = options.progress(progress).open(directory)?;
    let records = ledger.durable_end().map_err(OpenError::from)?.get();
    let anomalies = ledger.anomalies().map_err(OpenError::from)?;
    ledger.close()?;
    Ok(RebuildReport { records, anomalies })
}
