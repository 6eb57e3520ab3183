//! `cargo xtask docs`: the API documentation, with broken links and missing pages as errors.

use anyhow::Result;

use crate::check::FEATURES;
use crate::repository::Repository;
use crate::step;

/// Builds the documentation of every library of the workspace.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    // Libraries only: the program has the facade's name, and rustdoc would write both to the same pages.
    let mut command = repository.cargo(["doc", "--workspace", "--lib", "--no-deps", "--locked", FEATURES]);
    step::run("API documentation", command.env("RUSTDOCFLAGS", "-D warnings"))
}
