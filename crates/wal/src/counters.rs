//! What a log did since it was opened, and what it still has to do, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::commit::batch::Batch;
use crate::failure::Failure;
use crate::segment::compressed::write::Compressed;

/// What a log did since it was opened. `records / syncs` is how many records shared a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Records written.
    pub records: u64,
    /// Commits written: one write each.
    pub commits: u64,
    /// Syncs of segments.
    pub syncs: u64,
    /// Bytes written into segments, frames and padding of records included.
    pub bytes: u64,
    /// Records that were given up: not written, or of unknown outcome. Those that were written and then could not be
    /// synced count in `records` too.
    pub records_failed: u64,
    /// Segments that got their footer.
    pub sealed: u64,
    /// Attempts at that which failed. They are repeated when the log is opened again.
    pub seal_failures: u64,
    /// Sealed segments that were compressed.
    pub compressed: u64,
    /// Attempts at that which failed, or found the segment unsound.
    pub compress_failures: u64,
}

/// What a log has taken and not made durable yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Backlog {
    /// Records that have a number and aren't durable.
    pub unsafe_records: u64,
    /// How long ago the oldest of them was placed.
    pub oldest: Option<Duration>,
    /// Those of them that no commit has taken yet.
    pub queued_records: u64,
    /// How many bytes these are.
    pub queued_bytes: u64,
    /// From how many bytes on an append waits for room.
    pub queue_bytes_max: u64,
}

/// The counters while they count.
#[derive(Debug, Default)]
pub(crate) struct LiveCounters {
    records: AtomicU64,
    records_failed: AtomicU64,
    commits: AtomicU64,
    syncs: AtomicU64,
    bytes: AtomicU64,
    sealed: AtomicU64,
    seal_failures: AtomicU64,
    compressed: AtomicU64,
    compress_failures: AtomicU64,
}

impl LiveCounters {
    /// After each commit. `syncs` is the tail's own count.
    pub(crate) fn count(&self, batch: &Batch, written: bool, syncs: u64) {
        self.syncs.store(syncs, Ordering::Relaxed);
        if written && batch.records > 0 {
            self.records.fetch_add(u64::from(batch.records), Ordering::Relaxed);
            self.commits.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(batch.total_bytes(), Ordering::Relaxed);
        }
    }

    pub(crate) fn count_failures(&self, failures: &[Failure]) {
        let records = failures.iter().map(Failure::records).sum();
        self.records_failed.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn count_seal(&self, sealed: bool) {
        let counter = if sealed { &self.sealed } else { &self.seal_failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_compression(&self, result: Option<&Compressed>) {
        match result {
            Some(Compressed::Done { .. }) => self.compressed.fetch_add(1, Ordering::Relaxed),
            Some(Compressed::Already | Compressed::Unsealed) => 0,
            Some(Compressed::Left) | None => self.compress_failures.fetch_add(1, Ordering::Relaxed),
        };
    }

    pub(crate) fn snapshot(&self) -> Counters {
        Counters {
            records: self.records.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            records_failed: self.records_failed.load(Ordering::Relaxed),
            sealed: self.sealed.load(Ordering::Relaxed),
            seal_failures: self.seal_failures.load(Ordering::Relaxed),
            compressed: self.compressed.load(Ordering::Relaxed),
            compress_failures: self.compress_failures.load(Ordering::Relaxed),
        }
    }
}
