//! How far this process's log is durable, in memory: published by whoever commits, waited for by whoever follows.
//!
//! It only grows. A waiter parks on a condition variable; nobody polls.

use std::time::Instant;

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
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    end: Seq,
    final_end: bool,
    waiting: usize,
}

impl DurableMark {
    pub(crate) fn new(end: Seq) -> DurableMark {
        DurableMark {
            end: AtomicU64::new(end.get()),
            state: Mutex::new(State { end, final_end: false, waiting: 0 }),
            changed: Condvar::new(),
        }
    }

    /// The first record that isn't durable.
    pub(crate) fn end(&self) -> Seq {
        Seq::new(self.end.load(Ordering::Acquire))
    }

    /// Everything before `end` is durable now.
    pub(crate) fn advance(&self, end: Seq) {
        let mut state = self.state.lock();
        debug_assert!(end >= state.end, "the durable end never goes back");
        state.end = end;
        self.end.store(end.get(), Ordering::Release);
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Nothing more will become durable.
    pub(crate) fn finish(&self) {
        self.state.lock().final_end = true;
        self.changed.notify_all();
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
