//! How much a ledger holds.

use std::collections::BTreeMap;

use runledger_wal::Seq;

use super::Ledger;
use crate::key::{self, prefix_end};
use crate::{EventFilter, Kind, QueryError};

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
    /// Records that are no readable event, or repeat an event id, and why.
    pub anomalies: Vec<(Seq, String)>,
}

impl Ledger {
    /// Sizes and counts. Walks the streams of all kinds: its cost grows with the ledger.
    pub fn stats(&self) -> Result<LedgerStats, QueryError> {
        let (view, durable_end) = self.core.fresh_view()?;
        let mut events_by_kind = BTreeMap::new();
        for &kind in Kind::ALL {
            let count = self.count(&EventFilter { kinds: vec![kind], ..EventFilter::default() })?;
            if count > 0 {
                events_by_kind.insert(kind, count);
            }
        }
        let mut anomalies = Vec::new();
        for entry in view.prefix(&key::anomaly::prefix()) {
            let (anomaly_key, reason) = entry?;
            anomalies.push((key::anomaly::decode(&anomaly_key)?, String::from_utf8_lossy(&reason).into_owned()));
        }
        let mut runs = 0;
        let run_keys = key::run::prefix();
        let mut cursor = view.cursor(runledger_store::KeyRange::new(run_keys.clone()..prefix_end(&run_keys)));
        cursor.seek_to_first()?;
        while cursor.key().is_some() {
            runs += 1;
            cursor.move_next()?;
        }
        let (log_segments, log_bytes) = self.core.log.disk_usage()?;
        let index = self.core.index.size();
        Ok(LedgerStats {
            durable_end,
            indexed_end: self.core.index.indexed_end(),
            log_segments,
            log_bytes,
            index_tables: index.tables,
            index_bytes: index.bytes,
            runs,
            events_by_kind,
            anomalies,
        })
    }
}
