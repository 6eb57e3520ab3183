//! Several threads that work through a list of pieces, and one account of what they found, in the pieces' order.
//!
//! INVARIANT: what is taken, in which order, and which error is returned depends on the pieces alone, not on the number of
//! threads or on which of them is fast.

use std::collections::BTreeMap;

use crate::sync::{Condvar, Mutex};

/// How far the threads may be ahead of the account, in pieces per thread: this bounds what waits to be taken.
const AHEAD_MAX: usize = 4;

/// Does `work` for each piece, on so many threads, of which the caller's is one; and gives what comes of
/// it to `take`, in order. Ends with the first error, in order; what was done behind it is dropped.
pub(super) fn work_in_order<P: Sync, T: Send, E: Send>(
    pieces: &[P],
    threads: usize,
    work: impl Fn(&P) -> Result<T, E> + Sync,
    take: impl FnMut(&P, T) + Send,
) -> Result<(), E> {
    let account =
        Account { begun: 0, taken: 0, done: BTreeMap::new(), take, failed: None, is_abandoned: false };
    let threads = threads.clamp(1, pieces.len().max(1));
    let shared = Shared {
        pieces,
        ahead_max: threads.saturating_mul(AHEAD_MAX),
        account: Mutex::new(account),
        moved: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| shared.work_through(&work));
        }
        shared.work_through(&work);
    });
    let failed = shared.account.lock().failed.take();
    failed.map_or(Ok(()), Err)
}

struct Shared<'a, P, T, E, F> {
    pieces: &'a [P],
    ahead_max: usize,
    account: Mutex<Account<T, E, F>>,
    /// Something was taken, or the work has ended.
    moved: Condvar,
}

struct Account<T, E, F> {
    /// How many pieces somebody began with.
    begun: usize,
    /// How many were taken.
    taken: usize,
    /// What is done and can't be taken yet.
    done: BTreeMap<usize, Result<T, E>>,
    take: F,
    /// The first error.
    failed: Option<E>,
    /// Whether a thread panicked: nobody must wait for what it had begun.
    is_abandoned: bool,
}

impl<'a, P, T, E, F: FnMut(&P, T)> Shared<'a, P, T, E, F> {
    fn work_through(&self, work: &impl Fn(&P) -> Result<T, E>) {
        while let Some((number, piece)) = self.begin() {
            let abandoning = Abandoning(self);
            let done = work(piece);
            self.account.lock().enter(self.pieces, number, done);
            std::mem::forget(abandoning);
            self.moved.notify_all();
        }
    }

    /// The next piece, once there is room for what comes of it.
    fn begin(&self) -> Option<(usize, &'a P)> {
        let mut account = self.account.lock();
        loop {
            let number = account.begun;
            let piece = self.pieces.get(number)?;
            if account.failed.is_some() || account.is_abandoned {
                return None;
            }
            if number - account.taken < self.ahead_max {
                account.begun += 1;
                return Some((number, piece));
            }
            self.moved.wait(&mut account);
        }
    }
}

impl<T, E, F> Account<T, E, F> {
    /// Enters what came of a piece, and takes what can be taken.
    fn enter<P>(&mut self, pieces: &[P], number: usize, done: Result<T, E>)
    where
        F: FnMut(&P, T),
    {
        self.done.insert(number, done);
        while self.failed.is_none()
            && let Some(piece) = pieces.get(self.taken)
            && let Some(next) = self.done.remove(&self.taken)
        {
            match next {
                Ok(found) => (self.take)(piece, found),
                Err(error) => self.failed = Some(error),
            }
            self.taken += 1;
        }
    }
}

/// Lets the other threads go when the work on a piece panics.
struct Abandoning<'a, P, T, E, F>(&'a Shared<'a, P, T, E, F>);

impl<P, T, E, F> Drop for Abandoning<'_, P, T, E, F> {
    fn drop(&mut self) {
        self.0.account.lock().is_abandoned = true;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn numbers(count: usize) -> Vec<usize> {
        (0..count).collect()
    }

    #[test]
    fn what_was_found_is_taken_in_order_whoever_is_fast() {
        for threads in [0, 1, 2, 3, 8, 200] {
            let mut taken = Vec::new();
            let slow_first = |piece: &usize| -> Result<usize, ()> {
                // The first pieces of each dozen take longest.
                let steps = 12_usize.saturating_sub(piece % 12) * 1_000;
                std::hint::black_box((0..steps).fold(0, |sum, step| std::hint::black_box(sum ^ step)));
                Ok(piece * 2)
            };
            work_in_order(&numbers(100), threads, slow_first, |piece, found| taken.push((*piece, found)))
                .unwrap();
            assert!(taken.into_iter().eq((0..100).map(|piece| (piece, piece * 2))), "{threads} threads");
        }
    }

    #[test]
    fn the_first_error_in_order_is_returned_and_what_came_before_is_taken() {
        for threads in [1, 2, 8] {
            let (mut taken, behind) = (0, AtomicUsize::new(0));
            let failing = |piece: &usize| {
                // With others at work, some pieces behind the first error are done before it is.
                while *piece == 40 && threads > 1 && behind.load(Ordering::Acquire) < 3 {
                    std::thread::yield_now();
                }
                behind.fetch_add(usize::from(*piece > 40), Ordering::AcqRel);
                if *piece == 40 || *piece >= 42 { Err(*piece) } else { Ok(()) }
            };
            assert_eq!(work_in_order(&numbers(100), threads, failing, |_, ()| taken += 1), Err(40));
            assert_eq!(taken, 40, "{threads} threads");
        }
    }

    #[test]
    fn nobody_runs_far_ahead_of_a_slow_piece() {
        let (begun, threads) = (AtomicUsize::new(0), 4);
        let most = threads * AHEAD_MAX;
        // The first piece isn't done before the others have come as far as they may.
        let work = |piece: &usize| -> Result<(), ()> {
            let before = begun.fetch_add(1, Ordering::AcqRel);
            assert!(before < most || *piece >= most, "piece {piece} was begun after {before} others");
            while *piece == 0 && begun.load(Ordering::Acquire) < most {
                std::thread::yield_now();
            }
            Ok(())
        };
        let mut taken = 0;
        work_in_order(&numbers(100), threads, work, |piece, ()| {
            if *piece == 0 {
                assert_eq!(begun.load(Ordering::Acquire), most);
            }
            taken += 1;
        })
        .unwrap();
        assert_eq!(taken, 100);
    }

    #[test]
    fn a_panic_in_one_thread_leaves_no_other_waiting() {
        let panicking = |piece: &usize| -> Result<(), ()> {
            assert!(*piece != 3, "planned");
            Ok(())
        };
        let outcome = std::panic::catch_unwind(|| work_in_order(&numbers(1_000), 4, panicking, |_, ()| {}));
        assert!(outcome.is_err());
    }
}
