//! What tests of several crates share with each other, and with the programs that they start.

pub mod altered_disk;

#[cfg(feature = "commit-model")]
pub mod commit_model;

pub mod failing_storage;

pub mod index_laboratory;

pub mod laboratory;

pub mod machine;

pub mod random;
