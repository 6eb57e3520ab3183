//! The states that a life can leave, and whether the index is as of its checkpoint in each of them.

use std::sync::Arc;

use runledger_ingest::catch_up;
use runledger_store::Store;
use runledger_wal::{Seq, Wal};

use super::directory::SimulatedIndexDirectory;
use super::following::live_on_threads;
use super::indexer::{LaboratoryIndexer, covered};
use super::life::{Life, check, index_path, ingest_options, live, open_log, payloads, store_options, works};
use crate::laboratory::choice::{Leaning, derived_seed};
use crate::laboratory::disk::crash_point::CrashPoint;
use crate::laboratory::disk::medium::{Geometry, Medium};
use crate::laboratory::disk::simulated::SimulatedDisk;
use crate::laboratory::history::{Violation, claim};

/// Power cuts that are tried at each moment, besides a kill.
const POWER_CUTS_PER_MOMENT: u64 = 2;

/// Lives until at least so many states were examined. Gives how many those were.
///
/// # Errors
///
/// The first promise that was found broken, with the life and the moment.
pub fn explore(seed: u64, states_min: u64) -> Result<u64, Violation> {
    let mut states = 0;
    for number in 0.. {
        let seed = derived_seed(seed, number);
        let explored = live(seed).and_then(|life| explore_life(&life, seed));
        states += explored.map_err(|violation| Violation {
            detail: format!("life {number}: {}", violation.detail),
            ..violation
        })?;
        if states >= states_min {
            break;
        }
    }
    Ok(states)
}

/// Ends a life whose index is merged by a thread of its own. Gives how many states were examined.
///
/// # Errors
///
/// The first promise that was found broken.
pub fn explore_threads(seed: u64) -> Result<u64, Violation> {
    explore_life(&live_on_threads(seed)?, seed)
}

fn explore_life(life: &Life, seed: u64) -> Result<u64, Violation> {
    let mut medium = Medium::new(Geometry::ASSUMED);
    let mut states = 0;
    for (done, operation) in (1..).zip(&life.trace) {
        medium.apply(operation);
        let durable_end = durable_end(life, done);
        let at = |violation: Violation, how: &str| {
            let detail = format!("{how} after operation {done}, {operation:?}: {}", violation.detail);
            Violation { detail: detail.chars().take(2_000).collect(), ..violation }
        };
        examine(medium.clone(), seed, durable_end).map_err(|violation| at(violation, "killed"))?;
        for cut in 0..POWER_CUTS_PER_MOMENT {
            let moment = u64::try_from(done).unwrap_or(0) * POWER_CUTS_PER_MOMENT + cut;
            let mut choose = Leaning::new(derived_seed(seed, moment));
            let left = CrashPoint::of(&medium).state(&mut choose);
            examine(left, seed, durable_end).map_err(|violation| at(violation, "without power"))?;
        }
        states += 1 + POWER_CUTS_PER_MOMENT;
    }
    Ok(states)
}

/// How many records the index on the medium covers after so many operations, at least.
fn durable_end(life: &Life, done: usize) -> Seq {
    let told = life.durable.iter().filter(|(operations, _)| *operations <= done);
    told.map(|(_, end)| *end).max().unwrap_or(Seq::ZERO)
}

/// Opens what was left, and goes on with it.
fn examine(medium: Medium, seed: u64, durable_end: Seq) -> Result<(), Violation> {
    let disk = SimulatedDisk::new(medium, derived_seed(seed, 2));
    let storage = disk.process();
    let wal = works("opening the log", open_log(&storage))?;
    let directory = works("making the index", SimulatedIndexDirectory::new(storage, index_path()))?;
    let open = || Store::open_in(Arc::new(directory.clone()), store_options());
    let store = open().map_err(|error| Violation::new("a crash leaves a whole index", error.to_string()))?;
    let covered_end = covered_end(&store, &wal)?;
    claim(covered_end >= durable_end, "what was written out is found", || {
        format!("{covered_end} records instead of {durable_end}")
    })?;
    check(&store, &wal.reader(), covered_end)?;
    // And it goes on from there.
    let caught_up = catch_up(&wal.reader(), &store, LaboratoryIndexer, None, ingest_options(), |_| ());
    let end = works("indexing after the crash", caught_up)?;
    check(&store, &wal.reader(), end)?;
    works("merging after the crash", store.compact())?;
    works("closing after the crash", store.close())?;
    let store = works("opening again", open())?;
    check(&store, &wal.reader(), end)?;
    disk.kill();
    Ok(())
}

/// How many records the index says it covers; the last of them is the log's.
fn covered_end(store: &Store, wal: &Wal) -> Result<Seq, Violation> {
    let Some((seq, leaf)) = store.checkpoint().and_then(|bytes| covered(&bytes)) else {
        return Ok(Seq::ZERO);
    };
    let record = works("reading the log", wal.reader().read(seq))?;
    let is_there = record.is_some_and(|record| record.leaf() == leaf);
    claim(is_there, "an index never covers what the log may lose", || {
        let records = payloads(&wal.reader()).map_or(0, |payloads| payloads.len());
        format!("record {seq} of {records}")
    })?;
    Ok(seq.next())
}
