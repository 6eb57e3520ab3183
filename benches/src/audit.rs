//! The audit layer's bench: handing events over, following them, and the questions of an investigation.
//!
//! Nothing else does the same, so that there are no peers: each figure stands beside what it shall reach.

use std::path::Path;

use anyhow::Result;

use crate::job::Outcome;
use crate::workload::Workload;

mod corpus;
mod job;
mod rounds;
mod table;

pub(crate) use job::Job;

/// What can be chosen.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Events of the ledger that is asked; every tenth is a query audit.
    #[arg(long, default_value_t = 1_000_000, conflicts_with = "quick",
        value_parser = clap::value_parser!(u64).range(10_000..=100_000_000))]
    events: u64,
}

/// What there is to measure.
pub(crate) fn workloads(arguments: &Arguments, quick: bool) -> Vec<Workload> {
    if quick { table::workloads(20_000, 100) } else { table::workloads(arguments.events, 1) }
}

/// Does one round, in a worker.
pub(crate) fn run(directory: &Path, round: u64, job: &Job) -> Result<Outcome> {
    rounds::run(directory, round, job)
}
