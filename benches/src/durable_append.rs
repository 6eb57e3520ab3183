//! Durable appends of 256 bytes by 1, 8 and 64 threads: Runledger's log beside the least work that could do the same.
//!
//! Rounds are interleaved (log, reference, log, reference …), each in a fresh directory, so that a disk that grows
//! slower or a neighbour that grows louder hits both. Ratios are taken within a round and their median is reported.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::engine::Engine;
use crate::engines::{LedgerWal, ReferenceBatched, ReferenceSingle};
use crate::machine::Machine;
use crate::payload::PAYLOAD_BYTES;
use crate::report::{Report, Series};
use crate::rounds::{self, Plan};

/// What can be chosen.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Numbers of threads to measure, one table row each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64], value_parser = clap::value_parser!(u64).range(1..=1024))]
    writers: Vec<u64>,
    /// Rounds of each engine.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Measured seconds of a round.
    #[arg(long, default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// Seconds of a round before anything counts.
    #[arg(long, default_value = "0.5", value_parser = seconds)]
    warm_up_seconds: Duration,
    /// Where logs are made and removed again: on the disk that is to be measured.
    #[arg(long, default_value = "target/bench")]
    directory: PathBuf,
    /// Write the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Measures, prints the table, and writes the figures where asked to.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let directory = &arguments.directory;
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let mut report =
        Report::new("durable-append", Machine::observe(directory), PAYLOAD_BYTES, arguments.seconds);
    for &writers in &arguments.writers {
        let plan = Plan { writers, warm_up: arguments.warm_up_seconds, measured: arguments.seconds };
        let reference: &dyn Engine = if writers == 1 { &ReferenceSingle } else { &ReferenceBatched };
        report.add(measure([&LedgerWal, reference], directory, &plan, arguments.rounds)?);
    }
    println!("{}", report.markdown());
    if let Some(path) = &arguments.json {
        fs::write(path, report.json()).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// All rounds of one number of writers. The last engine is the reference.
fn measure(engines: [&dyn Engine; 2], directory: &Path, plan: &Plan, rounds: u32) -> Result<[Series; 2]> {
    let mut series = engines.map(|engine| Series::new(engine.name(), plan.writers));
    for round in 1..=rounds {
        for (engine, series) in engines.iter().zip(&mut series) {
            let fresh = tempfile::tempdir_in(directory).context("create a directory for a log")?;
            let result = rounds::run(*engine, fresh.path(), plan)?;
            ensure!(result.appends > 0, "{} finished no append in a round", engine.name());
            let rate = result.appends as f64 / result.window.as_secs_f64();
            eprintln!(
                "{} writers, round {round}/{rounds}, {}: {rate:.0} appends/s",
                plan.writers,
                engine.name()
            );
            series.add(result)?;
        }
    }
    Ok(series)
}

/// Seconds on the command line, with decimals.
fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse().context("not a number of seconds")?;
    ensure!((0.001..=3600.0).contains(&seconds), "must be from 0.001 to 3600");
    Ok(Duration::from_secs_f64(seconds))
}
