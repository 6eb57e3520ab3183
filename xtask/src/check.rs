//! `cargo xtask check`: what reads the code without running it.
//!
//! The lints run three times over `runledger-wal`: in the workspace's one feature set, which has every optional
//! feature that a program can want; bare, so that code behind a feature can't be needed by code outside it; and with
//! the bugs that tests can plant. The commit model is linted with the features that it needs.

use anyhow::Result;

use crate::repository::Repository;
use crate::step;
use crate::tidy;

/// Every optional feature of the workspace but the bugs that tests can plant. Lints, tests, docs and examples all use this one set: with two of them,
/// cargo builds most crates twice.
pub(crate) const FEATURES: &str = "--features=runledger/tokio,runledger/tracing,runledger/metrics";

/// The workspaces beside the main one, whose formatting is checked without building them.
const OTHER_WORKSPACES: [&str; 2] = ["benches/Cargo.toml", "fuzz/Cargo.toml"];

/// Formatting, tidy rules and lints, the quick ones first.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    step::run("formatting", &mut repository.cargo(["fmt", "--all", "--check"]))?;
    for manifest in OTHER_WORKSPACES {
        if repository.root().join(manifest).is_file() {
            let name = format!("formatting of {manifest}");
            step::run(&name, &mut repository.cargo(["fmt", "--manifest-path", manifest, "--check"]))?;
        }
    }
    step::timed("tidy", || tidy::run(repository))?;
    let mut lints = repository.cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        FEATURES,
        "--",
        "-D",
        "warnings",
    ]);
    step::run("lints", &mut lints)?;
    let log_lints = |features: &[&str]| {
        let mut lints =
            repository.cargo(["clippy", "--package", "runledger-wal", "--all-targets", "--locked"]);
        lints.args(features).args(["--", "-D", "warnings"]);
        lints
    };
    step::run("lints of runledger-wal without features", &mut log_lints(&[]))?;
    step::run("lints of runledger-wal with planted bugs", &mut log_lints(&["--features=planted-bugs"]))?;
    let mut planted_lints = repository.cargo([
        "clippy",
        "--package=runledger-tests",
        "--package=runledger-store",
        "--package=runledger-ingest",
        "--package=runledger-audit",
        "--lib",
        "--bin=crash",
        "--locked",
        "--features=runledger-tests/planted-bugs",
    ]);
    step::run("lints of the laboratories with planted bugs", planted_lints.args(["--", "-D", "warnings"]))?;
    let mut model_lints = repository.cargo([
        "clippy",
        "--package",
        "runledger-tests",
        "--lib",
        "--bin=commit-model",
        "--locked",
        "--features=commit-model,planted-bugs",
    ]);
    step::run("lints of the commit model", model_lints.args(["--", "-D", "warnings"]))
}
