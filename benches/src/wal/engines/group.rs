//! Group commit as simply as it can be done: threads and tasks hand ready records to one thread, which makes a batch of
//! them durable and then wakes each waiter by itself.
//!
//! Reference W is this over a bare file; engines that have no group commit of their own get it in front of them. Before
//! the thread takes a batch, it gathers for at most 100 µs, until as many records are there as last time: without that,
//! the first to return from a batch would pay for a sync of its own.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::sync::oneshot;

use crate::wal::engine::{Appending, Log, Numbered};

/// How long the thread waits at most for a batch as large as the last one.
const GATHER: Duration = Duration::from_micros(100);

/// What makes a batch durable.
pub(crate) trait Sink: Send + 'static {
    /// Makes these records durable, by one sync. The first has the number `first`.
    fn commit(&mut self, first: u64, records: &Records) -> Result<()>;
}

/// Records, one after another.
#[derive(Default)]
pub(crate) struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Records {
    /// All of them as one piece.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One by one.
    #[cfg(any(test, feature = "peers"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut begin = 0;
        self.ends.iter().filter_map(move |&end| self.bytes.get(mem::replace(&mut begin, end)..end))
    }

    fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// The committing thread, and the desk before it.
pub(crate) struct Group<S> {
    desk: Arc<Desk>,
    /// Gives the sink back when it ends. Taken once, to join it.
    committer: Option<JoinHandle<Result<S>>>,
}

/// Where records are handed over.
#[derive(Default)]
struct Desk {
    queue: Mutex<Queue>,
    /// Wakes the committing thread.
    filled: Condvar,
    commits: AtomicU64,
}

#[derive(Default)]
struct Queue {
    records: Records,
    waiters: Vec<Waiter>,
    /// Number of the next record.
    next: u64,
    /// With how many waiters the committing thread wants to be woken.
    wanted: usize,
    over: bool,
}

enum Waiter {
    Thread(Arc<Parked>),
    Task(oneshot::Sender<bool>),
}

struct Parked {
    thread: Thread,
    woken: AtomicBool,
    durable: AtomicBool,
}

impl Waiter {
    fn wake(self, durable: bool) {
        match self {
            Self::Thread(parked) => {
                parked.durable.store(durable, Ordering::Relaxed);
                parked.woken.store(true, Ordering::Release);
                parked.thread.unpark();
            }
            // A task that was dropped waits for nothing.
            Self::Task(sender) => drop(sender.send(durable)),
        }
    }
}

impl Parked {
    /// Whether the records became durable.
    fn wait(&self) -> bool {
        while !self.woken.load(Ordering::Acquire) {
            thread::park();
        }
        self.durable.load(Ordering::Relaxed)
    }
}

impl<S: Sink> Group<S> {
    /// Starts the thread. The first record gets the number `next`.
    pub(crate) fn start(sink: S, next: u64) -> Result<Self> {
        let desk =
            Arc::new(Desk { queue: Mutex::new(Queue { next, ..Queue::default() }), ..Desk::default() });
        let committer = thread::Builder::new().name("committer".to_owned()).spawn({
            let desk = Arc::clone(&desk);
            move || commit_batches(&desk, sink)
        });
        Ok(Self { desk, committer: Some(committer.context("start the committing thread")?) })
    }

    /// Hands records over and waits until they are durable. Returns the number of the first.
    pub(crate) fn hand_in(&self, records: &[&[u8]]) -> Result<u64> {
        let parked = Arc::new(Parked {
            thread: thread::current(),
            woken: AtomicBool::new(false),
            durable: AtomicBool::new(false),
        });
        let number = self.desk.hand_over(records, Waiter::Thread(Arc::clone(&parked)))?;
        ensure!(parked.wait(), "record {number} did not become durable");
        Ok(number)
    }

    /// The same for a task.
    pub(crate) async fn hand_in_async(&self, record: &[u8]) -> Result<u64> {
        let (sender, receiver) = oneshot::channel();
        let number = self.desk.hand_over(&[record], Waiter::Task(sender))?;
        ensure!(receiver.await.unwrap_or(false), "record {number} did not become durable");
        Ok(number)
    }

    /// Ends the thread once everything is committed, and gives the sink back.
    pub(crate) fn end(mut self) -> Result<S> {
        self.desk.end();
        let committer = self.committer.take().context("the log is closed twice")?;
        committer.join().map_err(|_| anyhow!("the committing thread panicked"))?
    }
}

/// Records that go to the sink as they are.
impl<S: Sink> Log for Group<S> {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        self.hand_in(&[payload])
    }

    fn append_async<'a>(&'a self, payload: &'a [u8]) -> Appending<'a> {
        Box::pin(self.hand_in_async(payload))
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        self.hand_in(payloads)?;
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        Some(self.desk.commits.load(Ordering::Relaxed))
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        self.end()?;
        Ok(Vec::new())
    }
}

impl<S> Drop for Group<S> {
    fn drop(&mut self) {
        self.desk.end();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nobody panics with the lock held, and the queue is whole at every step.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts records into the queue and returns the first one's number.
    fn hand_over(&self, records: &[&[u8]], waiter: Waiter) -> Result<u64> {
        let mut queue = self.lock();
        ensure!(!queue.over, "the committing thread has ended");
        let number = queue.next;
        queue.next += records.len() as u64;
        for record in records {
            queue.records.push(record);
        }
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
        batch.first = queue.next - queue.records.ends.len() as u64;
        // The emptied buffers of the last batch become the next queue's: no allocation in the steady state.
        mem::swap(&mut queue.records, &mut batch.records);
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
    records: Records,
    waiters: Vec<Waiter>,
}

/// The committing thread: batch after batch until the log is closed or the sink fails.
fn commit_batches<S: Sink>(desk: &Desk, mut sink: S) -> Result<S> {
    let mut batch = Batch::default();
    let mut expected = 1;
    while desk.take_batch(expected, &mut batch) {
        let outcome = sink.commit(batch.first, &batch.records);
        desk.commits.fetch_add(1, Ordering::Relaxed);
        if outcome.is_err() {
            desk.end();
            batch.waiters.append(&mut desk.lock().waiters);
        }
        expected = batch.waiters.len();
        batch.records.clear();
        batch.waiters.drain(..).for_each(|waiter| waiter.wake(outcome.is_ok()));
        outcome?;
    }
    Ok(sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps batches in memory, and fails at the one with this number.
    struct Kept {
        batches: Vec<Vec<Vec<u8>>>,
        fails_at: Option<usize>,
    }

    impl Sink for Kept {
        fn commit(&mut self, first: u64, records: &Records) -> Result<()> {
            assert_eq!(first, self.batches.iter().map(|batch| batch.len() as u64).sum::<u64>());
            ensure!(self.fails_at != Some(self.batches.len()), "planned");
            self.batches.push(records.iter().map(<[u8]>::to_vec).collect());
            Ok(())
        }
    }

    #[test]
    fn every_record_has_the_number_of_its_place() {
        const THREADS: u8 = 8;
        let group = Group::start(Kept { batches: Vec::new(), fails_at: None }, 0).unwrap();
        let numbers = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (group, numbers) = (&group, &numbers);
                scope.spawn(move || {
                    for index in 0..50 {
                        let number = group.append(&[thread, index]).unwrap();
                        numbers.lock().unwrap().push((number, vec![thread, index]));
                    }
                });
            }
        });
        assert!(group.syncs() <= Some(50 * u64::from(THREADS)));
        let kept: Vec<_> = (0..).zip(group.end().unwrap().batches.concat()).collect();
        let mut numbers = numbers.into_inner().unwrap();
        numbers.sort();
        assert_eq!(numbers, kept);
    }

    #[test]
    fn a_failing_sink_fails_its_batch_and_everything_after() {
        let group = Group::start(Kept { batches: Vec::new(), fails_at: Some(1) }, 0).unwrap();
        assert_eq!(group.hand_in(&[b"first", b"second"]).unwrap(), 0);
        assert!(group.append(b"third").is_err());
        assert!(group.append(b"fourth").is_err());
        assert!(group.end().is_err());
    }
}
