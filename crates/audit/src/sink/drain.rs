//! The thread of a sink: takes batches, stores them, tries again what failed.
//!
//! INVARIANT: a batch is left only once all of it is settled, so nothing overtakes what failed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::destination::{Destination, StoreError, StoreFailure};
use super::error::{Undelivered, Unstored, with_causes};
use super::options::SinkOptions;
use super::queue::{Queue, QueuedEvent, Settled};

thread_local! {
    static IS_DRAIN: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread stores for a sink: it may be in somebody's callback.
pub(super) fn is_this_thread() -> bool {
    IS_DRAIN.get()
}

/// The thread's own.
pub(super) struct Drain {
    queue: Arc<Queue>,
    destination: Box<dyn Destination>,
    options: SinkOptions,
    #[cfg(feature = "metrics")]
    metrics: super::metrics::SinkMetrics,
}

impl Drain {
    pub(super) fn new(queue: Arc<Queue>, destination: Box<dyn Destination>, options: SinkOptions) -> Self {
        #[cfg(feature = "metrics")]
        let metrics = super::metrics::SinkMetrics::new(&options.name);
        Self {
            queue,
            destination,
            options,
            #[cfg(feature = "metrics")]
            metrics,
        }
    }

    /// Runs until the queue is closed. Nobody waits for its end: what they want to know the queue tells them.
    pub(super) fn start(self) -> std::io::Result<()> {
        std::thread::Builder::new().name("runledger-sink".to_owned()).spawn(move || self.run()).map(drop)
    }

    fn run(mut self) {
        IS_DRAIN.set(true);
        let mut batch = Vec::with_capacity(self.options.batch_events_max);
        loop {
            self.queue.take(&mut batch);
            if batch.is_empty() {
                break;
            }
            self.store(&mut batch);
        }
        let rest: Vec<_> = self.queue.take_rest().into();
        self.leave_behind(rest);
        let Self { queue, destination, .. } = self;
        drop(destination);
        queue.end();
    }

    /// Settles all of a batch, or gives the rest of it up when told to.
    fn store(&mut self, batch: &mut Vec<QueuedEvent>) {
        while !batch.is_empty() {
            let flushes = self.queue.flushes();
            let (stored, failure) = match self.attempt(batch) {
                Ok(()) => (batch.len(), None),
                Err(StoreError { stored, failure }) => (stored.min(batch.len()), Some(failure)),
            };
            let oldest_left = batch.get(stored).map(|queued| queued.since);
            let failed = match &failure {
                Some(StoreFailure::Failed(error)) => {
                    Some((with_causes(error.as_ref()), batch.len() - stored))
                }
                Some(StoreFailure::Refused(_)) | None => None,
            };
            // Before anything is settled: who flushes finds it noted.
            let failures_in_a_row = self.queue.note_attempt(failed, oldest_left);
            let bytes = batch.drain(..stored).map(|queued| queued.bytes).sum();
            self.queue.settle(stored, bytes, Settled::Durable);
            match failure {
                Some(StoreFailure::Refused(error)) if !batch.is_empty() => {
                    self.refuse(batch.remove(0), error);
                }
                Some(StoreFailure::Failed(_)) => self.wait(failures_in_a_row, flushes),
                Some(StoreFailure::Refused(_)) | None => {}
            }
            self.publish();
            if self.queue.is_given_up() {
                self.leave_behind(std::mem::take(batch));
            }
        }
    }

    /// A destination that panics has failed, and is tried again.
    fn attempt(&mut self, batch: &[QueuedEvent]) -> Result<(), StoreError> {
        let destination = &mut self.destination;
        catch_unwind(AssertUnwindSafe(|| destination.store(batch)))
            .unwrap_or_else(|_| Err(StoreError::failed(0, "storing the events panicked")))
    }

    /// Waits before a retry, unless somebody flushed since the attempt began, when there had been so many `flushes`.
    fn wait(&self, failures_in_a_row: u32, flushes: u64) {
        self.publish();
        let SinkOptions { retry_delay_min, retry_delay_max, .. } = self.options;
        let delay = retry_delay(failures_in_a_row, retry_delay_min, retry_delay_max);
        self.queue.wait_to_retry(Instant::now() + delay, flushes);
    }

    /// Told before it is settled: who flushes finds it told.
    fn refuse(&self, queued: QueuedEvent, error: Box<dyn std::error::Error + Send + Sync>) {
        let reason = with_causes(error.as_ref());
        self.tell(Undelivered { event: queued.event, reason: Unstored::Refused(error) });
        self.queue.settle(1, queued.bytes, Settled::Refused(&reason));
    }

    fn leave_behind(&self, rest: Vec<QueuedEvent>) {
        if rest.is_empty() {
            return;
        }
        let (events, bytes) = (rest.len(), rest.iter().map(|queued| queued.bytes).sum());
        for queued in rest {
            self.tell(Undelivered { event: queued.event, reason: Unstored::LeftBehind });
        }
        self.queue.settle(events, bytes, Settled::LeftBehind);
        self.publish();
    }

    /// The callback is somebody else's: one that panics has said so by it, and must not end the thread.
    fn tell(&self, undelivered: Undelivered) {
        if let Some(callback) = &self.options.on_undelivered {
            let _ = catch_unwind(AssertUnwindSafe(|| callback(undelivered)));
        }
    }

    #[cfg(feature = "metrics")]
    fn publish(&self) {
        self.metrics.publish(&self.queue.stats());
    }

    #[cfg(not(feature = "metrics"))]
    #[expect(clippy::unused_self, reason = "so that its callers need no feature")]
    fn publish(&self) {}
}

/// Twice as long after each failure in a row, up to the maximum.
fn retry_delay(failures_in_a_row: u32, min: Duration, max: Duration) -> Duration {
    let doublings = failures_in_a_row.saturating_sub(1).min(31);
    min.saturating_mul(1 << doublings).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_from_the_least_to_the_greatest() {
        let delay = |failures| {
            retry_delay(failures, Duration::from_millis(10), Duration::from_millis(70)).as_millis()
        };
        assert_eq!([1, 2, 3, 4, 5, u32::MAX].map(delay), [10, 20, 40, 70, 70, 70]);
    }
}
