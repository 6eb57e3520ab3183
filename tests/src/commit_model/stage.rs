//! What a claim begins with: a log in memory, and threads that use it.

use std::path::Path;
use std::sync::Arc;

use runledger_wal::{Background, OpenReport, Options, Reader, ReaderOptions, SEGMENT_BYTES_MIN, Wal};
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::thread::JoinHandle;

use super::storage::MemoryStorage;
use super::witness::Witness;

/// Where the log lies.
pub(super) const DIRECTORY: &str = "/ledger/wal";

/// An open log, and who watches what it says.
pub(super) struct Stage {
    pub(super) storage: MemoryStorage,
    pub(super) wal: Wal,
    pub(super) witness: Witness,
}

impl Stage {
    /// A new log without threads of its own.
    pub(super) fn new() -> Stage {
        Stage::with(|options| options)
    }

    /// A new log with its threads.
    pub(super) fn with_background() -> Stage {
        Stage::with(|options| options.background(Background::Threads))
    }

    pub(super) fn with(choose: impl FnOnce(Options) -> Options) -> Stage {
        let storage = MemoryStorage::new();
        let (wal, _) = Wal::open(Path::new(DIRECTORY), choose(options(&storage))).expect("nothing fails yet");
        storage.interleave();
        let witness = Witness::new(&storage);
        Stage { storage, wal, witness }
    }

    /// A thread with a handle of its own.
    pub(super) fn caller(&self, run: impl FnOnce(Wal, Witness) + Send + 'static) -> JoinHandle<()> {
        let (wal, witness) = (self.wal.clone(), self.witness.clone());
        shuttle::thread::spawn(move || run(wal, witness))
    }

    /// A thread that does some of what the background would, now and then.
    pub(super) fn tender(&self, times: u32) -> JoinHandle<()> {
        self.caller(move |wal, _| {
            for _ in 0..times {
                wal.tend();
                shuttle::thread::yield_now();
            }
        })
    }
}

/// The options of the model's logs: the smallest segments, so that they are full soon.
fn options(storage: &MemoryStorage) -> Options {
    let small = Options::new().create(true).segment_bytes(SEGMENT_BYTES_MIN);
    small.background(Background::Caller).storage(Arc::new(storage.clone()))
}

/// Opens what a storage holds.
pub(super) fn reopen(storage: &MemoryStorage) -> (Wal, OpenReport) {
    Wal::open(Path::new(DIRECTORY), options(storage)).expect("what the log left can be opened again")
}

/// A reader as another process has it.
pub(super) fn outside_reader(storage: &MemoryStorage) -> Reader {
    let options = ReaderOptions::new().storage(Arc::new(storage.clone()));
    Reader::open(Path::new(DIRECTORY), options).expect("an open log can be read")
}

/// Waits for all of them.
pub(super) fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("a thread that fails ends the run");
    }
}

/// A number below this, chosen by the schedule.
pub(super) fn choose(below: u64) -> u64 {
    thread_rng().gen_range(0..below)
}
