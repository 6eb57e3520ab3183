//! The benchmark harness: parses, chooses workloads, and writes the report.
//!
//! What there is to measure stands in `table`, how its rounds are interleaved in `interleave`, what one round does in
//! `rounds`, what is compared in `engines`. Every engine runs in a process of its own, which is this program started
//! again as a `worker`. The report goes to standard output, progress to standard error.

mod engine;
mod engines;
mod interleave;
mod job;
mod machine;
mod observed;
mod page_cache;
mod payload;
mod process;
mod report;
mod rounds;
mod table;
mod worker;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::job::Window;
use crate::machine::Machine;
use crate::report::Report;
use crate::table::Extent;

/// Runledger's benchmarks.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", disable_version_flag = true)]
enum Command {
    /// The log beside bare references and its peers: appends, batches, opening after a kill, replay.
    Wal(Arguments),
    #[command(name = process::WORKER, hide = true)]
    Worker,
}

/// What can be chosen.
#[derive(clap::Args)]
struct Arguments {
    /// Measure only these workloads: durable, tasks, batches, unwaited, open, replay, device-bytes, real-sizes.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Leave the peers out: Runledger and the bare references alone.
    #[arg(long)]
    no_peers: bool,
    /// Measure next to nothing of everything, to see that it works.
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "records"])]
    quick: bool,
    /// Rounds of each engine.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Measured seconds of a round, where the clock ends it. A third as much goes before, and doesn't count.
    #[arg(long, default_value = "1", value_parser = seconds)]
    seconds: Duration,
    /// Records that are replayed; opening is measured with as many, and with ten times as many.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1000..=100_000_000))]
    records: u64,
    /// Where logs are made and removed again: on the disk that is to be measured.
    #[arg(long, default_value = "target/bench")]
    directory: PathBuf,
    /// A directory of real transcripts, the sizes of whose lines are appended. Nothing else is taken from them.
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
        Command::Wal(arguments) => measure(&arguments),
        Command::Worker => worker::run(),
    }
}

/// Measures what was chosen, prints the report, and writes it where asked to.
fn measure(arguments: &Arguments) -> Result<()> {
    let directory = &arguments.directory;
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let directory = directory.canonicalize().context("find the directory")?;
    let (extent, rounds) = arguments.extent();
    let mut workloads = table::workloads(&extent, arguments.real_data.as_deref())?;
    for name in &arguments.only {
        let known = workloads.iter().any(|workload| workload.group == name);
        ensure!(known, "there is no workload {name}, or it needs --real-data");
    }
    if arguments.real_data.is_none() {
        eprintln!("real-sizes is skipped: RUNLEDGER_REAL_DATA is not set");
    }
    workloads.retain(|workload| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == workload.group)
    });
    let mut report = Report::new(Machine::observe(&directory), command_line());
    for mut workload in workloads {
        if arguments.no_peers {
            workload.keep_essential();
        }
        let series = interleave::run(&workload, &directory, rounds)?;
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

    fn extent(&self) -> (Extent, usize) {
        if self.quick {
            let window = Window { warm_up: Duration::from_millis(50), measured: Duration::from_millis(200) };
            return (Extent { window, records: 20_000, burst_records: 10_000, device_records: 1000 }, 1);
        }
        let window = Window { warm_up: self.seconds / 3, measured: self.seconds };
        let extent = Extent { window, records: self.records, burst_records: 80_000, device_records: 3000 };
        (extent, usize::from(self.rounds))
    }
}

/// What was typed, in the words of the README.
fn command_line() -> String {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    format!("cargo xtask bench {}", arguments.join(" "))
}

/// Seconds on the command line, with decimals.
fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse().context("not a number of seconds")?;
    ensure!((0.001..=3600.0).contains(&seconds), "must be from 0.001 to 3600");
    Ok(Duration::from_secs_f64(seconds))
}
