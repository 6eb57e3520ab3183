//! The limits of a sink, and what it does at them.

use std::sync::Arc;
use std::time::Duration;

use super::Undelivered;
use crate::LedgerOptions;

/// How many events a queue holds, unless chosen otherwise.
const QUEUE_EVENTS_MAX_DEFAULT: usize = 65_536;
/// How much memory the events of a queue may take, unless chosen otherwise.
const QUEUE_BYTES_MAX_DEFAULT: usize = 64 << 20;
/// How many events are stored at a time, unless chosen otherwise.
const BATCH_EVENTS_MAX_DEFAULT: usize = 1024;
/// How long the first retry waits, unless chosen otherwise.
const RETRY_DELAY_MIN_DEFAULT: Duration = Duration::from_millis(10);
/// How long later retries wait at most, unless chosen otherwise.
const RETRY_DELAY_MAX_DEFAULT: Duration = Duration::from_secs(5);
/// How long dropping a sink waits at most, unless chosen otherwise.
const DROP_WAIT_MAX_DEFAULT: Duration = Duration::from_secs(5);

pub(super) type UndeliveredCallback = Arc<dyn Fn(Undelivered) + Send + Sync>;

/// How a sink queues, retries and ends.
///
/// ```
/// use runledger_audit::{Ledger, SinkOptions};
///
/// let options = SinkOptions::new()
///     .queue_events_max(100_000)
///     .reopen(Ledger::options())
///     .on_undelivered(|undelivered| eprintln!("{}: {}", undelivered.event.to_json(None), undelivered.reason));
/// ```
#[derive(Clone)]
#[must_use]
pub struct SinkOptions {
    pub(super) queue_events_max: usize,
    pub(super) queue_bytes_max: usize,
    pub(super) batch_events_max: usize,
    pub(super) retry_delay_min: Duration,
    pub(super) retry_delay_max: Duration,
    pub(super) drop_wait_max: Duration,
    pub(super) reopen: Option<LedgerOptions>,
    pub(super) on_undelivered: Option<UndeliveredCallback>,
    #[cfg(feature = "metrics")]
    pub(super) name: String,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            queue_events_max: QUEUE_EVENTS_MAX_DEFAULT,
            queue_bytes_max: QUEUE_BYTES_MAX_DEFAULT,
            batch_events_max: BATCH_EVENTS_MAX_DEFAULT,
            retry_delay_min: RETRY_DELAY_MIN_DEFAULT,
            retry_delay_max: RETRY_DELAY_MAX_DEFAULT,
            drop_wait_max: DROP_WAIT_MAX_DEFAULT,
            reopen: None,
            on_undelivered: None,
            #[cfg(feature = "metrics")]
            name: "default".to_owned(),
        }
    }
}

impl SinkOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events may be handed over and not yet stored: what a crash of the process loses at most. 65,536 by
    /// default, and at least 1.
    pub fn queue_events_max(mut self, events: usize) -> Self {
        self.queue_events_max = events.max(1);
        self
    }

    /// How much memory these may take, in bytes, as counted by the lengths of what they hold. 64 MiB by default. An event
    /// that is larger than that goes alone.
    pub fn queue_bytes_max(mut self, bytes: usize) -> Self {
        self.queue_bytes_max = bytes;
        self
    }

    /// How many events are stored at a time at most. 1024 by default, and at least 1.
    pub fn batch_events_max(mut self, events: usize) -> Self {
        self.batch_events_max = events.max(1);
        self
    }

    /// How long the sink waits before it tries again what failed: at first, and at most. Each failure in a row doubles it.
    /// 10 ms and 5 s by default.
    pub fn retry_delays(mut self, min: Duration, max: Duration) -> Self {
        (self.retry_delay_min, self.retry_delay_max) = (min, max.max(min));
        self
    }

    /// How long dropping the last clone of a sink waits for the queue to be stored. 5 s by default. See
    /// [`AuditSink::shutdown`](crate::AuditSink::shutdown) for an end whose result is told.
    pub fn drop_wait_max(mut self, wait: Duration) -> Self {
        self.drop_wait_max = wait;
        self
    }

    /// Lets the sink open the ledger again, in this way, when its log failed or was closed. All other handles of it are
    /// closed by that; [`AuditSink::ledger`](crate::AuditSink::ledger) gives the new one.
    pub fn reopen(mut self, options: LedgerOptions) -> Self {
        self.reopen = Some(options);
        self
    }

    /// Whom to give the events that the sink gives up: those that can never be stored, and those that are left when it was
    /// shut down and its time has passed. Called on the sink's own thread, which waits for it.
    pub fn on_undelivered(mut self, callback: impl Fn(Undelivered) + Send + Sync + 'static) -> Self {
        self.on_undelivered = Some(Arc::new(callback));
        self
    }

    /// The value of the label `sink` of its metrics. `default` unless chosen.
    #[cfg(feature = "metrics")]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl std::fmt::Debug for SinkOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SinkOptions")
            .field("queue_events_max", &self.queue_events_max)
            .field("queue_bytes_max", &self.queue_bytes_max)
            .field("batch_events_max", &self.batch_events_max)
            .field("retry_delay_min", &self.retry_delay_min)
            .field("retry_delay_max", &self.retry_delay_max)
            .field("drop_wait_max", &self.drop_wait_max)
            .field("reopen", &self.reopen)
            .finish_non_exhaustive()
    }
}
