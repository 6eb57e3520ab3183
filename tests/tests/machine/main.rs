//! The log on real file systems, written, followed and killed as real processes. The judge of what must be there, the
//! oracle, lives in this process, which outlives the others.
//!
//! Tests that need root or special tools are ignored, each with the list of what it needs: `cargo xtask test` finds out
//! what this machine has, runs those that can run, and names the others.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod oracle;

mod programs;

mod mounted;

mod kill;

mod two_writers;

mod power_cut;

mod failing_device;

mod io_errors;

mod full_disk;

mod full_index;

mod sink;

/// Plants the bug that the environment names, if this was built for that, in this process: for tests in which it is the
/// one that writes or reads.
fn plant_by_environment() {
    #[cfg(feature = "planted-bugs")]
    runledger_tests::machine::planted::plant_by_environment();
}
