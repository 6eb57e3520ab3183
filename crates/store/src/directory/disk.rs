//! A directory on a real file system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Directory, DirectoryLock, Map, OutputFile};

/// The directory `index/` of a ledger on disk.
#[derive(Debug)]
pub struct DiskDirectory {
    path: PathBuf,
}

impl DiskDirectory {
    /// The directory at `path`, whether it is there or not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes the directory, durably, if it is not there.
    pub(crate) fn ensure(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&self.path)?;
        match self.path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => sync_directory(Path::new(".")),
            Some(parent) => sync_directory(parent),
            None => Ok(()),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Directory for DiskDirectory {
    fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> io::Result<DirectoryLock> {
        // The lock is on the directory itself: an index can be deleted as a whole, and no file of ours is left over.
        let directory = File::open(&self.path)?;
        match directory.try_lock() {
            Ok(()) => Ok(DirectoryLock::of_file(directory)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            // Some network file systems have no locks. The ledger's own lock still keeps other writers out.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(DirectoryLock::private())
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn OutputFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(self.file(name))?;
        Ok(Box::new(DiskFile(file)))
    }

    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file at the limit from one above it.
        File::open(self.file(name))?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn map(&self, name: &str) -> io::Result<Map> {
        Map::of_file(&File::open(self.file(name))?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.file(from), self.file(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.file(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }
}

struct DiskFile(File);

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl OutputFile for DiskFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    // Directories can be opened and synced on Unix only; elsewhere renames are made durable by the file system.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
