//! An ingestor on its own thread: its index is right while it works, after its directory refused a change, and when the
//! index it found was another log's.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use runledger_ingest::Ingestor;
use runledger_store::Store;
use runledger_wal::{Durability, Seq, Wal};

use super::directory::{Refusal, SimulatedIndexDirectory};
use super::indexer::{LaboratoryIndexer, contents, covered, expected, newest_key, payload};
use super::life::{Life, check, index_path, ingest_options, open_log, payloads, store_options, works};
use crate::laboratory::disk::medium::{Geometry, Medium};
use crate::laboratory::disk::simulated::SimulatedDisk;
use crate::laboratory::history::{Violation, claim};
use crate::random::Random;

/// Records of a log that is indexed on threads.
const RECORDS: usize = 400;
/// Records that are indexed while somebody looks.
const RECORDS_LOOKED_AT: usize = 4_000;
/// The change of the directory that is refused: each of so many is tried.
const CHANGES: u32 = 40;
/// How long an index may take to heal.
const PATIENCE: Duration = Duration::from_secs(30);

struct Place {
    wal: Wal,
    store: Store,
    refusal: Refusal,
    disk: SimulatedDisk,
}

impl Place {
    fn new(seed: u64) -> Result<Self, Violation> {
        Self::with(store_options(), seed)
    }

    fn with(options: runledger_store::Options, seed: u64) -> Result<Self, Violation> {
        let disk = SimulatedDisk::new(Medium::new(Geometry::ASSUMED), seed).recording();
        let storage = disk.process();
        let wal = works("opening the log", open_log(&storage))?;
        let directory = works("making the index", SimulatedIndexDirectory::new(storage, index_path()))?;
        let refusal = directory.refusal();
        let store = works("opening the index", Store::open_in(Arc::new(directory), options))?;
        Ok(Self { wal, store, refusal, disk })
    }

    fn append(&self, seed: u64, records: usize) -> Result<(), Violation> {
        let mut random = Random::new(seed);
        for _ in 0..records / 5 {
            let batch: Vec<_> = (0..5).map(|_| payload(&mut random)).collect();
            works("appending", self.wal.append_batch(&batch, Durability::Durable))?;
            while self.wal.tend() {}
        }
        Ok(())
    }

    fn start(&self) -> Result<Ingestor, Violation> {
        let (log, store) = (self.wal.reader(), self.store.clone());
        works("starting to index", Ingestor::start(log, store, LaboratoryIndexer, ingest_options()))
    }

    /// Waits until all is indexed, through failures that pass.
    fn wait(&self, ingestor: &Ingestor) -> Result<(), Violation> {
        let (end, deadline) = (self.wal.durable_end(), Instant::now() + PATIENCE);
        while let Err(error) = ingestor.wait_indexed(end, Some(deadline)) {
            claim(Instant::now() < deadline, "an index heals by itself", || error.to_string())?;
            std::thread::yield_now();
        }
        check(&self.store, &self.wal.reader(), end)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.disk.kill();
    }
}

/// Views that are taken while batches are applied show whole batches, as of their checkpoint.
///
/// # Errors
///
/// One did not.
pub fn views_show_whole_batches() -> Result<(), Violation> {
    let place = Place::new(1)?;
    place.append(1, RECORDS_LOOKED_AT)?;
    let payloads = works("reading the log", payloads(&place.wal.reader()))?;
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let (mut looked, mut looks) = (Ok(()), 0_u64);
            while looked.is_ok() && !is_done.load(Ordering::Relaxed) {
                // The windows are short: most looks are quick ones.
                let whole = looks.is_multiple_of(1024);
                looked = look_at(&place.store, &payloads, whole);
                looks += 1;
            }
            looked
        });
        let ingestor = place.start();
        let waited = ingestor.and_then(|ingestor| place.wait(&ingestor));
        is_done.store(true, Ordering::Relaxed);
        waited.and(looker.join().expect("looking doesn't panic"))
    })
}

fn look_at(store: &Store, payloads: &[Vec<u8>], whole: bool) -> Result<(), Violation> {
    let view = store.view();
    let end = view.checkpoint().and_then(covered).map_or(Seq::ZERO, |(seq, _)| seq.next());
    if let Some(last) = end.get().checked_sub(1) {
        let newest = works("reading the index", view.get(&newest_key(last)))?;
        claim(newest.is_some(), "a view shows whole batches", || format!("without record {last}"))?;
    }
    if !whole {
        return Ok(());
    }
    let covered = payloads.get(..usize::try_from(end.get()).unwrap_or(usize::MAX)).unwrap_or(payloads);
    let found = works("reading the index", contents(&view))?;
    claim(found == expected(covered), "a view shows whole batches", || format!("of {end} records: {found:?}"))
}

/// A life in which one thread indexes and another merges, while records are appended. It does not repeat.
///
/// # Errors
///
/// A promise was broken while it lasted.
pub fn live_on_threads(seed: u64) -> Result<Life, Violation> {
    let place = Place::with(store_options().merge_in_background(true), seed)?;
    let ingestor = place.start()?;
    place.append(seed, RECORDS)?;
    place.wait(&ingestor)?;
    let trace = place.disk.trace();
    place.disk.kill();
    drop(ingestor);
    Ok(Life { trace, durable: Vec::new() })
}

/// Whichever change of its directory is refused once, no record is lost to the index.
///
/// # Errors
///
/// One was.
pub fn a_refused_change_loses_no_record() -> Result<(), Violation> {
    for change in (1..=CHANGES).step_by(3) {
        let place = Place::new(u64::from(change))?;
        place.refusal.plan(change);
        place.append(u64::from(change), RECORDS / 4)?;
        let ingestor = place.start()?;
        place.wait(&ingestor)?;
        claim(place.refusal.is_over(), "the laboratory reaches what it refuses", || format!("{change}"))?;
    }
    Ok(())
}

/// An index that was another log's holds nothing of that one.
///
/// # Errors
///
/// It does.
pub fn an_index_of_another_log_is_emptied() -> Result<(), Violation> {
    let (mine, other) = (Place::new(3)?, Place::new(4)?);
    mine.append(3, 60)?;
    other.append(4, 40)?;
    let ingestor = mine.start()?;
    mine.wait(&ingestor)?;
    drop(ingestor);
    let (log, store) = (other.wal.reader(), mine.store.clone());
    let started = Ingestor::start(log.clone(), store, LaboratoryIndexer, ingest_options());
    let ingestor = works("starting to index", started)?;
    let waited = ingestor.wait_indexed(other.wal.durable_end(), Some(Instant::now() + PATIENCE));
    works("waiting", waited)?;
    check(&mine.store, &log, other.wal.durable_end())
}

/// A folder of the real file system for what the ledger does.
pub(crate) fn folder() -> Result<(tempfile::TempDir, PathBuf), Violation> {
    let folder = works("making a folder", tempfile::tempdir())?;
    let path = folder.path().join("ledger");
    Ok((folder, path))
}
