//! Figures out of rounds: medians, ratios within rounds, quantiles over all of them; as Markdown and as JSON.

use std::fmt::Write as _;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::job::Outcome;
use crate::machine::Machine;
use crate::rounds::latencies;
use crate::table::{Aim, Figure, Workload};

mod numbers;

use numbers::{Spread, count, median};

/// Columns of a table, at most.
const COLUMNS: usize = 9;

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
        let mut latency_ns = latencies();
        for (value, count) in self.outcomes.iter().flat_map(|outcome| &outcome.latency_ns) {
            latency_ns.saturating_record_n(*value, *count);
        }
        latency_ns
    }

    /// What stands in this one's row.
    fn cells(&self, reference: Option<&Self>, figure: Figure) -> [String; COLUMNS] {
        let latency_ns = self.latency_ns();
        let quantile = |quantile| match latency_ns.len() {
            0 => String::new(),
            _ => format!("{:.0}", latency_ns.value_at_quantile(quantile) as f64 / 1000.0),
        };
        let spread = |values: Vec<f64>, number: &dyn Fn(f64) -> String| {
            Spread::of(&values).map_or_else(String::new, |spread| spread.text(number))
        };
        let read = |of: fn(&Outcome) -> Option<u64>| {
            self.outcomes.iter().filter_map(of).map(|value| value as f64).collect::<Vec<_>>()
        };
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
        ]
    }

    fn json(&self, reference: Option<&Self>, figure: Figure) -> Value {
        let latency_ns = self.latency_ns();
        let us = |quantile| latency_ns.value_at_quantile(quantile) as f64 / 1000.0;
        let ratios = reference.map(|reference| self.ratios(reference, figure));
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
            "latencyUs": { "p50": us(0.5), "p99": us(0.99), "p999": us(0.999), "max": us(1.0) },
            "verifiedRecords": self.outcomes.iter().map(|outcome| outcome.verified).sum::<u64>(),
        })
    }
}

impl Figure {
    /// This figure of a round.
    pub(crate) fn of(self, outcome: &Outcome) -> f64 {
        let seconds = outcome.elapsed.as_secs_f64();
        match self {
            Self::RecordsPerSecond => outcome.records as f64 / seconds,
            Self::BytesPerSecond => outcome.bytes as f64 / seconds,
            Self::Milliseconds => seconds * 1000.0,
            Self::DeviceBytesPerRecord => {
                outcome.device_bytes.map_or(f64::NAN, |bytes| bytes as f64 / outcome.records as f64)
            }
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::RecordsPerSecond => "records/s",
            Self::BytesPerSecond => "MB/s",
            Self::Milliseconds => "ms",
            Self::DeviceBytesPerRecord => "device bytes/record",
        }
    }

    /// Without its unit, which is in the heading.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::RecordsPerSecond | Self::DeviceBytesPerRecord => count(value),
            Self::BytesPerSecond => format!("{:.1}", value / 1e6),
            Self::Milliseconds => format!("{value:.2}"),
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
        text.push_str("| workload | aim | runledger-wal | best peer |\n|---|---|---|---|\n");
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
            let reference = workload.reference.and_then(|index| series.get(index));
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
    let reference = workload.reference.and_then(|index| series.get(index));
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

/// One line: what is aimed at, what was reached, and who of the peers came closest.
fn summary(workload: &Workload, series: &[Series]) -> String {
    let (figure, aim) = (workload.figure, workload.aim);
    let reference = workload.reference.and_then(|index| series.get(index));
    let value = |series: &Series| match reference {
        Some(reference) => median(&series.ratios(reference, figure)),
        None => median(&series.figures(figure)),
    };
    let text = |value: f64| match reference {
        Some(_) => format!("{value:.2}"),
        None => format!("{} {}", figure.text(value), figure.heading()),
    };
    let own = series.first().map_or_else(String::new, |own| {
        let figures = format!("{} {}", figure.text(median(&own.figures(figure))), figure.heading());
        match reference {
            Some(_) => format!("**{}** ({figures})", text(value(own))),
            None => format!("**{figures}**"),
        }
    });
    let verdict = series.first().map_or("", |own| aim.verdict(own, reference, figure));
    let peers = (0..).zip(series).skip(1).filter(|(index, _)| Some(*index) != workload.reference);
    let peers = peers.filter(|(_, peer)| peer.failure.is_none() && !peer.label.starts_with("runledger"));
    let better = |one: &f64, other: &f64| match figure {
        Figure::RecordsPerSecond | Figure::BytesPerSecond => one.total_cmp(other),
        Figure::Milliseconds | Figure::DeviceBytesPerRecord => other.total_cmp(one),
    };
    let best = peers.map(|(_, peer)| (value(peer), peer)).max_by(|one, other| better(&one.0, &other.0));
    let best = best.map_or_else(|| "–".to_owned(), |(value, peer)| format!("{} {}", peer.label, text(value)));
    format!("| {} | {} | {own}{verdict} | {best} |", workload.title, aim.text(reference, figure))
}

impl Aim {
    fn text(self, reference: Option<&Series>, figure: Figure) -> String {
        let mut parts = Vec::new();
        if let (Some(ratio), Some(reference)) = (self.ratio_min, reference) {
            parts.push(format!("≥ {ratio} × {}", reference.label));
        }
        if let Some(records) = self.records_per_sync_min {
            parts.push(format!("≥ {records} records per sync"));
        }
        if let Some(least) = self.figure_min {
            parts.push(format!("≥ {} {}", figure.text(least), figure.heading()));
        }
        if let Some(most) = self.figure_max {
            parts.push(format!("≤ {} {}", figure.text(most), figure.heading()));
        }
        if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
    }

    fn verdict(self, own: &Series, reference: Option<&Series>, figure: Figure) -> &'static str {
        let ratio = reference.map(|reference| median(&own.ratios(reference, figure)));
        let records_per_sync = own.records_per_sync().map(|(records, _)| records);
        let value = median(&own.figures(figure));
        let least = [
            (self.ratio_min, ratio),
            (self.records_per_sync_min, records_per_sync),
            (self.figure_min, Some(value)),
        ];
        let asked = self.figure_max.is_some() || least.iter().any(|(aim, _)| aim.is_some());
        let met =
            least.iter().all(|(aim, reached)| aim.is_none_or(|aim| reached.is_some_and(|it| it >= aim)))
                && self.figure_max.is_none_or(|most| value <= most);
        match (asked, met) {
            (false, _) => "",
            (true, true) => ", met",
            (true, false) => ", missed",
        }
    }
}

#[cfg(test)]
mod tests;
