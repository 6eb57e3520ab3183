//! How much a ledger holds.

use std::collections::BTreeMap;

use runledger_store::{KeyRange, View};
use runledger_wal::Seq;

use super::Ledger;
use crate::{EventFilter, Kind, QueryError, key};

/// Sizes and counts of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerStats {
    /// The number of durable records: the `Seq` of the next.
    pub durable_end: Seq,
    /// How far the index reaches.
    pub indexed_end: Seq,
    /// Segment files of the log.
    pub log_segments: u64,
    /// Bytes of the log's files, allocated ones that are not written yet included.
    pub log_bytes: u64,
    /// Tables of the index.
    pub index_tables: u64,
    /// Bytes of the index's tables.
    pub index_bytes: u64,
    /// Runs.
    pub runs: u64,
    /// Events by kind, superseded ones not counted.
    pub events_by_kind: BTreeMap<Kind, u64>,
    /// Records that no query finds, and why. See [`Ledger::anomalies`].
    pub anomalies: Vec<(Seq, String)>,
}

impl Ledger {
    /// Records that no query finds, and why: damaged ones, those that are no event this program can read, those that
    /// repeat an event id, and those that say again or otherwise what can be said only once (how a run ended, what an entry
    /// of its log says). The first of each range that is damaged stands for all of it.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// assert!(ledger.anomalies()?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time, or can't be read; the log can't be read, or is damaged there.
    pub fn anomalies(&self) -> Result<Vec<(Seq, String)>, QueryError> {
        self.core.ask(|view, _| anomalies(view))
    }

    /// Sizes and counts. Walks the streams of all kinds: its cost grows with the ledger.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// assert_eq!(ledger.stats()?.durable_end.get(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The ledger's files can't be looked at; the index can't be read.
    pub fn stats(&self) -> Result<LedgerStats, QueryError> {
        let durable_end = self.durable_end()?;
        let mut events_by_kind = BTreeMap::new();
        for &kind in Kind::ALL {
            let count = self.count(&EventFilter { kinds: vec![kind], ..EventFilter::default() })?;
            if count > 0 {
                events_by_kind.insert(kind, count);
            }
        }
        let anomalies = self.anomalies()?;
        let runs = self.core.ask(|view, _| count_keys(view, &key::run::prefix()))?;
        let log = self.core.log.disk_usage()?;
        let index = self.core.index.size();
        Ok(LedgerStats {
            durable_end,
            indexed_end: self.core.index.indexed_end(),
            log_segments: log.segments,
            log_bytes: log.bytes,
            index_tables: index.tables,
            index_bytes: index.bytes,
            runs,
            events_by_kind,
            anomalies,
        })
    }
}

fn anomalies(view: &View) -> Result<Vec<(Seq, String)>, QueryError> {
    view.prefix(&key::anomaly::prefix())
        .map(|entry| {
            let (anomaly_key, reason) = entry?;
            Ok((key::anomaly::decode(&anomaly_key)?, String::from_utf8_lossy(&reason).into_owned()))
        })
        .collect()
}

fn count_keys(view: &View, prefix: &[u8]) -> Result<u64, QueryError> {
    let mut cursor = view.cursor(KeyRange::prefix(prefix));
    cursor.seek_to_first()?;
    let mut count = 0;
    while cursor.key().is_some() {
        count += 1;
        cursor.move_next()?;
    }
    Ok(count)
}
