//! A directory in memory that can lose power, run out of space, and change bytes: for tests.
//!
//! It keeps what programs see apart from what is on stable storage, for the contents of each file and for the list of
//! names. After a power cut every unsynced piece of either is, by a given number, there or not.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Directory, DirectoryLock, Map, OutputFile};

#[derive(Clone, Default)]
pub(crate) struct SimulatedDirectory {
    state: Arc<Mutex<State>>,
}

#[derive(Default, Clone)]
struct State {
    /// By number: names refer to these.
    files: Vec<File>,
    live_names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Operations that change something, so far.
    operations: u64,
    /// From this operation on, all of them fail.
    fail_from: Option<u64>,
    /// Before this one they succeed again.
    fail_until: Option<u64>,
}

#[derive(Default, Clone)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
}

impl SimulatedDirectory {
    /// Operations in `from..until` fail; without an end, that is a power cut at `from`.
    pub(crate) fn fail(&self, from: u64, until: Option<u64>) {
        let mut state = self.state.lock();
        state.fail_from = Some(from);
        state.fail_until = until;
    }

    pub(crate) fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// What may be found after the power cut: bit *n* of `choices` (repeating) says whether the *n*th unsynced piece
    /// made it to the medium.
    pub(crate) fn after_power_cut(&self, choices: u64) -> Self {
        let state = self.state.lock().clone();
        let mut bit = 0;
        let mut choose = || {
            bit += 1;
            choices >> (bit % 64) & 1 == 1
        };
        let mut files = Vec::new();
        for file in &state.files {
            // The length may be there without the bytes.
            let contents = match (choose(), choose()) {
                (true, true) => file.live.clone(),
                (true, false) => file.live[..file.live.len() / 2].to_vec(),
                (false, true) => vec![0; file.live.len()],
                (false, false) => file.durable.clone(),
            };
            let contents = if file.live == file.durable { file.durable.clone() } else { contents };
            files.push(File { live: contents.clone(), durable: contents });
        }
        let mut names = BTreeMap::new();
        let all: Vec<_> = state.live_names.keys().chain(state.durable_names.keys()).collect();
        for name in all {
            let chosen = if choose() { state.live_names.get(name) } else { state.durable_names.get(name) };
            if let Some(file) = chosen {
                names.insert(name.clone(), *file);
            } else {
                names.remove(name);
            }
        }
        let state = State { files, live_names: names.clone(), durable_names: names, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Changes a file behind the store's back.
    pub(crate) fn overwrite(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        let file = state.live_names.get(name).copied().unwrap();
        state.files[file] = File { live: bytes.clone(), durable: bytes };
    }

    /// A directory with the same files.
    pub(crate) fn copy(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state.lock().clone())) }
    }
}

impl State {
    fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        let operation = self.operations;
        let failing = self.fail_from.is_some_and(|from| operation >= from)
            && self.fail_until.is_none_or(|until| operation < until);
        if failing { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.live_names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl fmt::Debug for SimulatedDirectory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimulatedDirectory").finish_non_exhaustive()
    }
}

impl Directory for SimulatedDirectory {
    fn path(&self) -> &Path {
        Path::new("simulated")
    }

    fn lock(&self) -> io::Result<DirectoryLock> {
        Ok(DirectoryLock::private())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state.lock().live_names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn OutputFile>> {
        let mut state = self.state.lock();
        state.operation()?;
        // A new file even where there was one: what a map of the old one shows must not change.
        state.files.push(File::default());
        let file = state.files.len() - 1;
        state.live_names.insert(name.to_owned(), file);
        Ok(Box::new(SimulatedFile { state: Arc::clone(&self.state), file }))
    }

    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let state = self.state.lock();
        let bytes = state.files[state.find(name)?].live.clone();
        if bytes.len() as u64 > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    fn map(&self, name: &str) -> io::Result<Map> {
        let state = self.state.lock();
        Ok(Map::of_bytes(state.files[state.find(name)?].live.clone()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operation()?;
        let file = state.find(from)?;
        state.live_names.remove(from);
        state.live_names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operation()?;
        state.find(name)?;
        state.live_names.remove(name);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operation()?;
        state.durable_names = state.live_names.clone();
        Ok(())
    }
}

struct SimulatedFile {
    state: Arc<Mutex<State>>,
    file: usize,
}

impl Write for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        state.operation()?;
        state.files[self.file].live.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OutputFile for SimulatedFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operation()?;
        let file = &mut state.files[self.file];
        file.durable = file.live.clone();
        Ok(())
    }
}
