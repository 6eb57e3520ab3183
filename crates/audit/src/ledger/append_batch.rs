//! Appending many events at once, in their order.
//!
//! INVARIANT: no event of a batch is stored unless all before it are. What goes into one commit is there as a whole or not
//! at all, and the next commit is not placed before that one is durable. So a failure leaves a beginning of the batch,
//! never one with a gap.

use std::borrow::{Borrow, Cow};
use std::collections::HashSet;

use rkyv::util::AlignedVec;
use runledger_wal::{BatchTicket, Durability, Prepared, Seq};

use super::Ledger;
use super::append::{Receipt, Writer};
use super::ask::Asker;
use super::in_flight::Entry;
use crate::claim::Claim;
use crate::{AppendError, Body, Event, EventId, codec, names, salt};

/// At most so many bytes of a batch go into one commit: what waits in memory for a sync, and is sent again as a whole if
/// that fails.
const COMMIT_BYTES_MAX: usize = 4 << 20;

/// Why a batch was not appended to its end.
#[derive(Debug, thiserror::Error)]
#[error("{} events of the batch are stored, and the next is not", receipts.len())]
pub struct BatchError {
    /// Of the events that are stored: the first of the batch, in their order. The event behind them is the one that
    /// `error` is about, and none behind that one is stored. Only if the
    /// [outcome is unknown](AppendError::is_outcome_unknown), some of them may be.
    pub receipts: Vec<Receipt>,
    /// What is wrong with the event behind them, or with the log.
    #[source]
    pub error: AppendError,
}

/// An event that only needs a place.
struct Ready {
    event_id: EventId,
    salt: [u8; 16],
    record: Prepared<AlignedVec>,
}

impl Ledger {
    /// Appends events in their order, and waits until all are on stable storage. They share as few syncs as can be.
    ///
    /// Ids that are already stored are treated as by [`Ledger::append`], each for itself.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// use runledger_audit::{Body, Event, Ledger, ToolCall};
    ///
    /// let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let call = |tool: &str| Event::new(Body::ToolCall(ToolCall { tool_id: tool.into(), ..ToolCall::default() }));
    /// let receipts = ledger.append_batch(&[call("grep"), call("edit")])?;
    /// assert!(receipts[0].seq < receipts[1].seq);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Durability
    ///
    /// On return all of them survive a crash of the process and of the machine. After a crash in between a beginning of the
    /// batch is there, each event once.
    ///
    /// # Errors
    ///
    /// One of the events can't be stored, or the log can't be written: see [`BatchError`]. The rest can be sent again.
    #[doc(alias = "record_batch")]
    pub fn append_batch<E: Borrow<Event>>(&self, events: &[E]) -> Result<Vec<Receipt>, BatchError> {
        self.core.settle_interruptions();
        let mut receipts = Vec::with_capacity(events.len());
        while let Some(rest) = events.get(receipts.len()..).filter(|rest| !rest.is_empty()) {
            match self.core.append_some(rest) {
                Ok(appended) => receipts.extend(appended),
                Err(error) => return Err(BatchError { receipts, error }),
            }
        }
        Ok(receipts)
    }
}

impl Asker {
    /// Appends the first of `events`, at least one if there is one, and as many as can share a commit with it.
    fn append_some<E: Borrow<Event>>(&self, events: &[E]) -> Result<Vec<Receipt>, AppendError> {
        let writer = self.writer.as_ref().ok_or(AppendError::ReadOnly)?;
        let Some(first) = events.first() else { return Ok(Vec::new()) };
        let ready = ready_for_one_commit(writer, events)?;
        let Some((ticket, ids)) = self.place_new(writer, events, &ready)? else {
            // The first has a past, or claims more than its id: it is looked at by itself.
            return Ok(vec![self.submit(first.borrow().clone(), Durability::Durable)?.wait()?]);
        };
        let placed = ticket.wait()?;
        let seqs = (placed.first_seq.get()..).map(Seq::new);
        let receipt = |((event_id, seq), leaf)| Receipt { seq, event_id, leaf, duplicate: false };
        Ok(ids.into_iter().zip(seqs).zip(placed.leaves).map(receipt).collect())
    }

    /// Places those of the first events whose ids are new. Nothing if the very first has one that isn't.
    fn place_new<E: Borrow<Event>>(
        &self,
        writer: &Writer,
        events: &[E],
        ready: &[Ready],
    ) -> Result<Option<(BatchTicket, Vec<EventId>)>, AppendError> {
        // Held while the log gives out numbers, so that two events of one id can't both be new.
        let mut in_flight = writer.in_flight.lock();
        in_flight.forget_before(self.index.indexed_end());
        let is_new = |event: &Event| {
            in_flight.get(event.event_id).is_none()
                && matches!(self.stored(event, in_flight.forgotten_end()), Ok(None))
                && matches!(self.audit_put_before(writer, event), Ok(None))
        };
        let new = events.iter().zip(ready).take_while(|(event, _)| is_new((*event).borrow())).count();
        let ready = ready.get(..new).unwrap_or_default();
        if ready.is_empty() {
            return Ok(None);
        }
        let records: Vec<_> = ready.iter().map(|one| &one.record).collect();
        let ticket = writer.log.submit_batch_prepared(&records, Durability::Durable)?;
        for (index, (event, one)) in events.iter().zip(ready).enumerate() {
            let ticket = ticket.ticket(index).expect("the batch has a record for each event");
            let entry = Entry { ticket, salt: one.salt };
            if let Body::QueryAudit(audit) = &event.borrow().body {
                writer.audits_in_flight.lock().insert(audit.query_id, entry.clone());
            }
            in_flight.insert(one.event_id, entry);
        }
        Ok(Some((ticket, ready.iter().map(|one| one.event_id).collect())))
    }
}

/// Encodes and hashes as many of the first events as go into one commit.
fn ready_for_one_commit<E: Borrow<Event>>(writer: &Writer, events: &[E]) -> Result<Vec<Ready>, AppendError> {
    let (mut ready, mut ids, mut query_ids, mut bytes) = (Vec::new(), HashSet::new(), HashSet::new(), 0);
    for event in events.iter().map(Borrow::borrow) {
        let is_first_of_its_query = match &event.body {
            Body::QueryAudit(audit) => query_ids.insert(audit.query_id),
            _ => true,
        };
        let is_first = ids.insert(event.event_id) && is_first_of_its_query;
        if bytes >= COMMIT_BYTES_MAX || Claim::of(event).is_some() || !is_first {
            break;
        }
        match Ready::new(writer, event) {
            Ok((one, payload_bytes)) => {
                bytes += payload_bytes;
                ready.push(one);
            }
            Err(error) if ready.is_empty() => return Err(error),
            // Its turn comes once those before it are stored.
            Err(_) => break,
        }
    }
    Ok(ready)
}

impl Ready {
    fn new(writer: &Writer, event: &Event) -> Result<(Self, usize), AppendError> {
        let mut event = Cow::Borrowed(event);
        if event.writer_instance.is_none() {
            event.to_mut().writer_instance = Some(writer.instance);
        }
        names::check(&event)?;
        let salt = salt::next();
        let payload = codec::encode(&event, salt)?;
        let bytes = payload.len();
        let record = writer.log.prepare(payload)?;
        Ok((Self { event_id: event.event_id, salt, record }, bytes))
    }
}
