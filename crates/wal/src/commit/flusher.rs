//! The background thread that makes durable what nobody waits for, within a bound, and the watermark at idle.
//!
//! It is one more caller that may lead. It sleeps until the time that the [`FlushPlan`](crate::commit::queue::FlushPlan)
//! says, and is notified only when that moves closer.

use std::time::{Duration, Instant};

use crate::commit::batch::Batch;
use crate::commit::leader::Standing;
use crate::commit::queue::{Asleep, Queue};
use crate::log::Log;
use crate::planted::{Bug, planted};
use crate::sync;

/// How soon a commit that somebody will wait for starts without them.
const UNLED_DELAY_MAX: Duration = Duration::from_millis(1);

/// From this size on such a commit starts at once: whoever fills it has more to do meanwhile than to hand it over.
const UNLED_BYTES_MIN: u64 = 64 << 10;

/// After what time without a commit the watermark is synced, so that even a power cut leaves it exact.
const IDLE_DELAY: Duration = Duration::from_millis(250);

/// How much is placed that nobody waits for before it is written. Little enough that it is still in the processor's caches
/// then, and that the disk is at work while more is placed. The commit model's programs are small.
const EARLY_WRITE_BYTES: u64 = if cfg!(feature = "shuttle") { 256 } else { 1 << 20 };

/// How much is written before it is synced although nobody waits: as much as a disk takes in a few milliseconds. A stream
/// is then never held up for long by the sync of what was written before.
const EARLY_SYNC_BYTES: u64 = 8 << 20;

/// How soon a commit starts, as it is, if somebody will wait for it and doesn't yet.
pub(crate) fn unled_delay(batch: &Batch) -> Duration {
    if batch.total_bytes() < UNLED_BYTES_MIN { UNLED_DELAY_MAX } else { Duration::ZERO }
}

impl Log {
    /// Sees to it that what was placed becomes durable within this time.
    pub(crate) fn flush_within(&self, queue: &mut Queue, delay: Duration) {
        // Before the clock is read: in a stream of appends the plan is made already.
        if queue.flush.at.is_some() && delay >= self.sync_delay_max {
            return;
        }
        let at = sync::now() + delay;
        if queue.flush.at.is_none_or(|planned| at < planned) {
            queue.flush.at = Some(at);
            self.nudge_flusher(queue, at);
        }
    }

    /// Sees to it that the commit that is being filled starts now, without any of its callers.
    pub(crate) fn flush_now(&self, queue: &mut Queue) {
        if !queue.leading {
            self.flush_within(queue, Duration::ZERO);
        }
    }

    /// Sees to it that a stream of records that nobody waits for is written piece by piece, rather than all of it when it
    /// has to be durable or when the queue is full.
    pub(crate) fn write_early(&self, queue: &mut Queue) {
        if !queue.leading && !queue.flush.write_now && queue.filling.total_bytes() >= EARLY_WRITE_BYTES {
            queue.flush.write_now = true;
            self.nudge_flusher(queue, sync::now());
        }
    }

    /// After a commit: what is left to be done without anybody waiting for it.
    pub(crate) fn plan_flush(&self, queue: &mut Queue, standing: Standing) {
        let now = sync::now();
        queue.flush.watermark_written_at = Some(now);
        let filling = &queue.filling;
        let idle = filling.records == 0 && !filling.sync;
        queue.flush.at = match queue.flush.at {
            // Tasks can't lead.
            _ if !queue.leading && filling.outcome.has_waiters() => Some(now),
            _ if standing.unsynced_bytes >= EARLY_SYNC_BYTES && queue.poison.is_none() => Some(now),
            planned if standing.unsynced && queue.poison.is_none() => {
                Some(planned.unwrap_or(now + self.sync_delay_max))
            }
            _ if idle => None,
            _ if filling.sync => Some(now + unled_delay(filling).min(self.sync_delay_max)),
            _ => Some(now + self.sync_delay_max),
        };
        self.nudge_flusher(queue, queue.flush.at.unwrap_or(now + IDLE_DELAY));
        self.write_early(queue);
    }

    fn nudge_flusher(&self, queue: &mut Queue, at: Instant) {
        let sleeps_too_long = match queue.flush.asleep {
            None => false,
            Some(Asleep::UntilNotified) => true,
            Some(Asleep::Until(wakes_at)) => at < wakes_at,
        };
        if sleeps_too_long {
            queue.flush.asleep = None;
            self.flusher_wake.notify_one();
        }
    }

    /// The flusher's life.
    pub(crate) fn run_flusher(&self) {
        let mut queue = self.queue.lock();
        while !queue.flush.stop {
            let now = sync::now();
            let can_lead = (!queue.leading || planted(Bug::TwoLeaders)) && !queue.closed;
            let sync = queue.flush.at.is_some_and(|at| at <= now);
            if can_lead && (sync || queue.flush.write_now) {
                queue.flush.at = queue.flush.at.filter(|_| !sync);
                queue.filling.sync |= sync;
                queue.leading = true;
                drop(queue);
                self.lead();
                queue = self.queue.lock();
                continue;
            }
            let idle_at = queue.flush.watermark_written_at.map(|written_at| written_at + IDLE_DELAY);
            if idle_at.is_some_and(|at| at <= now) {
                queue.flush.watermark_written_at = None;
                drop(queue);
                self.sync_watermark();
                queue = self.queue.lock();
                continue;
            }
            // While somebody leads, or nothing is taken any more, only the end of that changes what to do.
            let wake_at = [queue.flush.at.filter(|_| can_lead), idle_at].into_iter().flatten().min();
            queue.flush.asleep = Some(wake_at.map_or(Asleep::UntilNotified, Asleep::Until));
            match wake_at {
                None => self.flusher_wake.wait(&mut queue),
                Some(at) => drop(self.flusher_wake.wait_until(&mut queue, at)),
            }
            queue.flush.asleep = None;
        }
    }

    /// Does one thing that the flusher would do in time, now. Returns whether there was one.
    pub(crate) fn do_flush(&self) -> bool {
        let mut queue = self.queue.lock();
        let can_lead = !queue.leading && !queue.closed;
        if can_lead && queue.flush.at.take().is_some() {
            queue.filling.sync = true;
            queue.leading = true;
            drop(queue);
            self.lead();
            return true;
        }
        if queue.flush.watermark_written_at.take().is_some() {
            drop(queue);
            self.sync_watermark();
            return true;
        }
        false
    }

    /// Syncs the watermark without holding up the next commit. A failed sync here is as final as any other.
    pub(crate) fn sync_watermark(&self) {
        let (file, update) = {
            let mut tail = self.tail.lock();
            let watermark = tail.watermark();
            (watermark.file().clone(), watermark.last().update)
        };
        match file.sync() {
            Ok(()) => self.tail.lock().watermark().note_synced(update),
            Err(error) => self.poison(error),
        }
    }
}
