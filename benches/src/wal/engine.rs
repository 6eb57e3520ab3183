//! What a benchmark needs of a log: make one, append to it, close it, open it again, read everything back.
//!
//! A record's number orders it among the records of its log, and need not be dense: some logs number by offset.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use anyhow::{Result, bail};

/// One of the things that are compared.
pub(crate) trait Engine: Sync {
    /// How tables call it, and how a worker process is told which to run.
    fn name(&self) -> &'static str;

    /// Opens the log in this directory, or makes one in an empty directory, ready for its next append.
    fn open(&self, directory: &Path, room: Room) -> Result<Box<dyn Log>>;

    /// Opens the files of a log that was closed, or whose process died, and hands every record to `visit`, in order,
    /// checked as this engine checks it.
    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()>;
}

/// Takes a record's number and payload.
pub(crate) type Visit<'a> = dyn FnMut(u64, &[u8]) -> Result<()> + 'a;

/// What is going to happen to a log, for engines that have to prepare for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// At most this many bytes are appended and read back at once. What an engine prepares for them isn't measured.
    Prepared(u64),
    /// Millions of records, which stay.
    Lasting,
}

/// A record's number and payload.
pub(crate) type Numbered = (u64, Vec<u8>);

/// Waits for a batch that is under way.
pub(crate) type Waiting = Box<dyn FnOnce() -> Result<()>>;

/// An append that a task waits for.
pub(crate) type Appending<'a> = Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;

/// A log that is open for appending, by several threads at a time.
pub(crate) trait Log: Send + Sync {
    /// Appends one record and returns its number once it is on stable storage.
    fn append(&self, payload: &[u8]) -> Result<u64>;

    /// The same, for a task: no thread waits.
    fn append_async<'a>(&'a self, _payload: &'a [u8]) -> Appending<'a> {
        Box::pin(async { bail!("this engine has no asynchronous append") })
    }

    /// Appends records in this order and returns once all of them are on stable storage.
    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()>;

    /// The same, for a thread that goes on meanwhile: what is returned waits until they are on stable storage.
    fn submit_batch(&self, payloads: &[&[u8]]) -> Result<Waiting> {
        self.append_batch(payloads)?;
        Ok(Box::new(|| Ok(())))
    }

    /// Appends one record that is durable some time later, or is handed to the operating system at least.
    fn append_unwaited(&self, _payload: &[u8], _wait: Unwaited) -> Result<()> {
        bail!("this engine is not measured without waiting")
    }

    /// How often data was synced so far, where the engine or what calls it can count that.
    fn syncs(&self) -> Option<u64>;

    /// Closes the log. Returns the records that it has handed on to whatever it stands in front of, in order: those
    /// aren't in its files any more.
    fn close(self: Box<Self>) -> Result<Vec<Numbered>>;
}

/// What an append that isn't waited for still waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unwaited {
    /// Nothing: the record has its place in memory.
    Buffered,
    /// The operating system has it.
    Written,
}
