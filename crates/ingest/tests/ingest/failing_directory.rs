//! A directory on disk that has no space left while it is told so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runledger_store::{Directory, DirectoryLock, DiskDirectory, Map, OutputFile};

#[derive(Debug)]
pub(crate) struct FailingDirectory {
    disk: DiskDirectory,
    full: Arc<AtomicBool>,
}

impl FailingDirectory {
    /// The directory at `path`, and the switch.
    pub(crate) fn new(path: PathBuf) -> (Self, Arc<AtomicBool>) {
        let full = Arc::new(AtomicBool::new(false));
        std::fs::create_dir_all(&path).unwrap();
        (Self { disk: DiskDirectory::new(path), full: Arc::clone(&full) }, full)
    }
}

impl Directory for FailingDirectory {
    fn path(&self) -> &Path {
        self.disk.path()
    }

    fn lock(&self) -> io::Result<DirectoryLock> {
        self.disk.lock()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn OutputFile>> {
        if self.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.create(name)
    }

    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        self.disk.read(name, bytes_max)
    }

    fn map(&self, name: &str) -> io::Result<Map> {
        self.disk.map(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
}
