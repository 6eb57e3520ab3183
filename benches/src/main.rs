//! The benchmark harness: parses, chooses workloads, and writes the report.
//!
//! There are three benches, each in a folder of its own: `wal` measures the log, `index` what answers queries, `audit` what
//! stands on both. What there is to measure stands in their `table`, what one round does in their `rounds`, what is compared in their `engines`.
//! Everything else is shared: how rounds are interleaved, what a report looks like. Every engine runs in a process of its
//! own, which is this program started again as a `worker`. The report goes to standard output, progress to standard
//! error.

mod audit;
mod index;
mod interleave;
mod job;
mod latency;
mod machine;
mod observed;
mod page_cache;
mod process;
mod report;
mod shelf;
mod transcripts;
mod wal;
mod worker;
mod workload;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::machine::Machine;
use crate::report::Report;
use crate::shelf::Shelf;
use crate::workload::Workload;

/// Runledger's benchmarks.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", disable_version_flag = true)]
enum Command {
    /// The log beside bare references and its peers: durable, tasks, batches, unwaited, open, replay, device-bytes,
    /// real-sizes.
    Wal {
        #[command(flatten)]
        common: Arguments,
        #[command(flatten)]
        own: wal::Arguments,
    },
    /// The index beside its peers: memory, bytes, load, rebuild, get, run, range, five, count, count-by, cold, open,
    /// follow.
    Index {
        #[command(flatten)]
        common: Arguments,
        #[command(flatten)]
        own: index::Arguments,
    },
    /// The audit layer: hand-off, durable, live, recent, chain, trace, provenance, replay.
    Audit {
        #[command(flatten)]
        common: Arguments,
        #[command(flatten)]
        own: audit::Arguments,
    },
    #[command(name = process::WORKER, hide = true)]
    Worker,
}

/// What can be chosen of both.
#[derive(clap::Args)]
struct Arguments {
    /// Measure only these workloads.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Leave the peers out: Runledger and the bare references alone.
    #[arg(long)]
    no_peers: bool,
    /// Only these peers, as the tables call them.
    #[arg(long, value_delimiter = ',', conflicts_with = "no_peers")]
    peers: Option<Vec<String>>,
    /// Measure next to nothing of everything, to see that it works.
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Rounds of each engine.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Where engines keep their files, which are removed again: on the disk that is to be measured.
    #[arg(long, default_value = "target/bench")]
    directory: PathBuf,
    /// A directory of real transcripts. The log's bench appends records of the lengths of their lines; the index's takes
    /// in their lines, if `--real` is given.
    #[arg(long, env = "RUNLEDGER_REAL_DATA")]
    real_data: Option<PathBuf>,
    /// Write the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the report to this file too.
    #[arg(long)]
    markdown: Option<PathBuf>,
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Wal { common, own } => {
            let workloads = wal::workloads(&own, common.quick, common.real_data.as_deref())?;
            if common.real_data.is_none() {
                eprintln!("real-sizes is skipped: RUNLEDGER_REAL_DATA is not set");
            }
            measure(&common, workloads)
        }
        Command::Index { common, own } => {
            let workloads = index::workloads(&own, common.quick, common.real_data.as_deref())?;
            measure(&common, workloads)
        }
        Command::Audit { common, own } => measure(&common, audit::workloads(&own, common.quick)),
        Command::Worker => worker::run(),
    }
}

/// Measures what was chosen, prints the report, and writes it where asked to.
fn measure(arguments: &Arguments, mut workloads: Vec<Workload>) -> Result<()> {
    let directory = &arguments.directory;
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let directory = directory.canonicalize().context("find the directory")?;
    for name in &arguments.only {
        let known = workloads.iter().any(|workload| workload.group == name);
        ensure!(known, "there is no workload {name}, or it needs --real-data");
    }
    workloads.retain(|workload| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == workload.group)
    });
    let rounds = if arguments.quick { 1 } else { usize::from(arguments.rounds) };
    let mut report = Report::new(Machine::observe(&directory), command_line());
    let mut shelf = Shelf::new(&directory);
    for mut workload in workloads {
        if arguments.no_peers {
            workload.keep(&[]);
        } else if let Some(peers) = &arguments.peers {
            workload.keep(peers);
        }
        let series = interleave::run(&workload, &mut shelf, rounds)?;
        report.add(workload, series);
        // Now, not at the end: who breaks off a long run keeps what was measured.
        arguments.write(&report)?;
    }
    println!("{}", report.markdown());
    Ok(())
}

impl Arguments {
    /// Writes the report where it was asked for.
    fn write(&self, report: &Report) -> Result<()> {
        if let Some(path) = &self.markdown {
            fs::write(path, report.markdown()).with_context(|| format!("write {}", path.display()))?;
        }
        if let Some(path) = &self.json {
            fs::write(path, report.json()).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}

/// What was typed, in the words of the README.
fn command_line() -> String {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    format!("cargo xtask bench {}", arguments.join(" "))
}
