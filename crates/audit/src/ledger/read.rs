//! Reading one event, by its number, its id, or where it was imported from.

use runledger_store::View;
use runledger_wal::{Leaf, Record, Seq};

use super::events::StoredRecord;
use super::{Core, Ledger};
use crate::ledger_read::Question;
use crate::{Content, Event, EventId, Json, QueryError, SourceDigest, Timestamp, codec, key};

/// An event and its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its number in the log.
    pub seq: Seq,
    /// The hash that commits to it.
    pub leaf: Leaf,
    /// When it was committed, by the writer's clock.
    pub commit_time: Timestamp,
    /// What it says.
    pub event: Event,
}

impl StoredEvent {
    pub(super) fn decode(record: &Record) -> Result<Self, QueryError> {
        let seq = record.seq();
        let event =
            codec::decode(record.payload()).map_err(|source| QueryError::Undecodable { seq, source })?;
        let commit_time = Timestamp::from_nanoseconds(record.commit_time());
        Ok(Self { seq, leaf: record.leaf(), commit_time, event })
    }
}

/// What was imported under a source id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceEntry {
    /// The newest event of that source id.
    pub seq: Seq,
    /// What it was made of.
    pub digest: SourceDigest,
}

impl Ledger {
    /// The event with this number; nothing if the log is not that long yet.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger, Seq};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// assert!(ledger.event_at(Seq::ZERO)?.is_some());
    /// assert!(ledger.event_at(Seq::new(7))?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The log can't be read, or is damaged there; the record is no event that this program can read.
    pub fn event_at(&self, seq: Seq) -> Result<Option<StoredEvent>, QueryError> {
        self.recorded(
            || Question::new("event_at").number("seq", seq.get()),
            |ledger| ledger.core.stored_event(seq),
        )
    }

    /// The event with this id, superseded or not.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let receipt = ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// let stored = ledger.event(receipt.event_id)?.expect("just appended");
    /// assert_eq!((stored.seq, stored.leaf), (receipt.seq, receipt.leaf));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time, or can't be read; the log can't be read, or is damaged there.
    #[doc(alias = "get_event")]
    pub fn event(&self, id: EventId) -> Result<Option<StoredEvent>, QueryError> {
        self.recorded(
            || Question::new("event").text("eventId", &id.to_string()),
            |ledger| match ledger.core.ask(|view, _| seq_of(view, id))? {
                Some(seq) => ledger.event_at(seq),
                None => Ok(None),
            },
        )
    }

    /// The same as [`Ledger::event`], without decoding it.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let receipt = ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// let record = ledger.record(receipt.event_id)?.expect("just appended");
    /// assert_eq!(record.decode()?.event_id, receipt.event_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time, or can't be read; the log can't be read, or is damaged there.
    pub fn record(&self, id: EventId) -> Result<Option<StoredRecord>, QueryError> {
        self.recorded(
            || Question::new("record").text("eventId", &id.to_string()),
            |ledger| match ledger.core.ask(|view, _| seq_of(view, id))? {
                Some(seq) => Ok(ledger.core.log.read(seq)?.map(StoredRecord::from)),
                None => Ok(None),
            },
        )
    }

    /// The newest event of `source_id` in a session.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let imported = Event {
    ///     session_id: Some("session-1".into()),
    ///     source_id: Some("line-7".into()),
    ///     ..Event::new(Body::Custom(Custom::default()))
    /// };
    /// let receipt = ledger.append(imported)?;
    /// let found = ledger.find_source(Some("session-1"), "line-7")?.expect("just appended");
    /// assert_eq!(found.seq, receipt.seq);
    /// assert!(ledger.find_source(Some("session-2"), "line-7")?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time, or can't be read; the log can't be read, or is damaged there.
    pub fn find_source(
        &self,
        session: Option<&str>,
        source_id: &str,
    ) -> Result<Option<SourceEntry>, QueryError> {
        self.recorded(
            || Question::new("find_source").text("sourceId", source_id),
            |ledger| {
                ledger.core.ask(|view, _| {
                    let value = view.get(&key::source_id::key(session, source_id))?;
                    value.map(|value| source_entry(&value)).transpose()
                })
            },
        )
    }

    /// The newest event of `source_id` in whichever session has it; the newest of all if several do.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let imported = Event {
    ///     session_id: Some("session-1".into()),
    ///     source_id: Some("line-7".into()),
    ///     ..Event::new(Body::Custom(Custom::default()))
    /// };
    /// ledger.append(imported)?;
    /// assert!(ledger.find_source_anywhere("line-7")?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time, or can't be read; the log can't be read, or is damaged there.
    pub fn find_source_anywhere(&self, source_id: &str) -> Result<Option<SourceEntry>, QueryError> {
        self.recorded(
            || Question::new("find_source").text("sourceId", source_id),
            |ledger| {
                ledger.core.ask(|view, _| {
                    let mut newest: Option<SourceEntry> = None;
                    for entry in view.prefix(&key::source_id::prefix(source_id)) {
                        let found = source_entry(&entry?.1)?;
                        if newest.is_none_or(|newest| newest.seq < found.seq) {
                            newest = Some(found);
                        }
                    }
                    Ok(newest)
                })
            },
        )
    }

    /// What `content` says: itself, or the bytes that it names in an imported line. Nothing if that line is not in
    /// this ledger, or does not hold JSON there.
    ///
    /// ```
    /// use runledger_audit::{Body, Content, Custom, Event, Json, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let data = Some(Content::Inline(Json::parse("[1, 2]")?));
    /// let receipt = ledger.append(Event::new(Body::Custom(Custom { data, ..Custom::default() })))?;
    /// let stored = ledger.event_at(receipt.seq)?.expect("just appended");
    /// let Body::Custom(Custom { data: Some(data), .. }) = &stored.event.body else { panic!("it is custom") };
    /// assert_eq!(ledger.content(&stored, data)?.expect("it is here").as_str(), "[1, 2]");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The holder of the line can't be looked up or read.
    pub fn content(&self, owner: &StoredEvent, content: &Content) -> Result<Option<Json>, QueryError> {
        let range = match content {
            Content::Inline(json) => return Ok(Some(json.clone())),
            Content::At(range) => *range,
        };
        let text = |event: &Event| {
            let text = event.source.as_ref()?.text(range)?;
            Json::parse(text).ok()
        };
        match range.event.filter(|id| *id != owner.event.event_id) {
            None => Ok(text(&owner.event)),
            Some(id) => Ok(self.event(id)?.and_then(|holder| text(&holder.event))),
        }
    }
}

fn source_entry(value: &[u8]) -> Result<SourceEntry, QueryError> {
    let (seq, digest) = key::source_id::decode_value(value)?;
    Ok(SourceEntry { seq, digest })
}

impl Core {
    pub(super) fn stored_event(&self, seq: Seq) -> Result<Option<StoredEvent>, QueryError> {
        self.log.read(seq)?.map(|record| StoredEvent::decode(&record)).transpose()
    }
}

/// The number of the event of this id, if it is in the index.
pub(super) fn seq_of(view: &View, id: EventId) -> Result<Option<Seq>, QueryError> {
    let value = view.get_here(&key::event_id::key(id))?;
    Ok(value.map(key::event_id::decode_value).transpose()?)
}
