//! `cargo xtask test`: everything that has to pass, as a newcomer and CI run it.
//!
//! The order is: what is quick and needs no build, what builds without linking, examples, doc tests, the commit
//! model, and last the test runner. Its summary ends the output: nothing is printed after it, and its exit code is ours.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};

use crate::check::{self, FEATURES};
use crate::repository::Repository;
use crate::{commit_model, crash, docs, examples, machine, step};

/// Names the folder of recorded agent sessions that the real-data tests read.
const REAL_DATA_VARIABLE: &str = "RUNLEDGER_REAL_DATA";

/// Runs all steps; the first that fails ends it.
pub(crate) fn run(repository: &Repository) -> Result<ExitCode> {
    let real_data = real_data()?;
    check::run(repository)?;
    docs::run(repository)?;
    examples::run(repository)?;
    let mut doc_tests = repository.cargo(["test", "--workspace", "--doc", "--locked", "--quiet", FEATURES]);
    step::run("doc tests", &mut doc_tests)?;

    commit_model::run(repository)?;
    crash::run_all(repository)?;

    let runnable = machine::probe(repository)?;
    let mut runner = test_runner(repository, &runnable)?;
    if let Some(folder) = real_data {
        eprintln!("== real-data tests read {}", folder.display());
        // Tests run in their package's directory: a path relative to the caller's means nothing there.
        runner.env(REAL_DATA_VARIABLE, folder);
    } else {
        eprintln!("== real-data tests are skipped: {REAL_DATA_VARIABLE} names no folder");
    }
    step::announce("tests");
    let status = runner.status().context("start the test runner")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The folder of real data, if the caller names one. A name that leads nowhere is an error: skipping would look like
/// passing.
fn real_data() -> Result<Option<PathBuf>> {
    let Some(name) = env::var_os(REAL_DATA_VARIABLE).filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let folder = PathBuf::from(&name);
    ensure!(folder.is_dir(), "{REAL_DATA_VARIABLE} names {}, which is no folder", folder.display());
    let folder = folder.canonicalize().with_context(|| format!("resolve {}", folder.display()))?;
    Ok(Some(folder))
}

/// cargo-nextest where it is installed, which stops hung tests and runs each in a process of its own; else cargo's own
/// runner, which reaches the same verdict.
fn test_runner(repository: &Repository, runnable: &machine::Runnable) -> Result<Command> {
    if repository.has_subcommand("nextest") {
        let selection = ["--workspace", "--locked", FEATURES];
        let mut runner = repository.cargo(["nextest", "run", "--profile", "ci"]);
        runner.args(selection);
        runnable.include_in(repository, &selection, &mut runner)?;
        return Ok(runner);
    }
    eprintln!(
        "== cargo-nextest is not installed (cargo install cargo-nextest --locked): cargo test runs the tests"
    );
    if let Some(mut machine_tests) = runnable.cargo_test(repository) {
        step::run("tests on real file systems", &mut machine_tests)?;
    }
    let selection = ["test", "--workspace", "--lib", "--bins", "--tests", "--locked", "--no-fail-fast"];
    let mut runner = repository.cargo(selection);
    runner.arg(FEATURES);
    Ok(runner)
}
