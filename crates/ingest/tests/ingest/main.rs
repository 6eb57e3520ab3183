//! Ingestion over a real log and a real store.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod failing_directory;
mod following;
mod healing;
mod reading_beside;
mod toy;
