//! A disk in memory that holds only the pages that aren't zero, and counts what is asked of it. Nothing fails here, and
//! nothing is lost: it is for logs that are too large for a real disk, or damaged too often for one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runledger_wal::{LockMode, Map, OpenMode, Storage, StorageFile};

const PAGE_BYTES: usize = 4096;

/// How often what was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) lists: u64,
    pub(crate) opens: u64,
    pub(crate) reads: u64,
    pub(crate) read_bytes: u64,
    /// Of files and directories.
    pub(crate) syncs: u64,
    /// How many files were open at the same time.
    pub(crate) open_at_once_max: u64,
}

/// The disk. Clones are the same one; [`SparseStorage::copy`] is another.
#[derive(Debug, Clone, Default)]
pub(crate) struct SparseStorage(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct State {
    files: BTreeMap<PathBuf, Arc<Mutex<Sparse>>>,
    directories: BTreeSet<PathBuf>,
    ticks: u8,
    calls: Calls,
    open_now: u64,
}

#[derive(Debug, Clone, Default)]
struct Sparse {
    pages: BTreeMap<u64, Box<[u8; PAGE_BYTES]>>,
    length: u64,
    locked: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The page of an offset, and the place in it.
fn page_of(offset: u64) -> (u64, usize) {
    (offset / PAGE_BYTES as u64, usize::try_from(offset % PAGE_BYTES as u64).unwrap())
}

impl Sparse {
    fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let total = buffer.len().min(left);
        let mut done = 0;
        while done < total {
            let (page, at) = page_of(offset + done as u64);
            let length = (PAGE_BYTES - at).min(total - done);
            match self.pages.get(&page) {
                Some(bytes) => buffer[done..done + length].copy_from_slice(&bytes[at..at + length]),
                None => buffer[done..done + length].fill(0),
            }
            done += length;
        }
        total
    }

    fn write(&mut self, bytes: &[u8], offset: u64) {
        let mut done = 0;
        while done < bytes.len() {
            let (page, at) = page_of(offset + done as u64);
            let part = &bytes[done..bytes.len().min(done + PAGE_BYTES - at)];
            if self.pages.contains_key(&page) || part.iter().any(|byte| *byte != 0) {
                let page = self.pages.entry(page).or_insert_with(|| Box::new([0; PAGE_BYTES]));
                page[at..at + part.len()].copy_from_slice(part);
            }
            done += part.len();
        }
        self.length = self.length.max(offset + bytes.len() as u64);
    }

    fn set_length(&mut self, bytes: u64) {
        let (page, at) = page_of(bytes);
        if bytes < self.length {
            self.pages.retain(|number, _| *number <= page);
            if let Some(last) = self.pages.get_mut(&page) {
                last[at..].fill(0);
            }
        }
        self.length = bytes;
    }
}

impl SparseStorage {
    /// Another disk with the same files, none of them locked.
    pub(crate) fn copy(&self) -> SparseStorage {
        let mut state = lock(&self.0).clone();
        for file in state.files.values_mut() {
            let copied = Sparse { locked: false, ..lock(file).clone() };
            *file = Arc::new(Mutex::new(copied));
        }
        state.open_now = 0;
        SparseStorage(Arc::new(Mutex::new(state)))
    }

    /// What was asked for since this was last called.
    pub(crate) fn take_calls(&self) -> Calls {
        let mut state = lock(&self.0);
        let open_at_once_max = state.open_now;
        std::mem::replace(&mut state.calls, Calls { open_at_once_max, ..Calls::default() })
    }

    /// All files by name, with their bytes.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        lock(&self.0).files.iter().map(|(path, file)| (name(path), whole(&lock(file)))).collect()
    }

    /// Gives the file of this name other bytes.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let file = self.named(name);
        let mut file = lock(&file);
        *file = Sparse::default();
        file.write(bytes, 0);
    }

    /// All files by name, with their lengths.
    pub(crate) fn lengths(&self) -> Vec<(String, u64)> {
        let state = lock(&self.0);
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        state.files.iter().map(|(path, file)| (name(path), lock(file).length)).collect()
    }

    /// Removes the file of this name.
    pub(crate) fn remove(&self, name: &str) {
        lock(&self.0).files.retain(|path, _| !path.ends_with(name));
    }

    /// Flips bits of a byte of the file of this name.
    pub(crate) fn flip(&self, name: &str, at: usize, bits: u8) {
        let (page, at) = page_of(at as u64);
        let file = self.named(name);
        let mut file = lock(&file);
        file.pages.entry(page).or_insert_with(|| Box::new([0; PAGE_BYTES]))[at] ^= bits;
    }

    fn named(&self, name: &str) -> Arc<Mutex<Sparse>> {
        let state = lock(&self.0);
        let (_, file) = state.files.iter().find(|(path, _)| path.ends_with(name)).unwrap();
        Arc::clone(file)
    }

    fn find(&self, path: &Path) -> io::Result<Arc<Mutex<Sparse>>> {
        lock(&self.0).files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn whole(file: &Sparse) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.length).unwrap()];
    file.read(&mut bytes, 0);
    bytes
}

impl Storage for SparseStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        lock(&self.0).calls.opens += 1;
        let file = match (self.find(path), mode) {
            (Ok(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Err(_), OpenMode::Create | OpenMode::CreateNew) => {
                let file = Arc::default();
                lock(&self.0).files.insert(path.to_owned(), Arc::clone(&file));
                file
            }
            (found, _) => found?,
        };
        let mut state = lock(&self.0);
        state.open_now += 1;
        state.calls.open_at_once_max = state.calls.open_at_once_max.max(state.open_now);
        drop(state);
        Ok(Arc::new(SparseFile { storage: self.clone(), file, holds_lock: Mutex::default() }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let mut state = lock(&self.0);
        state.calls.lists += 1;
        if !state.directories.contains(directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let here = state.files.keys().filter(|path| path.parent() == Some(directory));
        Ok(here.filter_map(|path| path.file_name()).map(OsString::from).collect())
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        lock(&self.0).directories.extend(directory.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        lock(&self.0).calls.syncs += 1;
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.find(from)?;
        let mut state = lock(&self.0);
        state.files.remove(from);
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        lock(&self.0).files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn now_ns(&self) -> i64 {
        1_000_000_000
    }

    fn random(&self) -> [u8; 16] {
        let mut state = lock(&self.0);
        state.ticks = state.ticks.wrapping_add(1);
        [state.ticks; 16]
    }

    fn boot_id(&self) -> Option<String> {
        Some("the only boot".to_owned())
    }
}

#[derive(Debug)]
struct SparseFile {
    storage: SparseStorage,
    file: Arc<Mutex<Sparse>>,
    holds_lock: Mutex<bool>,
}

impl Drop for SparseFile {
    fn drop(&mut self) {
        lock(&self.storage.0).open_now -= 1;
        if *lock(&self.holds_lock) {
            lock(&self.file).locked = false;
        }
    }
}

impl StorageFile for SparseFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = lock(&self.file).read(buffer, offset);
        let calls = &mut lock(&self.storage.0).calls;
        (calls.reads, calls.read_bytes) = (calls.reads + 1, calls.read_bytes + read as u64);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        lock(&self.file).write(bytes, offset);
        Ok(bytes.len())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.file).length)
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        lock(&self.file).set_length(bytes);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        lock(&self.storage.0).calls.syncs += 1;
        Ok(())
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        let mut file = lock(&self.file);
        if file.locked {
            return Ok(false);
        }
        if mode == LockMode::Exclusive {
            (file.locked, *lock(&self.holds_lock)) = (true, true);
        }
        Ok(true)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Ok(None)
    }
}
