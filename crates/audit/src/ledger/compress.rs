//! Storing what is old in less space.

use runledger_wal::CompressReport;

use crate::{CompressError, Ledger, Progress};

impl Ledger {
    /// Compresses all full segments of the log now, beside whatever else goes on. Those that are older than an hour are compressed
    /// in the background anyway: see [`LedgerOptions::compress_after`](crate::LedgerOptions::compress_after).
    ///
    /// Events keep their numbers, bytes and hashes; every question has the same answer. A segment is written anew, synced and
    /// read back before it takes the old one's place, so a crash at any moment loses nothing; one that is damaged stays as it
    /// is, for [`verify`](crate::verify) to name. `progress` counts segments.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let report = ledger.compress(|_| ())?;
    /// assert_eq!((report.segments, report.left), (0, 0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The ledger was opened for reading, or closed; the disk fails or is full. What was compressed before stays so, and the
    /// rest as it is.
    pub fn compress(&self, progress: impl Fn(Progress)) -> Result<CompressReport, CompressError> {
        let writer = self.core.writer.as_ref().ok_or(CompressError::ReadOnly)?;
        let told = |of: runledger_wal::CompressProgress| {
            progress(Progress { done: of.segments_done, total: of.segments_total });
        };
        Ok(writer.log.compress(told)?)
    }
}
