//! What the ingestor tells: how far it is, and how it fares. And what it is told: to pause, to stop.
//!
//! Invariant: everybody who waits here waits on one condition, and every change of what they look at wakes them.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use runledger_wal::Seq;

use super::Status;
use crate::error::WaitError;
use crate::follower::{Progress, Rebuild};

/// Whoever waits for the index is told of a failure when it came so often in a row; before that it may pass by itself.
const FAILURES_TOLERATED: u32 = 3;

/// What the thread is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Work,
    Stop,
}

/// What somebody waits through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Pauses, rebuilds, and failures that may pass by themselves.
    Any,
    /// Only batches of an index that follows the log.
    WhileFollowing,
}

#[derive(Debug, Default)]
pub(super) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    indexed_end: Seq,
    rebuilding: Option<Rebuild>,
    /// How many rebuilds began.
    rebuilds: u64,
    failure: Option<String>,
    /// Failures in a row.
    attempts: u32,
    /// Kept when all is well again, for whoever looks later.
    last_failure: Option<String>,
    /// Up to where somebody waited for the index.
    wanted: Seq,
    /// The thread lets records gather, and is to be told when somebody waits for them.
    resting: bool,
    paused: bool,
    stopped: bool,
    /// Counts what the thread may have to act on at once while it waits after a failure.
    commands: u64,
}

impl Board {
    pub(super) fn indexed_end(&self) -> Seq {
        self.state.lock().indexed_end
    }

    pub(super) fn attempts(&self) -> u32 {
        self.state.lock().attempts
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    pub(super) fn may_work(&self) -> bool {
        let state = self.state.lock();
        !state.paused && !state.stopped
    }

    pub(super) fn status(&self) -> Status {
        let state = self.state.lock();
        if state.stopped {
            return Status::Stopped;
        }
        if let Some(reason) = &state.failure {
            return Status::Failed { reason: reason.clone(), attempts: state.attempts };
        }
        if state.paused {
            return Status::Paused;
        }
        match &state.rebuilding {
            Some(Rebuild { reason, target }) => Status::Rebuilding {
                reason: reason.clone(),
                progress: Progress { indexed_end: state.indexed_end, target: *target },
            },
            None => Status::Following,
        }
    }

    pub(super) fn reached(&self, indexed_end: Seq, rebuilding: Option<&Rebuild>) {
        let mut state = self.state.lock();
        state.indexed_end = indexed_end;
        state.rebuilding = rebuilding.cloned();
        self.changed.notify_all();
    }

    /// Told before the store is emptied, and already when somebody found out that it must be.
    pub(super) fn rebuild_starts(&self, rebuild: Option<Rebuild>) {
        let mut state = self.state.lock();
        state.rebuilds += 1;
        state.indexed_end = Seq::ZERO;
        state.rebuilding = rebuild.or(state.rebuilding.take());
        self.changed.notify_all();
    }

    /// The last failure, whether it passed or not.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.state.lock().last_failure.clone()
    }

    pub(super) fn rebuilds(&self) -> u64 {
        self.state.lock().rebuilds
    }

    pub(super) fn succeeded(&self) {
        let mut state = self.state.lock();
        state.failure = None;
        state.attempts = 0;
    }

    pub(super) fn failed(&self, reason: String) {
        let mut state = self.state.lock();
        state.failure = Some(reason.clone());
        state.last_failure = Some(reason);
        state.attempts = state.attempts.saturating_add(1);
        self.changed.notify_all();
    }

    pub(super) fn set_paused(&self, paused: bool) {
        let mut state = self.state.lock();
        state.paused = paused;
        state.commands += 1;
        self.changed.notify_all();
    }

    pub(super) fn set_stopped(&self) {
        let mut state = self.state.lock();
        state.stopped = true;
        state.commands += 1;
        self.changed.notify_all();
    }

    /// What the thread is to do next. Waits while it is paused.
    pub(super) fn next_activity(&self) -> Activity {
        let mut state = self.state.lock();
        while state.paused && !state.stopped {
            self.changed.wait(&mut state);
        }
        if state.stopped { Activity::Stop } else { Activity::Work }
    }

    /// Lets records gather until `until`, or until somebody waits for the index, or the thread is told something.
    pub(super) fn rest(&self, until: Instant) {
        let mut state = self.state.lock();
        let commands = state.commands;
        while state.wanted <= state.indexed_end
            && state.commands == commands
            && !state.paused
            && !state.stopped
        {
            state.resting = true;
            let is_over = self.changed.wait_until(&mut state, until).timed_out();
            state.resting = false;
            if is_over {
                return;
            }
        }
    }

    /// Waits so long, or until the thread is told something.
    pub(super) fn wait_for_change(&self, delay: Duration) {
        let deadline = Instant::now() + delay;
        let mut state = self.state.lock();
        let commands = state.commands;
        while state.commands == commands && !state.stopped {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }

    /// Waits until the index is complete before `end`. Returns how many rebuilds had begun then.
    pub(super) fn wait_indexed(
        &self,
        end: Seq,
        deadline: Option<Instant>,
        patience: Patience,
    ) -> Result<u64, WaitError> {
        let mut state = self.state.lock();
        if state.indexed_end < end && state.wanted < end {
            state.wanted = end;
            if state.resting {
                self.changed.notify_all();
            }
        }
        loop {
            if state.indexed_end >= end {
                return Ok(state.rebuilds);
            }
            if state.stopped {
                return Err(WaitError::Stopped);
            }
            let follows = !state.paused && state.failure.is_none() && state.rebuilding.is_none();
            if patience == Patience::WhileFollowing && !follows {
                return Err(WaitError::NotFollowing { indexed_end: state.indexed_end, wanted: end });
            }
            if let Some(reason) = state.failure.clone().filter(|_| state.attempts >= FAILURES_TOLERATED) {
                return Err(WaitError::Failed { reason });
            }
            let Some(deadline) = deadline else {
                self.changed.wait(&mut state);
                continue;
            };
            if self.changed.wait_until(&mut state, deadline).timed_out() && state.indexed_end < end {
                return Err(WaitError::Timeout { indexed_end: state.indexed_end, wanted: end });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what the function that takes it wants")]
    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(20))
    }

    #[test]
    fn a_waiter_is_told_of_a_failure_only_when_it_stays() {
        let board = Board::default();
        let wanted = Seq::new(1);
        let timeout = Err(WaitError::Timeout { indexed_end: Seq::ZERO, wanted });
        for _ in 1..FAILURES_TOLERATED {
            board.failed("no space".to_owned());
            assert_eq!(board.wait_indexed(wanted, soon(), Patience::Any), timeout);
        }
        board.failed("no space".to_owned());
        assert_eq!(
            board.wait_indexed(wanted, None, Patience::Any),
            Err(WaitError::Failed { reason: "no space".to_owned() })
        );
        assert_eq!(
            board.status(),
            Status::Failed { reason: "no space".to_owned(), attempts: FAILURES_TOLERATED }
        );
        board.succeeded();
        assert_eq!(board.wait_indexed(wanted, soon(), Patience::Any), timeout);
        board.reached(wanted, None);
        assert_eq!(board.wait_indexed(wanted, None, Patience::Any), Ok(0));
        assert_eq!(board.status(), Status::Following);
    }

    #[test]
    fn stopping_ends_every_wait() {
        let board = Board::default();
        board.set_paused(true);
        assert_eq!(board.status(), Status::Paused);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| board.next_activity());
            let waiter = scope.spawn(|| board.wait_indexed(Seq::new(1), None, Patience::Any));
            board.set_stopped();
            assert_eq!(thread.join().unwrap(), Activity::Stop);
            assert_eq!(waiter.join().unwrap(), Err(WaitError::Stopped));
        });
        assert_eq!(board.status(), Status::Stopped);
    }

    #[test]
    fn a_rest_ends_at_once_when_somebody_waits_or_the_thread_is_told_something() {
        let far = Instant::now() + Duration::from_secs(600);
        let ends: [&(dyn Fn(&Board) + Sync); 3] = [
            &|board| assert!(board.wait_indexed(Seq::new(1), soon(), Patience::Any).is_err()),
            &|board| board.set_paused(true),
            &|board| board.set_stopped(),
        ];
        for end in ends {
            let board = Board::default();
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| board.rest(far));
                end(&board);
                // Whether it came before the rest began or in its midst.
                thread.join().unwrap();
            });
        }
        let board = Board::default();
        assert!(board.wait_indexed(Seq::new(1), soon(), Patience::Any).is_err());
        board.rest(far);
        board.reached(Seq::new(1), None);
        board.rest(Instant::now() + Duration::from_millis(1));
    }

    #[test]
    fn whoever_waits_only_while_it_follows_is_sent_on_by_a_pause_a_failure_and_a_rebuild() {
        let wanted = Seq::new(1);
        let sent_on = Err(WaitError::NotFollowing { indexed_end: Seq::ZERO, wanted });
        let rebuild = Rebuild { reason: "it is damaged".to_owned(), target: wanted };
        let troubles: [&dyn Fn(&Board); 3] =
            [&|board| board.set_paused(true), &|board| board.failed("no space".to_owned()), &|board| {
                board.rebuild_starts(Some(rebuild.clone()));
            }];
        for trouble in troubles {
            let board = Board::default();
            let in_vain = board.wait_indexed(wanted, soon(), Patience::WhileFollowing);
            assert_eq!(in_vain, Err(WaitError::Timeout { indexed_end: Seq::ZERO, wanted }));
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| board.wait_indexed(wanted, None, Patience::WhileFollowing));
                trouble(&board);
                assert_eq!(waiter.join().unwrap(), sent_on);
            });
            board.reached(wanted, None);
            assert!(board.wait_indexed(wanted, None, Patience::WhileFollowing).is_ok());
        }
    }

    #[test]
    fn the_last_failure_is_remembered_when_all_is_well_again() {
        let board = Board::default();
        assert_eq!(board.last_failure(), None);
        board.failed("no space".to_owned());
        board.succeeded();
        assert_eq!((board.status(), board.last_failure()), (Status::Following, Some("no space".to_owned())));
    }

    #[test]
    fn a_rebuild_is_shown_with_its_reason_until_it_is_over() {
        let board = Board::default();
        let (reason, target) = ("it is damaged".to_owned(), Seq::new(9));
        board.reached(Seq::new(4), Some(&Rebuild { reason: reason.clone(), target }));
        let progress = Progress { indexed_end: Seq::new(4), target };
        assert_eq!(board.status(), Status::Rebuilding { reason, progress });
        board.reached(Seq::new(9), None);
        assert_eq!(board.status(), Status::Following);
    }
}
