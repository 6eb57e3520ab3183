//! The worker's side: reads requests, does them one after another, and answers each.
//!
//! A worker runs one engine. It is this program, started again by the harness, so that no engine's threads, memory or
//! panics are in another one's measurements.

use std::io::{BufRead as _, Write as _};

use anyhow::{Context as _, Result};

use crate::job::{Job, Outcome, Reply, Request};
use crate::{audit, index, wal};

/// Works until standard input ends.
pub(crate) fn run() -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let request: Request =
            serde_json::from_str(&line.context("read a request")?).context("parse a request")?;
        let outcome = work(&request).map(Box::new);
        answer(&outcome.map_or_else(|error| Reply::Failed(format!("{error:#}")), Reply::Done))?;
    }
    Ok(())
}

fn work(Request { engine, directory, round, job }: &Request) -> Result<Outcome> {
    match job {
        Job::Wal(job) => wal::run(engine, directory, job),
        Job::Index(job) => index::run(engine, directory, *round, job),
        Job::Audit(job) => audit::run(directory, *round, job),
    }
}

/// Answers the request that is under way.
pub(crate) fn answer(reply: &Reply) -> Result<()> {
    let mut line = serde_json::to_string(reply).context("encode an answer")?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes()).context("answer")
}
