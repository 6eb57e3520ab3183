//! Limits of ingestion, each with its name and unit, and who is told of what was indexed.

use std::fmt;
use std::time::Duration;

use runledger_wal::Record;

const BATCH_EVENTS_MAX_DEFAULT: usize = 4096;
const BATCH_BYTES_MAX_DEFAULT: usize = 4 << 20;

/// What [`Options::batch_interval`] is by default.
pub const BATCH_INTERVAL_DEFAULT: Duration = Duration::from_millis(5);

/// What [`Options::index_tail_events_max`] is by default.
pub const INDEX_TAIL_EVENTS_MAX_DEFAULT: u64 = 100_000;

/// Called with the records of each batch once it is visible.
pub(crate) type Observer = Box<dyn FnMut(&[Record]) + Send>;

/// How records are taken into the index.
pub struct Options {
    pub(crate) batch_events_max: usize,
    pub(crate) batch_bytes_max: usize,
    pub(crate) batch_interval: Duration,
    pub(crate) index_tail_events_max: u64,
    pub(crate) observer: Option<Observer>,
}

impl Options {
    /// The default limits.
    pub fn new() -> Self {
        Self {
            batch_events_max: BATCH_EVENTS_MAX_DEFAULT,
            batch_bytes_max: BATCH_BYTES_MAX_DEFAULT,
            batch_interval: BATCH_INTERVAL_DEFAULT,
            index_tail_events_max: INDEX_TAIL_EVENTS_MAX_DEFAULT,
            observer: None,
        }
    }

    /// A batch has at most so many records. 4096 by default, at least 1.
    #[must_use]
    pub fn batch_events_max(mut self, events: usize) -> Self {
        self.batch_events_max = events.max(1);
        self
    }

    /// A batch is closed when its records, or the keys and values made of them, have reached so many bytes. 4 MiB by
    /// default.
    #[must_use]
    pub fn batch_bytes_max(mut self, bytes: usize) -> Self {
        self.batch_bytes_max = bytes;
        self
    }

    /// While nobody waits for the index, batches that are not full begin so far apart: a log that grows by many small
    /// commits is indexed by few batches. Whoever asks has the next one begin at once. 5 ms by default.
    #[must_use]
    pub fn batch_interval(mut self, interval: Duration) -> Self {
        self.batch_interval = interval;
        self
    }

    /// The index is written out when so many records were indexed since it last was: what must be replayed after a
    /// crash, and what a reader in another process must lay over it. 100,000 by default.
    #[must_use]
    pub fn index_tail_events_max(mut self, events: u64) -> Self {
        self.index_tail_events_max = events;
        self
    }

    /// Who is told of the records of each batch, in `Seq` order, after the batch is visible and before whoever waits
    /// for it is woken. After a crash, records whose batch was lost are told again. Indexing waits for it: be quick.
    #[must_use]
    pub fn observer(mut self, observer: impl FnMut(&[Record]) + Send + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("batch_events_max", &self.batch_events_max)
            .field("batch_bytes_max", &self.batch_bytes_max)
            .field("batch_interval", &self.batch_interval)
            .field("index_tail_events_max", &self.index_tail_events_max)
            .finish_non_exhaustive()
    }
}
