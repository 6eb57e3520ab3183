//! A folder for a temporary index, deleted with everything in it when it is dropped.
//!
//! Nothing in it is ever synced: after a crash nobody looks for it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use runledger_store::{Directory, DirectoryLock, DiskDirectory, Map, OutputFile};

use crate::IndexError;

pub(super) struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    pub(super) fn new() -> Result<Self, IndexError> {
        let path = std::env::temp_dir().join(format!("runledger-index-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).map_err(|source| IndexError::Temporary {
            operation: "create",
            path: path.clone(),
            source,
        })?;
        Ok(Self { path })
    }

    /// The folder as a store wants it.
    pub(super) fn directory(&self) -> impl Directory {
        UnsyncedDirectory { disk: DiskDirectory::new(&self.path) }
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What stays behind is rubbish in the folder for rubbish; nobody is left to be told.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A directory on disk whose syncs do nothing.
#[derive(Debug)]
struct UnsyncedDirectory {
    disk: DiskDirectory,
}

impl Directory for UnsyncedDirectory {
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
        Ok(Box::new(UnsyncedFile(self.disk.create(name)?)))
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
        Ok(())
    }
}

struct UnsyncedFile(Box<dyn OutputFile>);

impl Write for UnsyncedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl OutputFile for UnsyncedFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_with_its_owner_and_what_it_holds() {
        let folder = TemporaryFolder::new().unwrap();
        let path = folder.directory().path().to_owned();
        std::fs::write(path.join("table"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
