//! `cargo xtask fuzz`: runs the fuzz targets for a bounded time each.
//!
//! cargo-fuzz asks for sanitizers, which only a nightly compiler offers openly. `RUSTC_BOOTSTRAP` lets the pinned
//! stable one do it, so that what is fuzzed is compiled by the compiler that ships it.

use std::env;
use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::repository::Repository;
use crate::step;

/// Where cargo-fuzz is told to look, below the root.
const FUZZ_MANIFEST: &str = "fuzz/Cargo.toml";

/// The most bytes that a target is fed with: a few dozen edits, or one event.
const INPUT_BYTES_MAX: u32 = 4 << 10;

/// An input that takes longer is a finding.
const INPUT_SECONDS_MAX: u32 = 10;

/// A single allocation above this is a finding: a length that was believed before it was checked.
const ALLOCATION_MIB_MAX: u32 = 256;

/// Where a system has a file system in memory: targets write a directory for each input.
const MEMORY_DIRECTORY: &str = "/dev/shm";

/// Runs `target`, or every target when there is none, for `seconds` each.
pub(crate) fn run(repository: &Repository, target: Option<&str>, seconds: u32) -> Result<()> {
    let names = targets(repository)?;
    if let Some(wanted) = target {
        ensure!(
            names.iter().any(|name| name == wanted),
            "no target {wanted}; there are: {}",
            names.join(", ")
        );
    }
    if !repository.has_subcommand("fuzz") {
        bail!("cargo-fuzz is not installed: cargo install cargo-fuzz --locked");
    }
    for name in names.iter().filter(|name| target.is_none_or(|wanted| *name == wanted)) {
        let mut command = repository.cargo(["fuzz", "run", "--fuzz-dir", "fuzz", name, "--"]);
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
        command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
        command.arg(format!("-malloc_limit_mb={ALLOCATION_MIB_MAX}"));
        let dictionary = repository.root().join(format!("fuzz/dictionaries/{name}.txt"));
        if dictionary.is_file() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        if env::var_os("TMPDIR").is_none() && Path::new(MEMORY_DIRECTORY).is_dir() {
            command.env("TMPDIR", MEMORY_DIRECTORY);
        }
        step::run(&format!("fuzz {name}"), command.env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(())
}

/// The names of all targets, as the fuzz workspace declares them.
fn targets(repository: &Repository) -> Result<Vec<String>> {
    let packages = repository.metadata(FUZZ_MANIFEST)?.packages;
    let targets = packages.into_iter().flat_map(|package| package.targets);
    Ok(targets.filter(|target| target.is("bin")).map(|target| target.name).collect())
}
