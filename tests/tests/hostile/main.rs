//! Logs whose files somebody damaged, cut, replaced or made up: whatever the bytes, the log says what it knows, gives back
//! only what was appended, and leaves alone what it doesn't understand.
//!
//! Small logs in memory are damaged in every way of a kind and judged by one oracle (`oracle.rs`). What only a real file
//! system can do to a log (links, pipes, mappings) is tried on one.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]
#![expect(clippy::indexing_slicing, reason = "a failure here is the test's own report")]

mod bounded_memory;
mod cut_files;
mod entries;
mod extremes;
mod far_offsets;
mod flipped_bits;
mod forge;
mod many_segments;
mod opening;
mod oracle;
mod small_log;
mod sparse_storage;
mod unsynced_disk;
