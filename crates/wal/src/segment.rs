//! Segments: files of consecutive records.

pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod name;
