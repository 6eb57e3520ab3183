//! The `runledger` program: parse, call, print. Everything it does, a user of the library can do too.

mod arguments;
mod audit_text;
mod commands;
mod event_json;
mod event_table;
mod event_text;
mod exit;
mod outcome;
mod output;
mod run_table;
mod table;
mod terminal_text;
mod time_argument;
mod tree;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = arguments::parse(std::env::args_os());
    exit::conclude(commands::run(&arguments)).into()
}
