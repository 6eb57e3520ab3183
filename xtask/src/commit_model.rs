//! The model of the commit protocol: claims about callers, leaders and followers, under thousands of schedules.
//!
//! A build of its own: the log that it checks works only under the model's scheduler.

use anyhow::Result;

use crate::repository::Repository;
use crate::step;

/// Checks every claim under the usual number of schedules.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let arguments = ["run", "--package", "runledger-tests", "--bin", "commit-model", "--locked", "--quiet"];
    let mut model = repository.cargo(arguments);
    step::run("commit model", model.arg("--features=commit-model"))
}
