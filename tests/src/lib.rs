//! What tests of several crates share with each other, and with the programs that they start.

pub mod laboratory;
pub mod machine;
