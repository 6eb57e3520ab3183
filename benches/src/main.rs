//! The benchmark harness: one subcommand per benchmark, all of them measured in interleaved rounds.
//!
//! This file parses and dispatches. What a benchmark compares is in its own file, how one round runs in `rounds`, what
//! is compared in `engines`. Results go to standard output as a Markdown table, progress to standard error.

mod durable_append;
mod engine;
mod engines;
mod machine;
mod payload;
mod report;
mod rounds;

use clap::Parser;

/// Runledger's benchmarks.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", disable_version_flag = true)]
enum Benchmark {
    /// Appends that return once they are durable, from several threads at a time.
    DurableAppend(durable_append::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Benchmark::parse() {
        Benchmark::DurableAppend(arguments) => durable_append::run(&arguments),
    }
}
