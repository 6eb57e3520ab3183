//! How far this process's log is durable, in memory: published by whoever commits, waited for by whoever follows.
//!
//! It only grows. A waiting thread parks on a condition variable, a waiting task leaves its waker; nobody polls.

#[cfg(feature = "tokio")]
mod task;

use std::task::Waker;
use std::time::Instant;

#[cfg(feature = "tokio")]
pub(crate) use self::task::DurablePast;

use crate::seq::Seq;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};

/// What waiting for durable records came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurableWait {
    /// The record asked for is durable; this is the first that isn't.
    Durable(Seq),
    /// The deadline passed; this is still the first that isn't durable.
    TimedOut(Seq),
    /// The log was closed or accepts nothing more; this is the first that isn't durable, and it will stay so.
    Closed(Seq),
}

/// How far the log is durable.
#[derive(Debug)]
pub(crate) struct DurableMark {
    /// A copy of what the lock guards, for those who only look.
    end: AtomicU64,
    /// How many segments were given another file since the log was opened: who keeps segments open looks again.
    pub(crate) rewritten: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    end: Seq,
    final_end: bool,
    /// Threads that wait.
    waiting: usize,
    /// Tasks that wait.
    tasks: Vec<WaitingTask>,
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "only there do tasks wait"))]
    last_task: u64,
}

/// A task that waits for a record.
#[derive(Debug)]
#[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "only there do tasks wait"))]
struct WaitingTask {
    number: u64,
    seq: Seq,
    waker: Waker,
}

/// Tasks to be woken, once nothing is locked any more that others need.
#[must_use = "a task that isn't woken waits for ever"]
pub(crate) struct Woken(Vec<WaitingTask>);

impl Woken {
    pub(crate) fn wake(self) {
        for task in self.0 {
            task.waker.wake();
        }
    }
}

impl DurableMark {
    pub(crate) fn new(end: Seq) -> DurableMark {
        DurableMark {
            end: AtomicU64::new(end.get()),
            rewritten: AtomicU64::new(0),
            state: Mutex::new(State { end, final_end: false, waiting: 0, tasks: Vec::new(), last_task: 0 }),
            changed: Condvar::new(),
        }
    }

    /// The first record that isn't durable.
    pub(crate) fn end(&self) -> Seq {
        Seq::new(self.end.load(Ordering::Acquire))
    }

    /// Everything before `end` is durable now. The tasks that wait for that are the caller's to wake.
    pub(crate) fn advance(&self, end: Seq) -> Woken {
        let mut state = self.state.lock();
        debug_assert!(end >= state.end, "the durable end never goes back");
        state.end = end;
        self.end.store(end.get(), Ordering::Release);
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        Woken(state.tasks.extract_if(.., |task| task.seq < end).collect())
    }

    /// Nothing more will become durable.
    pub(crate) fn finish(&self) {
        let woken = {
            let mut state = self.state.lock();
            state.final_end = true;
            Woken(std::mem::take(&mut state.tasks))
        };
        self.changed.notify_all();
        woken.wake();
    }

    /// Waits until this record is durable.
    pub(crate) fn wait_past(&self, seq: Seq, deadline: Option<Instant>) -> DurableWait {
        if self.end() > seq {
            return DurableWait::Durable(self.end());
        }
        let mut state = self.state.lock();
        loop {
            if state.end > seq {
                return DurableWait::Durable(state.end);
            }
            if state.final_end {
                return DurableWait::Closed(state.end);
            }
            state.waiting += 1;
            let timed_out = match deadline {
                None => {
                    self.changed.wait(&mut state);
                    false
                }
                Some(deadline) => self.changed.wait_until(&mut state, deadline).timed_out(),
            };
            state.waiting -= 1;
            if timed_out && state.end <= seq {
                return DurableWait::TimedOut(state.end);
            }
        }
    }
}
