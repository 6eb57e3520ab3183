//! Subscriptions: what is stored from some record on, and then what comes, each event once and in the order of the log.
//!
//! A subscription is a place in the log and a filter. It takes the next events when it is asked to, from the ring or, where
//! that does not reach back so far, from the log; and it waits for the log's durable end, which wakes it.
//!
//! INVARIANT: whoever appends never waits for a subscription, and what it has not taken is kept for it nowhere but in the
//! log: so a slow one grows no buffer, and can go on in another process.

#[cfg(feature = "tokio")]
mod task;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use runledger_wal::{DurableWait, ReadError, Reader, Seq};

use super::super::Ledger;
use super::super::read::StoredEvent;
use super::ring::Ring;
use super::slot::Slot;
use super::subscribers::Enrolled;
use crate::ledger_read::Question;
use crate::query::matching::Matcher;
use crate::{ErrorClass, EventFilter, QueryError, UnsupportedFilter};

/// After so many pieces of the log without a match it is looked whether the deadline passed.
const PIECES_AT_ONCE: u32 = 4;

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeFrom {
    /// With this record, stored or still to come.
    Seq(Seq),
    /// With the first that becomes durable after the call.
    Now,
}

impl From<Seq> for SubscribeFrom {
    fn from(seq: Seq) -> Self {
        Self::Seq(seq)
    }
}

/// What a subscription says in place of an event. It goes on afterwards.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// More events wait than [`Subscription::with_lag_events_max`] said. None is lost: the next call goes on with the first
    /// of them, unless [`Subscription::skip_to`] leaves them out.
    #[error("the subscription is {behind} events behind: it goes on at record {resume_at}")]
    Lagged {
        /// How many events are durable that it has not looked at.
        behind: u64,
        /// The first of them.
        resume_at: Seq,
    },
    /// A record can't be read. If it is damaged, or no event, the next call goes on behind it; else it tries again.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl SubscriptionError {
    /// What the error means.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Lagged { .. } => ErrorClass::Refused,
            Self::Query(error) => error.class(),
        }
    }
}

impl From<ReadError> for SubscriptionError {
    fn from(error: ReadError) -> Self {
        Self::Query(error.into())
    }
}

/// The events that match a filter, from some record on, as they become durable. See [`Ledger::subscribe`].
///
/// As an iterator it waits for each next event, and ends when the ledger is closed, or its log takes nothing more.
pub struct Subscription {
    ring: Arc<Ring>,
    log: Reader,
    wanted: Matcher,
    /// The first record that was not looked at: that of the first of `ready`.
    next: Seq,
    ready: VecDeque<Slot>,
    place: Enrolled,
    lag_events_max: Option<u64>,
    /// What was stored when it began is not what it lags behind.
    lag_from: Seq,
    was_told: bool,
    has_ended: bool,
    #[cfg(feature = "tokio")]
    waiting: task::Waiting,
}

/// What a look at the next events came to.
enum Look {
    Found(Arc<StoredEvent>),
    /// There may be more to look at.
    NotYet,
    /// Nothing is durable that was not looked at.
    CaughtUp,
}

impl Ledger {
    /// The events that match `filter`, from some record on, in the order of the log: first those that are stored, then
    /// those to come, each once, as it becomes durable. Superseded events are among them, as in [`Ledger::tail`].
    ///
    /// It neither waits for the index nor holds up whoever appends. A handle that is open for reading follows its writer in
    /// the other process. Events of the last moments are decoded once for all subscriptions of a handle and its clones.
    ///
    /// A subscription does not keep the ledger open: it ends when the ledger is closed, after the last event.
    ///
    /// ```
    /// use runledger_audit::{AsOf, Body, Custom, Event, EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let note = |run: &str| Event::new(Body::Custom(Custom::default())).with_run(run);
    /// ledger.append(note("a"))?;
    ///
    /// // A question and what comes after it, without a gap and without repeating anything.
    /// let filter = EventFilter { run: Some("a".into()), ..EventFilter::default() };
    /// let end = ledger.durable_end()?;
    /// let stored = ledger.events(&EventFilter { as_of: Some(AsOf::Before(end)), ..filter.clone() })?;
    /// assert_eq!(stored.items.len(), 1);
    /// let mut coming = ledger.subscribe(&filter, end)?;
    /// ledger.append(note("b"))?;
    /// ledger.append(note("a"))?;
    /// ledger.close()?;
    /// let seqs: Result<Vec<u64>, _> = coming.by_ref().map(|event| Ok(event?.seq.get())).collect();
    /// assert_eq!(seqs.map_err(|error: runledger_audit::SubscriptionError| error)?, [2]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The filter has a page, a moment, a limit, or an order other than ascending; the log can't be read.
    pub fn subscribe(
        &self,
        filter: &EventFilter,
        from: impl Into<SubscribeFrom>,
    ) -> Result<Subscription, QueryError> {
        self.recorded(
            || Question::new("subscribe").events(filter),
            |ledger| {
                UnsupportedFilter::refuse_bounds(filter)?;
                let (log, live) = (ledger.core.log.clone(), &ledger.core.live);
                let durable_end = log.durable_end()?;
                let next = match from.into() {
                    SubscribeFrom::Seq(seq) => seq,
                    SubscribeFrom::Now => durable_end,
                };
                Ok(Subscription {
                    ring: Arc::clone(&live.ring),
                    log,
                    wanted: Matcher::new(filter),
                    next,
                    ready: VecDeque::new(),
                    place: Enrolled::new(&live.subscribers, next),
                    lag_events_max: None,
                    lag_from: durable_end,
                    was_told: false,
                    has_ended: false,
                    #[cfg(feature = "tokio")]
                    waiting: task::Waiting::default(),
                })
            },
        )
    }
}

impl Subscription {
    /// The same subscription, which says so with [`SubscriptionError::Lagged`] when more events than these wait for it: once,
    /// and again when it had caught up meanwhile. What was stored when it began does not count.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, SubscribeFrom, SubscriptionError};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let note = || Event::new(Body::Custom(Custom::default()));
    /// let subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    /// let mut subscription = subscription.with_lag_events_max(2);
    /// ledger.append_batch(&[note(), note(), note()])?;
    /// assert!(matches!(subscription.try_next(), Err(SubscriptionError::Lagged { behind: 3, .. })));
    /// // Told once; the events come all the same.
    /// assert_eq!(subscription.try_next()?.expect("it is durable").seq.get(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_lag_events_max(self, events: u64) -> Self {
        Self { lag_events_max: Some(events), ..self }
    }

    /// The first record that was not looked at: where another subscription goes on, in this process or another one.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, SubscribeFrom};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let note = || Event::new(Body::Custom(Custom::default()));
    /// let mut subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    ///
    /// ledger.append(note())?;
    /// subscription.try_next()?;
    /// // As a program that left, and goes on where it was.
    /// ledger.append(note())?;
    /// let mut again = ledger.subscribe(&EventFilter::default(), subscription.next_seq())?;
    /// assert_eq!(again.try_next()?.expect("it is durable").seq.get(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// How many events are durable that were not looked at. Some of them may not match.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, SubscribeFrom};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let note = || Event::new(Body::Custom(Custom::default()));
    /// let subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    ///
    /// ledger.append_batch(&[note(), note()])?;
    /// assert_eq!(subscription.lag()?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The log can't be read; never where the writer is in this process.
    pub fn lag(&self) -> Result<u64, QueryError> {
        Ok(self.log.durable_end()?.get().saturating_sub(self.next.get()))
    }

    /// Leaves out what comes before this record. Never goes back.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, SubscribeFrom};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let note = || Event::new(Body::Custom(Custom::default()));
    /// let mut subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    ///
    /// ledger.append_batch(&[note(), note(), note()])?;
    /// subscription.skip_to(ledger.durable_end()?);
    /// assert!(subscription.try_next()?.is_none(), "only what is new comes from here on");
    /// # Ok(())
    /// # }
    /// ```
    pub fn skip_to(&mut self, seq: Seq) {
        while self.next < seq && self.ready.pop_front().is_some() {
            self.next = self.next.next();
        }
        self.move_to(self.next.max(seq));
    }

    /// Whether nothing more will come: the ledger was closed, or its log takes nothing more until it is opened again.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, SubscribeFrom};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let mut subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    /// assert!(subscription.try_next()?.is_none() && !subscription.has_ended());
    /// ledger.close()?;
    /// assert!(subscription.next_until(None)?.is_none() && subscription.has_ended());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The next event that is durable already, or nothing. Waits for nothing but the disk.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, SubscribeFrom};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let note = || Event::new(Body::Custom(Custom::default()));
    /// let mut subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    ///
    /// assert!(subscription.try_next()?.is_none(), "nothing is waited for");
    /// ledger.append(note())?;
    /// assert_eq!(subscription.try_next()?.expect("it is durable").seq.get(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`SubscriptionError`].
    pub fn try_next(&mut self) -> Result<Option<Arc<StoredEvent>>, SubscriptionError> {
        loop {
            match self.look()? {
                Look::Found(event) => return Ok(Some(event)),
                Look::NotYet => {}
                Look::CaughtUp => return Ok(None),
            }
        }
    }

    /// The next event. Waits for it until the deadline, or for as long as it takes. Nothing if there was none until then, or
    /// if nothing more will come, as [`Subscription::has_ended`] tells.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, SubscribeFrom};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let mut subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    /// let soon = || Some(Instant::now() + Duration::from_millis(1));
    /// assert!(subscription.next_until(soon())?.is_none() && !subscription.has_ended());
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// assert_eq!(subscription.next_until(None)?.expect("it is durable").seq.get(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`SubscriptionError`].
    pub fn next_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<Arc<StoredEvent>>, SubscriptionError> {
        loop {
            match self.look()? {
                Look::Found(event) => return Ok(Some(event)),
                Look::NotYet if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Ok(None);
                }
                Look::NotYet => {}
                Look::CaughtUp => {
                    let waited = self.log.wait_durable_past(self.next, deadline)?;
                    if !self.goes_on_after(waited) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether there is something to look at after a wait.
    fn goes_on_after(&mut self, waited: DurableWait) -> bool {
        match waited {
            DurableWait::Durable(_) => true,
            DurableWait::Closed(end) => {
                self.has_ended = end <= self.next;
                !self.has_ended
            }
            _ => false,
        }
    }

    /// Looks at the next events, but not for long.
    fn look(&mut self) -> Result<Look, SubscriptionError> {
        self.tell_lag()?;
        for _ in 0..PIECES_AT_ONCE {
            while let Some(slot) = self.ready.pop_front() {
                let event = match slot.event {
                    Some(event) => event,
                    None => self.read_again()?,
                };
                self.move_to(self.next.next());
                if self.wanted.accepts(&event.event) {
                    return Ok(Look::Found(event));
                }
            }
            let durable_end = self.log.durable_end()?;
            if self.next >= durable_end {
                self.was_told = false;
                return Ok(Look::CaughtUp);
            }
            self.ready = self.ring.follow(&self.log, self.next, durable_end)?.into();
        }
        Ok(Look::NotYet)
    }

    fn move_to(&mut self, next: Seq) {
        self.next = next;
        self.place.move_to(next);
    }

    /// Reads the next record, which could not be read as an event, and says why, or finds that it can be read now.
    fn read_again(&mut self) -> Result<Arc<StoredEvent>, SubscriptionError> {
        match self.log.read(self.next) {
            Ok(record) => {
                let record = record.expect("a record before the durable end is there");
                StoredEvent::decode(&record).map(Arc::new).map_err(|error| {
                    self.move_to(self.next.next());
                    error.into()
                })
            }
            Err(ReadError::Damaged(damage)) => {
                // Its slot is gone; those of the rest of the range go with it.
                self.move_to(self.next.next());
                self.skip_to(damage.seq_to);
                Err(ReadError::Damaged(damage).into())
            }
            // It may pass: the next call tries again.
            Err(error) => {
                self.ready.clear();
                Err(error.into())
            }
        }
    }

    fn tell_lag(&mut self) -> Result<(), SubscriptionError> {
        let Some(events_max) = self.lag_events_max.filter(|_| !self.was_told) else { return Ok(()) };
        let durable_end = self.log.durable_end()?;
        if durable_end.get().saturating_sub(self.next.max(self.lag_from).get()) <= events_max {
            return Ok(());
        }
        self.was_told = true;
        let behind = durable_end.get().saturating_sub(self.next.get());
        Err(SubscriptionError::Lagged { behind, resume_at: self.next })
    }
}

/// Waits for each next event. Ends when nothing more will come; errors end nothing.
impl Iterator for Subscription {
    type Item = Result<Arc<StoredEvent>, SubscriptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_until(None).transpose()
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("next_seq", &self.next).finish_non_exhaustive()
    }
}
