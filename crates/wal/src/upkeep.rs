//! What happens in the background: sealing segments that are full and making the next spare ready.
//!
//! Nothing that it does is needed for a record to be durable, and whatever it leaves undone is done at the next open.
//!
//! INVARIANT: segments are sealed in order, and one that couldn't be sealed holds up those behind it until more is asked
//! for. So opening finds all that lack a footer by looking back from the end.

use std::collections::VecDeque;

use crate::log::Log;
use crate::segment::seal::{SealError, seal};
use crate::storage::file::StorageError;
use crate::sync::{Condvar, Mutex};
use crate::tail::{Followup, Sealable};

/// What is to be done.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    tasks: Mutex<Tasks>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Tasks {
    sealable: VecDeque<Sealable>,
    /// Sealing failed, so: it is tried again when more is asked for.
    failure: Option<StorageError>,
    spare_bytes: Option<u64>,
    stop: bool,
}

#[derive(Clone, Copy)]
enum Task {
    Seal(Sealable),
    PrepareSpare(u64),
}

impl Upkeep {
    /// Adds what a commit led to.
    pub(crate) fn ask(&self, followup: Followup) {
        if followup.sealable.is_none() && followup.spare_bytes.is_none() {
            return;
        }
        let mut tasks = self.tasks.lock();
        tasks.failure = None;
        tasks.sealable.extend(followup.sealable);
        tasks.spare_bytes = followup.spare_bytes.or(tasks.spare_bytes);
        self.wake.notify_one();
    }

    /// Lets the thread end once it has sealed what is to be sealed.
    pub(crate) fn stop(&self) {
        let mut tasks = self.tasks.lock();
        (tasks.stop, tasks.failure) = (true, None);
        self.wake.notify_one();
    }

    /// This couldn't be sealed, and nothing behind it is until more is asked for.
    fn hold(&self, sealable: Sealable, failure: StorageError) {
        let mut tasks = self.tasks.lock();
        let again = sealable.again || is_doubtful(&failure);
        tasks.sealable.push_front(Sealable { again, ..sealable });
        tasks.failure = Some(failure);
    }

    /// Why a footer may be in the page cache and not on the medium, if one may.
    pub(crate) fn doubt(&self) -> Option<StorageError> {
        self.tasks.lock().failure.clone().filter(is_doubtful)
    }

    /// Waits for something to do. `None` when there will be nothing more.
    fn next(&self) -> Option<Task> {
        let mut tasks = self.tasks.lock();
        loop {
            match tasks.take() {
                None if !tasks.stop => self.wake.wait(&mut tasks),
                task => return task,
            }
        }
    }

    /// What is to be done now, if anything.
    fn try_next(&self) -> Option<Task> {
        self.tasks.lock().take()
    }
}

/// Whether more may seem to be there, after this failure, than is on the medium.
fn is_doubtful(failure: &StorageError) -> bool {
    failure.operation() == "sync"
}

impl Tasks {
    fn take(&mut self) -> Option<Task> {
        // Appends may soon wait for a spare; nobody waits for a footer. A log that is being given up needs no successor for its
        // segment.
        if let Some(bytes) = self.spare_bytes.take().filter(|_| !self.stop) {
            return Some(Task::PrepareSpare(bytes));
        }
        if self.failure.is_some() { None } else { self.sealable.pop_front().map(Task::Seal) }
    }
}

impl Log {
    /// The upkeep thread's life.
    pub(crate) fn run_upkeep(&self) {
        while let Some(task) = self.upkeep.next() {
            self.do_task(task);
        }
    }

    /// Does one thing that the upkeep thread would do. Returns whether there was one.
    pub(crate) fn do_upkeep(&self) -> bool {
        let Some(task) = self.upkeep.try_next() else { return false };
        self.do_task(task);
        true
    }

    fn do_task(&self, task: Task) {
        // After a failed sync nothing more is written or synced that can wait for the next open.
        if self.queue.lock().poison.is_some() {
            return;
        }
        match task {
            Task::Seal(sealable) => {
                let sealed = seal(&*self.storage, &self.directory, self.ledger_id, sealable);
                self.counters.count_seal(sealed.is_ok());
                match sealed {
                    Ok(()) => self.compress_queue.sealed(sealable.first_seq),
                    Err(SealError::Storage(error)) => self.upkeep.hold(sealable, error),
                    Err(SealError::Unsound) => {}
                }
            }
            // If there is no space for it now, whoever needs it will try again, and say so.
            Task::PrepareSpare(bytes) => drop(self.shelf.prepare(bytes)),
        }
    }
}
