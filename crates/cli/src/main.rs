//! The runledger program.
fn main() {}
