//! What one round does, in a worker process.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::engine::Engine;
use super::job::Job;
use crate::job::Outcome;

mod ask;
mod follow;
mod load;

/// Does what is asked.
pub(super) fn run(engine: &dyn Engine, directory: &Path, round: u64, job: &Job) -> Result<Outcome> {
    match job {
        Job::Fill { given } => load::fill(engine, directory, given),
        Job::Load { given } => load::load(engine, directory, given),
        Job::Rebuild { given } => load::rebuild(engine, directory, given),
        Job::Size { given } => load::size(engine, directory, given),
        Job::Ask { given, work, questions } => ask::ask(engine, directory, given, *work, round, *questions),
        Job::OpenAndGoOn { given, until } => follow::open_and_go_on(engine, directory, given, *until, round),
        Job::Follow { given, appenders, window } => {
            follow::follow(engine, directory, given, *appenders, window)
        }
        Job::AskFirst { given, work } => ask::ask_first(engine, directory, given, *work, round),
    }
    .with_context(|| format!("{} in {}", engine.name(), directory.display()))
}
