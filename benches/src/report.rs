//! Figures out of rounds: medians, ratios within rounds, quantiles over all of them; as Markdown and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::job::Outcome;
use crate::latency::histogram_of;
use crate::machine::Machine;
use crate::workload::{Figure, Workload};

mod numbers;

use numbers::{Spread, count, median, microseconds};

/// Columns of a table, at most.
const COLUMNS: usize = 12;

/// All rounds of one that took part.
pub(crate) struct Series {
    label: String,
    outcomes: Vec<Outcome>,
    /// Why there are no more of them.
    pub(crate) failure: Option<String>,
}

impl Series {
    /// A series without rounds.
    pub(crate) fn new(label: &str) -> Self {
        Self { label: label.to_owned(), outcomes: Vec::new(), failure: None }
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    fn figures(&self, figure: Figure) -> Vec<f64> {
        self.outcomes.iter().map(|outcome| figure.of(outcome)).collect()
    }

    /// For each round this one's figure by the reference's.
    fn ratios(&self, reference: &Self, figure: Figure) -> Vec<f64> {
        let pairs = self.outcomes.iter().zip(&reference.outcomes);
        pairs.map(|(own, bare)| figure.of(own) / figure.of(bare)).collect()
    }

    /// Records by syncs, where somebody counts syncs; otherwise by the device's flushes, which are everybody's.
    fn records_per_sync(&self) -> Option<(f64, bool)> {
        let records: u64 = self.outcomes.iter().map(|outcome| outcome.records).sum();
        let sum = |counts: Vec<Option<u64>>| counts.into_iter().sum::<Option<u64>>().filter(|sum| *sum > 0);
        let syncs = sum(self.outcomes.iter().map(|outcome| outcome.syncs).collect());
        let flushes = sum(self.outcomes.iter().map(|outcome| outcome.device_flushes).collect());
        let by = |syncs: u64| records as f64 / syncs as f64;
        syncs.map(|syncs| (by(syncs), true)).or(flushes.map(|flushes| (by(flushes), false)))
    }

    fn latency_ns(&self) -> Histogram<u64> {
        histogram_of(self.outcomes.iter().flat_map(|outcome| &outcome.latency_ns))
    }

    /// What stands in this one's row.
    fn cells(&self, reference: Option<&Self>, figure: Figure) -> [String; COLUMNS] {
        let latency_ns = self.latency_ns();
        let quantile = |quantile| match latency_ns.len() {
            0 => String::new(),
            _ => microseconds(latency_ns.value_at_quantile(quantile) as f64 / 1000.0),
        };
        let spread = |values: Vec<f64>, number: &dyn Fn(f64) -> String| {
            Spread::of(&values).map_or_else(String::new, |spread| spread.text(number))
        };
        let read = |of: fn(&Outcome) -> Option<u64>| {
            self.outcomes.iter().filter_map(of).map(|value| value as f64).collect::<Vec<_>>()
        };
        let times = |of: fn(&Outcome) -> Option<Duration>| {
            let times = self.outcomes.iter().filter_map(of);
            times.map(|time| time.as_secs_f64() * 1000.0).collect::<Vec<_>>()
        };
        let milliseconds = |value: f64| format!("{value:.2}");
        [
            self.label.clone(),
            match &self.failure {
                Some(failure) => format!("left out: {}", failure.replace('|', "/")),
                None => spread(self.figures(figure), &|value| figure.text(value)),
            },
            match (&self.failure, reference) {
                (None, Some(reference)) => {
                    spread(self.ratios(reference, figure), &|ratio| format!("{ratio:.2}"))
                }
                _ => String::new(),
            },
            match self.records_per_sync() {
                Some((records, true)) => format!("{records:.1}"),
                Some((records, false)) => format!("~{records:.1}"),
                None => String::new(),
            },
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
            spread(read(|outcome| outcome.read_calls), &count),
            spread(read(|outcome| outcome.read_bytes), &count),
            spread(times(|outcome| outcome.opened), &milliseconds),
            spread(read(|outcome| outcome.events_behind), &count),
            spread(times(|outcome| outcome.caught_up), &milliseconds),
        ]
    }

    fn json(&self, reference: Option<&Self>, figure: Figure) -> Value {
        let latency_ns = self.latency_ns();
        let us = |quantile| latency_ns.value_at_quantile(quantile) as f64 / 1000.0;
        let ratios = reference.map(|reference| self.ratios(reference, figure));
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        json!({
            "engine": self.label,
            "failure": self.failure,
            "median": Spread::of(&self.figures(figure)).map(|spread| spread.median),
            "byRound": self.figures(figure),
            "ratio": ratios.as_deref().map(median),
            "ratioByRound": ratios,
            "recordsPerSync": self.records_per_sync().filter(|(_, counted)| *counted).map(|(records, _)| records),
            "recordsPerDeviceFlush": self.records_per_sync().filter(|(_, counted)| !counted).map(|(records, _)| records),
            "readBytesByRound": self.outcomes.iter().map(|outcome| outcome.read_bytes).collect::<Vec<_>>(),
            "readCallsByRound": self.outcomes.iter().map(|outcome| outcome.read_calls).collect::<Vec<_>>(),
            "openedMsByRound": self.outcomes.iter().map(|outcome| outcome.opened.map(ms)).collect::<Vec<_>>(),
            "eventsBehindByRound": self.outcomes.iter().map(|outcome| outcome.events_behind).collect::<Vec<_>>(),
            "caughtUpMsByRound": self.outcomes.iter().map(|outcome| outcome.caught_up.map(ms)).collect::<Vec<_>>(),
            "latencyUs": { "p50": us(0.5), "p99": us(0.99), "p999": us(0.999), "max": us(1.0) },
            "verifiedRecords": self.outcomes.iter().map(|outcome| outcome.verified).sum::<u64>(),
        })
    }
}

impl Figure {
    /// This figure of a round.
    pub(crate) fn of(self, outcome: &Outcome) -> f64 {
        let seconds = outcome.elapsed.as_secs_f64();
        let counted = |count: Option<u64>| count.map_or(f64::NAN, |count| count as f64);
        let quantile_us =
            |quantile| histogram_of(&outcome.latency_ns).value_at_quantile(quantile) as f64 / 1000.0;
        match self {
            Self::RecordsPerSecond => outcome.records as f64 / seconds,
            Self::BytesPerSecond => outcome.bytes as f64 / seconds,
            Self::Seconds => seconds,
            Self::Milliseconds => seconds * 1000.0,
            Self::Microseconds => quantile_us(0.5),
            Self::MicrosecondsNearly => quantile_us(0.95),
            Self::MicrosecondsMostly => quantile_us(0.99),
            Self::DeviceBytesPerRecord => counted(outcome.device_bytes) / outcome.records as f64,
            Self::StoredBytesPerEvent => counted(outcome.stored_bytes) / outcome.records as f64,
            Self::AnonymousMebibytes => counted(outcome.anonymous_bytes) / f64::from(1 << 20),
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::RecordsPerSecond => "records/s",
            Self::BytesPerSecond => "MB/s",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds | Self::MicrosecondsNearly | Self::MicrosecondsMostly => "µs",
            Self::DeviceBytesPerRecord => "device bytes/record",
            Self::StoredBytesPerEvent => "bytes/event",
            Self::AnonymousMebibytes => "MiB",
        }
    }

    /// Without its unit, which is in the heading.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::RecordsPerSecond | Self::DeviceBytesPerRecord | Self::AnonymousMebibytes => count(value),
            Self::BytesPerSecond | Self::StoredBytesPerEvent => {
                let scale = if self == Self::BytesPerSecond { 1e6 } else { 1.0 };
                format!("{:.1}", value / scale)
            }
            Self::Seconds | Self::Milliseconds => format!("{value:.2}"),
            Self::Microseconds | Self::MicrosecondsNearly | Self::MicrosecondsMostly => microseconds(value),
        }
    }
}

/// The figures of a run.
pub(crate) struct Report {
    machine: Machine,
    command: String,
    measured: Vec<(Workload, Vec<Series>)>,
}

impl Report {
    /// A report without figures, of what this command line measures.
    pub(crate) fn new(machine: Machine, command: String) -> Self {
        Self { machine, command, measured: Vec::new() }
    }

    /// Adds a workload.
    pub(crate) fn add(&mut self, workload: Workload, series: Vec<Series>) {
        self.measured.push((workload, series));
    }

    /// The tables, as they stand in the README.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("`{}`; {}.\n\n", self.command, self.machine.sentence());
        text.push_str("| workload | aim | Runledger | best peer |\n|---|---|---|---|\n");
        for (workload, series) in &self.measured {
            writeln!(text, "{}", summary(workload, series)).expect("writing to a string does not fail");
        }
        for (workload, series) in &self.measured {
            write!(text, "\n**{}**\n\n{}", workload.title, table(workload, series))
                .expect("writing to a string does not fail");
        }
        text
    }

    /// Everything, for a program.
    pub(crate) fn json(&self) -> String {
        let workload = |(workload, series): &(Workload, Vec<Series>)| {
            let reference = reference_of(workload, series);
            json!({
                "workload": workload.title,
                "group": workload.group,
                "unit": workload.figure.heading(),
                "reference": reference.map(|reference| &reference.label),
                "results": series.iter().map(|own| own.json(reference, workload.figure)).collect::<Vec<_>>(),
            })
        };
        let report = json!({
            "command": self.command,
            "machine": self.machine.json(),
            "workloads": self.measured.iter().map(workload).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

/// A table of everybody's rows, without the columns that hold nothing.
fn table(workload: &Workload, series: &[Series]) -> String {
    let reference = reference_of(workload, series);
    let headings = [
        "engine".to_owned(),
        workload.figure.heading().to_owned(),
        reference.map_or_else(String::new, |reference| format!("× {}", reference.label)),
        "records/sync".to_owned(),
        "p50 µs".to_owned(),
        "p99 µs".to_owned(),
        "p99.9 µs".to_owned(),
        "read calls".to_owned(),
        "bytes read".to_owned(),
        "opened ms".to_owned(),
        "events behind".to_owned(),
        "caught up ms".to_owned(),
    ];
    let rows: Vec<_> = series.iter().map(|own| own.cells(reference, workload.figure)).collect();
    let used: Vec<_> = (0..COLUMNS)
        .filter(|column| rows.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.is_empty())))
        .collect();
    let line = |cells: &[String; COLUMNS]| {
        let cells = used.iter().filter_map(|column| cells.get(*column)).map(String::as_str);
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = format!("|---{}|\n", "|---:".repeat(used.len().saturating_sub(1)));
    [line(&headings), rule].into_iter().chain(rows.iter().map(line)).collect()
}

/// The entry that the others are divided by. One that failed divides nobody.
fn reference_of<'a>(workload: &Workload, series: &'a [Series]) -> Option<&'a Series> {
    let wanted = workload.reference?;
    series.iter().find(|series| series.label == wanted && series.failure.is_none())
}

mod summary;

use summary::summary;

#[cfg(test)]
mod tests;
