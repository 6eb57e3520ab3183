//! A directory on disk whose calls fail while they are told so.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use runledger_store::{Directory, DirectoryLock, DiskDirectory, Map, OutputFile};

/// What changes a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Write,
    Sync,
    Rename,
    SyncDirectory,
}

impl Call {
    pub(crate) const ALL: [Call; 5] =
        [Call::Create, Call::Write, Call::Sync, Call::Rename, Call::SyncDirectory];
}

/// Which calls fail, how, and how many more of them; without a number, all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    pub(crate) call: Call,
    pub(crate) errno: i32,
    pub(crate) times: Option<u32>,
}

/// Linux's number for a full disk.
pub(crate) const ENOSPC: i32 = 28;
/// Linux's number for a device that fails.
pub(crate) const EIO: i32 = 5;

/// Makes calls fail from outside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switch(Arc<Mutex<Option<Trouble>>>);

impl Switch {
    pub(crate) fn set(&self, trouble: Option<Trouble>) {
        *self.0.lock().unwrap() = trouble;
    }

    /// Whether as many calls failed as were to fail.
    pub(crate) fn is_over(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }

    fn meet(&self, call: Call) -> io::Result<()> {
        let mut set = self.0.lock().unwrap();
        let Some(trouble) = set.as_mut().filter(|trouble| trouble.call == call) else { return Ok(()) };
        let error = io::Error::from_raw_os_error(trouble.errno);
        trouble.times = trouble.times.map(|times| times - 1);
        if trouble.times == Some(0) {
            *set = None;
        }
        Err(error)
    }
}

#[derive(Debug)]
pub(crate) struct FailingDirectory {
    disk: DiskDirectory,
    switch: Switch,
}

impl FailingDirectory {
    /// The directory at `path`, and the switch.
    pub(crate) fn new(path: PathBuf) -> (Self, Switch) {
        let switch = Switch::default();
        std::fs::create_dir_all(&path).unwrap();
        (Self { disk: DiskDirectory::new(path), switch: switch.clone() }, switch)
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
        self.switch.meet(Call::Create)?;
        let file = self.disk.create(name)?;
        Ok(Box::new(FailingFile { file, switch: self.switch.clone() }))
    }

    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        self.disk.read(name, bytes_max)
    }

    fn map(&self, name: &str) -> io::Result<Map> {
        self.disk.map(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.switch.meet(Call::Rename)?;
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.switch.meet(Call::SyncDirectory)?;
        self.disk.sync()
    }
}

struct FailingFile {
    file: Box<dyn OutputFile>,
    switch: Switch,
}

impl Write for FailingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.switch.meet(Call::Write)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl OutputFile for FailingFile {
    fn sync(&mut self) -> io::Result<()> {
        self.switch.meet(Call::Sync)?;
        self.file.sync()
    }
}
