//! The log's view of a medium: files, names, locks, short calls, failing calls, a clock and random bytes.
//!
//! Everything that happens follows from the seed and the order of the calls. What changes the medium is recorded, so
//! that the medium of any moment can be had again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use runledger_wal::{LockMode, Map, OpenMode, Storage, StorageFile};

use crate::laboratory::choice::Choose as _;
use crate::laboratory::disk::faults::{Call, Failure, Faults, Plan};
use crate::laboratory::disk::medium::{Inode, Medium, Operation};
use crate::random::Random;

const INPUT_OUTPUT_ERROR: i32 = 5;

/// What a first call gives as the time, in nanoseconds since the epoch.
const CLOCK_START_NS: i64 = 1_700_000_000_000_000_000;

/// How much later each call is than the one before.
const CLOCK_TICK_NS: i64 = 1_000;

/// A disk. Clones are the same one.
#[derive(Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    medium: Medium,
    /// What changed the medium, if that is wanted.
    trace: Option<Vec<Operation>>,
    faults: Faults,
    /// One more with each process: what belongs to an earlier one is dead.
    process: u64,
    locks: BTreeMap<Inode, Locked>,
    next_handle: u64,
    random: Random,
    clock_ns: i64,
    short_calls: bool,
    calls: u64,
}

/// Who holds a lock on a file.
struct Locked {
    handle: u64,
}

impl SimulatedDisk {
    /// A disk with this on it.
    #[must_use]
    pub fn new(medium: Medium, seed: u64) -> SimulatedDisk {
        let state = State {
            medium,
            trace: None,
            faults: Faults::default(),
            process: 0,
            locks: BTreeMap::new(),
            next_handle: 0,
            random: Random::new(seed),
            clock_ns: CLOCK_START_NS,
            short_calls: false,
            calls: 0,
        };
        SimulatedDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// Records from now on what changes the medium.
    #[must_use]
    pub fn recording(self) -> SimulatedDisk {
        self.state.lock().trace = Some(Vec::new());
        self
    }

    /// Makes reads and writes short, and interrupts calls, now and then.
    #[must_use]
    pub fn with_short_calls(self, short_calls: bool) -> SimulatedDisk {
        self.state.lock().short_calls = short_calls;
        self
    }

    /// What was recorded so far.
    #[must_use]
    pub fn trace(&self) -> Vec<Operation> {
        self.state.lock().trace.clone().unwrap_or_default()
    }

    /// How many operations were recorded so far.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.state.lock().trace.as_ref().map_or(0, Vec::len)
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// What is on it now.
    #[must_use]
    pub fn medium(&self) -> Medium {
        self.state.lock().medium.clone()
    }

    /// The disk as a process sees it that starts now.
    #[must_use]
    pub fn process(&self) -> Arc<dyn Storage> {
        Arc::new(Process { disk: self.clone(), number: self.state.lock().process })
    }

    /// The processes that use it die. Whatever they do from now on comes to nothing.
    pub fn kill(&self) {
        let mut state = self.state.lock();
        state.process += 1;
        state.locks.clear();
    }

    /// The power is cut and comes back.
    pub fn cut_power(&self, seed: u64) {
        self.kill();
        self.state.lock().change(Operation::PowerCut(seed));
    }

    /// Makes calls fail from now on.
    pub fn fail(&self, plan: Plan) {
        self.state.lock().faults.plan(plan);
    }

    /// Makes nothing fail any more.
    pub fn heal(&self) {
        self.state.lock().faults = Faults::default();
    }

    /// Lets nothing fail for a while, or fail again as planned.
    pub fn suspend_faults(&self, suspended: bool) {
        self.state.lock().faults.suspended = suspended;
    }

    /// Whether a call failed since it was told to let one fail.
    #[must_use]
    pub fn was_struck(&self) -> bool {
        self.state.lock().faults.struck
    }

    /// Puts the clock back.
    pub fn put_clock_back(&self, nanoseconds: i64) {
        self.state.lock().clock_ns -= nanoseconds;
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedDisk").finish_non_exhaustive()
    }
}

impl State {
    fn change(&mut self, operation: Operation) {
        self.medium.apply(&operation);
        if let Some(trace) = &mut self.trace {
            trace.push(operation);
        }
    }

    /// How much of so many bytes a call moves.
    fn moved(&mut self, bytes: usize) -> usize {
        if self.short_calls && bytes > 1 && self.random.once_in(8) {
            1 + self.random.below(bytes - 1)
        } else {
            bytes
        }
    }
}

/// Whether a call does less than it was asked for, without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stall {
    No,
    InPart,
    Whole,
}

fn no_such_file() -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// The disk as one process sees it.
#[derive(Debug, Clone)]
struct Process {
    disk: SimulatedDisk,
    number: u64,
}

impl Process {
    /// The disk's state, if this process lives and the call doesn't fail.
    fn call(&self, call: Call) -> io::Result<MutexGuard<'_, State>> {
        let (state, stalls) = self.call_may_stall(call)?;
        if stalls == Stall::Whole { Err(io::Error::from_raw_os_error(INPUT_OUTPUT_ERROR)) } else { Ok(state) }
    }

    /// As [`Process::call`]; also says whether the call is to come to nothing without an error.
    fn call_may_stall(&self, call: Call) -> io::Result<(MutexGuard<'_, State>, Stall)> {
        let mut state = self.disk.state.lock();
        if state.process != self.number {
            return Err(io::Error::from_raw_os_error(INPUT_OUTPUT_ERROR));
        }
        state.calls += 1;
        let interruptible = matches!(call, Call::Read | Call::Write | Call::Open | Call::SetLength);
        if state.short_calls && interruptible && state.random.once_in(32) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match state.faults.strike(call) {
            None => Ok((state, Stall::No)),
            Some(Failure::NoProgress) => Ok((state, Stall::Whole)),
            Some(failure)
                if call == Call::Write && failure.is_for_lack_of_space() && state.random.once_in(2) =>
            {
                state.faults.fail_next(failure);
                Ok((state, Stall::InPart))
            }
            Some(failure) => Err(failure.error().expect("only no progress is without an error")),
        }
    }
}

impl Storage for Process {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let exists = self.disk.state.lock().medium.find(path).is_some();
        let makes = !exists && matches!(mode, OpenMode::Create | OpenMode::CreateNew);
        let mut state = self.call(if makes { Call::Create } else { Call::Open })?;
        if exists && mode == OpenMode::CreateNew {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if makes {
            let parent = path.parent().ok_or_else(no_such_file)?;
            drop(state.medium.list(parent).ok_or_else(no_such_file)?);
            state.change(Operation::Create(path.into()));
        }
        let file = state.medium.find(path).ok_or_else(no_such_file)?;
        state.next_handle += 1;
        let number = state.next_handle;
        drop(state);
        Ok(Arc::new(Handle { process: self.clone(), file, number }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let state = self.call(Call::List)?;
        let names = state.medium.list(directory).ok_or_else(no_such_file)?;
        Ok(names.filter_map(Path::file_name).map(OsString::from).collect())
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.call(Call::CreateDirectory)?;
        if state.medium.list(directory).is_none() {
            state.change(Operation::CreateDirectory(directory.to_owned()));
        }
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.call(Call::SyncDirectory)?;
        drop(state.medium.list(directory).ok_or_else(no_such_file)?);
        state.change(Operation::SyncDirectory(directory.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.call(Call::Rename)?;
        state.medium.find(from).ok_or_else(no_such_file)?;
        state.change(Operation::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call(Call::Remove)?;
        state.medium.find(path).ok_or_else(no_such_file)?;
        state.change(Operation::Remove(path.into()));
        Ok(())
    }

    fn now_ns(&self) -> i64 {
        let mut state = self.disk.state.lock();
        state.clock_ns += CLOCK_TICK_NS;
        state.clock_ns
    }

    fn random(&self) -> [u8; 16] {
        let mut state = self.disk.state.lock();
        let (low, high) = (state.random.bits(), state.random.bits());
        (u128::from(low) << 64 | u128::from(high)).to_le_bytes()
    }

    fn process_id(&self) -> u32 {
        u32::try_from(self.number).unwrap_or(u32::MAX)
    }

    fn boot_id(&self) -> Option<String> {
        Some(format!("boot-{}", self.disk.state.lock().medium.boots()))
    }
}

/// An open file.
#[derive(Debug)]
struct Handle {
    process: Process,
    file: Inode,
    number: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.process.disk.state.lock();
        let holds = state.locks.get(&self.file).is_some_and(|locked| locked.handle == self.number);
        if holds {
            state.locks.remove(&self.file);
        }
    }
}

impl StorageFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.process.call(Call::Read)?;
        let asked = state.moved(buffer.len());
        let live = state.medium.live(self.file);
        let rest = usize::try_from(offset).ok().and_then(|offset| live.get(offset..)).unwrap_or_default();
        let bytes = rest.len().min(asked);
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (mut state, stalls) = self.process.call_may_stall(Call::Write)?;
        let moved = match stalls {
            Stall::Whole => return Ok(0),
            Stall::InPart => 1 + state.random.below(bytes.len().max(2) - 1),
            Stall::No => state.moved(bytes.len()),
        };
        state.change(Operation::Write(self.file, address(offset)?, bytes[..moved].into()));
        Ok(moved)
    }

    fn length(&self) -> io::Result<u64> {
        let state = self.process.call(Call::Length)?;
        Ok(state.medium.live(self.file).len() as u64)
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.process.call(Call::SetLength)?;
        state.change(Operation::SetLength(self.file, address(bytes)?));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.process.call(Call::Sync) {
            Ok(mut state) => {
                state.change(Operation::Sync(self.file));
                Ok(())
            }
            Err(error) => {
                let mut state = self.process.disk.state.lock();
                if state.process == self.process.number {
                    let seed = state.random.bits();
                    state.change(Operation::FailedSync(self.file, seed));
                }
                Err(error)
            }
        }
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        let mut state = self.process.call(Call::Lock)?;
        if state.locks.get(&self.file).is_some_and(|locked| locked.handle != self.number) {
            return Ok(false);
        }
        if mode == LockMode::Exclusive {
            state.locks.insert(self.file, Locked { handle: self.number });
        }
        Ok(true)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        let state = self.process.call(Call::Map)?;
        Ok(Some(Map::owned(state.medium.live(self.file).to_vec())))
    }
}

/// An offset that memory can have.
fn address(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
