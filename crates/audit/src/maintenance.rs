//! Looking after a ledger: verify it, repair it, build its index anew.

use std::path::Path;
use std::sync::Arc;

use runledger_wal::{self as wal, RecoverReport, Seq, VerifyReport};

use crate::codec::EventLeaf;
use crate::ledger::{log_folder, require_ledger};
use crate::{Ledger, MaintenanceError, OpenError, Progress};

/// Reads the whole log and checks every checksum, every hash and every `Seq`, beside a writer or without one. Changes
/// nothing, takes no lock.
///
/// Damage is what the report is about, not an error. `progress` counts bytes.
pub fn verify(
    directory: impl AsRef<Path>,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<VerifyReport, MaintenanceError> {
    let directory = directory.as_ref();
    require_ledger(directory)?;
    let options = wal::VerifyOptions::new()
        .leaf_function(Arc::new(EventLeaf))
        .progress(move |bytes| progress(Progress { done: bytes.bytes_done, total: bytes.bytes_total }));
    Ok(wal::verify(&log_folder(directory), &options)?)
}

/// Repairs what may be repaired: a tail that was never acknowledged is cut and kept aside, what is derived is built
/// again. Damage to acknowledged data is reported and left as it is. Takes the writer's lock.
pub fn recover(directory: impl AsRef<Path>) -> Result<RecoverReport, MaintenanceError> {
    let directory = directory.as_ref();
    require_ledger(directory)?;
    let options = wal::RecoverOptions::new().leaf_function(Arc::new(EventLeaf));
    Ok(wal::recover(&log_folder(directory), &options)?)
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
