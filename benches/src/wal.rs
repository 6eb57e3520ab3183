//! The log's bench: appends, batches, opening after a kill, replay; beside bare references and other logs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::job::{Outcome, Window};
use crate::workload::Workload;

mod engine;
mod engines;
mod job;
mod payload;
mod rounds;
mod table;

pub(crate) use engines::{FJALL, REFERENCE_BATCHED, SQLITE_INDEXED, is_known};
pub(crate) use job::Job;
pub(crate) use rounds::TASK_WORKERS;

use table::Extent;

/// What can be chosen.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measured seconds of a round, where the clock ends it. A third as much goes before, and doesn't count.
    #[arg(long, default_value = "1", value_parser = seconds, conflicts_with = "quick")]
    seconds: Duration,
    /// Records that are replayed; opening is measured with as many, and with ten times as many.
    #[arg(long, default_value_t = 1_000_000, conflicts_with = "quick",
        value_parser = clap::value_parser!(u64).range(1000..=100_000_000))]
    records: u64,
}

/// What there is to measure.
pub(crate) fn workloads(
    arguments: &Arguments,
    quick: bool,
    real_data: Option<&Path>,
) -> Result<Vec<Workload>> {
    let extent = if quick {
        let window = Window { warm_up: Duration::from_millis(50), measured: Duration::from_millis(200) };
        Extent { window, records: 20_000, burst_records: 10_000, device_records: 1000 }
    } else {
        let window = Window { warm_up: arguments.seconds / 3, measured: arguments.seconds };
        Extent { window, records: arguments.records, burst_records: 80_000, device_records: 3000 }
    };
    table::workloads(&extent, real_data)
}

/// Does one round, in a worker.
pub(crate) fn run(engine: &str, directory: &Path, job: &Job) -> Result<Outcome> {
    rounds::run(engines::find(engine)?, directory, job)
}

/// Seconds on the command line, with decimals.
fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse().context("not a number of seconds")?;
    ensure!((0.001..=3600.0).contains(&seconds), "must be from 0.001 to 3600");
    Ok(Duration::from_secs_f64(seconds))
}
