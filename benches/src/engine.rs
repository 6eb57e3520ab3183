//! What a benchmark of appends needs of a log: make one, append to it, count syncs, read everything back.

use std::path::Path;

use anyhow::Result;

/// One of the things that are compared.
pub(crate) trait Engine {
    /// How tables call it.
    fn name(&self) -> &'static str;

    /// A new log in an empty directory, ready for its first append: what it prepares once is not measured.
    fn create(&self, directory: &Path) -> Result<Box<dyn Log>>;
}

/// A log that several threads append to.
pub(crate) trait Log: Send + Sync {
    /// Appends one record and returns its number once it is on stable storage. Numbers are dense, from 0.
    fn append(&self, payload: &[u8]) -> Result<u64>;

    /// How often data was synced so far.
    fn syncs(&self) -> u64;

    /// Closes the log, opens its files again, and hands every record to `visit`, in order.
    fn read_back(self: Box<Self>, visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()>;
}
