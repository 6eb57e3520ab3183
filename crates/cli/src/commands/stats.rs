//! `stats`: how much the ledger holds, and where.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use runledger::LedgerStats;
use serde::Serialize;

use super::{Context, opening};
use crate::event_text::write_field;
use crate::exit::Exit;
use crate::output::{Output, counted};

/// The statistics as `--json` prints them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatsJson<'a> {
    records: u64,
    indexed: u64,
    runs: u64,
    events_by_kind: BTreeMap<&'static str, u64>,
    log_segments: u64,
    log_bytes: u64,
    index_tables: u64,
    index_bytes: u64,
    anomalies: Vec<AnomalyJson<'a>>,
}

#[derive(Serialize)]
struct AnomalyJson<'a> {
    seq: u64,
    problem: &'a str,
}

impl<'a> From<&'a LedgerStats> for StatsJson<'a> {
    fn from(stats: &'a LedgerStats) -> Self {
        Self {
            records: stats.durable_end.get(),
            indexed: stats.indexed_end.get(),
            runs: stats.runs,
            events_by_kind: stats
                .events_by_kind
                .iter()
                .map(|(kind, count)| (kind.as_str(), *count))
                .collect(),
            log_segments: stats.log_segments,
            log_bytes: stats.log_bytes,
            index_tables: stats.index_tables,
            index_bytes: stats.index_bytes,
            anomalies: stats
                .anomalies
                .iter()
                .map(|(seq, problem)| AnomalyJson { seq: seq.get(), problem })
                .collect(),
        }
    }
}

/// Runs the command.
pub(super) fn run(context: &mut Context) -> Result<Exit> {
    let ledger = opening::for_reading(&context.ledger)?;
    let stats = ledger.stats()?;
    if context.output.is_json() {
        writeln!(context.output, "{}", serde_json::to_string(&StatsJson::from(&stats))?)?;
    } else {
        write_text(&stats, &mut context.output)?;
    }
    Ok(Exit::Fine)
}

fn write_text(stats: &LedgerStats, output: &mut Output) -> Result<()> {
    write_field("records", &stats.durable_end.to_string(), output)?;
    write_field("runs", &stats.runs.to_string(), output)?;
    for (kind, count) in &stats.events_by_kind {
        write_field(kind.as_str(), &count.to_string(), output)?;
    }
    let log = format!("{} bytes in {}", stats.log_bytes, counted(stats.log_segments, "segment"));
    write_field("log", &log, output)?;
    let index = format!(
        "{} bytes in {}, built through {}",
        stats.index_bytes,
        counted(stats.index_tables, "table"),
        counted(stats.indexed_end.get(), "record")
    );
    write_field("index", &index, output)?;
    for (seq, problem) in &stats.anomalies {
        write_field("anomaly", &format!("record {seq}: {problem}"), output)?;
    }
    Ok(())
}
