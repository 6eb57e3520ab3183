//! Histograms of what was measured one by one.

use hdrhistogram::Histogram;

/// From a nanosecond to a minute, to three digits.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// A histogram for latencies.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_NS_MAX, 3).expect("the bounds are constants that fit")
}

/// A histogram's contents, as they are sent.
pub(crate) fn counts_of(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
}

/// What was sent, as a histogram again.
pub(crate) fn histogram_of<'a>(counts: impl IntoIterator<Item = &'a (u64, u64)>) -> Histogram<u64> {
    let mut histogram = latencies();
    for (value, count) in counts {
        histogram.saturating_record_n(*value, *count);
    }
    histogram
}
