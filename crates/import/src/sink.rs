//! Where the importers' events go: looked up first, appended if they are new, counted.
//!
//! INVARIANT: an event with a source id is appended only if neither the ledger nor this import has one of that id, or
//! if it says explicitly which one it supersedes. Together with the log's promise that recovery yields a dense prefix,
//! this makes an import that was killed anywhere complete itself when it is run again.
//!
//! Appends are not waited for one by one. What the index cannot show yet is remembered here, at most
//! [`UNSETTLED_EVENTS_MAX`] events; then everything is synced and the index answers for it.

use std::collections::{HashMap, HashSet};

use runledger_audit::{AppendError, Durability, Event, EventId, Ledger, Seq, SourceDigest, StoredEvent};

use crate::error::ImportError;
use crate::report::ImportReport;

/// How many events may be appended without being durable.
const UNSETTLED_EVENTS_MAX: usize = 1024;

/// An event of the ledger, or one that is on its way there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) seq: Seq,
    pub(crate) digest: SourceDigest,
    /// Read from the ledger when it is asked for.
    event_id: Option<EventId>,
}

pub(crate) struct Sink<'a> {
    ledger: &'a Ledger,
    /// By source id: what was appended since the last sync, by session.
    unsettled: HashMap<String, Vec<(Option<String>, Known)>>,
    unsettled_events: usize,
    runs: HashSet<String>,
    report: ImportReport,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            unsettled: HashMap::new(),
            unsettled_events: 0,
            runs: HashSet::new(),
            report: ImportReport::default(),
        }
    }

    /// The ledger itself, for questions about what is settled.
    pub(crate) const fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// What happened up to now.
    pub(crate) fn report(&self) -> ImportReport {
        ImportReport { runs: self.runs.len() as u64, ..self.report }
    }

    pub(crate) const fn count_file(&mut self) {
        self.report.files += 1;
    }

    pub(crate) const fn count_record(&mut self) {
        self.report.records_read += 1;
    }

    pub(crate) const fn count_duplicate(&mut self) {
        self.report.duplicates += 1;
    }

    pub(crate) const fn count_unparsed(&mut self) {
        self.report.unparsed += 1;
    }

    pub(crate) fn count_run(&mut self, run_id: &str) {
        if !self.runs.contains(run_id) {
            self.runs.insert(run_id.to_owned());
        }
    }

    /// The newest event with this source id in the session.
    pub(crate) fn find(&self, session: Option<&str>, source_id: &str) -> Result<Option<Known>, ImportError> {
        let unsettled = self.unsettled.get(source_id).and_then(|events| {
            events.iter().rev().find(|(owner, _)| owner.as_deref() == session).map(|(_, known)| *known)
        });
        if unsettled.is_some() {
            return Ok(unsettled);
        }
        let entry = self.ledger.find_source(session, source_id)?;
        Ok(entry.map(|entry| Known { seq: entry.seq, digest: entry.digest, event_id: None }))
    }

    /// The newest event with this source id in any session.
    pub(crate) fn find_anywhere(&self, source_id: &str) -> Result<Option<Known>, ImportError> {
        if let Some((_, known)) = self.unsettled.get(source_id).and_then(|events| events.last()) {
            return Ok(Some(*known));
        }
        let entry = self.ledger.find_source_anywhere(source_id)?;
        Ok(entry.map(|entry| Known { seq: entry.seq, digest: entry.digest, event_id: None }))
    }

    /// Appends `event`, durable after the next [`Sink::settle`].
    pub(crate) fn append(&mut self, event: Event) -> Result<Known, ImportError> {
        let digest = SourceDigest::of(&event);
        let (source_id, session) = (event.source_id.clone(), event.session_id.clone());
        let (seq, event_id, duplicate) = self.submit(event)?;
        let known = Known { seq, digest, event_id: Some(event_id) };
        if let Some(source_id) = source_id.filter(|_| !duplicate) {
            self.unsettled.entry(source_id).or_default().push((session, known));
        }
        Ok(known)
    }

    /// Appends an event that brings its own id; whether the ledger held it already.
    ///
    /// # Errors
    ///
    /// [`AppendError`] as the ledger says it, so that a conflict can be told apart.
    pub(crate) fn append_given(&mut self, event: Event) -> Result<bool, ImportError> {
        Ok(self.submit(event)?.2)
    }

    fn submit(&mut self, event: Event) -> Result<(Seq, EventId, bool), ImportError> {
        if let Some(run_id) = event.run_id.as_deref() {
            self.count_run(run_id);
        }
        if self.unsettled_events >= UNSETTLED_EVENTS_MAX {
            self.settle()?;
        }
        let submitted = self.ledger.submit(event, Durability::Buffered)?;
        self.unsettled_events += 1;
        if !submitted.is_duplicate() {
            self.report.appended += 1;
        }
        Ok((submitted.seq(), submitted.event_id(), submitted.is_duplicate()))
    }

    /// Makes everything durable that was appended. What is asked afterwards is answered by the index.
    ///
    /// # Durability
    ///
    /// When it returns, every event appended before is on stable storage.
    pub(crate) fn settle(&mut self) -> Result<(), AppendError> {
        if self.unsettled_events > 0 {
            self.ledger.sync()?;
            self.unsettled.clear();
            self.unsettled_events = 0;
        }
        Ok(())
    }

    /// The identity of a known event.
    pub(crate) fn event_id(&mut self, known: Known) -> Result<EventId, ImportError> {
        match known.event_id {
            Some(event_id) => Ok(event_id),
            None => Ok(self.stored(known)?.event.event_id),
        }
    }

    /// A known event as it is stored.
    pub(crate) fn stored(&mut self, known: Known) -> Result<StoredEvent, ImportError> {
        if known.event_id.is_some() {
            self.settle()?;
        }
        self.ledger.event_at(known.seq)?.ok_or(ImportError::Vanished { seq: known.seq })
    }
}
