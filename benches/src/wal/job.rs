//! What a worker of the log's bench can be asked to do.

use serde::{Deserialize, Serialize};

use crate::job::Window;
use crate::wal::engine::Unwaited;

/// One round of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Job {
    /// Threads append, each waiting until its record is durable. With sizes, payloads have those lengths in turn.
    Durable { threads: u64, window: Window, sizes: Option<Vec<usize>> },
    /// Tasks of a runtime do the same.
    Tasks { tasks: u64, window: Window },
    /// One thread appends batches of this many records, and waits for the oldest whenever so many are under way: with one,
    /// each is durable before the next.
    Batches { records: u64, under_way: usize, window: Window },
    /// One thread appends this many records and doesn't wait until they are durable.
    Unwaited { records: u64, wait: Unwaited },
    /// One thread appends this many durable records to a log that has settled; what reaches the device is counted.
    DeviceBytes { records: u64 },
    /// Appends this many records in batches, and closes the log.
    Fill { records: u64 },
    /// Opens the log, which was filled, answers how long that took, and goes on appending until the process is killed.
    OpenAndGoOn { records: u64 },
    /// Reads all records, and compares each with the payload that the first writer gave it.
    Compare { records: u64 },
    /// Reads all records, and only counts them and their bytes.
    Replay { records: u64 },
}
