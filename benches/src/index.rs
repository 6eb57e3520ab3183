//! The index's bench: what answers questions about events, beside other embedded stores with the same keys.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::job::Outcome;
use crate::workload::Workload;

#[cfg_attr(
    not(feature = "peers"),
    allow(dead_code, unused_imports, reason = "rows are what peers take in instead of events")
)]
pub(crate) mod corpus;
mod engine;
mod engines;
mod job;
mod question;
mod rounds;
mod table;

pub(crate) use job::Job;

use engine::Indexes;
use job::Given;

/// What can be chosen.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Events that every engine takes in.
    #[arg(long, default_value_t = 1_000_000, conflicts_with_all = ["quick", "real"],
        value_parser = clap::value_parser!(u64).range(10_000..=100_000_000))]
    events: u64,
    /// Take in the lines of the transcripts in --real-data instead of generated events.
    #[arg(long)]
    real: bool,
    /// What the peers index. Four secondary indexes are in their favour: Runledger always has all.
    #[arg(long, value_enum, default_value_t = Indexes::Four)]
    peer_indexes: Indexes,
}

/// What there is to measure.
pub(crate) fn workloads(
    arguments: &Arguments,
    quick: bool,
    real_data: Option<&Path>,
) -> Result<Vec<Workload>> {
    let transcripts = match (arguments.real, real_data) {
        (false, _) => None,
        (true, Some(directory)) => Some(directory.canonicalize().context("find the transcripts")?),
        (true, None) => anyhow::bail!("--real needs --real-data"),
    };
    let events = if quick { 20_000 } else { arguments.events };
    let given = Given { events, transcripts, indexes: arguments.peer_indexes };
    table::workloads(&given, if quick { 100 } else { 1 })
}

/// Does one round, in a worker.
pub(crate) fn run(engine: &str, directory: &Path, round: u64, job: &Job) -> Result<Outcome> {
    rounds::run(engines::find(engine)?, directory, round, job)
}
