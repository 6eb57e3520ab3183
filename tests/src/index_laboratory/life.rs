//! A life of a log and its index: what was done to the disk, and what was promised when.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runledger_ingest::{self as ingest, catch_up};
use runledger_store::Store;
use runledger_wal::{Background, Durability, Reader, SEGMENT_BYTES_MIN, Seq, Storage, Wal};

use super::directory::SimulatedIndexDirectory;
use super::indexer::{LaboratoryIndexer, contents, expected, payload};
use crate::laboratory::choice::{Choose as _, derived_seed};
use crate::laboratory::disk::medium::{Geometry, MOUNTED, Medium, Operation};
use crate::laboratory::disk::simulated::SimulatedDisk;
use crate::laboratory::history::{Violation, claim};
use crate::random::Random;

/// How many steps a life has.
const STEPS: usize = 24;

/// What came of a life.
#[derive(Debug)]
pub struct Life {
    /// What was done to the disk.
    pub trace: Vec<Operation>,
    /// From this many operations on, the index on the medium covers so many records at least.
    pub durable: Vec<(usize, Seq)>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Append(usize),
    Index,
    Flush,
    Compact,
    Reopen,
}

impl Step {
    fn draw(random: &mut Random) -> Self {
        match random.below(12) {
            0..=4 => Step::Append(1 + random.below(14)),
            5..=8 => Step::Index,
            9 => Step::Flush,
            10 => Step::Compact,
            _ => Step::Reopen,
        }
    }
}

/// Small limits, so that a few records make many batches and tables; all work on the caller's thread.
#[must_use]
pub fn store_options() -> runledger_store::Options {
    let options = runledger_store::Options::new().create(true).merge_in_background(false);
    options.memory_table_bytes_max(1_500).tables_max(3).block_bytes(128)
}

/// How it is indexed.
#[must_use]
pub fn ingest_options() -> ingest::Options {
    ingest::Options::new().batch_events_max(5)
}

/// Where the log lies.
#[must_use]
pub fn log_path() -> PathBuf {
    Path::new(MOUNTED).join("wal")
}

/// Where the index lies.
#[must_use]
pub fn index_path() -> PathBuf {
    Path::new(MOUNTED).join("index")
}

/// Opens the log.
///
/// # Errors
///
/// Those of [`Wal::open`].
pub fn open_log(storage: &Arc<dyn Storage>) -> Result<Wal, runledger_wal::OpenError> {
    let options = runledger_wal::Options::new().create(true).segment_bytes(SEGMENT_BYTES_MIN);
    let options = options.background(Background::Caller).storage(Arc::clone(storage));
    Ok(Wal::open(&log_path(), options)?.0)
}

/// The payloads of all records.
///
/// # Errors
///
/// The log can't be read.
pub fn payloads(log: &Reader) -> Result<Vec<Vec<u8>>, runledger_wal::ReadError> {
    log.scan(Seq::ZERO).map(|record| Ok(record?.payload().to_vec())).collect()
}

/// A claim about what works as long as the disk does.
pub(crate) fn works<T, E: std::fmt::Display>(
    what: &'static str,
    result: Result<T, E>,
) -> Result<T, Violation> {
    result.map_err(|error| Violation::new("what the disk allows works", format!("{what}: {error}")))
}

/// The life of this seed.
///
/// # Errors
///
/// A promise was broken while it lasted.
pub fn live(seed: u64) -> Result<Life, Violation> {
    let mut random = Random::new(derived_seed(seed, 1));
    let disk = SimulatedDisk::new(Medium::new(Geometry::ASSUMED), seed).recording();
    let storage = disk.process();
    let wal = works("opening the log", open_log(&storage))?;
    let directory = works("making the index", SimulatedIndexDirectory::new(storage, index_path()))?;
    let open = || works("opening the index", Store::open_in(Arc::new(directory.clone()), store_options()));
    let mut store = open()?;
    let (mut indexed_end, mut durable) = (Seq::ZERO, Vec::new());
    for _ in 0..STEPS {
        match Step::draw(&mut random) {
            Step::Append(records) => {
                let batch: Vec<_> = (0..records).map(|_| payload(&mut random)).collect();
                works("appending", wal.append_batch(&batch, Durability::Durable))?;
                while wal.tend() {}
            }
            Step::Index => {
                let log = wal.reader();
                let caught_up = catch_up(&log, &store, LaboratoryIndexer, None, ingest_options(), |_| ());
                indexed_end = works("indexing", caught_up)?;
                check(&store, &log, indexed_end)?;
            }
            Step::Flush => {
                works("flushing", store.flush())?;
                durable.push((disk.operations(), indexed_end));
            }
            Step::Compact => {
                works("compacting", store.compact())?;
                durable.push((disk.operations(), indexed_end));
                check(&store, &wal.reader(), indexed_end)?;
            }
            Step::Reopen => {
                works("closing the index", store.close())?;
                durable.push((disk.operations(), indexed_end));
                store = open()?;
                check(&store, &wal.reader(), indexed_end)?;
            }
        }
    }
    let trace = disk.trace();
    // The process dies with its life: no last handle may write to the disk.
    disk.kill();
    Ok(Life { trace, durable })
}

/// The index holds what the first records make, and nothing else.
pub(crate) fn check(store: &Store, log: &Reader, end: Seq) -> Result<(), Violation> {
    let mut payloads = works("reading the log", payloads(log))?;
    payloads.truncate(usize::try_from(end.get()).unwrap_or(usize::MAX));
    let found = works("reading the index", contents(&store.view()))?;
    claim(found == expected(&payloads), "an index holds what its records make, and nothing else", || {
        format!("of {end} records: {found:?}")
    })
}
