//! What the fuzz targets share: a small directory of valid files, edits to it that the fuzzer chooses, and fresh
//! checksums over what was edited.
//!
//! Arbitrary bytes never get past the first checksum. So a target starts from files that are valid, changes them, and
//! in half of its runs seals them again: without it the checks of checksums are tried, with it everything that stands
//! behind them, which is what somebody who wants to do harm would send.

pub mod edit;
pub mod images;
pub mod reseal;
pub mod valid_log;
