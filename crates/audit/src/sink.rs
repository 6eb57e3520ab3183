//! The sink: hands events to a ledger without waiting for its disk, and never loses one in silence.
//!
//! [`AuditSink::record`] puts an event into a bounded queue and returns; one thread takes what is there, stores it as one
//! batch, waits until that is durable, and goes on. The queue fills the next batch meanwhile, so that a slow disk makes
//! batches larger instead of callers slower. When the queue is full, `record` waits and [`AuditSink::try_record`] gives
//! the event back.
//!
//! INVARIANT: events are stored in the order in which they were handed over, each once, however often storing fails. An
//! event keeps its place in the queue, and its share of the limits, until it is durable or was refused for good.
//!
//! What it deliberately is not: a second log. What is in the queue when the process dies is lost, at most
//! [`queue_events_max`](SinkOptions::queue_events_max) events; who can't afford that waits, with
//! [`AuditSink::record_durable`] or [`AuditSink::flush`].
//!
//! `AuditSink` is a type and not a trait: not to lose anything is what this queue does, and no signature can promise it
//! for another. What can be exchanged is where the events go: [`Destination`].

mod destination;
mod drain;
mod error;
mod event_bytes;
mod ledger_destination;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
mod options;
mod queue;
mod stats;
#[cfg(feature = "tokio")]
mod tasks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub use destination::{Destination, StoreError, StoreFailure};
pub use error::{
    FlushError, RecordDurableError, RecordError, SinkError, TryRecordError, Undelivered, Unstored,
};
pub use options::SinkOptions;
pub use queue::QueuedEvent;
pub use stats::SinkStats;

use self::drain::Drain;
use self::ledger_destination::LedgerDestination;
use self::queue::{Closing, Queue};
use crate::{Event, EventId, Ledger};

/// Takes events from any thread and stores them in their order. Cheap to clone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use std::time::{Duration, Instant};
/// use runledger_audit::{AuditSink, Body, Event, Ledger, SinkOptions, ToolCall};
///
/// let ledger = Ledger::open(folder.path().join("ledger"))?;
/// let sink = AuditSink::new(ledger.clone(), SinkOptions::new())?;
/// let call = ToolCall { tool_id: "grep".into(), ..ToolCall::default() };
/// let id = sink.record(Event::new(Body::ToolCall(call)))?; // in the queue: well under 20 µs
/// sink.flush(Instant::now() + Duration::from_secs(5))?; // on stable storage
/// assert!(ledger.event(id)?.is_some());
/// sink.shutdown(Instant::now() + Duration::from_secs(5))?;
/// ledger.close()?;
/// # Ok(())
/// # }
/// ```
///
/// # When storing fails
///
/// Events stay in the queue and are tried again, in their order, with growing delays. [`AuditSink::stats`] says so. A log
/// that failed takes nothing until its ledger is opened again; with [`SinkOptions::reopen`] the sink does that, finds out
/// which of the events in doubt are stored, and sends the others again.
///
/// An event that can never be stored (it is too large, or its id is stored with other content) doesn't hold up those
/// behind it: it is counted, and handed to [`SinkOptions::on_undelivered`].
#[derive(Clone)]
pub struct AuditSink {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    /// The ledger as it was opened last, if it is a ledger.
    ledger: Option<Arc<Mutex<Ledger>>>,
    drop_wait_max: Duration,
}

impl AuditSink {
    /// A sink for this ledger.
    ///
    /// ```
    /// use runledger_audit::{AuditSink, Ledger, SinkOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("ledger");
    /// let options = SinkOptions::new().queue_events_max(10_000).reopen(Ledger::options());
    /// let sink = AuditSink::new(Ledger::open(&path)?, options.clone())?;
    /// assert!(sink.stats().is_well());
    /// let reader = Ledger::open_read_only(&path)?;
    /// assert!(AuditSink::new(reader, options).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The ledger is open for reading only; no thread can be started.
    pub fn new(ledger: Ledger, options: SinkOptions) -> Result<Self, SinkError> {
        if ledger.is_read_only() {
            return Err(SinkError::ReadOnly);
        }
        let current = Arc::new(Mutex::new(ledger));
        let destination = LedgerDestination::new(Arc::clone(&current), options.reopen.clone());
        Self::start(Box::new(destination), Some(current), options)
    }

    /// A sink for something else that keeps events, such as a test's own.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::{Duration, Instant};
    ///
    /// use runledger_audit::{AuditSink, Body, Custom, Destination, Event, QueuedEvent, SinkOptions, StoreError};
    ///
    /// struct Kinds(mpsc::Sender<String>);
    ///
    /// impl Destination for Kinds {
    ///     fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
    ///         for event in events {
    ///             self.0.send(event.kind().to_string()).map_err(|error| StoreError::failed(0, error))?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, kinds) = mpsc::channel();
    /// let sink = AuditSink::to(Kinds(sender), SinkOptions::new())?;
    /// sink.record(Event::new(Body::Custom(Custom::default())))?;
    /// sink.flush(Instant::now() + Duration::from_secs(5))?;
    /// assert_eq!(kinds.recv()?, "custom");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn to(destination: impl Destination, options: SinkOptions) -> Result<Self, SinkError> {
        Self::start(Box::new(destination), None, options)
    }

    fn start(
        destination: Box<dyn Destination>,
        ledger: Option<Arc<Mutex<Ledger>>>,
        options: SinkOptions,
    ) -> Result<Self, SinkError> {
        let queue = Arc::new(Queue::new(&options));
        let drop_wait_max = options.drop_wait_max;
        Drain::new(Arc::clone(&queue), destination, options).start().map_err(SinkError::Thread)?;
        Ok(Self { inner: Arc::new(Inner { queue, ledger, drop_wait_max }) })
    }

    /// Whether the calling thread is one that stores for a sink. What it does, in a callback or in a [`Destination`], must
    /// not be recorded as a matter of course: that would never end.
    #[must_use]
    pub fn is_own_thread() -> bool {
        drain::is_this_thread()
    }

    /// Hands an event over. Waits only while the queue is full; the sink's own thread, in a callback, doesn't wait even
    /// then.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use runledger_audit::{AuditSink, Body, Custom, Event, Ledger, SinkOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
    ///
    /// let tick = || Event::new(Body::Custom(Custom::default()));
    /// let (first, second) = (sink.record(tick())?, sink.record(tick())?); // nothing is waited for
    /// sink.flush(Instant::now() + Duration::from_secs(5))?;
    /// let ledger = sink.ledger().expect("it stores into one");
    /// let seq = |id| Ok::<_, runledger_audit::QueryError>(ledger.event(id)?.expect("it is stored").seq);
    /// assert!(seq(first)? < seq(second)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Durability
    ///
    /// None yet: if the process dies before the event is stored, it is lost. See [`AuditSink::record_durable`] and
    /// [`AuditSink::flush`].
    ///
    /// # Errors
    ///
    /// The sink was shut down; the error holds the event.
    pub fn record(&self, event: Event) -> Result<EventId, RecordError> {
        let id = event.event_id;
        self.inner.queue.push(event)?;
        Ok(id)
    }

    /// As [`AuditSink::record`], but never waits.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # use runledger_audit::{AuditSink, Body, Custom, Event, Ledger, SinkOptions, TryRecordError};
    /// # let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
    /// let mut put_off = Vec::new();
    /// match sink.try_record(Event::new(Body::Custom(Custom { type_name: "tick".into(), ..Custom::default() }))) {
    ///     Ok(_) => {}
    ///     Err(TryRecordError::Full(event)) => put_off.push(event), // nothing is lost: it is here
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The queue is full, or the sink was shut down; the error holds the event.
    pub fn try_record(&self, event: Event) -> Result<EventId, TryRecordError> {
        let id = event.event_id;
        self.inner.queue.try_push(event)?;
        Ok(id)
    }

    /// Hands an event over and waits until it is durable, however long that takes. Not for the sink's own callbacks, which it
    /// would wait for.
    ///
    /// ```
    /// use runledger_audit::{AuditSink, Body, Custom, Event, Ledger, SinkOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
    ///
    /// let id = sink.record_durable(Event::new(Body::Custom(Custom::default())))?;
    /// let ledger = sink.ledger().expect("it stores into one");
    /// assert!(ledger.event(id)?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Durability
    ///
    /// On return the event survives a crash of the process and of the machine.
    ///
    /// # Errors
    ///
    /// The event can never be stored; the sink was shut down, or gave up, before it was.
    pub fn record_durable(&self, event: Event) -> Result<EventId, RecordDurableError> {
        let id = event.event_id;
        let number = self.inner.queue.push_watched(event)?;
        self.inner.queue.wait_for(number)?;
        Ok(id)
    }

    /// Waits until everything that was handed over so far is durable, or was refused for good. A retry that waits for its
    /// time is made at once.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use runledger_audit::{AuditSink, Body, Custom, Event, Ledger, SinkOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
    ///
    /// sink.record(Event::new(Body::Custom(Custom::default())))?;
    /// sink.flush(Instant::now() + Duration::from_secs(5))?;
    /// assert_eq!((sink.stats().durable, sink.stats().queued), (1, 0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `deadline` passed first. What is left stays in the queue and is tried on.
    pub fn flush(&self, deadline: Instant) -> Result<(), FlushError> {
        self.inner.queue.flush(deadline)
    }

    /// Takes no more events, and waits until all that were handed over are stored.
    ///
    /// The ledger stays open: [`AuditSink::ledger`] gives the handle to close.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use runledger_audit::{AuditSink, Body, Custom, Event, Ledger, SinkOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let sink = AuditSink::new(ledger.clone(), SinkOptions::new())?;
    /// let tick = || Event::new(Body::Custom(Custom::default()));
    /// sink.record(tick())?;
    /// sink.shutdown(Instant::now() + Duration::from_secs(5))?;
    /// assert!(sink.record(tick()).is_err());
    /// assert_eq!(ledger.durable_end()?.get(), 1);
    /// ledger.close()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `deadline` passed first. Then the sink gives up: what is left is counted, and handed to
    /// [`SinkOptions::on_undelivered`] as soon as the storage answers.
    pub fn shutdown(&self, deadline: Instant) -> Result<(), FlushError> {
        self.inner.queue.close(Closing::Draining);
        self.inner.queue.flush(deadline).inspect_err(|_| self.inner.queue.close(Closing::GivingUp))?;
        // So that nothing here holds the ledger any more, other than this handle.
        self.inner.queue.wait_for_end(deadline);
        Ok(())
    }

    /// How it fares.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use runledger_audit::{AuditSink, Body, Custom, Event, Ledger, SinkOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
    ///
    /// sink.record(Event::new(Body::Custom(Custom::default())))?;
    /// sink.flush(Instant::now() + Duration::from_secs(5))?;
    /// let stats = sink.stats();
    /// assert_eq!((stats.recorded, stats.durable, stats.failures), (1, 1, 0));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stats(&self) -> SinkStats {
        self.inner.queue.stats()
    }

    /// The ledger, as it was opened last. After the sink opened it [again](SinkOptions::reopen), older handles are closed.
    ///
    /// ```
    /// use runledger_audit::{AuditSink, Ledger, SinkOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
    ///
    /// let ledger = sink.ledger().expect("it stores into one");
    /// assert_eq!(ledger.durable_end()?.get(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ledger(&self) -> Option<Ledger> {
        self.inner.ledger.as_ref().map(|ledger| ledger.lock().clone())
    }
}

/// What was not shut down is drained, for as long as it may take. Who has to know what is left asks
/// [`SinkOptions::on_undelivered`] to be told.
impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close(Closing::Draining);
        if drain::is_this_thread() {
            // A callback had the last handle: the thread that it would wait for is its own, and drains all the same.
            return;
        }
        let deadline = Instant::now() + self.drop_wait_max;
        if self.queue.flush(deadline).is_err() {
            self.queue.close(Closing::GivingUp);
        } else {
            self.queue.wait_for_end(deadline);
        }
    }
}

impl std::fmt::Debug for AuditSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditSink").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
