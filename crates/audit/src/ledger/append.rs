//! Appending events.

use parking_lot::Mutex;
use runledger_wal::{Durability, Leaf, LeafFunction as _, Seq, Ticket, Wal};

use super::Ledger;
use super::ask::Asker;
use super::in_flight::{Entry, InFlight};
use super::interruptions::Interruptions;
use super::past::{Known, Past, Verdict};
use crate::claim::Claim;
use crate::{
    AppendError, CloseError, Event, EventId, EventLeaf, QueryError, WriterInstance, codec, names, salt,
};

/// What a ledger that is open for writing has beside its readers.
pub(super) struct Writer {
    pub(super) log: Wal,
    pub(super) instance: WriterInstance,
    pub(super) interruptions: Interruptions,
    pub(super) in_flight: Mutex<InFlight>,
}

impl Writer {
    /// The writer of a log that was just opened. `interruptions` says what is to be done about an earlier one.
    pub(super) fn new(log: Wal, instance: WriterInstance, interruptions: Interruptions) -> Self {
        let in_flight = Mutex::new(InFlight::behind(log.durable_end()));
        Self { log, instance, interruptions, in_flight }
    }

    pub(super) fn close(&self) -> Result<(), CloseError> {
        Ok(self.log.clone().close()?)
    }
}

/// Where an event went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its number in the log.
    pub seq: Seq,
    /// Its identity.
    pub event_id: EventId,
    /// The hash that commits to it.
    pub leaf: Leaf,
    /// Whether it was stored before, with the same content, and nothing was appended now. The other fields are those of the
    /// event that is stored: one of another id, where a run's end or an entry of its log was said again.
    pub duplicate: bool,
}

/// An event that was handed to the log and has its number; [`Submitted::wait`] says when it is as durable as was asked.
#[derive(Debug)]
#[must_use = "an event is acknowledged only once `wait` returns"]
pub struct Submitted {
    event_id: EventId,
    place: Place,
}

#[derive(Debug)]
pub(super) enum Place {
    New(Ticket),
    /// Stored before, and durable.
    Stored {
        seq: Seq,
        leaf: Leaf,
    },
    /// Handed to the log before, by this process, and perhaps not durable yet.
    Pending(Ticket),
}

impl Submitted {
    /// What an earlier event says already, which is durable.
    pub(super) fn stored(event_id: EventId, seq: Seq, leaf: Leaf) -> Self {
        Self { event_id, place: Place::Stored { seq, leaf } }
    }

    /// The event's number in the log.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match &self.place {
            Place::New(ticket) | Place::Pending(ticket) => ticket.seq(),
            Place::Stored { seq, .. } => *seq,
        }
    }

    /// The event's identity.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Whether the event was handed to the log before, with the same content, and nothing was appended now.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        !matches!(self.place, Place::New(_))
    }

    /// Waits until the event is as durable as was asked.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Durability, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let event = Event::new(Body::Custom(Custom::default()));
    /// let submitted = ledger.submit(event.clone(), Durability::Durable)?;
    /// let seq = submitted.seq(); // given already, though nothing is promised yet
    /// assert_eq!(submitted.wait()?.seq, seq);
    /// assert!(ledger.submit(event, Durability::Durable)?.is_duplicate());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The log could not be written: whether the event is stored is unknown. It can be sent again with the same id
    /// after the ledger was opened again.
    pub fn wait(self) -> Result<Receipt, AppendError> {
        let (event_id, duplicate) = (self.event_id, self.is_duplicate());
        match self.place {
            Place::New(ticket) => {
                let receipt = ticket.wait()?;
                Ok(Receipt { seq: receipt.seq, event_id, leaf: receipt.leaf, duplicate })
            }
            Place::Stored { seq, leaf } => Ok(Receipt { seq, event_id, leaf, duplicate }),
            Place::Pending(ticket) => {
                let receipt = ticket.wait_durable()?;
                Ok(Receipt { seq: receipt.seq, event_id, leaf: receipt.leaf, duplicate })
            }
        }
    }
}

#[cfg(feature = "tokio")]
impl Submitted {
    /// As [`Submitted::wait`], without blocking the thread that polls. Only an event that was submitted a moment before
    /// and isn't durable yet blocks it, until it is.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Durability, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let event = || Event::new(Body::Custom(Custom::default()));
    /// let first = ledger.submit(event(), Durability::Durable)?;
    /// let other = ledger.submit(event(), Durability::Durable)?;
    /// assert!(first.wait_async().await?.seq < other.wait_async().await?.seq);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Submitted::wait`].
    pub async fn wait_async(self) -> Result<Receipt, AppendError> {
        let (event_id, duplicate) = (self.event_id, self.is_duplicate());
        match self.place {
            Place::New(ticket) => {
                let receipt = ticket.wait_async().await?;
                Ok(Receipt { seq: receipt.seq, event_id, leaf: receipt.leaf, duplicate })
            }
            place @ (Place::Stored { .. } | Place::Pending(_)) => Self { event_id, place }.wait(),
        }
    }
}

#[cfg(feature = "tokio")]
impl Ledger {
    /// As [`Ledger::append`], for the tasks of an async runtime: waiting for the disk blocks no thread. Encoding, hashing,
    /// and the look whether the id was used before, are done by the thread that polls.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let receipt = ledger.append_async(Event::new(Body::Custom(Custom::default()))).await?;
    /// assert!(ledger.durable_end()? > receipt.seq);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Durability
    ///
    /// As [`Ledger::append`]. Dropping the future before it was polled leaves no trace; afterwards the event is in the
    /// ledger, once, or on its way, though nobody hears of it.
    ///
    /// # Errors
    ///
    /// As [`Ledger::append`].
    pub async fn append_async(&self, event: Event) -> Result<Receipt, AppendError> {
        self.submit(event, Durability::Durable)?.wait_async().await
    }
}

impl Ledger {
    /// Appends an event and waits until it is on stable storage.
    ///
    /// An event whose id is already stored is not appended again: with the same content the call returns the number
    /// that it has, with other content it is refused. So an append whose outcome is unknown can be sent again. Only
    /// while the index is paused, can't be written or is built anew, an event from before can't be looked up: the same
    /// id is then stored once more, counts once, and is listed by [`Ledger::anomalies`]. Appends never wait for that.
    ///
    /// So it is with what can be said only once, whatever the event's id: how a run ended, and what an entry of its log
    /// says. The same again gives the receipt of the event that said it first. See [`Ledger::finish_run`] and
    /// [`Ledger::append_log`].
    ///
    /// # Durability
    ///
    /// On return the event survives a crash of the process and of the machine, on storage that honours a flush.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let event = Event::new(Body::Custom(Custom::default()));
    /// let receipt = ledger.append(event.clone())?;
    /// // Sent again, it keeps its number.
    /// let again = ledger.append(event)?;
    /// assert_eq!((again.seq, again.duplicate), (receipt.seq, true));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The event is larger than a record may be; its id is stored with other content; its run has ended otherwise; the
    /// entry of its run's log is stored with other content; the ledger is open for reading only; the log can't be written.
    #[doc(alias = "record")]
    #[doc(alias = "save_tool_event")]
    #[doc(alias = "save_model_event")]
    #[doc(alias = "save_workspace_event")]
    pub fn append(&self, event: Event) -> Result<Receipt, AppendError> {
        self.submit(event, Durability::Durable)?.wait()
    }

    /// Hands an event to the log without waiting. Numbers are given in the order of the calls.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Durability, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let event = || Event::new(Body::Custom(Custom::default()));
    /// let first = ledger.submit(event(), Durability::Durable)?;
    /// let other = ledger.submit(event(), Durability::Durable)?;
    /// // Both are under way, and share a sync.
    /// assert!(first.wait()?.seq < other.wait()?.seq);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Ledger::append`]; what the log says when it is written comes from [`Submitted::wait`].
    pub fn submit(&self, event: Event, durability: Durability) -> Result<Submitted, AppendError> {
        self.core.settle_interruptions();
        self.core.submit(event, durability)
    }

    /// Makes everything durable that was submitted so far.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Durability, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let event = Event::new(Body::Custom(Custom::default()));
    /// drop(ledger.submit(event, Durability::Buffered)?);
    /// ledger.sync()?;
    /// assert_eq!(ledger.durable_end()?.get(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The ledger is open for reading only; the log can't be written.
    pub fn sync(&self) -> Result<(), AppendError> {
        let writer = self.core.writer.as_ref().ok_or(AppendError::ReadOnly)?;
        writer.log.sync()?;
        Ok(())
    }
}

impl Asker {
    pub(super) fn submit(&self, mut event: Event, durability: Durability) -> Result<Submitted, AppendError> {
        let writer = self.writer.as_ref().ok_or(AppendError::ReadOnly)?;
        event.writer_instance.get_or_insert(writer.instance);
        let event_id = event.event_id;
        names::check(&event)?;
        let salt = salt::next();
        let prepared = writer.log.prepare(codec::encode(&event, salt)?)?;
        // Locked until the log has given out a number, so that two events of one id, or of one claim, can't both be new.
        let (mut in_flight, past) = self.lock_with_past(writer, |view| Past::find(view, &event))?;
        let replaced = match Verdict::of(&event, &past, &in_flight) {
            Verdict::New { replaced } => replaced,
            Verdict::Known(known) => {
                drop(in_flight);
                return self.known_before(&event, known);
            }
        };
        let ticket = writer.log.submit_prepared(&prepared, durability)?;
        in_flight.insert(event_id, Entry { ticket: ticket.clone(), salt });
        if let (Some(claim), Some(replaced)) = (Claim::of(&event), replaced) {
            in_flight.claims.insert(claim, event_id, replaced, ticket.clone());
        }
        Ok(Submitted { event_id, place: Place::New(ticket) })
    }

    /// What becomes of `event`, which says again what was said before, or something else of the same.
    pub(super) fn known_before(&self, event: &Event, known: Known) -> Result<Submitted, AppendError> {
        match known {
            Known::Pending(entry) => self.pending(event, entry),
            Known::Stored(seq) => self.stored(event, seq),
            Known::Claimed(earlier) => self.claimed_before(event, earlier),
        }
    }

    /// What becomes of `event`, whose id was handed to the log before.
    fn pending(&self, event: &Event, known: Entry) -> Result<Submitted, AppendError> {
        let event_id = event.event_id;
        if EventLeaf.leaf(&codec::encode(event, known.salt)?) != known.ticket.leaf() {
            // Another event, or the same as another process wrote it down: its record tells, once it can be read.
            let seq = known.ticket.clone().wait_durable()?.seq;
            let stored = self.stored_event(seq)?;
            if stored.is_none_or(|stored| !is_retry(&stored.event, event)) {
                return Err(AppendError::Conflict { event_id, seq });
            }
        }
        Ok(Submitted { event_id, place: Place::Pending(known.ticket) })
    }

    /// What becomes of `event`, whose id is stored.
    fn stored(&self, event: &Event, seq: Seq) -> Result<Submitted, AppendError> {
        let stored = self.stored_event(seq)?.ok_or(QueryError::IndexAhead { seq })?;
        if is_retry(&stored.event, event) {
            Ok(Submitted::stored(event.event_id, seq, stored.leaf))
        } else {
            Err(AppendError::Conflict { event_id: event.event_id, seq })
        }
    }
}

/// Whether `event` says what `stored` does, whichever process wrote them down.
fn is_retry(stored: &Event, event: &Event) -> bool {
    codec::retry_digest(stored) == codec::retry_digest(event)
}
