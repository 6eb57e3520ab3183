//! A disk in memory that loses power, lies after a failed sync, and dies with its process, at an operation that the
//! test chooses.
//!
//! It keeps what programs see apart from what is on the medium, for the bytes of each file, for the names in each
//! directory, and for directories themselves. At a power cut every sector has some state that it had since its last
//! sync, each by itself, and every name is the durable one or the live one. Only a successful sync narrows that down.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::map::Map;
use crate::storage::{LockMode, OpenMode, Storage, StorageFile};

/// The directory that is always there.
pub(crate) const MOUNTED: &str = "/machine";

const SECTOR_BYTES: usize = 512;

const INPUT_OUTPUT_ERROR: i32 = 5;

const WHOLE: Range<usize> = 0..usize::MAX;

/// What happens at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It and all later ones fail: the process or the machine dies here. Which of the two, the test says afterwards,
    /// by [`SimulatedDisk::after_kill`] or [`SimulatedDisk::after_power_cut`].
    Death,
    /// If it is a sync, it fails once, and what it should have made durable is lost while the page cache still shows
    /// it; later syncs succeed and know nothing of it.
    FailedSync,
}

/// The disk. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Default)]
struct State {
    /// By number: names refer to these.
    files: Vec<FileState>,
    live_names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    live_directories: BTreeSet<PathBuf>,
    durable_directories: BTreeSet<PathBuf>,
    ruinous: bool,
    /// Directories that were renamed, from and to, since the directory that they are in was synced.
    renamed_directories: Vec<(PathBuf, PathBuf)>,
    operations: u64,
    event: Option<(u64, Event)>,
    dead: bool,
    boots: u64,
    ticks: u64,
    locked: BTreeSet<usize>,
}

#[derive(Clone, Default)]
struct FileState {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// What happened since the last sync.
    changes: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Length(usize),
    Write(usize, Vec<u8>),
}

impl SimulatedDisk {
    /// One whose power cuts may ruin all of a sector that was being written, also the bytes that the write left as they
    /// were.
    pub(crate) fn ruinous() -> SimulatedDisk {
        let state = State { ruinous: true, ..State::default() };
        SimulatedDisk { state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn is_ruinous(&self) -> bool {
        self.state.lock().ruinous
    }

    /// Makes this happen at the operation of this number, counted from 0 over the disk's life.
    pub(crate) fn plan(&self, operation: u64, event: Event) {
        self.state.lock().event = Some((operation, event));
    }

    /// How many operations there were that change something or make something durable.
    pub(crate) fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// The disk as the next process finds it when the last one was killed: the page cache is still there.
    pub(crate) fn after_kill(&self) -> SimulatedDisk {
        let mut state = self.state.lock().clone();
        (state.event, state.dead) = (None, false);
        state.locked.clear();
        SimulatedDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// The disk as it may be found when the power comes back; `choices` says which of the possible states it is.
    pub(crate) fn after_power_cut(&self, choices: u64) -> SimulatedDisk {
        let mut before = self.state.lock().clone();
        let mut choose = Chooser(choices);
        before.choose_renamed_directories(&mut choose);
        let mut files = Vec::new();
        for file in &before.files {
            let found = file.after_power_cut(&mut choose, before.ruinous);
            files.push(FileState { live: found.clone(), durable: found, changes: Vec::new() });
        }
        let mut directories = before.durable_directories.clone();
        directories.extend(before.live_directories.iter().filter(|_| choose.below(2) == 1).cloned());
        // The medium's own.
        directories.extend(Path::new(MOUNTED).ancestors().map(Path::to_owned));
        let mut names = BTreeMap::new();
        let all: BTreeSet<_> = before.live_names.keys().chain(before.durable_names.keys()).collect();
        for name in all {
            let source = if choose.below(2) == 1 { &before.live_names } else { &before.durable_names };
            let directory_is_there = name.ancestors().skip(1).all(|above| directories.contains(above));
            if let Some(file) = source.get(name).filter(|_| directory_is_there) {
                names.insert(name.clone(), *file);
            }
        }
        let state = State {
            files,
            live_names: names.clone(),
            durable_names: names,
            live_directories: directories.clone(),
            durable_directories: directories,
            ruinous: before.ruinous,
            operations: before.operations,
            boots: before.boots + 1,
            ticks: before.ticks,
            ..State::default()
        };
        SimulatedDisk { state: Arc::new(Mutex::new(state)) }
    }
}

/// A sequence of choices that follows from one number (splitmix64).
struct Chooser(u64);

impl Chooser {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit as u64).unwrap()
    }
}

impl State {
    /// Counts an operation; an error if nothing works any more. Says whether the operation is to fail by itself.
    fn operation(&mut self) -> io::Result<bool> {
        let due = self.event.filter(|(at, _)| *at <= self.operations).map(|(_, event)| event);
        self.operations += 1;
        if due == Some(Event::Death) {
            (self.event, self.dead) = (None, true);
        }
        if self.dead { Err(error(INPUT_OUTPUT_ERROR)) } else { Ok(due == Some(Event::FailedSync)) }
    }

    /// Counts a sync, which may be the one that is to fail.
    fn sync(&mut self) -> io::Result<bool> {
        let fails = self.operation()?;
        if fails {
            self.event = None;
        }
        Ok(fails)
    }

    /// Moves what is durable in a directory along with its name.
    fn make_renamed_durable(&mut self, from: &Path, to: &Path) {
        move_names(&mut self.durable_names, from, to);
        if self.durable_directories.remove(from) {
            self.durable_directories.insert(to.to_owned());
        }
    }

    /// The new name of a directory may have become durable or not; with all that is in it, either way.
    fn choose_renamed_directories(&mut self, choose: &mut Chooser) {
        for (from, to) in std::mem::take(&mut self.renamed_directories) {
            if choose.below(2) == 1 {
                self.make_renamed_durable(&from, &to);
            } else {
                move_names(&mut self.live_names, &to, &from);
                self.live_directories.remove(&to);
                self.live_directories.insert(from);
            }
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.live_names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn move_names(names: &mut BTreeMap<PathBuf, usize>, from: &Path, to: &Path) {
    let renamed = |(name, file): (PathBuf, usize)| match name.strip_prefix(from) {
        Ok(rest) => (to.join(rest), file),
        Err(_) => (name, file),
    };
    *names = std::mem::take(names).into_iter().map(renamed).collect();
}

fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

impl FileState {
    fn change(&mut self, change: Change) {
        apply(&mut self.live, &change, WHOLE);
        self.changes.push(change);
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            apply(&mut self.durable, &change, WHOLE);
        }
    }

    /// The pages count as clean from now on, and never reached the medium. Lengths are the file system's own.
    fn lose(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            if let Change::Length(_) = change {
                apply(&mut self.durable, &change, WHOLE);
            }
        }
    }

    fn after_power_cut(&self, choose: &mut Chooser, ruinous: bool) -> Vec<u8> {
        if self.changes.is_empty() {
            return self.durable.clone();
        }
        let mut found = self.durable.clone();
        let reached = choose.below(self.changes.len() + 1);
        let lengths = self.changes.iter().take(reached).filter(|change| matches!(change, Change::Length(_)));
        lengths.for_each(|change| apply(&mut found, change, WHOLE));
        for start in (0..found.len()).step_by(SECTOR_BYTES) {
            let reached = choose.below(self.changes.len() + 1);
            let writes =
                self.changes.iter().take(reached).filter(|change| matches!(change, Change::Write(..)));
            writes.for_each(|change| apply(&mut found, change, start..start + SECTOR_BYTES));
            if ruinous && self.changes.iter().any(|change| change.touches(start)) && choose.below(2) == 1 {
                let end = found.len().min(start + SECTOR_BYTES);
                found[start..end].fill(0xdb);
            }
        }
        found
    }
}

impl Change {
    /// Whether it changes something in the sector that starts here. A new length changes the sector that it divides.
    fn touches(&self, sector: usize) -> bool {
        match self {
            Change::Length(length) => (sector + 1..sector + SECTOR_BYTES).contains(length),
            Change::Write(offset, bytes) => *offset < sector + SECTOR_BYTES && sector < offset + bytes.len(),
        }
    }
}

/// Does the part of a change that lies in this range.
fn apply(bytes: &mut Vec<u8>, change: &Change, range: Range<usize>) {
    match change {
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Write(offset, written) => {
            let from = range.start.max(*offset);
            let to = range.end.min(offset + written.len()).min(bytes.len());
            if from < to {
                bytes[from..to].copy_from_slice(&written[from - offset..to - offset]);
            }
        }
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedDisk").finish_non_exhaustive()
    }
}

impl Storage for SimulatedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let mut state = self.state.lock();
        let file = match (state.find(path), mode) {
            (Ok(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Ok(file), _) => file,
            (Err(_), OpenMode::Create | OpenMode::CreateNew) => {
                state.operation()?;
                state.files.push(FileState::default());
                let file = state.files.len() - 1;
                state.live_names.insert(path.to_owned(), file);
                file
            }
            (Err(missing), _) => return Err(missing),
        };
        Ok(Arc::new(SimulatedFile { disk: self.clone(), file, holds_lock: Mutex::new(false) }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state.lock();
        if directory != Path::new(MOUNTED) && !state.live_directories.contains(directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let here = state.live_names.keys().filter(|name| name.parent() == Some(directory));
        Ok(here.filter_map(|name| name.file_name()).map(OsString::from).collect())
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operation()?;
        let above = directory.ancestors().map(Path::to_owned);
        state.live_directories.extend(above);
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.sync()? {
            return Err(error(INPUT_OUTPUT_ERROR));
        }
        let is_here = |path: &Path| path.parent() == Some(directory);
        let renamed = std::mem::take(&mut state.renamed_directories);
        for (from, to) in renamed {
            if is_here(&to) {
                state.make_renamed_durable(&from, &to);
            } else {
                state.renamed_directories.push((from, to));
            }
        }
        let State { live_names, durable_names, live_directories, durable_directories, .. } = &mut *state;
        durable_names.retain(|name, _| !is_here(name));
        durable_names.extend(
            live_names.iter().filter(|(name, _)| is_here(name)).map(|(name, file)| (name.clone(), *file)),
        );
        durable_directories.extend(live_directories.iter().filter(|path| is_here(path)).cloned());
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operation()?;
        if state.live_directories.remove(from) {
            move_names(&mut state.live_names, from, to);
            state.live_directories.insert(to.to_owned());
            state.renamed_directories.push((from.to_owned(), to.to_owned()));
            return Ok(());
        }
        let file = state.find(from)?;
        state.live_names.remove(from);
        state.live_names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operation()?;
        state.find(path)?;
        state.live_names.remove(path);
        Ok(())
    }

    fn remove_directory(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operation()?;
        if state.live_names.keys().any(|name| name.parent() == Some(directory)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let removed = state.live_directories.remove(directory);
        if removed { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn now_ns(&self) -> i64 {
        let mut state = self.state.lock();
        state.ticks += 1;
        i64::try_from(state.ticks).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        let mut state = self.state.lock();
        state.ticks += 1;
        let mut choose = Chooser(state.ticks);
        std::array::from_fn(|_| u8::try_from(choose.below(256)).unwrap())
    }

    fn boot_id(&self) -> Option<String> {
        Some(format!("boot-{}", self.state.lock().boots))
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
    holds_lock: Mutex<bool>,
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        if *self.holds_lock.lock() {
            self.disk.state.lock().locked.remove(&self.file);
        }
    }
}

impl SimulatedFile {
    fn changed(&self, changes: impl FnOnce(&FileState) -> Vec<Change>) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.operation()?;
        let file = &mut state.files[self.file];
        for change in changes(file) {
            file.change(change);
        }
        Ok(())
    }
}

impl StorageFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state.lock();
        let bytes = &state.files[self.file].live;
        let rest = bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let offset = usize::try_from(offset).unwrap();
        self.changed(|file| {
            let end = offset + bytes.len();
            let grows = (end > file.live.len()).then_some(Change::Length(end));
            grows.into_iter().chain([Change::Write(offset, bytes.to_vec())]).collect()
        })?;
        Ok(bytes.len())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().files[self.file].live.len() as u64)
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.changed(|_| vec![Change::Length(usize::try_from(bytes).unwrap())])
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        let fails = state.sync()?;
        let file = &mut state.files[self.file];
        if fails {
            file.lose();
            return Err(error(INPUT_OUTPUT_ERROR));
        }
        file.sync();
        Ok(())
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        let mut state = self.disk.state.lock();
        if state.locked.contains(&self.file) {
            return Ok(false);
        }
        if mode == LockMode::Exclusive {
            state.locked.insert(self.file);
            *self.holds_lock.lock() = true;
        }
        Ok(true)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Ok(None)
    }
}
