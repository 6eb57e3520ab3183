//! Reference W: many threads hand ready records to one thread, which writes each batch with one `pwrite` and one
//! `fdatasync`, and then wakes each waiter by itself.
//!
//! Before it writes, it gathers for at most 100 µs, until as many records are there as last time: without that, the
//! first thread to return from a batch would pay for a sync of its own. Like the other reference it does the least
//! work possible, so its rate is what group commit costs on this disk before a log does anything useful.

use std::mem;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::engine::{Engine, Log};
use crate::engines::slot_file::{SlotFile, slot_of};

/// How long the writing thread waits at most for a batch as large as the last one.
const GATHER: Duration = Duration::from_micros(100);

/// The reference for several writers.
pub(crate) struct ReferenceBatched;

impl Engine for ReferenceBatched {
    fn name(&self) -> &'static str {
        "reference W"
    }

    fn create(&self, directory: &Path) -> Result<Box<dyn Log>> {
        let desk = Arc::new(Desk::default());
        let file = SlotFile::create(directory)?;
        let writer = thread::Builder::new().name("reference-writer".to_owned()).spawn({
            let desk = Arc::clone(&desk);
            move || write_batches(&desk, file)
        });
        Ok(Box::new(BatchedLog { desk, writer: Some(writer.context("start the writing thread")?) }))
    }
}

struct BatchedLog {
    desk: Arc<Desk>,
    /// Gives the file back when it ends. Taken once, to join it.
    writer: Option<JoinHandle<Result<SlotFile>>>,
}

/// Where records are handed over.
#[derive(Default)]
struct Desk {
    queue: Mutex<Queue>,
    /// Wakes the writing thread.
    filled: Condvar,
    syncs: AtomicU64,
}

#[derive(Default)]
struct Queue {
    slots: Vec<u8>,
    waiters: Vec<Arc<Waiter>>,
    /// Number of the next record.
    next: u64,
    /// With how many records the writing thread wants to be woken.
    wanted: usize,
    over: bool,
}

struct Waiter {
    thread: Thread,
    woken: AtomicBool,
    durable: AtomicBool,
}

impl Waiter {
    fn wake(&self, durable: bool) {
        self.durable.store(durable, Ordering::Relaxed);
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Whether the record became durable.
    fn wait(&self) -> bool {
        while !self.woken.load(Ordering::Acquire) {
            thread::park();
        }
        self.durable.load(Ordering::Relaxed)
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nobody panics with the lock held, and the queue is whole at every step.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a record into the queue and returns its number.
    fn hand_over(&self, payload: &[u8], waiter: Arc<Waiter>) -> Result<u64> {
        let slot = slot_of(payload);
        let mut queue = self.lock();
        ensure!(!queue.over, "the writing thread has ended");
        let number = queue.next;
        queue.next += 1;
        queue.slots.extend_from_slice(&slot);
        queue.waiters.push(waiter);
        let enough = queue.waiters.len() == queue.wanted;
        drop(queue);
        if enough {
            self.filled.notify_one();
        }
        Ok(number)
    }

    /// Waits for records and takes them, at most `GATHER` after the first until there are `expected`. Nothing when no
    /// more will come.
    fn take_batch(&self, expected: usize, batch: &mut Batch) -> bool {
        let mut queue = self.lock();
        queue.wanted = 1;
        while queue.waiters.is_empty() && !queue.over {
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.wanted = expected;
        let deadline = Instant::now() + GATHER;
        while queue.waiters.len() < expected && !queue.over {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                break;
            };
            queue = self.filled.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        batch.first = queue.next - queue.waiters.len() as u64;
        // The emptied buffers of the last batch become the next queue's: no allocation in the steady state.
        mem::swap(&mut queue.slots, &mut batch.slots);
        mem::swap(&mut queue.waiters, &mut batch.waiters);
        !batch.waiters.is_empty()
    }

    fn end(&self) {
        self.lock().over = true;
        self.filled.notify_one();
    }
}

#[derive(Default)]
struct Batch {
    first: u64,
    slots: Vec<u8>,
    waiters: Vec<Arc<Waiter>>,
}

/// The writing thread: batch after batch until the log is closed or the disk fails.
fn write_batches(desk: &Desk, file: SlotFile) -> Result<SlotFile> {
    let mut batch = Batch::default();
    let mut expected = 1;
    while desk.take_batch(expected, &mut batch) {
        let outcome = file.write_durably(batch.first, &batch.slots);
        desk.syncs.fetch_add(1, Ordering::Relaxed);
        if outcome.is_err() {
            desk.end();
            batch.waiters.append(&mut desk.lock().waiters);
        }
        expected = batch.waiters.len();
        batch.slots.clear();
        batch.waiters.drain(..).for_each(|waiter| waiter.wake(outcome.is_ok()));
        outcome?;
    }
    Ok(file)
}

impl Log for BatchedLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        let waiter = Arc::new(Waiter {
            thread: thread::current(),
            woken: AtomicBool::new(false),
            durable: AtomicBool::new(false),
        });
        let number = self.desk.hand_over(payload, Arc::clone(&waiter))?;
        ensure!(waiter.wait(), "record {number} did not become durable");
        Ok(number)
    }

    fn syncs(&self) -> u64 {
        self.desk.syncs.load(Ordering::Relaxed)
    }

    fn read_back(mut self: Box<Self>, visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        self.desk.end();
        let writer = self.writer.take().context("the log is closed twice")?;
        let file = writer.join().map_err(|_| anyhow::anyhow!("the writing thread panicked"))??;
        let count = self.desk.lock().next;
        file.read_back(count, visit)
    }
}

impl Drop for BatchedLog {
    fn drop(&mut self) {
        self.desk.end();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn records_of_many_threads_share_syncs_and_are_read_back_in_order() {
        const WRITERS: u64 = 16;
        const RECORDS_PER_WRITER: u64 = 50;
        let directory = tempfile::tempdir().unwrap();
        let log = ReferenceBatched.create(directory.path()).unwrap();
        let expected = Mutex::new(BTreeMap::new());
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (log, expected) = (&log, &expected);
                scope.spawn(move || {
                    for index in 0..RECORDS_PER_WRITER {
                        let payload = crate::payload::payload(writer, index);
                        let number = log.append(&payload).unwrap();
                        expected.lock().unwrap().insert(number, payload.to_vec());
                    }
                });
            }
        });
        assert!(log.syncs() < WRITERS * RECORDS_PER_WRITER, "{} syncs", log.syncs());
        let mut found = BTreeMap::new();
        log.read_back(&mut |number, payload| {
            found.insert(number, payload.to_vec());
            Ok(())
        })
        .unwrap();
        assert_eq!(found.len() as u64, WRITERS * RECORDS_PER_WRITER);
        assert_eq!(found, expected.into_inner().unwrap());
    }
}
