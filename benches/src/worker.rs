//! The worker's side: reads requests, does them one after another, and answers each.
//!
//! A worker runs one engine. It is this program, started again by the harness, so that no engine's threads, memory or
//! panics are in another one's measurements.

use std::io::{BufRead as _, Write as _};

use anyhow::{Context as _, Result};

use crate::job::{Reply, Request};
use crate::{engines, rounds};

/// Works until standard input ends.
pub(crate) fn run() -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let request: Request =
            serde_json::from_str(&line.context("read a request")?).context("parse a request")?;
        let outcome = engines::find(&request.engine).and_then(|engine| rounds::run(engine, &request));
        let reply = outcome.map_or_else(|error| Reply::Failed(format!("{error:#}")), Reply::Done);
        let mut line = serde_json::to_string(&reply).context("encode an answer")?;
        line.push('\n');
        std::io::stdout().write_all(line.as_bytes()).context("answer")?;
    }
    Ok(())
}
