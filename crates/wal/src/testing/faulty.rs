//! The real disk with calls that fail: which, how often, and with which error, is set by the test.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::map::Map;
use crate::storage::{DiskStorage, LockMode, OpenMode, Storage, StorageFile};

/// A call that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    List,
    Open,
    Length,
    Read,
    Write,
    SetLength,
    Sync,
    SyncDirectory,
    Rename,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    /// Only for paths that end so.
    pub(crate) path_end: &'static str,
    /// So many calls succeed first.
    pub(crate) after: u32,
    /// So many calls fail then.
    pub(crate) times: u32,
    /// An error number, such as 5 for an input/output error and 28 for a full device.
    pub(crate) errno: i32,
}

/// The path that a file has now.
type Name = Arc<Mutex<PathBuf>>;

/// Storage that can be told to fail. Every read and write is short, always.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultyStorage {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    has_failed: bool,
    syncs: u32,
    /// The names of open files, which follow them when they are renamed.
    names: Vec<Name>,
    boot_id: Option<String>,
}

/// No call moves more than this.
const BYTES_PER_CALL_MAX: usize = 1000;

impl FaultyStorage {
    /// Makes this fail from now on.
    pub(crate) fn fail(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// Whether any call was made to fail.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.lock().has_failed
    }

    /// Makes nothing fail any more.
    pub(crate) fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// As if the power had failed and come back.
    pub(crate) fn reboot(&self) {
        self.state.lock().boot_id = Some("after".to_owned());
    }

    /// How many syncs of files succeeded.
    pub(crate) fn syncs(&self) -> u32 {
        self.state.lock().syncs
    }

    fn check(&self, call: Call, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let name = path.to_string_lossy();
        let State { faults, has_failed, .. } = &mut *state;
        for fault in faults {
            if fault.call != call || !name.ends_with(fault.path_end) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                *has_failed = true;
                return Err(io::Error::from_raw_os_error(fault.errno));
            }
        }
        state.syncs += u32::from(call == Call::Sync);
        Ok(())
    }
}

impl Storage for FaultyStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        self.check(Call::Open, path)?;
        let file = DiskStorage.open(path, mode)?;
        let name = Name::new(Mutex::new(path.to_owned()));
        self.state.lock().names.push(Arc::clone(&name));
        Ok(Arc::new(FaultyFile { storage: self.clone(), name, file }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.check(Call::List, directory)?;
        DiskStorage.list(directory)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        DiskStorage.create_directory(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.check(Call::SyncDirectory, directory)?;
        DiskStorage.sync_directory(directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Call::Rename, to)?;
        DiskStorage.rename(from, to)?;
        for name in &self.state.lock().names {
            let mut name = name.lock();
            if *name == from {
                to.clone_into(&mut name);
            }
        }
        Ok(())
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
        Some(self.state.lock().boot_id.clone().unwrap_or_else(|| "before".to_owned()))
    }
}

#[derive(Debug)]
struct FaultyFile {
    storage: FaultyStorage,
    name: Name,
    file: Arc<dyn StorageFile>,
}

impl FaultyFile {
    fn check(&self, call: Call) -> io::Result<()> {
        let name = self.name.lock().clone();
        self.storage.check(call, &name)
    }
}

impl StorageFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.check(Call::Read)?;
        let length = buffer.len().min(BYTES_PER_CALL_MAX);
        self.file.read_at(&mut buffer[..length], offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.check(Call::Write)?;
        self.file.write_at(&bytes[..bytes.len().min(BYTES_PER_CALL_MAX)], offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.check(Call::Length)?;
        self.file.length()
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.check(Call::SetLength)?;
        self.file.set_length(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check(Call::Sync)?;
        self.file.sync_data()
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        self.file.try_lock(mode)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        self.file.map()
    }
}
