//! `cargo xtask soak`: the sink under a storage that stalls and fails, and the floors of what was promised, in release mode
//! and at full length. Prints the figures.

use anyhow::Result;

use crate::repository::Repository;
use crate::step;

/// Names how many times the usual number of events there are.
const SCALE_VARIABLE: &str = "RUNLEDGER_SOAK_SCALE";

/// Runs the soak tests one after the other.
pub(crate) fn run(repository: &Repository, scale: u32) -> Result<()> {
    let mut soak =
        repository.cargo(["test", "--locked", "--release", "--package=runledger-tests", "--test=soak"]);
    soak.args(["--", "--nocapture", "--test-threads=1"]).env(SCALE_VARIABLE, scale.to_string());
    step::run("soak", &mut soak)
}
