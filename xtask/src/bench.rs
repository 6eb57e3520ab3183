//! `cargo xtask bench`: builds and runs the benchmark harness, a workspace of its own, in release mode.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::repository::Repository;

/// Runs the harness with `arguments`, and ends as it ends.
pub(crate) fn run(repository: &Repository, arguments: &[String]) -> Result<ExitCode> {
    let status = repository
        .cargo(["run", "--release", "--locked", "--quiet", "--manifest-path", "benches/Cargo.toml", "--"])
        .args(arguments)
        .status()
        .context("start cargo run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
