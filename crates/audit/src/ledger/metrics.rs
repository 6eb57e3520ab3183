//! A ledger's figures, by the `metrics` facade.

use metrics::{counter, gauge};

use super::{IndexStatus, Ledger};
use crate::QueryError;
use crate::sink::metrics::{lossy, seconds};

impl Ledger {
    /// Publishes how the ledger fares, by the [`metrics`] facade. To be called before figures are collected, such as by the
    /// handler of a scrape; it waits for nothing. Behind the feature `metrics`.
    ///
    /// | metric | |
    /// |---|---|
    /// | `runledger_durable_events_total` | events in the log: appended, and on stable storage |
    /// | `runledger_unsafe_events` | events that have a number and are not durable yet |
    /// | `runledger_log_failed` | 1 if the log takes nothing more until the ledger is opened again |
    /// | `runledger_index_lag_events`, `runledger_index_lag_seconds` | what the index lacks, and the age of its oldest |
    /// | `runledger_index_failing` | 1 if the index can't be written |
    ///
    /// A sink publishes its own, after each attempt to store a batch, with the label `sink`
    /// ([`SinkOptions::name`](crate::SinkOptions::name)): counters `runledger_sink_recorded_total`, `_durable_total`,
    /// `_refused_total`, `_left_behind_total`, `_waited_total`, `_full_total`, `_attempts_total`, `_failures_total`,
    /// `_retries_total`; gauges `runledger_sink_queued_events`, `_queued_bytes`, `_queued_events_max`, `_lag_seconds`,
    /// `_failing`. Their meaning is that of the fields of [`SinkStats`](crate::SinkStats).
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// // In the handler of a scrape, before the recorder that the program installed is asked.
    /// ledger.publish_metrics()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Ledger::health`]: the log's end can't be found out. Then nothing is published.
    pub fn publish_metrics(&self) -> Result<(), QueryError> {
        let health = self.health()?;
        let flag = |is_so: bool| f64::from(u8::from(is_so));
        counter!("runledger_durable_events_total").absolute(health.durable_end.get());
        gauge!("runledger_unsafe_events").set(lossy(health.unsafe_events));
        gauge!("runledger_log_failed").set(flag(health.log_failure.is_some()));
        gauge!("runledger_index_lag_events").set(lossy(health.index.lag_events));
        gauge!("runledger_index_lag_seconds").set(seconds(health.index.lag));
        gauge!("runledger_index_failing")
            .set(flag(matches!(health.index.status, IndexStatus::Failed { .. })));
        Ok(())
    }
}
