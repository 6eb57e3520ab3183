//! An open log, as its handles, tickets and background threads share it.
//!
//! Lock order: `queue` before `tail` is never needed, and neither is held while waiting for the other: who leads
//! holds `tail` alone, who places holds `queue` alone.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::commit::queue::Queue;
use crate::compress::CompressQueue;
use crate::counters::LiveCounters;
use crate::durable_mark::DurableMark;
use crate::error::{AppendError, CloseError, OpenError};
use crate::failure::{Failure, FailureListener};
use crate::leaf::LeafFunction;
use crate::lock::WriterLock;
use crate::options::{Background, Options};
use crate::planted::{Bug, planted};
use crate::seq::LedgerId;
use crate::spare::SpareShelf;
use crate::storage::Storage;
use crate::storage::file::StorageError;
use crate::sync::atomic::AtomicU32;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{self, Condvar, Mutex};
use crate::tail::{Tail, TailStart};
use crate::upkeep::Upkeep;

/// An open log.
pub(crate) struct Log {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) directory: PathBuf,
    pub(crate) ledger_id: LedgerId,
    pub(crate) leaf_function: Arc<dyn LeafFunction>,
    pub(crate) sync_delay_max: Duration,
    pub(crate) queue: Mutex<Queue>,
    /// Notified when there may be room in the queue, and when nobody leads any more.
    pub(crate) room: Condvar,
    pub(crate) flusher_wake: Condvar,
    /// How many callers wait in the commit that is being filled; a copy, for the leader that gathers.
    pub(crate) filling_waiting: AtomicU32,
    /// How many callers waited in the last commit.
    pub(crate) last_waiting: AtomicU32,
    pub(crate) tail: Mutex<Tail>,
    pub(crate) durable: Arc<DurableMark>,
    pub(crate) shelf: Arc<SpareShelf>,
    pub(crate) upkeep: Upkeep,
    pub(crate) compress_after: Option<Duration>,
    pub(crate) compress_queue: CompressQueue,
    pub(crate) counters: LiveCounters,
    pub(crate) on_failure: Option<FailureListener>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held by who does the background's work in its place.
    tending: Mutex<()>,
    /// What closing came to. Held by who closes, so that others who close hear of it too.
    closed_with: Mutex<Option<Result<(), CloseError>>>,
    lock: Mutex<Option<WriterLock>>,
}

impl Log {
    /// Starts a log at the point that opening found.
    pub(crate) fn start(
        options: &Options,
        directory: PathBuf,
        lock: WriterLock,
        start: TailStart,
    ) -> Result<Arc<Log>, OpenError> {
        let last = *start.watermark.last();
        let settled = start.watermark.is_settled();
        let mut queue = Queue::new(last.seq, options.commit_queue_bytes_max);
        queue.flush.watermark_written_at = (!settled).then(sync::now);
        let shelf = Arc::new(SpareShelf::new(Arc::clone(&options.storage), &directory));
        let log = Arc::new(Log {
            storage: Arc::clone(&options.storage),
            directory: directory.clone(),
            ledger_id: last.ledger_id,
            leaf_function: Arc::clone(&options.leaf_function),
            sync_delay_max: options.sync_delay_max,
            queue: Mutex::new(queue),
            room: Condvar::new(),
            flusher_wake: Condvar::new(),
            filling_waiting: AtomicU32::new(0),
            last_waiting: AtomicU32::new(0),
            durable: Arc::new(DurableMark::new(last.seq)),
            tail: Mutex::new(Tail::new(options, directory, Arc::clone(&shelf), start)),
            shelf,
            upkeep: Upkeep::default(),
            compress_after: options.compress_after,
            compress_queue: CompressQueue::default(),
            counters: LiveCounters::default(),
            on_failure: options.on_failure.clone(),
            threads: Mutex::default(),
            tending: Mutex::default(),
            closed_with: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        });
        if options.background == Background::Caller {
            return Ok(log);
        }
        log.spawn("runledger-flush", Log::run_flusher)?;
        let mut spawned = log.spawn("runledger-upkeep", Log::run_upkeep);
        if log.compress_after.is_some() {
            spawned = spawned.and_then(|()| log.spawn("runledger-compress", Log::run_compressing));
        }
        if let Err(error) = spawned {
            log.stop_threads();
            return Err(error);
        }
        Ok(log)
    }

    /// Does one thing that the background would do. Returns whether there was one.
    pub(crate) fn tend(&self) -> bool {
        // Whoever closes the log waits for this: afterwards it may be somebody else's.
        let _tending = self.tending.lock();
        let stopped = self.queue.lock().flush.stop;
        !stopped && (self.do_flush() || self.do_upkeep() || self.do_compress())
    }

    fn spawn(self: &Arc<Log>, name: &str, run: fn(&Log)) -> Result<(), OpenError> {
        let log = Arc::clone(self);
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || run(&log));
        match spawned {
            Ok(thread) => self.threads.lock().push(thread),
            Err(error) => return Err(StorageError::new("start a thread for", &self.directory, error).into()),
        }
        Ok(())
    }

    /// Refuses everything from now on: nobody knows what is on the medium.
    pub(crate) fn poison(&self, error: StorageError) {
        {
            let mut queue = self.queue.lock();
            if queue.poison.is_some() {
                return;
            }
            queue.poison = Some(error.clone());
            // What is being filled is refused now rather than when somebody asks.
            self.flush_within(&mut queue, Duration::ZERO);
        }
        self.durable.finish();
        let failures = {
            let tail = self.tail.lock();
            let (first_seq, end) = (tail.durable_end(), tail.written_end());
            let error = AppendError::OutcomeUnknown(error);
            [Failure::Records { first_seq, records: end.since(first_seq), error }]
        };
        self.counters.count_failures(&failures);
        self.tell(&failures);
    }

    /// Makes everything durable, records the good end, and gives the log up. Later calls say what the first came to.
    pub(crate) fn close(&self) -> Result<(), CloseError> {
        let mut closed_with = self.closed_with.lock();
        closed_with.get_or_insert_with(|| self.close_now()).clone()
    }

    /// Whether somebody has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed_with.lock().is_some()
    }

    fn close_now(&self) -> Result<(), CloseError> {
        let last_commit = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            // Whoever leads now ends in a moment; whoever was passed the lead, too.
            while queue.leading && !planted(Bug::CloseBesideLeader) {
                self.room.wait(&mut queue);
            }
            queue.leading = true;
            queue.filling.sync = !planted(Bug::CleanMarkBeforeSync);
            Arc::clone(&queue.filling.outcome)
        };
        self.lead();
        self.stop_threads();
        let _tending = self.tending.lock();
        // What no thread did: sealing, as the threads would have before they ended.
        while self.do_upkeep() {}
        let finished = self.finish();
        self.durable.finish();
        *self.lock.lock() = None;
        match last_commit.settled() {
            Some(Err(error)) => Err(error.into()),
            _ => finished,
        }
    }

    /// Gives the log up as the death of its process would: nothing more is written.
    #[cfg(test)]
    pub(crate) fn abandon(&self) {
        *self.closed_with.lock() = Some(Ok(()));
        {
            let mut queue = self.queue.lock();
            queue.closed = true;
            while queue.leading {
                self.room.wait(&mut queue);
            }
        }
        self.stop_threads();
        *self.lock.lock() = None;
    }

    fn finish(&self) -> Result<(), CloseError> {
        let refusal = self.queue.lock().poison.clone();
        if let Some(error) = refusal {
            return Err(AppendError::OutcomeUnknown(error).into());
        }
        let mut tail = self.tail.lock();
        if tail.has_unsynced() && !planted(Bug::CleanMarkBeforeSync) {
            // The last commit couldn't be written for lack of space; what was written before it still can be synced.
            tail.sync()?;
        }
        if let Some(error) = self.upkeep.doubt() {
            // Opening seals a log again that wasn't closed in good order, and only that.
            return Err(error.into());
        }
        Ok(tail.mark_clean()?)
    }

    fn stop_threads(&self) {
        self.queue.lock().flush.stop = true;
        self.flusher_wake.notify_all();
        self.upkeep.stop();
        self.compress_queue.stop();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            // A thread that panicked has said so; closing goes on.
            let _ = thread.join();
        }
    }
}
