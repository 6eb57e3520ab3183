//! A sink's figures, by the `metrics` facade.
//!
//! They are published after each attempt to store a batch, not with each event: recording costs nothing for them. While
//! nothing is recorded, nothing changes either, but for the age of the oldest queued event.

use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge};

use super::SinkStats;

/// What a sink tells, each with the label `sink`.
pub(super) struct SinkMetrics {
    recorded: Counter,
    durable: Counter,
    refused: Counter,
    left_behind: Counter,
    waited: Counter,
    full: Counter,
    attempts: Counter,
    failures: Counter,
    retries: Counter,
    queued: Gauge,
    queued_bytes: Gauge,
    high_water: Gauge,
    lag_seconds: Gauge,
    failing: Gauge,
}

impl SinkMetrics {
    pub(super) fn new(sink: &str) -> Self {
        let label = sink.to_owned();
        macro_rules! named {
            ($make:ident, $name:literal) => {
                $make!($name, "sink" => label.clone())
            };
        }
        Self {
            recorded: named!(counter, "runledger_sink_recorded_total"),
            durable: named!(counter, "runledger_sink_durable_total"),
            refused: named!(counter, "runledger_sink_refused_total"),
            left_behind: named!(counter, "runledger_sink_left_behind_total"),
            waited: named!(counter, "runledger_sink_waited_total"),
            full: named!(counter, "runledger_sink_full_total"),
            attempts: named!(counter, "runledger_sink_attempts_total"),
            failures: named!(counter, "runledger_sink_failures_total"),
            retries: named!(counter, "runledger_sink_retries_total"),
            queued: named!(gauge, "runledger_sink_queued_events"),
            queued_bytes: named!(gauge, "runledger_sink_queued_bytes"),
            high_water: named!(gauge, "runledger_sink_queued_events_max"),
            lag_seconds: named!(gauge, "runledger_sink_lag_seconds"),
            failing: named!(gauge, "runledger_sink_failing"),
        }
    }

    pub(super) fn publish(&self, stats: &SinkStats) {
        self.recorded.absolute(stats.recorded);
        self.durable.absolute(stats.durable);
        self.refused.absolute(stats.refused);
        self.left_behind.absolute(stats.left_behind);
        self.waited.absolute(stats.waited);
        self.full.absolute(stats.full);
        self.attempts.absolute(stats.attempts);
        self.failures.absolute(stats.failures);
        self.retries.absolute(stats.retries);
        self.queued.set(lossy(stats.queued));
        self.queued_bytes.set(lossy(stats.queued_bytes));
        self.high_water.set(lossy(stats.high_water));
        self.lag_seconds.set(seconds(stats.lag));
        self.failing.set(f64::from(u8::from(stats.failures_in_a_row > 0)));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and no queue holds 2^53 of anything")]
pub(crate) fn lossy(value: u64) -> f64 {
    value as f64
}

/// A duration as a gauge.
pub(crate) fn seconds(duration: Option<Duration>) -> f64 {
    duration.map_or(0.0, |duration| duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use metrics::{Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use parking_lot::Mutex;

    use super::*;
    use crate::{AuditSink, Body, Custom, Event, Ledger, SinkOptions};

    /// Keeps every figure by its name and labels.
    #[derive(Clone, Default)]
    struct Figures(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

    impl Figures {
        fn of(&self, key: &Key) -> Arc<AtomicU64> {
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            Arc::clone(self.0.lock().entry(format!("{} {}", key.name(), labels.join(","))).or_default())
        }

        fn counter(&self, name: &str) -> Option<u64> {
            self.0.lock().get(name).map(|figure| figure.load(Ordering::Acquire))
        }

        fn gauge(&self, name: &str) -> Option<f64> {
            self.counter(name).map(f64::from_bits)
        }
    }

    impl Recorder for Figures {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.of(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.of(key))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn figures_of_sink_and_ledger_are_those_of_stats_and_health() {
        let (figures, folder) = (Figures::default(), tempfile::tempdir().unwrap());
        let ledger = Ledger::open(folder.path().join("ledger")).unwrap();
        metrics::with_local_recorder(&figures, || {
            let sink = AuditSink::new(ledger.clone(), SinkOptions::new().name("agents")).unwrap();
            for _ in 0..3 {
                sink.record(Event::new(Body::Custom(Custom::default()))).unwrap();
            }
            sink.flush(Instant::now() + Duration::from_secs(30)).unwrap();
            while figures.counter("runledger_sink_durable_total sink=agents") != Some(3) {
                std::thread::yield_now();
            }
            ledger.publish_metrics().unwrap();
        });
        assert_eq!(figures.counter("runledger_sink_recorded_total sink=agents"), Some(3));
        assert_eq!(figures.gauge("runledger_sink_failing sink=agents"), Some(0.0));
        assert_eq!(figures.counter("runledger_durable_events_total "), Some(3));
        assert_eq!(figures.gauge("runledger_log_failed "), Some(0.0));
    }
}
