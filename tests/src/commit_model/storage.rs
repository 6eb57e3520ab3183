//! A storage in memory that knows what is durable, fails on request, and lets other threads in between.
//!
//! It keeps the least that it may: a power cut leaves exactly what was synced, names too, and a sync covers nothing that
//! was written while it ran. What else a disk may keep, in sectors torn and in any order, the laboratory's simulated disk
//! tries; there calls are one step each, and here it is what happens between them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runledger_wal::{LockMode, Map, OpenMode, Storage, StorageFile};
use shuttle::sync::atomic::{AtomicU64, Ordering};

const INPUT_OUTPUT_ERROR: i32 = 5;
const NO_SPACE: i32 = 28;

/// The storage; a clone is the same one.
#[derive(Debug, Clone)]
pub(super) struct MemoryStorage {
    disk: Arc<Mutex<Disk>>,
    /// Whoever reads it lets the scheduler choose who goes on.
    turn: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Default)]
struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    directories: BTreeSet<PathBuf>,
    boots: u64,
    random: u64,
    now_ns: i64,
    /// Whether other threads get a chance in the middle of calls.
    interleaved: bool,
    sync_fault: Option<SyncFault>,
    write_fault: Option<WriteFault>,
    /// Whether the writer gave up its lock.
    given_up: bool,
    /// How often something was changed or synced without it.
    calls_after_giving_up: u64,
}

#[derive(Debug, Clone, Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    changes: u64,
    durable_changes: u64,
    locked: bool,
}

/// Syncs of files whose name ends like this fail with EIO: one, after so many that succeed.
#[derive(Debug, Clone, Copy)]
struct SyncFault {
    name_end: &'static str,
    after: u64,
    failed: bool,
    /// How many files were synced after that.
    later_syncs: u64,
}

/// Writes to segments fail with ENOSPC: so many, after so many that succeed.
#[derive(Debug, Clone, Copy)]
struct WriteFault {
    after: u64,
    times: u64,
}

impl MemoryStorage {
    pub(super) fn new() -> MemoryStorage {
        MemoryStorage::holding(Disk::default())
    }

    fn holding(disk: Disk) -> MemoryStorage {
        MemoryStorage { disk: Arc::new(Mutex::new(disk)), turn: Arc::new(AtomicU64::new(0)) }
    }

    /// From now on other threads get a chance in the middle of calls.
    pub(super) fn interleave(&self) {
        self.disk().interleaved = true;
    }

    /// One sync of such a file fails, after so many that succeed.
    pub(super) fn fail_sync(&self, name_end: &'static str, after: u64) {
        self.disk().sync_fault = Some(SyncFault { name_end, after, failed: false, later_syncs: 0 });
    }

    /// How many syncs there were after the one that failed; `None` if none has failed.
    pub(super) fn syncs_after_failure(&self) -> Option<u64> {
        self.disk().sync_fault.filter(|fault| fault.failed).map(|fault| fault.later_syncs)
    }

    /// So many writes to segments find the disk full, after so many that succeed.
    pub(super) fn fail_writes(&self, after: u64, times: u64) {
        self.disk().write_fault = Some(WriteFault { after, times });
    }

    /// How often something was changed or synced after the writer's lock was given up.
    pub(super) fn calls_after_giving_up(&self) -> u64 {
        self.disk().calls_after_giving_up
    }

    /// What a power cut leaves, as the system finds it when it runs again.
    pub(super) fn after_power_cut(&self) -> MemoryStorage {
        let mut disk = self.after_kill_of_process();
        disk.boots += 1;
        disk.names.clone_from(&disk.durable_names);
        disk.files.iter_mut().for_each(|file| file.live.clone_from(&file.durable));
        MemoryStorage::holding(disk)
    }

    /// What the end of the process leaves.
    pub(super) fn after_kill(&self) -> MemoryStorage {
        MemoryStorage::holding(self.after_kill_of_process())
    }

    fn after_kill_of_process(&self) -> Disk {
        let mut disk = self.disk().clone();
        (disk.interleaved, disk.given_up, disk.sync_fault, disk.write_fault) = (false, false, None, None);
        disk.files.iter_mut().for_each(|file| file.locked = false);
        disk
    }

    /// Whether these bytes would be found in a segment after a power cut.
    pub(super) fn holds_durably(&self, bytes: &[u8]) -> bool {
        let disk = self.disk();
        let mut segments = disk.durable_names.iter().filter(|(name, _)| is_segment(name));
        segments.any(|(_, &file)| finds(&disk.file(file).durable, bytes))
    }

    /// Whether these bytes were written into any file.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        self.disk().files.iter().any(|file| finds(&file.live, bytes))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // A test that failed while it held this has said so.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before something is changed or synced: lets another thread go on, if the scheduler wants that.
    fn turn(&self) {
        if self.disk().interleaved {
            self.turn.load(Ordering::SeqCst);
        }
        let mut disk = self.disk();
        disk.calls_after_giving_up += u64::from(disk.given_up);
    }
}

impl Disk {
    fn file(&self, at: usize) -> &File {
        self.files.get(at).expect("files are never taken away")
    }

    fn file_mut(&mut self, at: usize) -> &mut File {
        self.files.get_mut(at).expect("files are never taken away")
    }

    /// Whether the file has a name that ends like this now.
    fn is_called(&self, file: usize, name_end: &str) -> bool {
        let mut names = self.names.iter().filter(|(_, named)| **named == file);
        names.any(|(name, _)| name.to_string_lossy().ends_with(name_end))
    }
}

fn is_segment(name: &Path) -> bool {
    let stem = name.to_str().and_then(|name| name.strip_suffix(".wal"));
    stem.is_some_and(|stem| stem.ends_with(|last: char| last.is_ascii_digit()))
}

fn finds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

impl Storage for MemoryStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let mut disk = self.disk();
        let file = match (disk.names.get(path), mode) {
            (Some(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, OpenMode::Read | OpenMode::Write) => return Err(io::ErrorKind::NotFound.into()),
            (Some(&file), _) => file,
            (None, OpenMode::Create | OpenMode::CreateNew) => {
                disk.files.push(File::default());
                let file = disk.files.len() - 1;
                disk.names.insert(path.to_owned(), file);
                file
            }
        };
        Ok(Arc::new(MemoryFile { storage: self.clone(), file, holds_lock: Mutex::new(false) }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let disk = self.disk();
        if !disk.directories.contains(directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = disk.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| path.file_name()).map(OsString::from).collect())
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk().directories.extend(directory.ancestors().map(PathBuf::from));
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.turn();
        let mut disk = self.disk();
        let Disk { names, durable_names, .. } = &mut *disk;
        let is_inside = |path: &Path| path.parent() == Some(directory);
        durable_names.retain(|path, _| !is_inside(path));
        durable_names.extend(
            names.iter().filter(|(path, _)| is_inside(path)).map(|(path, file)| (path.clone(), *file)),
        );
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.turn();
        let mut disk = self.disk();
        let file = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.turn();
        self.disk().names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn now_ns(&self) -> i64 {
        let mut disk = self.disk();
        disk.now_ns += 1;
        disk.now_ns
    }

    fn random(&self) -> [u8; 16] {
        let mut disk = self.disk();
        disk.random += 1;
        u128::from(disk.random).to_le_bytes()
    }

    fn boot_id(&self) -> Option<String> {
        Some(format!("boot-{}", self.disk().boots))
    }
}

/// An open file.
#[derive(Debug)]
struct MemoryFile {
    storage: MemoryStorage,
    file: usize,
    holds_lock: Mutex<bool>,
}

impl StorageFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.storage.disk();
        let rest = disk.file(self.file).live.get(in_memory(offset)..).unwrap_or_default();
        let read = buffer.iter_mut().zip(rest).map(|(to, from)| *to = *from).count();
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.storage.turn();
        let mut disk = self.storage.disk();
        if disk.is_called(self.file, ".wal")
            && let Some(fault) = disk.write_fault.as_mut().filter(|fault| fault.times > 0)
        {
            if fault.after == 0 {
                fault.times -= 1;
                return Err(io::Error::from_raw_os_error(NO_SPACE));
            }
            fault.after -= 1;
        }
        let (file, start) = (disk.file_mut(self.file), in_memory(offset));
        let end = start + bytes.len();
        if file.live.len() < end {
            file.live.resize(end, 0);
        }
        file.live.splice(start..end, bytes.iter().copied());
        file.changes += 1;
        Ok(bytes.len())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.storage.disk().file(self.file).live.len() as u64)
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.storage.turn();
        let mut disk = self.storage.disk();
        let file = disk.file_mut(self.file);
        file.live.resize(in_memory(bytes), 0);
        file.changes += 1;
        Ok(())
    }

    /// What is written while this runs isn't made durable by it.
    fn sync_data(&self) -> io::Result<()> {
        let (at_start, changes) = {
            let mut disk = self.storage.disk();
            let concerned = disk.sync_fault.is_some_and(|fault| disk.is_called(self.file, fault.name_end));
            match &mut disk.sync_fault {
                Some(fault) if fault.failed => fault.later_syncs += 1,
                Some(fault) if concerned && fault.after == 0 => {
                    fault.failed = true;
                    return Err(io::Error::from_raw_os_error(INPUT_OUTPUT_ERROR));
                }
                Some(fault) if concerned => fault.after -= 1,
                _ => {}
            }
            let file = disk.file(self.file);
            (file.live.clone(), file.changes)
        };
        self.storage.turn();
        let mut disk = self.storage.disk();
        let file = disk.file_mut(self.file);
        if changes >= file.durable_changes {
            (file.durable, file.durable_changes) = (at_start, changes);
        }
        Ok(())
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        let mut disk = self.storage.disk();
        let file = disk.file_mut(self.file);
        let free = !file.locked;
        if free && mode == LockMode::Exclusive {
            file.locked = true;
            *self.holds_lock.lock().unwrap_or_else(PoisonError::into_inner) = true;
        }
        Ok(free)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Ok(None)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if *self.holds_lock.lock().unwrap_or_else(PoisonError::into_inner) {
            let mut disk = self.storage.disk();
            disk.file_mut(self.file).locked = false;
            disk.given_up = true;
        }
    }
}

fn in_memory(offset: u64) -> usize {
    usize::try_from(offset).expect("files of the model are small")
}
