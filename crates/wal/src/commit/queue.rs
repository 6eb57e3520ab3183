//! The commit that is being filled, behind a short lock.
//!
//! INVARIANT: while `leading` is set, exactly one thread is between taking a commit and settling it, and only that
//! thread clears it or passes it on. INVARIANT: the numbers given out are dense: when a commit fails without having
//! been written, what was filled behind it fails too, and the numbers start again where the failed one did.

use std::sync::Arc;
use std::time::Instant;

use crate::commit::batch::Batch;
use crate::commit::outcome::ParkedCaller;
use crate::error::AppendError;
use crate::fields::on_disk;
use crate::planted::{Bug, planted};
use crate::record::{RecordHeader, record_bytes};
use crate::seq::Seq;
use crate::storage::file::StorageError;
use crate::sync;

/// What a caller does when there is no room in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Waits until there is.
    Wait,
    /// Gives up.
    Refuse,
}

/// What callers and leaders share.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) filling: Batch,
    pub(crate) leading: bool,
    /// The log takes nothing more.
    pub(crate) closed: bool,
    /// The log takes nothing more, because this failed.
    pub(crate) poison: Option<StorageError>,
    /// A commit that is done, for its memory.
    recycled: Option<Batch>,
    pub(crate) bytes_max: u64,
    /// When the oldest record was placed that isn't durable yet.
    pub(crate) unsafe_since: Option<Instant>,
    pub(crate) flush: FlushPlan,
}

/// What the flusher has to do, and when.
#[derive(Debug, Default)]
pub(crate) struct FlushPlan {
    /// Something was placed or written that nobody waits for: it must be durable soon after this.
    pub(crate) at: Option<Instant>,
    /// So much was placed that nobody waits for that it should be written now, though it need not be synced yet.
    pub(crate) write_now: bool,
    /// The watermark was written and not synced, last at this time.
    pub(crate) watermark_written_at: Option<Instant>,
    /// Until when the flusher sleeps; `None` while it is at work.
    pub(crate) asleep: Option<Asleep>,
    pub(crate) stop: bool,
}

/// How a sleeping flusher wakes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asleep {
    UntilNotified,
    Until(Instant),
}

impl Queue {
    pub(crate) fn new(next_seq: Seq, bytes_max: u64) -> Queue {
        Queue {
            filling: Batch::starting_at(next_seq),
            leading: false,
            closed: false,
            poison: None,
            recycled: None,
            bytes_max,
            unsafe_since: None,
            flush: FlushPlan::default(),
        }
    }

    /// Why nothing more is taken, if so.
    pub(crate) fn refusal(&self) -> Option<AppendError> {
        match &self.poison {
            Some(error) => Some(AppendError::Poisoned(error.clone())),
            None if self.closed => Some(AppendError::Closed),
            None => None,
        }
    }

    /// Whether this much can be placed now. A batch that is larger than the whole queue goes alone.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        let filled = self.filling.total_bytes();
        self.filling.records == 0 || (filled + bytes <= self.bytes_max && self.filling.records < u32::MAX / 2)
    }

    /// Places records side by side and gives them their numbers; returns the first one's.
    pub(crate) fn place(&mut self, records: &[(RecordHeader, &[u8])]) -> Seq {
        let first = self.filling.end_seq();
        if self.filling.records == 0 {
            let now = sync::now();
            self.filling.since = Some(now);
            self.unsafe_since.get_or_insert(now);
        }
        for (header, payload) in records {
            self.filling.push(header, payload);
        }
        first
    }

    /// Takes the filled commit; the next one fills from here.
    pub(crate) fn take(&mut self) -> Batch {
        self.flush.write_now = false;
        let next_seq = self.filling.end_seq();
        let next = match self.recycled.take() {
            Some(done) => Batch::reusing(done, next_seq),
            None => Batch::starting_at(next_seq),
        };
        let taken = std::mem::replace(&mut self.filling, next);
        if planted(Bug::ShareOutcome) {
            self.filling.outcome = Arc::clone(&taken.outcome);
        }
        taken
    }

    /// Gives up what is being filled, and its numbers from `seq` on.
    pub(crate) fn restart_at(&mut self, seq: Seq) -> Batch {
        let seq = if planted(Bug::KeepNumbersOfRefusedCommit) { self.filling.end_seq() } else { seq };
        std::mem::replace(&mut self.filling, Batch::starting_at(seq))
    }

    /// Keeps a commit's memory for another.
    pub(crate) fn recycle(&mut self, done: Batch) {
        self.recycled = Some(done);
    }

    /// Who leads the commit that is being filled. If nobody can, the lead is free again.
    pub(crate) fn pass_lead(&mut self) -> Option<Arc<ParkedCaller>> {
        let next = if planted(Bug::KeepLead) { None } else { self.filling.outcome.take_leader() };
        self.leading = next.is_some();
        next
    }
}

/// The bytes that these records take.
pub(crate) fn records_bytes(records: &[(RecordHeader, &[u8])]) -> u64 {
    records.iter().map(|(header, _)| record_bytes(header.payload_bytes)).sum::<u64>()
        + on_disk(crate::frame::FRAME_BYTES)
}
