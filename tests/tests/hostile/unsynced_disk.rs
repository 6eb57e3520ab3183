//! The real disk without its syncs, for tests that look at thousands of files and cut no power. All else is the disk's.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use runledger_wal::{DiskStorage, LockMode, Map, OpenMode, Storage, StorageFile};

#[derive(Debug, Clone, Copy)]
pub(crate) struct UnsyncedDisk;

#[derive(Debug)]
struct UnsyncedFile(Arc<dyn StorageFile>);

impl Storage for UnsyncedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(UnsyncedFile(DiskStorage.open(path, mode)?)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        DiskStorage.list(directory)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        DiskStorage.create_directory(directory)
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        DiskStorage.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        DiskStorage.remove(path)
    }

    fn remove_directory(&self, directory: &Path) -> io::Result<()> {
        DiskStorage.remove_directory(directory)
    }

    fn now_ns(&self) -> i64 {
        DiskStorage.now_ns()
    }

    fn random(&self) -> [u8; 16] {
        DiskStorage.random()
    }

    fn boot_id(&self) -> Option<String> {
        DiskStorage.boot_id()
    }
}

impl StorageFile for UnsyncedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.0.set_length(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        self.0.try_lock(mode)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        self.0.map()
    }
}
