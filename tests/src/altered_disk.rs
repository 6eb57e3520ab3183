//! The real disk, but for what a test alters. All else goes to the operating system as it is.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runledger_wal::{DiskStorage, LockMode, Map, OpenMode, Storage, StorageFile};

/// What is not as it is on the real disk. Nothing, unless it says so.
pub trait Alteration: Debug + Clone + Send + Sync + 'static {
    /// Before bytes are written to the file at `path`, or it grows: an error refuses that.
    ///
    /// # Errors
    ///
    /// The test says that it fails.
    fn before_write(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Makes the file or the directory at `path` durable by `sync`, or does not.
    ///
    /// # Errors
    ///
    /// The test says that it fails, or it does.
    fn sync(&self, _path: &Path, sync: &dyn Fn() -> io::Result<()>) -> io::Result<()> {
        sync()
    }

    /// Which boot of the system this is.
    fn boot_id(&self) -> Option<String> {
        DiskStorage.boot_id()
    }
}

/// The disk with an alteration.
#[derive(Debug, Clone, Default)]
pub struct AlteredDisk<A>(pub A);

impl<A: Alteration> Storage for AlteredDisk<A> {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let file = DiskStorage.open(path, mode)?;
        Ok(Arc::new(AlteredFile { file, path: path.to_owned(), alteration: self.0.clone() }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        DiskStorage.list(directory)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        DiskStorage.create_directory(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.0.sync(directory, &|| DiskStorage.sync_directory(directory))
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

    fn process_id(&self) -> u32 {
        DiskStorage.process_id()
    }

    fn boot_id(&self) -> Option<String> {
        self.0.boot_id()
    }
}

#[derive(Debug)]
struct AlteredFile<A> {
    file: Arc<dyn StorageFile>,
    path: PathBuf,
    alteration: A,
}

impl<A: Alteration> StorageFile for AlteredFile<A> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.alteration.before_write(&self.path)?;
        self.file.write_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        if bytes > self.file.length()? {
            self.alteration.before_write(&self.path)?;
        }
        self.file.set_length(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.alteration.sync(&self.path, &|| self.file.sync_data())
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        self.file.try_lock(mode)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        self.file.map()
    }
}
