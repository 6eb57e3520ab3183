//! Runs every example program of the workspace, each in a fresh temporary directory.
//!
//! An example that asks for arguments or input is none: it must run to its end by itself, as its reader would run it.

use std::env::consts::EXE_SUFFIX;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::check::FEATURES;
use crate::repository::Repository;
use crate::step;

/// Builds programs and examples with the features of the tests, then runs each example.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    // Programs too: the end-to-end tests start the one in the target directory, which a test build leaves out.
    let mut build = repository.cargo(["build", "--workspace", "--bins", "--examples", "--locked", FEATURES]);
    step::run("programs and examples", &mut build)?;
    let metadata = repository.metadata("Cargo.toml")?;
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    for example in targets.filter(|target| target.is("example")) {
        let file = format!("{}{EXE_SUFFIX}", example.name);
        let program = metadata.target_directory.join("debug").join("examples").join(file);
        let directory = tempfile::tempdir().context("create a directory for an example")?;
        let mut command = Command::new(program);
        command.current_dir(directory.path()).stdin(Stdio::null());
        step::run(&format!("example {}", example.name), &mut command)?;
    }
    Ok(())
}
