//! What became of a commit, and those who wait to hear it.
//!
//! Each waiter is woken by itself: waking all by one signal has them fight over a lock that they don't need.

use std::sync::Arc;

use crate::error::AppendError;
use crate::options::Durability;
use crate::planted::{Bug, planted};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::thread::{self, Thread};

/// What a commit came to: the durability that all of its records have, or why they have none.
pub(crate) type Settled = Result<Durability, AppendError>;

/// What became of one commit. Shared by all who have records in it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    settled: Option<Settled>,
    waiters: Vec<Waiter>,
}

/// Somebody who waits for a commit.
#[derive(Debug)]
pub(crate) enum Waiter {
    Thread(Arc<ParkedCaller>),
    #[cfg(feature = "tokio")]
    Task(tokio::sync::oneshot::Sender<Settled>),
}

impl Outcome {
    /// What it came to, if that is known.
    pub(crate) fn settled(&self) -> Option<Settled> {
        self.state.lock().settled.clone()
    }

    /// Adds somebody to be woken, unless it is too late for that.
    pub(crate) fn register(&self, waiter: Waiter) -> Option<Settled> {
        let mut state = self.state.lock();
        if state.settled.is_none() {
            state.waiters.push(waiter);
        } else if planted(Bug::RegisterTooLate) {
            return None;
        }
        state.settled.clone()
    }

    /// Takes one of those who wait, to lead the commit.
    pub(crate) fn take_leader(&self) -> Option<Arc<ParkedCaller>> {
        let waiters = &mut self.state.lock().waiters;
        let at = waiters.iter().position(|waiter| matches!(waiter, Waiter::Thread(_)))?;
        match waiters.swap_remove(at) {
            Waiter::Thread(caller) => Some(caller),
            #[cfg(feature = "tokio")]
            Waiter::Task(_) => None,
        }
    }

    /// Whether anybody waits.
    pub(crate) fn has_waiters(&self) -> bool {
        !self.state.lock().waiters.is_empty()
    }

    /// Says what it came to and wakes everybody.
    pub(crate) fn settle(&self, settled: &Settled) {
        let waiters = {
            let mut state = self.state.lock();
            state.settled = Some(settled.clone());
            std::mem::take(&mut state.waiters)
        };
        let woken = if planted(Bug::WakeOnlyOne) { 1 } else { waiters.len() };
        for waiter in waiters.into_iter().take(woken) {
            match waiter {
                Waiter::Thread(caller) => caller.signal(Signal::Settled),
                // A task that is gone no longer wants to know.
                #[cfg(feature = "tokio")]
                Waiter::Task(sender) => drop(sender.send(settled.clone())),
            }
        }
    }
}

/// A thread that waits for a commit.
#[derive(Debug)]
pub(crate) struct ParkedCaller {
    thread: Thread,
    signal: AtomicU8,
}

/// What a parked thread is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Its commit is settled.
    Settled = 1,
    /// It must lead its commit.
    Lead = 2,
}

impl ParkedCaller {
    /// The calling thread, about to wait.
    pub(crate) fn current() -> Arc<ParkedCaller> {
        Arc::new(ParkedCaller { thread: thread::current(), signal: AtomicU8::new(0) })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.signal.store(signal as u8, Ordering::Release);
        self.thread.unpark();
    }

    /// Sleeps until signalled.
    pub(crate) fn wait(&self) -> Signal {
        loop {
            match self.signal.load(Ordering::Acquire) {
                1 => return Signal::Settled,
                2 => return Signal::Lead,
                // Parking may end without a reason.
                _ => thread::park(),
            }
        }
    }
}
