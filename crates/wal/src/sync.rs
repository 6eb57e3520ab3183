//! How threads meet: locks, condition variables, atomics, threads, and the clock that waiting goes by.
//!
//! INVARIANT: everything that decides who goes on and who waits comes from here. So a scheduler that tries
//! interleavings can take the place of the system's, with the `shuttle` feature: then the same names stand for what
//! [`model`] makes of them. What only counts or times itself for show may come from the standard library.

#[cfg(feature = "shuttle")]
mod model;

#[cfg(not(feature = "shuttle"))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

#[cfg(not(feature = "shuttle"))]
pub(crate) use std::{sync::atomic, thread};

#[cfg(feature = "shuttle")]
pub(crate) use model::{Condvar, Mutex, MutexGuard, now, thread};

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::atomic;

/// The time, for deadlines.
#[cfg(not(feature = "shuttle"))]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
