//! The seam between the log and the world: files, directory entries, the lock, clock and randomness.
//!
//! All that the log does to files goes through [`Storage`] and [`StorageFile`], so that a simulated disk can take the
//! place of the real one, with crashes and failing calls. The trait is as small as the log allows: positioned reads
//! and writes that may be short, syncs, and the few operations on names. Loops over short and interrupted calls, and
//! all meaning of bytes, stay on this side of it.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::map::Map;

mod disk;
pub(crate) mod file;

pub use disk::DiskStorage;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// A file that must not exist yet, for reading and writing.
    CreateNew,
    /// A file for reading and writing, made if it doesn't exist.
    Create,
}

/// Whom a lock keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Everybody else: held by the writer.
    Exclusive,
    /// Writers: held for a moment to learn whether there is one.
    Shared,
}

/// Files, their names, and what else a log needs from its surroundings.
///
/// Implementations must not follow symbolic links in the last component of a path, and must refuse what isn't a
/// regular file: a log's directory may have been prepared by somebody hostile.
pub trait Storage: Debug + Send + Sync + 'static {
    /// Opens a regular file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>>;

    /// The names in a directory, in any order.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// Makes a directory and those above it. One that exists is fine.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable: creations, renames and removals before this call.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// Gives a file another name, replacing what bore it; or a directory, replacing an empty one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory. Asked only where whole logs are made or deleted; who can't may refuse.
    fn remove_directory(&self, _directory: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nanoseconds since the Unix epoch. May go backwards.
    fn now_ns(&self) -> i64;

    /// Random bytes, fit for ids and nonces.
    fn random(&self) -> [u8; 16];

    /// The number of the running process, for people who ask who holds a lock.
    fn process_id(&self) -> u32 {
        std::process::id()
    }

    /// What changes whenever a power cut may have lost what was written and not synced: the identity of the running
    /// system's boot. `None` if that can't be known.
    fn boot_id(&self) -> Option<String>;
}

/// An open file. Dropping the last reference closes it and gives up its lock.
pub trait StorageFile: Debug + Send + Sync {
    /// Reads at an offset; fewer bytes than asked for are fine, none means the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at an offset; fewer bytes than given are fine.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// The file's length.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it with zeroes.
    fn set_length(&self, bytes: u64) -> io::Result<()>;

    /// Makes contents and length durable.
    fn sync_data(&self) -> io::Result<()>;

    /// Tries to lock the file against other openings of it, in this process or another. `false` if somebody is in
    /// the way.
    fn try_lock(&self, mode: LockMode) -> io::Result<bool>;

    /// Maps a sealed file. `None` if this storage doesn't map; the log then reads.
    fn map(&self) -> io::Result<Option<Map>>;
}
