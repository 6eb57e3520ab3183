//! The numbered entries of a run's own log.

use runledger_store::KeyRange;
use runledger_wal::Seq;

use super::Ledger;
use super::append::Receipt;
use crate::{AppendError, Body, Content, Event, EventId, Json, QueryError, RunLog, Timestamp, key};

/// An entry of a run's log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunLogEntry {
    /// The number of its event in the ledger.
    pub seq: Seq,
    /// The identity of its event.
    pub event_id: EventId,
    /// The run.
    pub run_id: String,
    /// The number of the entry in its run.
    pub sequence: u64,
    /// What the entry is.
    pub event_type: String,
    /// What it says.
    pub payload: Option<Json>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A part of a run's log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunLogPage {
    /// The entries, in the order of their numbers.
    pub entries: Vec<RunLogEntry>,
    /// The number of the entry that comes next, if there is more.
    pub next_sequence: Option<u64>,
}

impl Ledger {
    /// Appends an entry to a run's log. Its number is the caller's, and need not be the next.
    ///
    /// The same entry again gives the receipt of the first; another entry of the same number is a conflict, unless the
    /// event names the first as what it supersedes.
    ///
    /// ```
    /// use runledger_audit::{AppendError, Json, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let payload = Some(Json::from_value("reading the manual")?);
    /// let first = ledger.append_log("run-1", 0, "progress", payload.clone())?;
    /// assert_eq!(ledger.append_log("run-1", 0, "progress", payload)?.seq, first.seq);
    /// let other = ledger.append_log("run-1", 0, "progress", None);
    /// assert!(matches!(other, Err(AppendError::LogEntry { sequence: 0, .. })));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Durability
    ///
    /// As [`Ledger::append`].
    ///
    /// # Errors
    ///
    /// The entry is stored with other content ([`AppendError::LogEntry`]); as [`Ledger::append`].
    pub fn append_log(
        &self,
        run_id: &str,
        sequence: u64,
        event_type: &str,
        payload: Option<Json>,
    ) -> Result<Receipt, AppendError> {
        let (event_type, payload) = (event_type.to_owned(), payload.map(Content::Inline));
        let entry = RunLog { sequence, event_type, payload, extra: Vec::new() };
        self.append(Event::new(Body::RunLog(entry)).with_run(run_id))
    }

    /// At most `limit` entries of a run's log, in the order of their numbers, from `from_sequence` on.
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for sequence in [2, 0, 1] {
    ///     ledger.append_log("run-1", sequence, "progress", None)?;
    /// }
    /// let page = ledger.run_logs("run-1", 0, 2)?;
    /// assert_eq!(page.entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [0, 1]);
    /// assert_eq!(page.next_sequence, Some(2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    #[doc(alias = "list_logs_by_run")]
    pub fn run_logs(&self, run_id: &str, from_sequence: u64, limit: usize) -> Result<RunLogPage, QueryError> {
        let bounds = key::run_log::key(run_id, from_sequence)..=key::run_log::key(run_id, u64::MAX);
        let (found, next_sequence) = self.core.ask(|view, _| {
            let mut found = Vec::new();
            for entry in view.range(KeyRange::new(bounds.clone())) {
                let (log_key, value) = entry?;
                let sequence = key::run_log::decode_sequence(&log_key)?;
                if found.len() == limit {
                    return Ok((found, Some(sequence)));
                }
                found.push(key::run_log::decode_value(&value)?);
            }
            Ok((found, None))
        })?;
        let entries = found.into_iter().filter_map(|seq| self.log_entry(seq).transpose());
        Ok(RunLogPage { entries: entries.collect::<Result<_, _>>()?, next_sequence })
    }

    fn log_entry(&self, seq: Seq) -> Result<Option<RunLogEntry>, QueryError> {
        let stored = self.event_at(seq)?.ok_or(QueryError::IndexAhead { seq })?;
        let (Body::RunLog(entry), Some(run_id)) = (&stored.event.body, &stored.event.run_id) else {
            return Ok(None);
        };
        Ok(Some(RunLogEntry {
            seq,
            event_id: stored.event.event_id,
            run_id: run_id.clone(),
            sequence: entry.sequence,
            event_type: entry.event_type.clone(),
            payload: self.optional_content(&stored, entry.payload.as_ref())?,
            created_at: stored.event.timestamp,
        }))
    }
}
