//! Appending from the tasks of an async runtime.
//!
//! A task waits on a channel of its own, so no thread is blocked for it; the background leads its commit. Once placed,
//! a record belongs to the log whether or not anybody still waits: dropping the future neither loses nor doubles it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::commit::outcome::{Outcome, Settled, Waiter};
use crate::commit::queue::{Queue, records_bytes};
use crate::commit::ticket::{Receipt, Ticket};
use crate::error::AppendError;
use crate::log::Log;
use crate::options::Durability;
use crate::record::RecordHeader;
use crate::seq::Seq;
use crate::sync::atomic::Ordering;
use crate::wal::Wal;

/// What became of an attempt to place a record.
enum Placed {
    /// It is as durable as was asked for.
    Done(Seq),
    /// It has its place, and its commit will be heard of here.
    Waiting(Seq, oneshot::Receiver<Settled>),
    /// There was no room; there may be when this is heard of.
    Full(oneshot::Receiver<Settled>),
}

impl Log {
    fn place_for_task(
        &self,
        header: RecordHeader,
        payload: &[u8],
        durability: Durability,
    ) -> Result<Placed, AppendError> {
        let mut queue = self.queue.lock();
        if let Some(refusal) = queue.refusal() {
            return Err(refusal);
        }
        let records = [(header, payload)];
        if !queue.has_room(records_bytes(&records)) {
            return Ok(Placed::Full(self.listen(&mut queue)));
        }
        let seq = queue.place(&records);
        queue.filling.sync |= durability == Durability::Durable;
        if durability == Durability::Buffered {
            self.flush_within(&mut queue, self.sync_delay_max);
            self.write_early(&mut queue);
            return Ok(Placed::Done(seq));
        }
        queue.filling.waiting += 1;
        self.filling_waiting.store(queue.filling.waiting, Ordering::Relaxed);
        Ok(Placed::Waiting(seq, self.listen(&mut queue)))
    }

    /// Where the commit that is being filled will be heard of; it starts as soon as it can.
    fn listen(&self, queue: &mut Queue) -> oneshot::Receiver<Settled> {
        let (sender, receiver) = oneshot::channel();
        // Only a leader settles, and it must take the commit first, for which it needs the queue.
        queue.filling.outcome.register(Waiter::Task(sender));
        self.flush_now(queue);
        receiver
    }
}

impl Log {
    /// Waits for a commit as a task: the background leads it, if nobody does.
    async fn wait_for_as_task(&self, outcome: &Arc<Outcome>) -> Settled {
        let (sender, receiver) = oneshot::channel();
        {
            let mut queue = self.queue.lock();
            if let Some(settled) = outcome.register(Waiter::Task(sender)) {
                return settled;
            }
            if Arc::ptr_eq(&queue.filling.outcome, outcome) {
                queue.filling.waiting += 1;
                self.filling_waiting.store(queue.filling.waiting, Ordering::Relaxed);
                self.flush_now(&mut queue);
            }
            // Otherwise it was taken: its leader settles it.
        }
        receiver.await.unwrap_or(Err(AppendError::Closed))
    }
}

impl Ticket {
    /// As [`Ticket::wait`], without blocking the thread that polls.
    ///
    /// # Errors
    ///
    /// As [`Wal::append`].
    pub async fn wait_async(self) -> Result<Receipt, AppendError> {
        let durability = match self.asked {
            Durability::Buffered => Durability::Buffered,
            Durability::Written | Durability::Durable => self.log.wait_for_as_task(&self.outcome).await?,
        };
        Ok(Receipt { seq: self.seq, leaf: self.leaf, durability })
    }
}

impl Wal {
    /// As [`Wal::append`], without blocking the thread that polls. Hashing is done by that thread.
    ///
    /// # Durability
    ///
    /// Dropping the future before it was polled leaves no trace. Afterwards the record may be in the log, once, though
    /// nobody hears of it.
    ///
    /// # Errors
    ///
    /// As [`Wal::append`].
    pub async fn append_async(&self, payload: &[u8], durability: Durability) -> Result<Receipt, AppendError> {
        let header = self.header(payload)?;
        loop {
            match self.log.place_for_task(header, payload, durability)? {
                Placed::Done(seq) => return Ok(Receipt { seq, leaf: header.leaf, durability }),
                Placed::Waiting(seq, settled) => {
                    // Every commit is settled; a channel that closes first means that the log is gone.
                    let durability = settled.await.unwrap_or(Err(AppendError::Closed))?;
                    return Ok(Receipt { seq, leaf: header.leaf, durability });
                }
                Placed::Full(settled) => drop(settled.await),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::future::{Future as _, poll_fn};
    use std::task::Poll;

    use super::*;
    use crate::Options;
    use crate::testing::{payload, payloads, place, small};

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    async fn append(wal: Wal, number: u64) -> (u64, u64) {
        let receipt = wal.append_async(&payload(number), Durability::Durable).await.unwrap();
        (receipt.seq.get(), number)
    }

    #[test]
    fn many_tasks_on_one_thread_share_syncs_and_get_dense_numbers() {
        let (_directory, path) = place();
        let (wal, _) = Wal::open(&path, Options::new().create(true)).unwrap();
        let mut placed = BTreeMap::new();
        runtime().block_on(async {
            let tasks: Vec<_> = (0..256).map(|number| tokio::spawn(append(wal.clone(), number))).collect();
            for task in tasks {
                placed.extend([task.await.unwrap()]);
            }
        });
        assert!(placed.keys().copied().eq(0..256));
        assert_eq!(payloads(&wal.reader()), placed.values().copied().map(payload).collect::<Vec<_>>());
        assert!(wal.counters().syncs < 64, "{:?}", wal.counters());
    }

    #[test]
    fn tickets_are_waited_for_by_tasks_whether_their_commit_fills_is_under_way_or_done() {
        let (_directory, path) = place();
        let (wal, _) = Wal::open(&path, small()).unwrap();
        let mut all: Vec<_> =
            (0..600).map(|number| wal.submit(&payload(number), Durability::Durable).unwrap()).collect();
        // Another thread's append takes the commit that the tickets of now are in, while tasks begin to wait for them.
        let thread = std::thread::spawn({
            let wal = wal.clone();
            move || wal.append(&payload(600), Durability::Durable).unwrap()
        });
        let late = all.pop().unwrap();
        runtime().block_on(async {
            let tasks: Vec<_> = all.into_iter().map(|ticket| tokio::spawn(ticket.wait_async())).collect();
            for (number, task) in (0..).zip(tasks) {
                let receipt = task.await.unwrap().unwrap();
                assert_eq!((receipt.seq, receipt.durability), (Seq::new(number), Durability::Durable));
            }
            thread.join().unwrap();
            assert_eq!(late.wait_async().await.unwrap().seq, Seq::new(599));
            // Nobody but the task asks for this commit.
            let alone = wal.submit(&payload(601), Durability::Durable).unwrap();
            assert_eq!(alone.wait_async().await.unwrap().seq, Seq::new(601));
        });
        assert_eq!(wal.durable_end(), Seq::new(602));
    }

    #[test]
    fn a_dropped_future_neither_loses_nor_doubles_its_record() {
        let (_directory, path) = place();
        let (wal, _) = Wal::open(&path, small()).unwrap();
        runtime().block_on(async {
            // Polled once: the record has its place, and then nobody waits for it any more.
            let bytes = payload(0);
            let mut dropped = Box::pin(wal.append_async(&bytes, Durability::Durable));
            poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context).is_pending())).await;
            drop(dropped);
            drop(wal.append_async(b"never polled", Durability::Durable));
            let receipt = wal.append_async(&payload(1), Durability::Durable).await.unwrap();
            assert_eq!(receipt.seq, Seq::new(1));
        });
        assert_eq!(payloads(&wal.reader()), [payload(0), payload(1)]);
    }

    #[test]
    fn a_full_queue_makes_tasks_wait_and_loses_nothing() {
        let (_directory, path) = place();
        let options = small().segment_bytes(1 << 20).commit_queue_bytes_max(17 << 20);
        let (wal, _) = Wal::open(&path, options).unwrap();
        runtime().block_on(async {
            let append = |wal: Wal| async move {
                wal.append_async(&vec![7; 6 << 20], Durability::Durable).await.unwrap().seq.get()
            };
            let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(append(wal.clone()))).collect();
            let mut seqs = Vec::new();
            for task in tasks {
                seqs.push(task.await.unwrap());
            }
            seqs.sort_unstable();
            assert!(seqs.into_iter().eq(0..10));
        });
    }
}
