//! Leading: gathering a commit, taking it to the tail, settling it, and passing the lead on.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::commit::batch::Batch;
use crate::commit::flusher::unled_delay;
use crate::commit::outcome::{Outcome, ParkedCaller, Settled, Signal, Waiter};
use crate::commit::queue::{NoRoom, Queue, records_bytes};
use crate::durable_mark::Woken;
use crate::error::AppendError;
use crate::failure::Failure;
use crate::log::Log;
use crate::options::Durability;
use crate::planted::{Bug, planted};
use crate::record::RecordHeader;
use crate::seq::Seq;
use crate::storage::file::StorageError;
use crate::sync::atomic::Ordering;
use crate::sync::{self, MutexGuard, thread};
use crate::tail::{CommitFailure, Tail};

/// How long a leader waits at most for as many callers as the last commit had. Callers in a closed loop come back
/// within this; without the wait they fall apart into two half commits that take turns.
const GATHER_DELAY_MAX: Duration = Duration::from_micros(100);

impl Log {
    /// Places records as one part of one commit and waits until they have this durability.
    pub(crate) fn append(
        &self,
        records: &[(RecordHeader, &[u8])],
        durability: Durability,
        no_room: NoRoom,
    ) -> Result<(Seq, Durability), AppendError> {
        if planted(Bug::SplitBatch) && records.len() > 1 {
            let (front, back) = records.split_at(records.len() / 2);
            let (first, _) = self.append(front, Durability::Written, no_room)?;
            return self.append(back, durability, no_room).map(|(_, reached)| (first, reached));
        }
        let mut queue = self.enter(records_bytes(records), no_room)?;
        let first = queue.place(records);
        let reached = match durability {
            Durability::Buffered => {
                self.flush_within(&mut queue, self.sync_delay_max);
                self.write_early(&mut queue);
                Durability::Buffered
            }
            Durability::Written => self.settle_filling(queue)?,
            Durability::Durable => {
                queue.filling.sync = true;
                self.settle_filling(queue)?
            }
        };
        Ok((first, reached))
    }

    /// Places records without waiting for them.
    pub(crate) fn submit(
        &self,
        records: &[(RecordHeader, &[u8])],
        durability: Durability,
        no_room: NoRoom,
    ) -> Result<(Seq, Arc<Outcome>), AppendError> {
        let mut queue = self.enter(records_bytes(records), no_room)?;
        let first = queue.place(records);
        queue.filling.sync |= durability == Durability::Durable;
        let delay = match durability {
            Durability::Buffered => self.sync_delay_max,
            Durability::Written | Durability::Durable => unled_delay(&queue.filling),
        };
        self.flush_within(&mut queue, delay.min(self.sync_delay_max));
        self.write_early(&mut queue);
        Ok((first, Arc::clone(&queue.filling.outcome)))
    }

    /// Makes everything placed so far durable, and says how far that is.
    pub(crate) fn sync(&self) -> Result<Seq, AppendError> {
        let mut queue = self.queue.lock();
        if let Some(refusal) = queue.refusal() {
            return Err(refusal);
        }
        let end = queue.filling.end_seq();
        if self.durable.end() < end {
            queue.filling.sync = true;
            self.settle_filling(queue)?;
        }
        Ok(end)
    }

    /// Waits for a commit that records were submitted to.
    pub(crate) fn wait_for(&self, outcome: &Arc<Outcome>) -> Settled {
        if let Some(settled) = outcome.settled() {
            return settled;
        }
        let queue = self.queue.lock();
        if Arc::ptr_eq(&queue.filling.outcome, outcome) {
            return self.settle_filling(queue);
        }
        // It was taken: its leader settles it.
        drop(queue);
        let caller = ParkedCaller::current();
        match outcome.register(Waiter::Thread(Arc::clone(&caller))) {
            Some(settled) => settled,
            None => self.await_signal(&caller, outcome),
        }
    }

    /// Takes hold of the queue once there is room for this much, leading a commit if that is what makes room.
    fn enter(&self, bytes: u64, no_room: NoRoom) -> Result<MutexGuard<'_, Queue>, AppendError> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(refusal) = queue.refusal() {
                return Err(refusal);
            }
            if queue.has_room(bytes) {
                return Ok(queue);
            }
            if no_room == NoRoom::Refuse {
                // Nobody may be on the way to make room, if nobody waits for what fills the queue.
                self.flush_now(&mut queue);
                return Err(AppendError::QueueFull { bytes_max: queue.bytes_max });
            }
            if queue.leading {
                self.room.wait(&mut queue);
            } else {
                queue.leading = true;
                drop(queue);
                self.lead();
                queue = self.queue.lock();
            }
        }
    }

    /// Sees to it that the commit that is being filled gets settled: by leading it, or by waiting for who does.
    fn settle_filling(&self, mut queue: MutexGuard<'_, Queue>) -> Settled {
        let outcome = Arc::clone(&queue.filling.outcome);
        queue.filling.waiting += 1;
        self.filling_waiting.store(queue.filling.waiting, Ordering::Relaxed);
        if !queue.leading {
            queue.leading = true;
            drop(queue);
            return self.lead_own(&outcome);
        }
        let caller = ParkedCaller::current();
        // Only a leader settles, and it must take the commit first, for which it needs the queue.
        outcome.register(Waiter::Thread(Arc::clone(&caller)));
        drop(queue);
        self.await_signal(&caller, &outcome)
    }

    fn await_signal(&self, caller: &ParkedCaller, outcome: &Outcome) -> Settled {
        match caller.wait() {
            Signal::Settled => outcome.settled().expect("who is woken for a settled commit finds it so"),
            Signal::Lead => self.lead_own(outcome),
        }
    }

    fn lead_own(&self, outcome: &Outcome) -> Settled {
        self.lead();
        outcome.settled().expect("a leader settles the commit that it was in")
    }

    /// Leads one commit. The caller has set `leading`, or was passed the lead.
    pub(crate) fn lead(&self) {
        self.gather();
        let (mut batch, poison) = {
            let mut queue = self.queue.lock();
            self.filling_waiting.store(0, Ordering::Relaxed);
            (queue.take(), queue.poison.clone())
        };
        if !planted(Bug::ForgetRoom) {
            self.room.notify_all();
        }
        self.last_waiting.store(batch.waiting, Ordering::Relaxed);
        let (result, standing) = {
            let mut tail = self.tail.lock();
            let attempt = match poison {
                Some(error) => Ok(Err(CommitFailure::Refused(error))),
                // Somebody else's storage may panic; the others that wait for this commit must not wait for ever.
                None => catch_unwind(AssertUnwindSafe(|| tail.commit(&mut batch))),
            };
            self.upkeep.ask(tail.take_followup());
            (attempt, Standing::of(&tail))
        };
        match result {
            Ok(result) => self.settle(batch, result, standing),
            Err(panic) => {
                let error = StorageError::new("commit to", &self.directory, io::Error::other("panicked"));
                self.settle(batch, Err(CommitFailure::Unknown(error)), standing);
                resume_unwind(panic);
            }
        }
    }

    /// Gives callers that are on their way the time to join, if there were several of them last time.
    fn gather(&self) {
        let expected = self.last_waiting.load(Ordering::Relaxed);
        if expected <= 1 {
            return;
        }
        let deadline = sync::now() + GATHER_DELAY_MAX;
        while self.filling_waiting.load(Ordering::Relaxed) < expected && sync::now() < deadline {
            thread::yield_now();
        }
    }

    /// Tells everybody what a commit came to, and passes the lead on.
    fn settle(&self, batch: Batch, result: Result<(), CommitFailure>, standing: Standing) {
        self.counters.count(&batch, result.is_ok(), standing.syncs);
        let outcome = Arc::clone(&batch.outcome);
        let reached = if batch.sync { Durability::Durable } else { Durability::Written };
        let (mut settled, behind) = match result {
            Ok(()) => (Ok(reached), None),
            Err(failure) => {
                let (own, behind) = errors_of(failure);
                (Err(own), Some(behind))
            }
        };
        if planted(Bug::SettleBeforeDurableEnd) {
            outcome.settle(&settled);
        }
        let mut queue = self.queue.lock();
        // The background's sync of the watermark failed meanwhile, and nothing is acknowledged after a failed sync.
        if let (Ok(_), Some(error)) = (&settled, &queue.poison) {
            settled = Err(AppendError::OutcomeUnknown(error.clone()));
        }
        if let Err(AppendError::OutcomeUnknown(error)) = &settled
            && !planted(Bug::GoOnAfterFailedSync)
        {
            queue.poison.get_or_insert(error.clone());
        }
        // What was filled behind a failed commit has numbers that now go to others.
        let abandoned = behind.map(|error| (queue.restart_at(standing.written_end), error));
        let failures = Failure::of_commit(&batch, &settled, abandoned.as_ref(), standing.durable_end);
        self.counters.count_failures(&failures);
        queue.recycle(batch);
        // Whoever is told that a record is durable finds it so wherever it looks.
        let woken = if queue.poison.is_none() {
            Some(self.durable.advance(standing.durable_end))
        } else {
            self.durable.finish();
            None
        };
        if !standing.unsynced {
            queue.unsafe_since = queue.filling.since;
        }
        let next = queue.pass_lead();
        self.plan_flush(&mut queue, standing);
        drop(queue);
        // The next commit must not wait for the waking of this one's callers.
        match next {
            Some(next) => next.signal(Signal::Lead),
            None if planted(Bug::ForgetRoom) => {}
            None => {
                self.room.notify_all();
            }
        }
        outcome.settle(&settled);
        if let Some((abandoned, error)) = abandoned {
            abandoned.outcome.settle(&Err(error));
        }
        // Those who follow the log come after those who wait for their own records.
        woken.into_iter().for_each(Woken::wake);
        self.tell(&failures);
    }
}

/// What those are told whose commit failed, and those whose commit was being filled behind it.
fn errors_of(failure: CommitFailure) -> (AppendError, AppendError) {
    match failure {
        CommitFailure::NotWritten(error) if error.is_storage_full() => {
            (AppendError::StorageFull(error.clone()), AppendError::StorageFull(error))
        }
        CommitFailure::NotWritten(error) => {
            (AppendError::NotWritten(error.clone()), AppendError::NotWritten(error))
        }
        CommitFailure::Unknown(error) => {
            (AppendError::OutcomeUnknown(error.clone()), AppendError::Poisoned(error))
        }
        CommitFailure::Refused(error) => (AppendError::Poisoned(error.clone()), AppendError::Poisoned(error)),
    }
}

/// How the tail stands after a commit.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    durable_end: Seq,
    written_end: Seq,
    /// Whether something is written and not durable.
    pub(crate) unsynced: bool,
    pub(crate) unsynced_bytes: u64,
    syncs: u64,
}

impl Standing {
    fn of(tail: &Tail) -> Standing {
        let written_end = tail.written_end();
        let durable_end = if planted(Bug::ShowUnsynced) { written_end } else { tail.durable_end() };
        let (unsynced, unsynced_bytes) = (tail.has_unsynced(), tail.unsynced_bytes());
        Standing { durable_end, written_end, unsynced, unsynced_bytes, syncs: tail.syncs() }
    }
}
