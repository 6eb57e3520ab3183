//! Figures out of rounds: medians, ratios within rounds, quantiles over all of them; as a table and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::machine::Machine;
use crate::rounds::{Round, latencies};

/// All rounds of one engine with one number of writers.
pub(crate) struct Series {
    engine: &'static str,
    writers: u64,
    /// One for each round, in order.
    appends_per_second: Vec<f64>,
    appends: u64,
    syncs: u64,
    verified: u64,
    latency_ns: Histogram<u64>,
}

impl Series {
    /// A series without rounds.
    pub(crate) fn new(engine: &'static str, writers: u64) -> Self {
        let latency_ns = latencies();
        Self {
            engine,
            writers,
            appends_per_second: Vec::new(),
            appends: 0,
            syncs: 0,
            verified: 0,
            latency_ns,
        }
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, round: Round) -> Result<()> {
        self.appends_per_second.push(round.appends as f64 / round.window.as_secs_f64());
        self.appends += round.appends;
        self.syncs += round.syncs;
        self.verified += round.verified;
        self.latency_ns.add(round.latency_ns).context("add up latencies")
    }

    fn records_per_sync(&self) -> f64 {
        self.appends as f64 / self.syncs.max(1) as f64
    }

    /// The median over rounds of this engine's rate by the reference's.
    fn ratio_to(&self, reference: &Self) -> f64 {
        let rates = self.appends_per_second.iter().zip(&reference.appends_per_second);
        median(&rates.map(|(own, bare)| own / bare).collect::<Vec<_>>())
    }

    fn latency_us(&self, quantile: f64) -> f64 {
        self.latency_ns.value_at_quantile(quantile) as f64 / 1000.0
    }

    fn row(&self, reference: &Self) -> String {
        let rates = &self.appends_per_second;
        let (slowest, fastest) = rates
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
        format!(
            "| {} | {} | {:.0} ({slowest:.0}–{fastest:.0}) | {:.2} | {:.1} | {:.0} | {:.0} | {:.0} |",
            self.writers,
            self.engine,
            median(rates),
            self.ratio_to(reference),
            self.records_per_sync(),
            self.latency_us(0.5),
            self.latency_us(0.99),
            self.latency_us(0.999),
        )
    }

    fn json(&self, reference: &Self) -> Value {
        json!({
            "writers": self.writers,
            "engine": self.engine,
            "appendsPerSecond": median(&self.appends_per_second),
            "appendsPerSecondByRound": self.appends_per_second,
            "ratioToReference": self.ratio_to(reference),
            "reference": reference.engine,
            "recordsPerSync": self.records_per_sync(),
            "latencyUs": {
                "p50": self.latency_us(0.5),
                "p99": self.latency_us(0.99),
                "p999": self.latency_us(0.999),
                "max": self.latency_us(1.0),
            },
            "verifiedRecords": self.verified,
        })
    }
}

/// The figures of a run.
pub(crate) struct Report {
    benchmark: &'static str,
    machine: Machine,
    payload_bytes: usize,
    measured: Duration,
    /// For each number of writers the engine and its reference.
    compared: Vec<[Series; 2]>,
}

impl Report {
    /// A report without figures.
    pub(crate) fn new(
        benchmark: &'static str,
        machine: Machine,
        payload_bytes: usize,
        measured: Duration,
    ) -> Self {
        Self { benchmark, machine, payload_bytes, measured, compared: Vec::new() }
    }

    /// Adds an engine and its reference.
    pub(crate) fn add(&mut self, compared: [Series; 2]) {
        self.compared.push(compared);
    }

    /// The table, as it stands in the README.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "{}: {} bytes a record; {}\n\n",
            self.benchmark,
            self.payload_bytes,
            self.machine.sentence()
        );
        text.push_str("| writers | engine | appends/s, median (range) | × reference | records/sync | p50 µs | p99 µs | p99.9 µs |\n");
        text.push_str("|---:|---|---:|---:|---:|---:|---:|---:|\n");
        for [engine, reference] in &self.compared {
            for series in [engine, reference] {
                writeln!(text, "{}", series.row(reference)).expect("writing to a string does not fail");
            }
        }
        text
    }

    /// Everything, for a program.
    pub(crate) fn json(&self) -> String {
        let both = |[engine, reference]: &[Series; 2]| [engine.json(reference), reference.json(reference)];
        let report = json!({
            "benchmark": self.benchmark,
            "machine": self.machine.json(),
            "payloadBytes": self.payload_bytes,
            "secondsPerRound": self.measured.as_secs_f64(),
            "results": self.compared.iter().flat_map(both).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

/// The middle value, or the mean of the two middle ones.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|below| sorted.get(below)).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(engine: &'static str, rates: &[u64]) -> Series {
        let mut series = Series::new(engine, 8);
        for &appends in rates {
            let mut latency_ns = latencies();
            latency_ns.record_n(250_000, appends).unwrap();
            let window = Duration::from_secs(1);
            series.add(Round { appends, syncs: appends / 4, window, latency_ns, verified: appends }).unwrap();
        }
        series
    }

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_both_middles() {
        assert!((median(&[5.0, 1.0, 3.0]) - 3.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_taken_within_rounds() {
        // Both grow slower from round to round; the ratio stays one half.
        let ratio = series("log", &[400, 200, 100]).ratio_to(&series("reference", &[800, 400, 200]));
        assert!((ratio - 0.5).abs() < 1e-9, "{ratio}");
    }

    #[test]
    fn a_row_shows_rate_ratio_records_per_sync_and_quantiles() {
        let row = series("log", &[400, 800, 1200]).row(&series("reference", &[800, 800, 800]));
        assert_eq!(row, "| 8 | log | 800 (400–1200) | 1.00 | 4.0 | 250 | 250 | 250 |");
    }
}
