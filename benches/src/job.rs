//! What the harness and its worker processes tell each other: one JSON object a line, a request and then its reply.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::Unwaited;

/// What a worker is asked to do, with one engine in one directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The engine's name.
    pub(crate) engine: String,
    /// Where its files lie, or will lie.
    pub(crate) directory: PathBuf,
    pub(crate) job: Job,
}

/// How long a round takes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Window {
    /// How long appends go on before anything counts.
    pub(crate) warm_up: Duration,
    /// How long they count.
    pub(crate) measured: Duration,
}

/// One round of a workload.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// Opens the log, answers how long that took, and goes on appending until the process is killed. A log that has
    /// fewer records than this is filled first, and opening it isn't timed.
    OpenAndGoOn { records: u64 },
    /// Reads all records, and compares each with the payload that the first writer gave it.
    Compare { records: u64 },
    /// Reads all records, and only counts them and their bytes.
    Replay,
}

/// What a worker answers: an outcome, or what went wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    Done(Outcome),
    Failed(String),
}

/// What a round gave. What a workload doesn't measure is zero or missing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Records in the window.
    pub(crate) records: u64,
    /// Bytes of their payloads.
    pub(crate) bytes: u64,
    /// How long the window was, not how long it was planned.
    pub(crate) elapsed: Duration,
    /// Syncs in the window, as the engine or its caller counted them.
    pub(crate) syncs: Option<u64>,
    /// Flushes of the device in the window, whoever caused them.
    pub(crate) device_flushes: Option<u64>,
    /// Bytes written to the device in the window, whoever wrote them.
    pub(crate) device_bytes: Option<u64>,
    /// Bytes that the process read in the window, from the cache or the device.
    pub(crate) read_bytes: Option<u64>,
    /// Calls by which it read them.
    pub(crate) read_calls: Option<u64>,
    /// Records that were read back and compared, those of the warm-up included.
    pub(crate) verified: u64,
    /// Nanoseconds of each append, and how many took that long.
    pub(crate) latency_ns: Vec<(u64, u64)>,
}
