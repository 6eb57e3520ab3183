//! The operating system's files, seen by a system that was booted anew.
//!
//! Shutting a file system down loses what a power cut loses, but the kernel goes on. Without this, the log would rely
//! on the page cache having kept what was written before: it recognises a reboot by the boot's identity.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use runledger_wal::{DiskStorage, OpenMode, Storage, StorageFile};

/// The disk, in the boot of this name.
#[derive(Debug, Clone)]
pub struct RebootedDisk {
    boot_id: String,
}

impl RebootedDisk {
    /// The disk, as the boot of this name sees it.
    #[must_use]
    pub fn new(boot_id: &str) -> RebootedDisk {
        RebootedDisk { boot_id: boot_id.to_owned() }
    }
}

impl Storage for RebootedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        DiskStorage.open(path, mode)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        DiskStorage.list(directory)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        DiskStorage.create_directory(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        DiskStorage.sync_directory(directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        DiskStorage.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        DiskStorage.remove(path)
    }

    fn now_ns(&self) -> i64 {
        DiskStorage.now_ns()
    }

    fn random(&self) -> [u8; 16] {
        DiskStorage.random()
    }

    fn boot_id(&self) -> Option<String> {
        Some(self.boot_id.clone())
    }
}
