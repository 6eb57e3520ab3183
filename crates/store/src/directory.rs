//! The seam to the medium: everything that the store does to files goes through [`Directory`].
//!
//! Invariant: a file is written once, front to back, synced, and never changed again; the manifest is replaced by
//! renaming a new one over it. The store uses [`DiskDirectory`]; tests use simulated ones that lose power, run out of
//! space, or flip bits.

mod disk;
mod map;
#[cfg(test)]
pub(crate) mod simulated;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

pub use self::disk::DiskDirectory;
pub use self::map::Map;

/// One directory that holds one index. Names are plain file names.
pub trait Directory: fmt::Debug + Send + Sync + 'static {
    /// Where it is: for messages.
    fn path(&self) -> &Path;

    /// Takes the right to write, or fails with [`io::ErrorKind::WouldBlock`] when another store has it. It ends when
    /// the returned lock is dropped.
    fn lock(&self) -> io::Result<DirectoryLock>;

    /// The names of all files, in any order.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Creates a file, or empties the one of that name.
    fn create(&self, name: &str) -> io::Result<Box<dyn OutputFile>>;

    /// The whole of a small file; an error of kind [`io::ErrorKind::FileTooLarge`] when it is over `bytes_max`.
    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>>;

    /// The whole of a file that was synced and will not change.
    fn map(&self, name: &str) -> io::Result<Map>;

    /// Gives the file `from` the name `to`, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Maps of it stay readable.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals so far durable.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is being written.
pub trait OutputFile: io::Write + Send {
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Keeps other writers out until it is dropped.
#[derive(Debug)]
pub struct DirectoryLock {
    _held: Option<File>,
}

impl DirectoryLock {
    /// Holds the kernel's lock on `file`.
    pub fn of_file(file: File) -> Self {
        Self { _held: Some(file) }
    }

    /// For directories that nobody else can reach.
    pub fn private() -> Self {
        Self { _held: None }
    }
}
