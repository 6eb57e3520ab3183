//! What the kernel counts: the device's writes and flushes, and the reads of this process.
//!
//! The device's counts are everybody's, and hold what the file system's journal writes: on a disk that is otherwise
//! idle, they are what a workload costs. The process's own `write_bytes` counts pages that it made dirty, and neither
//! journal nor repeated writes of one page, so it is of no use here.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What the block device under a directory has done since the system was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeviceCounts {
    pub(crate) bytes_written: u64,
    pub(crate) flushes: u64,
    /// Writes, discards and flushes that came to their end.
    pub(crate) operations: u64,
}

/// The unit of the device's counts, whatever its own sectors are.
const SECTOR_BYTES: u64 = 512;

impl DeviceCounts {
    /// Asks the kernel; nothing where it doesn't say.
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let device = fs::metadata(directory).ok()?.dev();
        let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
        Self::parse(&fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        let counts: Vec<u64> = stat.split_whitespace().filter_map(|count| count.parse().ok()).collect();
        let (writes, discards, flushes) = (counts.get(4)?, counts.get(11)?, *counts.get(15)?);
        Some(Self {
            bytes_written: counts.get(6)? * SECTOR_BYTES,
            flushes,
            operations: writes + discards + flushes,
        })
    }

    /// Waits until nothing is written or discarded for `rest`, but no longer than `patience`.
    pub(crate) fn wait_for_rest(directory: &Path, rest: Duration, patience: Duration) {
        let begin = Instant::now();
        let mut last = None;
        while begin.elapsed() < patience {
            let operations = Self::read(directory).map(|counts| counts.operations);
            if operations == last {
                break;
            }
            last = operations;
            thread::sleep(rest);
        }
    }
}

/// What this process has read since it was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadCounts {
    pub(crate) bytes: u64,
    pub(crate) calls: u64,
}

impl ReadCounts {
    /// Asks the kernel; nothing where it doesn't say.
    pub(crate) fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/io").ok()?;
        let count = |name| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Some(Self { bytes: count("rchar:")?, calls: count("syscr:")? })
    }
}

/// Looks at the anonymous memory of this process every few milliseconds: what it has allocated and touched, not what it
/// has mapped of files.
pub(crate) struct AnonymousMemory {
    before: Option<u64>,
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    watcher: JoinHandle<()>,
}

/// How long memory isn't looked at.
const WATCH_PAUSE: Duration = Duration::from_millis(2);

impl AnonymousMemory {
    /// Begins to watch. What the process has now doesn't count.
    pub(crate) fn watch() -> Self {
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let watcher = thread::spawn({
            let (most, over) = (Arc::clone(&most), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    most.fetch_max(anonymous_bytes().unwrap_or(0), Ordering::Relaxed);
                    thread::sleep(WATCH_PAUSE);
                }
            }
        });
        Self { before: anonymous_bytes(), most, over, watcher }
    }

    /// The most that there was since then, over what there was; nothing where the kernel doesn't say.
    pub(crate) fn most(self) -> Option<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.watcher.join().ok()?;
        Some(self.most.load(Ordering::Relaxed).saturating_sub(self.before?))
    }
}

fn anonymous_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_touched_and_freed_is_seen() {
        let memory = AnonymousMemory::watch();
        let touched = std::hint::black_box(vec![1_u8; 64 << 20]);
        while memory.most.load(Ordering::Relaxed) < 64 << 20 {
            thread::yield_now();
        }
        drop(std::hint::black_box(touched));
        assert!(memory.most().unwrap() >= 60 << 20);
    }

    #[test]
    fn sectors_written_and_flushes_are_found_in_a_line_of_the_kernel() {
        let counts = DeviceCounts::parse("1 2 3 4 5 6 70 8 9 10 11 12 13 14 15 160 17\n").unwrap();
        assert_eq!((counts.bytes_written, counts.flushes, counts.operations), (70 * 512, 160, 5 + 12 + 160));
        assert!(DeviceCounts::parse("1 2 3").is_none());
    }
}
