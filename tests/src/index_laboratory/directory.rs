//! The directory of an index on the simulated disk, which may refuse one of its changes.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use runledger_store::{Directory, DirectoryLock, Map, OutputFile};
use runledger_wal::{OpenMode, Storage, StorageFile};

/// Linux's number for a full disk.
const ENOSPC: i32 = 28;

/// A directory on a disk like the log's.
#[derive(Clone)]
pub struct SimulatedIndexDirectory {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    refusal: Refusal,
}

/// After so many more changes one is refused; 0 for never.
#[derive(Debug, Clone, Default)]
pub struct Refusal(Arc<AtomicU32>);

impl Refusal {
    /// Lets the change of this number from now on be refused.
    pub fn plan(&self, changes: u32) {
        self.0.store(changes, Ordering::Relaxed);
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn meet(&self) -> io::Result<()> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left == Ok(1) { Err(io::Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    }
}

impl SimulatedIndexDirectory {
    /// The directory at `path`, made if it isn't there.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn new(storage: Arc<dyn Storage>, path: PathBuf) -> io::Result<Self> {
        storage.create_directory(&path)?;
        if let Some(parent) = path.parent() {
            storage.sync_directory(parent)?;
        }
        Ok(Self { storage, path, refusal: Refusal::default() })
    }

    /// What has it refuse a change.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal.clone()
    }

    fn read_all(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.storage.open(&self.path.join(name), OpenMode::Read)?;
        let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, read as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }
}

impl fmt::Debug for SimulatedIndexDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedIndexDirectory").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Directory for SimulatedIndexDirectory {
    fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> io::Result<DirectoryLock> {
        Ok(DirectoryLock::private())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = self.storage.list(&self.path)?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn OutputFile>> {
        self.refusal.meet()?;
        let file = self.storage.open(&self.path.join(name), OpenMode::Create)?;
        file.set_length(0)?;
        Ok(Box::new(SimulatedFile { file, end: 0, refusal: self.refusal.clone() }))
    }

    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let bytes = self.read_all(name)?;
        if bytes.len() as u64 > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    fn map(&self, name: &str) -> io::Result<Map> {
        self.read_all(name).map(Map::of_bytes)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.refusal.meet()?;
        self.storage.rename(&self.path.join(from), &self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.storage.remove(&self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.refusal.meet()?;
        self.storage.sync_directory(&self.path)
    }
}

struct SimulatedFile {
    file: Arc<dyn StorageFile>,
    end: u64,
    refusal: Refusal,
}

impl Write for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.refusal.meet()?;
        let written = self.file.write_at(bytes, self.end)?;
        self.end += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OutputFile for SimulatedFile {
    fn sync(&mut self) -> io::Result<()> {
        self.refusal.meet()?;
        self.file.sync_data()
    }
}
