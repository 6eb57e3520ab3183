//! What one round does, in a worker process.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::job::Job;
use crate::job::Outcome;

mod ask;
mod durable;
mod hand_off;
mod live;

/// Does what is asked.
pub(super) fn run(directory: &Path, round: u64, job: &Job) -> Result<Outcome> {
    let ledger = directory.join("ledger");
    match *job {
        Job::Fill { events } => ask::fill(&ledger, events),
        Job::Ask { events, work, questions } => ask::ask(&ledger, events, work, round, questions),
        Job::Replay { events } => ask::replay(&ledger, events),
        Job::HandOff { bursts } => hand_off::hand_off(&ledger, bursts),
        Job::Durable { events, way } => durable::durable(directory, events, way),
        Job::Live { events } => live::live(&ledger, events),
    }
    .with_context(|| directory.display().to_string())
}
