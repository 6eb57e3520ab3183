//! The real disk with syncs that fail or stall and space that runs out, as a test says. For ledgers whose log fails while
//! their process lives on.
//!
//! What a failed sync leaves behind is the page cache's: nothing is lost here, and the log must not rely on that. The
//! crash laboratory's disk is the one that loses things.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use runledger_wal::{DiskStorage, LockMode, Map, OpenMode, Storage, StorageFile};

/// Input/output error.
const EIO: i32 = 5;
/// No space left on device.
const ENOSPC: i32 = 28;

/// A disk that can be told to fail. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct FailingStorage {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Every so manieth sync of a segment fails; none when 0.
    failing_sync_every: u64,
    /// Syncs of segments so far.
    segment_syncs: u64,
    failed_syncs: u64,
    /// How long each sync of a segment takes at least.
    stall: Duration,
    /// Syncs of segments wait for as long as this is set.
    is_held: bool,
    is_full: bool,
}

impl FailingStorage {
    /// A disk that does as it should.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every `every`th sync of a segment fails; none when 0.
    pub fn fail_syncs(&self, every: u64) {
        let mut state = self.shared.state.lock();
        (state.failing_sync_every, state.segment_syncs) = (every, 0);
    }

    /// From now on each sync of a segment takes so long at least.
    pub fn stall(&self, stall: Duration) {
        self.shared.state.lock().stall = stall;
    }

    /// Syncs of segments wait until this is called again with `false`.
    pub fn hold_syncs(&self, is_held: bool) {
        self.shared.state.lock().is_held = is_held;
        self.shared.changed.notify_all();
    }

    /// Whether the disk has no space: writes to segments are refused, and they can't grow.
    pub fn fill(&self, is_full: bool) {
        self.shared.state.lock().is_full = is_full;
    }

    /// How many syncs were made to fail.
    #[must_use]
    pub fn failed_syncs(&self) -> u64 {
        self.shared.state.lock().failed_syncs
    }

    fn sync_segment(&self) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        while state.is_held {
            self.shared.changed.wait(&mut state);
        }
        state.segment_syncs += 1;
        let fails =
            state.failing_sync_every > 0 && state.segment_syncs.is_multiple_of(state.failing_sync_every);
        state.failed_syncs += u64::from(fails);
        let stall = state.stall;
        drop(state);
        std::thread::sleep(stall);
        if fails { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }

    fn check_space(&self) -> io::Result<()> {
        if self.shared.state.lock().is_full { Err(io::Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    }
}

impl Storage for FailingStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let is_segment = path.extension().is_some_and(|extension| extension == "wal");
        let file = DiskStorage.open(path, mode)?;
        Ok(Arc::new(FailingFile { file, storage: is_segment.then(|| self.clone()) }))
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
        DiskStorage.boot_id()
    }
}

/// A file, with the disk that it lies on if that is to be asked.
#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn StorageFile>,
    storage: Option<FailingStorage>,
}

impl StorageFile for FailingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.storage.as_ref().map_or(Ok(()), FailingStorage::check_space)?;
        self.file.write_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        if bytes > self.file.length()? {
            self.storage.as_ref().map_or(Ok(()), FailingStorage::check_space)?;
        }
        self.file.set_length(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.storage.as_ref().map_or(Ok(()), FailingStorage::sync_segment)?;
        self.file.sync_data()
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        self.file.try_lock(mode)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        self.file.map()
    }
}
