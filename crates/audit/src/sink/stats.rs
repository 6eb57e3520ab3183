//! How a sink fares, in numbers that add up.

use std::time::Duration;

/// How a sink fares. `recorded` is the sum of `durable`, `refused`, `left_behind` and `queued`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SinkStats {
    /// Events that were handed over.
    pub recorded: u64,
    /// Of these, events that are on stable storage.
    pub durable: u64,
    /// Of these, events that can never be stored.
    pub refused: u64,
    /// Of these, events that were given up when the sink was shut down.
    pub left_behind: u64,
    /// Of these, events that are neither: they wait, or are being stored.
    pub queued: u64,
    /// Bytes of those, as counted for [`queue_bytes_max`](crate::SinkOptions::queue_bytes_max).
    pub queued_bytes: u64,
    /// The most events that were queued at a time.
    pub high_water: u64,
    /// How long ago the oldest of the queued events was handed over.
    pub lag: Option<Duration>,
    /// How often `record` had to wait because the queue was full.
    pub waited: u64,
    /// How often `try_record` gave an event back because the queue was full.
    pub full: u64,
    /// Attempts to store a batch.
    pub attempts: u64,
    /// Attempts that failed. What they held was sent again.
    pub failures: u64,
    /// How many of the last attempts failed: not 0 as long as nothing can be stored.
    pub failures_in_a_row: u32,
    /// Events that were sent again, counted each time.
    pub retries: u64,
    /// Why the last attempt failed that did, also if that has passed.
    pub last_error: Option<String>,
    /// Why the last event was refused, if any was.
    pub last_refusal: Option<String>,
}

impl SinkStats {
    /// Whether nothing fails now and nothing was given up. A queue that fills is no failure: whoever records waits.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.failures_in_a_row == 0 && self.refused == 0 && self.left_behind == 0
    }
}
