//! Appending many events at once, in their order.
//!
//! INVARIANT: no event of a batch is stored unless all before it are. What goes into one commit is there as a whole or not
//! at all, and the next commit is not placed before that one is durable. So a failure leaves a beginning of the batch,
//! never one with a gap.

use std::borrow::{Borrow, Cow};
use std::collections::HashSet;

use rkyv::util::AlignedVec;
use runledger_store::View;
use runledger_wal::{BatchTicket, Durability, Prepared, Seq};

use super::Ledger;
use super::append::{Receipt, Writer};
use super::ask::Asker;
use super::in_flight::Entry;
use super::past::{Known, Past, Verdict};
use crate::claim::Claim;
use crate::{AppendError, Event, EventId, codec, names, salt};

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

/// What became of the first events of a batch.
struct Placed {
    /// Those that are new.
    batch: Option<BatchTicket>,
    /// What was known of those behind them, up to the next that is new.
    known: Vec<Known>,
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
            if let Err(error) = self.core.append_some(rest, &mut receipts) {
                return Err(BatchError { receipts, error });
            }
        }
        Ok(receipts)
    }
}

impl Asker {
    /// Appends the first of `events`, at least one if there is one: as many as can share a commit, and those behind them
    /// that are known already.
    fn append_some<E: Borrow<Event>>(
        &self,
        events: &[E],
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), AppendError> {
        let writer = self.writer.as_ref().ok_or(AppendError::ReadOnly)?;
        let ready = ready_for_one_commit(writer, events)?;
        let Placed { batch, known } = self.place(writer, events, &ready)?;
        let mut new = 0;
        if let Some(batch) = batch {
            let stored = batch.wait()?;
            new = stored.leaves.len();
            let seqs = (stored.first_seq.get()..).map(Seq::new);
            for ((one, seq), leaf) in ready.iter().zip(seqs).zip(stored.leaves) {
                receipts.push(Receipt { seq, event_id: one.event_id, leaf, duplicate: false });
            }
        }
        // Only now, since one of them may say something else than what is stored, and what comes before it must be.
        for (event, known) in events.iter().skip(new).zip(known) {
            receipts.push(self.known_before(&signed(writer, event.borrow()), known)?.wait()?);
        }
        Ok(())
    }

    /// Gives those of the first events that are new their numbers.
    fn place<E: Borrow<Event>>(
        &self,
        writer: &Writer,
        events: &[E],
        ready: &[Ready],
    ) -> Result<Placed, AppendError> {
        let events = || events.iter().zip(ready).map(|(event, _)| event.borrow());
        let find = |view: &View| events().map(|event| Past::find(view, event)).collect::<Result<Vec<_>, _>>();
        // Locked until the log has given out numbers, so that two events of one id, or of one claim, can't both be new.
        let (mut in_flight, pasts) = self.lock_with_past(writer, find)?;
        let unknown = Past::default();
        let pasts = pasts.iter().chain(std::iter::repeat(&unknown));
        let mut verdicts =
            events().zip(pasts).map(|(event, past)| Verdict::of(event, past, &in_flight)).peekable();
        let mut new = Vec::new();
        while let Some(Verdict::New { replaced }) =
            verdicts.next_if(|verdict| matches!(verdict, Verdict::New { .. }))
        {
            new.push(replaced);
        }
        let known = verdicts.map_while(Verdict::known).collect();
        let ready = ready.get(..new.len()).unwrap_or_default();
        if ready.is_empty() {
            return Ok(Placed { batch: None, known });
        }
        let records: Vec<_> = ready.iter().map(|one| &one.record).collect();
        let batch = writer.log.submit_batch_prepared(&records, Durability::Durable)?;
        for (index, ((event, one), replaced)) in events().zip(ready).zip(new).enumerate() {
            let ticket = batch.ticket(index).expect("the batch has a record for each event");
            if let (Some(claim), Some(replaced)) = (Claim::of(event), replaced) {
                in_flight.claims.insert(claim, one.event_id, replaced, ticket.clone());
            }
            in_flight.insert(one.event_id, Entry { ticket, salt: one.salt });
        }
        Ok(Placed { batch: Some(batch), known })
    }
}

/// Encodes and hashes as many of the first events as go into one commit: up to one that repeats the id or the claim of
/// another, which is decided about once that one has its place.
fn ready_for_one_commit<E: Borrow<Event>>(writer: &Writer, events: &[E]) -> Result<Vec<Ready>, AppendError> {
    let (mut ready, mut ids, mut claims, mut bytes) = (Vec::new(), HashSet::new(), HashSet::new(), 0);
    for event in events.iter().map(Borrow::borrow) {
        let is_first_of_its_claim = Claim::of(event).is_none_or(|claim| claims.insert(claim.key()));
        if bytes >= COMMIT_BYTES_MAX || !ids.insert(event.event_id) || !is_first_of_its_claim {
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

/// The event as this process writes it down.
fn signed<'e>(writer: &Writer, event: &'e Event) -> Cow<'e, Event> {
    let mut event = Cow::Borrowed(event);
    if event.writer_instance.is_none() {
        event.to_mut().writer_instance = Some(writer.instance);
    }
    event
}

impl Ready {
    fn new(writer: &Writer, event: &Event) -> Result<(Self, usize), AppendError> {
        let event = signed(writer, event);
        names::check(&event)?;
        let salt = salt::next();
        let payload = codec::encode(&event, salt)?;
        let bytes = payload.len();
        let record = writer.log.prepare(payload)?;
        Ok((Self { event_id: event.event_id, salt, record }, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, QueryAudit, RunFinished, RunLog, RunStarted, RunStatus};

    /// Of each run a start, an entry of its log, an audit and its end.
    fn runs(count: usize) -> Vec<Event> {
        let run = |number: usize| {
            let entry = RunLog { sequence: 1, event_type: "x".to_owned(), payload: None, extra: Vec::new() };
            let said = [
                Body::RunStarted(RunStarted::default()),
                Body::RunLog(entry),
                Body::QueryAudit(QueryAudit::new()),
                Body::RunFinished(RunFinished::new(RunStatus::Completed)),
            ];
            said.map(|body| Event::new(body).with_run(format!("run-{number}")))
        };
        (0..count).flat_map(run).collect()
    }

    #[test]
    fn ends_of_runs_log_entries_and_audits_of_a_batch_share_one_commit() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("ledger")).unwrap();
        let commits = || ledger.core.writer.as_ref().unwrap().log.counters().commits;
        let (events, before) = (runs(250), commits());
        let receipts = ledger.append_batch(&events).unwrap();
        assert!(receipts.iter().all(|receipt| !receipt.duplicate));
        assert_eq!(commits() - before, 1);
        // Again they are all known, and nothing is committed.
        let again = ledger.append_batch(&events).unwrap();
        assert!(again.iter().zip(&receipts).all(|(again, first)| again.seq == first.seq && again.duplicate));
        assert_eq!(commits() - before, 1);
    }

    #[test]
    fn what_is_known_of_a_batch_costs_no_more_commits_than_there_are_gaps_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("ledger")).unwrap();
        let commits = || ledger.core.writer.as_ref().unwrap().log.counters().commits;
        let events = runs(10);
        ledger.append_batch(&events[10..20]).unwrap();
        let before = commits();
        let receipts = ledger.append_batch(&events).unwrap();
        assert_eq!(receipts.iter().filter(|receipt| receipt.duplicate).count(), 10);
        assert_eq!(commits() - before, 2, "before what is known and behind it");
    }
}
