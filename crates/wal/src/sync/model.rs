//! The same primitives under a scheduler that decides every interleaving, for the model of the commit protocol.
//!
//! They work only inside of a run of the scheduler. Real time decides nothing there: a clock of its own moves when a
//! thread yields, sleeps, or sees a wait time out, and a wait with a deadline may end at any moment, before the deadline
//! or at it, whether or not anybody notifies. A wait without a deadline ends by a notification alone, so that one which
//! gets lost is a deadlock, and found.
//!
//! Not modelled: weak memory. Every atomic operation is sequentially consistent here.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{LazyLock, PoisonError};
use std::time::{Duration, Instant};

use shuttle::rand::{Rng as _, thread_rng};

/// How far the clock moves when a thread yields: a loop with a deadline of 100 µs goes round a few times.
const YIELD_DURATION: Duration = Duration::from_micros(25);

/// Where the clock starts.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

std::thread_local! {
    /// How far the clock is. A run's threads all are on one thread of the system; only differences matter, so that
    /// one run may begin where the last one ended.
    static ELAPSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The time, for deadlines.
pub(crate) fn now() -> Instant {
    *START + ELAPSED.get()
}

fn pass(duration: Duration) {
    ELAPSED.set(ELAPSED.get() + duration);
}

/// Threads of the model.
pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use shuttle::thread::{Builder, JoinHandle, Thread, current, park};

    pub(crate) fn yield_now() {
        super::pass(super::YIELD_DURATION);
        shuttle::thread::yield_now();
    }

    pub(crate) fn sleep(duration: Duration) {
        super::pass(duration);
        shuttle::thread::yield_now();
    }
}

/// A lock that isn't poisoned by a panic.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, held: Some(self.hold()) }
    }

    fn hold(&self) -> shuttle::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock that is held, but for the time of a wait.
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    held: Option<shuttle::sync::MutexGuard<'a, T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("only who waits has let go of the lock")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("only who waits has let go of the lock")
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar::default()
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.held.take().expect("who waits holds the lock");
        guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends at any moment: by its deadline, or without a reason, which takes in that there was one.
    #[expect(clippy::unused_self, reason = "it stands for a wait on this")]
    pub(crate) fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        drop(guard.held.take());
        let timed_out = thread_rng().gen_bool(0.5);
        if timed_out {
            pass(deadline.saturating_duration_since(now()));
        }
        shuttle::thread::yield_now();
        guard.held = Some(guard.mutex.hold());
        WaitTimeoutResult { timed_out }
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// How a wait with a deadline ended.
pub(crate) struct WaitTimeoutResult {
    timed_out: bool,
}

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out
    }
}
