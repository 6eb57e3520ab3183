//! The keys that follow from what the index knows of a run: its places in the lists of runs, and whether it is at work.
//!
//! INVARIANT: a run is in a list if and only if its record says so, since both change in one batch.

use runledger_ingest::Pending;
use runledger_wal::Seq;

use crate::key;
use crate::key::run::RunRecord;
use crate::key::run_place::RunPlace;
use crate::key::run_value::RunDimension;
use crate::{Timestamp, WriterInstance, rollup};

/// Puts the record of a run, and changes the keys that follow from it.
pub(crate) fn put(run_id: &str, before: Option<&RunRecord>, after: &RunRecord, pending: &mut Pending<'_>) {
    let keys_before = before.map_or_else(Vec::new, list_keys);
    let keys_after = list_keys(after);
    for gone in keys_before.iter().filter(|key| !keys_after.contains(key)) {
        pending.delete(gone);
    }
    for new in keys_after.iter().filter(|key| !keys_before.contains(key)) {
        pending.put(new, run_id);
    }
    let (live_before, live_after) = (before.and_then(live_value), live_value(after));
    if live_before != live_after {
        let live_key = key::live_run::key(run_id);
        match live_after {
            Some(value) => pending.put(live_key, value),
            None => pending.delete(live_key),
        }
    }
    pending.put(key::run::key(run_id), after.encode());
}

/// What is noted of a run that somebody has to end. The recording of another tool's run is nobody's to end.
fn live_value(record: &RunRecord) -> Option<Vec<u8>> {
    let is_at_work = rollup::status(record).is_live() && !record.imported;
    is_at_work.then(|| key::live_run::value(record.writer_instance.map(WriterInstance::from_bytes)))
}

/// Where a run stands in the lists that go by its start.
pub(crate) fn place_by_start(record: &RunRecord) -> RunPlace {
    RunPlace::new(rollup::started_at(record), first_seq(record))
}

/// Where a run that ended stands in the list that goes by its end.
pub(crate) fn place_by_end(record: &RunRecord) -> Option<RunPlace> {
    let ended_at = record.ended_at.map(Timestamp::from_nanoseconds)?;
    Some(RunPlace::new(ended_at, first_seq(record)))
}

/// A record is made for its first event, so that it has one.
fn first_seq(record: &RunRecord) -> Seq {
    Seq::new(record.first_seq.unwrap_or(u64::MAX))
}

fn list_keys(record: &RunRecord) -> Vec<Vec<u8>> {
    let by_start = place_by_start(record).to_bytes();
    let mut keys = vec![[&key::run_start::prefix()[..], &by_start].concat()];
    for dimension in RunDimension::ALL {
        if let Some(value) = dimension.of(record) {
            keys.push([&key::run_value::prefix(dimension, value)[..], &by_start].concat());
        }
    }
    if let Some(place) = place_by_end(record) {
        keys.push([&key::run_end::prefix()[..], &place.to_bytes()].concat());
    }
    keys
}
