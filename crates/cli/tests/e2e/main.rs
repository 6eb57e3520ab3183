//! End-to-end tests: what the built program prints, where, and with which exit code. One file per command.
//!
//! They live in the program's own package because only there cargo says where the built program is
//! (`CARGO_BIN_EXE_runledger`), and builds it before the tests run.

#![expect(
    clippy::unwrap_used,
    reason = "these tests state their expectations with unwrap, in functions that they share too"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "a field that JSON output lacks is the failure that a test looks for"
)]

mod program;

mod all_commands;
mod append;
mod audits;
mod backup;
mod beside_a_writer;
mod chain;
mod compress;
mod count;
mod demo;
mod event;
mod events;
mod every_command;
mod grep;
mod health;
mod import;
mod index;
mod kill;
mod manual;
mod pages;
mod presentation;
mod real_data;
mod recover;
mod reset;
mod runs;
mod salvage;
mod snapshots;
mod stats;
mod tail;
mod trace;
mod transcript;
mod usage;
mod verify;
mod why;
