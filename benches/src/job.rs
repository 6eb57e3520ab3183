//! What the harness and its worker processes tell each other: one JSON object a line, a request and then its reply.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{audit, index, wal};

/// What a worker is asked to do, with one engine in one directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The engine's name.
    pub(crate) engine: String,
    /// Where its files lie, or will lie.
    pub(crate) directory: PathBuf,
    /// Which round this is: those of all engines ask the same questions.
    pub(crate) round: u64,
    pub(crate) job: Job,
}

/// How long a round takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// How long appends go on before anything counts.
    pub(crate) warm_up: Duration,
    /// How long they count.
    pub(crate) measured: Duration,
}

/// One round of a workload, of one of the benches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Job {
    Wal(wal::Job),
    Index(index::Job),
    Audit(audit::Job),
}

/// What a worker answers: an outcome, or what went wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    Done(Box<Outcome>),
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
    /// Nanoseconds of each append or question, and how many took that long.
    pub(crate) latency_ns: Vec<(u64, u64)>,
    /// A digest of all answers. Whoever was asked the same gives the same.
    pub(crate) answers: Option<u64>,
    /// The most anonymous memory that the process had, over what it had before.
    pub(crate) anonymous_bytes: Option<u64>,
    /// Bytes on disk.
    pub(crate) stored_bytes: Option<u64>,
    /// How long the engine took to open its files, where that isn't what is measured.
    pub(crate) opened: Option<Duration>,
    /// What went on after the window: until the index had caught up.
    pub(crate) caught_up: Option<Duration>,
    /// By how many events the index was behind at the end of the window.
    pub(crate) events_behind: Option<u64>,
}
