//! What the tests on real machines share with the programs that they start and kill: records whose bytes say who wrote
//! them, the lines that the programs print, and a disk that says that the system was booted again.

pub mod numbered;

pub mod lines;

pub mod rebooted;

#[cfg(feature = "planted-bugs")]
pub mod planted;
