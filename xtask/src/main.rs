//! The project's own commands: `cargo xtask <command>`.
//!
//! This file only parses and dispatches; each command has a file of its own. Nothing here is linked into the
//! product, and nothing here downloads or installs a tool: where one is missing, the command says which and how to
//! get it.

mod bench;
mod check;
mod commit_model;
mod crash;
mod docs;
mod examples;
mod fuzz;
mod machine;
mod repository;
mod soak;
mod step;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

use crate::repository::Repository;

/// Runledger's own build and test commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
enum Command {
    /// Formatting, lints and tidy rules: what to run before a commit.
    Check,
    /// Everything that has to pass: checks, docs, examples, doc tests, all tests.
    Test,
    /// The rules that no compiler knows: crate arrows, file headers, links, names, lengths, format pages.
    Tidy {
        /// Record the format code as it is now in `xtask/format.lock`.
        #[arg(long)]
        accept_format: bool,
    },
    /// The API documentation, warnings denied.
    Docs,
    /// Fuzz targets, one after the other (needs cargo-fuzz).
    Fuzz {
        /// One target; all of them when left out.
        target: Option<String>,
        /// How long each target runs.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// The crash laboratory: without arguments, what CI runs of it.
    Crash(crash::Arguments),
    /// The sink under a storage that stalls and fails, and the floors of its figures.
    Soak {
        /// How many times the usual number of events.
        #[arg(long, default_value_t = 5)]
        scale: u32,
    },
    /// The benchmark harness in release mode; what follows is passed on to it.
    Bench {
        /// Arguments of the harness, `--help` among them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let command = Command::parse();
    let outcome = Repository::find().and_then(|repository| match command {
        Command::Check => check::run(&repository).map(|()| ExitCode::SUCCESS),
        Command::Test => test::run(&repository),
        Command::Tidy { accept_format: true } => tidy::accept_format(&repository).map(|()| ExitCode::SUCCESS),
        Command::Tidy { accept_format: false } => tidy::run(&repository).map(|()| ExitCode::SUCCESS),
        Command::Docs => docs::run(&repository).map(|()| ExitCode::SUCCESS),
        Command::Fuzz { target, seconds } => {
            fuzz::run(&repository, target.as_deref(), seconds).map(|()| ExitCode::SUCCESS)
        }
        Command::Crash(arguments) => crash::run(&repository, &arguments),
        Command::Soak { scale } => soak::run(&repository, scale).map(|()| ExitCode::SUCCESS),
        Command::Bench { arguments } => bench::run(&repository, &arguments),
    });
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
