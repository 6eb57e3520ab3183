//! The queue between those who record and the thread that stores.
//!
//! INVARIANT: `held_events` and `held_bytes` count every event that was pushed and not settled, whether it still waits here
//! or the thread has it. Numbers are given in the order of the pushes, and settled in that order.

use std::borrow::Borrow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::drain;
use super::event_bytes::event_bytes;
use super::{FlushError, RecordDurableError, RecordError, SinkOptions, SinkStats, TryRecordError};
use crate::Event;

/// An event on its way from a sink to its [`Destination`](super::Destination).
#[derive(Debug)]
pub struct QueuedEvent {
    /// In a box, so that taking many is quick for those who wait to push.
    pub(super) event: Box<Event>,
    pub(super) bytes: usize,
    pub(super) since: Instant,
}

impl Deref for QueuedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

impl Borrow<Event> for QueuedEvent {
    fn borrow(&self) -> &Event {
        &self.event
    }
}

/// How a sink ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Closing {
    /// It doesn't yet.
    #[default]
    No,
    /// Nothing is taken any more, and what is there is stored.
    Draining,
    /// What could not be stored is given up.
    GivingUp,
}

/// What became of events that the thread had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled<'a> {
    Durable,
    Refused(&'a str),
    LeftBehind,
}

/// The queue.
pub(super) struct Queue {
    events_max: usize,
    bytes_max: usize,
    batch_events_max: usize,
    state: Mutex<State>,
    /// Notified when there is something to store, and when the thread is to look up.
    work: Condvar,
    /// Notified when there may be room.
    room: Condvar,
    /// Notified when events are settled.
    settled: Condvar,
    #[cfg(feature = "tokio")]
    pub(super) room_for_tasks: tokio::sync::Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<QueuedEvent>,
    held_events: usize,
    held_bytes: usize,
    /// Since when the oldest that the thread has is here.
    oldest_taken: Option<Instant>,
    /// Everything before this number is settled.
    settled_end: u64,
    /// Numbers that somebody waits for, with what became of them if that is not that they are durable.
    watched: BTreeMap<u64, Option<RecordDurableError>>,
    closing: Closing,
    /// The thread is done and has let go of the destination.
    has_ended: bool,
    /// How many flushes were asked for: each ends a wait before a retry.
    flushes: u64,
    stats: SinkStats,
}

impl Queue {
    pub(super) fn new(options: &SinkOptions) -> Self {
        // Its own growth would hold up whoever records just then.
        let waiting = VecDeque::with_capacity(options.queue_events_max.min(1 << 16));
        Self {
            events_max: options.queue_events_max,
            bytes_max: options.queue_bytes_max,
            batch_events_max: options.batch_events_max,
            state: Mutex::new(State { waiting, ..State::default() }),
            work: Condvar::new(),
            room: Condvar::new(),
            settled: Condvar::new(),
            #[cfg(feature = "tokio")]
            room_for_tasks: tokio::sync::Notify::new(),
        }
    }

    /// Adds an event, and waits for room before.
    pub(super) fn push(&self, event: Event) -> Result<(), RecordError> {
        self.push_waiting(event, false).map(drop)
    }

    /// As [`Queue::push`]; what becomes of the event is kept for [`Queue::wait_for`].
    pub(super) fn push_watched(&self, event: Event) -> Result<u64, RecordError> {
        self.push_waiting(event, true)
    }

    fn push_waiting(&self, event: Event, is_watched: bool) -> Result<u64, RecordError> {
        let bytes = event_bytes(&event);
        let event = Box::new(event);
        let mut state = self.state.lock();
        // The thread that makes room must not wait for it.
        if !self.has_room(&state, bytes) && state.closing == Closing::No && !drain::is_this_thread() {
            state.stats.waited += 1;
            self.room
                .wait_while(&mut state, |state| state.closing == Closing::No && !self.has_room(state, bytes));
        }
        if state.closing != Closing::No {
            return Err(RecordError::Closed(event));
        }
        Ok(self.add(state, event, bytes, is_watched))
    }

    /// Adds an event, if there is room.
    pub(super) fn try_push(&self, event: Event) -> Result<(), TryRecordError> {
        self.try_add(Box::new(event), |stats| stats.full += 1)
    }

    /// Adds an event, if there is room; else counts that there is none.
    pub(super) fn try_add(
        &self,
        event: Box<Event>,
        count_full: impl FnOnce(&mut SinkStats),
    ) -> Result<(), TryRecordError> {
        let bytes = event_bytes(&event);
        let mut state = self.state.lock();
        if state.closing != Closing::No {
            return Err(TryRecordError::Closed(event));
        }
        if !self.has_room(&state, bytes) {
            count_full(&mut state.stats);
            return Err(TryRecordError::Full(event));
        }
        self.add(state, event, bytes, false);
        Ok(())
    }

    fn has_room(&self, state: &State, bytes: usize) -> bool {
        let fits = state.held_bytes.saturating_add(bytes) <= self.bytes_max;
        state.held_events < self.events_max && (fits || state.held_events == 0)
    }

    fn add(
        &self,
        mut state: MutexGuard<'_, State>,
        event: Box<Event>,
        bytes: usize,
        is_watched: bool,
    ) -> u64 {
        let number = state.stats.recorded;
        state.stats.recorded += 1;
        state.held_events += 1;
        state.held_bytes += bytes;
        state.stats.high_water = state.stats.high_water.max(state.held_events as u64);
        if is_watched {
            state.watched.insert(number, None);
        }
        state.waiting.push_back(QueuedEvent { event, bytes, since: Instant::now() });
        drop(state);
        self.work.notify_one();
        number
    }

    /// Waits for the first events and takes as many as make a batch. Nothing once the queue is closed and empty, or
    /// given up.
    pub(super) fn take(&self, batch: &mut Vec<QueuedEvent>) {
        let mut state = self.state.lock();
        self.work.wait_while(&mut state, |state| state.waiting.is_empty() && state.closing == Closing::No);
        if state.closing == Closing::GivingUp {
            return;
        }
        let count = state.waiting.len().min(self.batch_events_max);
        batch.extend(state.waiting.drain(..count));
        state.oldest_taken = batch.first().map(|queued| queued.since);
    }

    /// Takes everything that waits, to give it up.
    pub(super) fn take_rest(&self) -> VecDeque<QueuedEvent> {
        std::mem::take(&mut self.state.lock().waiting)
    }

    /// The oldest `events` that the thread has, of so many bytes, are settled.
    pub(super) fn settle(&self, events: usize, bytes: usize, how: Settled<'_>) {
        let count = events as u64;
        let mut state = self.state.lock();
        state.held_events -= events;
        state.held_bytes -= bytes;
        let first = state.settled_end;
        state.settled_end += count;
        match how {
            Settled::Durable => state.stats.durable += count,
            Settled::Refused(reason) => {
                state.stats.refused += count;
                state.stats.last_refusal = Some(reason.to_owned());
            }
            Settled::LeftBehind => state.stats.left_behind += count,
        }
        for (_, outcome) in state.watched.range_mut(first..first + count) {
            *outcome = match how {
                Settled::Durable => None,
                Settled::Refused(reason) => Some(RecordDurableError::Refused { reason: reason.to_owned() }),
                Settled::LeftBehind => Some(RecordDurableError::GivenUp),
            };
        }
        drop(state);
        self.room.notify_all();
        self.settled.notify_all();
        #[cfg(feature = "tokio")]
        self.room_for_tasks.notify_waiters();
    }

    /// An attempt to store what the thread has was made: why it failed and how many events will be sent again, if it did.
    /// Returns how many failed in a row.
    pub(super) fn note_attempt(&self, failure: Option<(String, usize)>, oldest_left: Option<Instant>) -> u32 {
        let mut state = self.state.lock();
        state.oldest_taken = oldest_left;
        state.stats.attempts += 1;
        match failure {
            None => state.stats.failures_in_a_row = 0,
            Some((error, sent_again)) => {
                state.stats.failures += 1;
                state.stats.failures_in_a_row = state.stats.failures_in_a_row.saturating_add(1);
                state.stats.retries += sent_again as u64;
                state.stats.last_error = Some(error);
            }
        }
        state.stats.failures_in_a_row
    }

    /// How many flushes were asked for.
    pub(super) fn flushes(&self) -> u64 {
        self.state.lock().flushes
    }

    /// Waits before a retry: until then, or until there were more than so many `flushes`, or somebody gives up. False if
    /// they give up.
    pub(super) fn wait_to_retry(&self, until: Instant, flushes: u64) -> bool {
        let mut state = self.state.lock();
        self.work.wait_while_until(
            &mut state,
            |state| state.flushes == flushes && state.closing != Closing::GivingUp,
            until,
        );
        state.closing != Closing::GivingUp
    }

    /// Whether what is left is to be given up.
    pub(super) fn is_given_up(&self) -> bool {
        self.state.lock().closing == Closing::GivingUp
    }

    /// Waits until what was pushed so far is settled.
    pub(super) fn flush(&self, deadline: Instant) -> Result<(), FlushError> {
        let mut state = self.state.lock();
        let end = state.stats.recorded;
        if state.settled_end < end {
            state.flushes += 1;
            self.work.notify_all();
        }
        self.settled.wait_while_until(&mut state, |state| state.settled_end < end, deadline);
        match end.saturating_sub(state.settled_end) {
            0 => Ok(()),
            left => {
                let fails = state.stats.failures_in_a_row > 0;
                let last_error = state.stats.last_error.clone().filter(|_| fails);
                Err(FlushError { left, last_error })
            }
        }
    }

    /// Waits until the event of this number, which is watched, is settled.
    pub(super) fn wait_for(&self, number: u64) -> Result<(), RecordDurableError> {
        let mut state = self.state.lock();
        self.settled.wait_while(&mut state, |state| state.settled_end <= number);
        state.watched.remove(&number).flatten().map_or(Ok(()), Err)
    }

    /// Ends it, or ends it sooner.
    pub(super) fn close(&self, how: Closing) {
        let mut state = self.state.lock();
        state.closing = state.closing.max(how);
        drop(state);
        self.work.notify_all();
        self.room.notify_all();
        #[cfg(feature = "tokio")]
        self.room_for_tasks.notify_waiters();
    }

    /// The thread is done.
    pub(super) fn end(&self) {
        self.state.lock().has_ended = true;
        self.settled.notify_all();
    }

    /// Waits until the thread is done.
    pub(super) fn wait_for_end(&self, deadline: Instant) {
        let mut state = self.state.lock();
        self.settled.wait_while_until(&mut state, |state| !state.has_ended, deadline);
    }

    pub(super) fn stats(&self) -> SinkStats {
        let state = self.state.lock();
        let oldest = state.oldest_taken.or_else(|| state.waiting.front().map(|queued| queued.since));
        SinkStats {
            queued: state.held_events as u64,
            queued_bytes: state.held_bytes as u64,
            lag: oldest.map(|oldest| oldest.elapsed()),
            ..state.stats.clone()
        }
    }
}
