//! Who subscribed, and how far each of them is: for health alone. Nobody is held up or woken by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use runledger_wal::Seq;

#[derive(Debug, Default)]
pub(super) struct Subscribers {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_number: u64,
    places: BTreeMap<u64, Arc<AtomicU64>>,
}

impl Subscribers {
    /// How many there are, and how many durable events the last of them has not looked at.
    pub(super) fn count_and_lag(&self, durable_end: Seq) -> (u64, u64) {
        let state = self.state.lock();
        let last = state.places.values().map(|next| next.load(Ordering::Relaxed)).min();
        let lag = last.map_or(0, |next| durable_end.get().saturating_sub(next));
        (state.places.len() as u64, lag)
    }
}

/// One who subscribed. It is forgotten when this is dropped.
#[derive(Debug)]
pub(super) struct Enrolled {
    subscribers: Arc<Subscribers>,
    number: u64,
    next: Arc<AtomicU64>,
}

impl Enrolled {
    pub(super) fn new(subscribers: &Arc<Subscribers>, next: Seq) -> Self {
        let place = Arc::new(AtomicU64::new(next.get()));
        let number = {
            let mut state = subscribers.state.lock();
            state.last_number += 1;
            let number = state.last_number;
            state.places.insert(number, Arc::clone(&place));
            number
        };
        Self { subscribers: Arc::clone(subscribers), number, next: place }
    }

    pub(super) fn move_to(&self, next: Seq) {
        self.next.store(next.get(), Ordering::Relaxed);
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.subscribers.state.lock().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_them_says_how_far_they_lag_and_who_is_gone_says_nothing() {
        let subscribers = Arc::new(Subscribers::default());
        assert_eq!(subscribers.count_and_lag(Seq::new(9)), (0, 0));
        let (fast, slow) =
            (Enrolled::new(&subscribers, Seq::new(9)), Enrolled::new(&subscribers, Seq::new(2)));
        assert_eq!(subscribers.count_and_lag(Seq::new(9)), (2, 7));
        slow.move_to(Seq::new(5));
        assert_eq!(subscribers.count_and_lag(Seq::new(9)), (2, 4));
        drop(slow);
        assert_eq!(subscribers.count_and_lag(Seq::new(9)), (1, 0));
        drop(fast);
        assert_eq!(subscribers.count_and_lag(Seq::new(9)), (0, 0));
    }
}
