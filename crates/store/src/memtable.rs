//! What was applied and is not yet in a table: immutable runs of entries and of streams, one of each per batch, merged
//! when they are similar.
//!
//! Invariant: a memory table never changes; applying a batch makes a new one that shares the old runs. So a view is a
//! reference to it, needs no lock, and never sees half a batch. Deletions are kept: they hide what tables hold.

mod run;

use std::sync::Arc;

pub(crate) use self::run::{Run, RunBuilder, RunCursor};
use crate::batch::{Batch, Change};
use crate::error::WriteError;
use crate::merge::{MergeCursor, Source};
use crate::streams::{self, Layer, StreamRun, StreamRunBuilder};
use crate::table::Sought;
use crate::tier;

/// This many similar runs are merged into one. More copy less, and make a lookup search more runs.
const RUN_MERGE_WIDTH: usize = 4;
/// Most runs at a time.
const RUNS_MAX: usize = 12;
/// Runs are not merged beyond this, so that offsets in them fit 32 bits.
const RUN_BYTES_MAX: u64 = 1 << 30;

/// Immutable runs, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memtable {
    runs: Vec<Arc<Run>>,
    streams: Vec<Arc<StreamRun>>,
}

impl Memtable {
    /// This table and then `batch`.
    pub(crate) fn with_batch(&self, batch: &Batch) -> Result<Self, WriteError> {
        let (mut runs, mut streams) = (self.runs.clone(), self.streams.clone());
        if batch.operations() > 0 {
            runs.push(Arc::new(Run::of_batch(batch)));
        }
        if !batch.posts().is_empty() {
            streams.push(Arc::new(StreamRun::of_posts(batch.posts())));
        }
        while let Some(range) = tier::pick(&sizes(&runs, Run::bytes), RUN_MERGE_WIDTH, RUNS_MAX) {
            let Some(merged) = merge(runs.get(range.clone()).unwrap_or_default()) else { break };
            runs.splice(range, [merged]);
        }
        while let Some(range) = tier::pick(&sizes(&streams, StreamRun::bytes), RUN_MERGE_WIDTH, RUNS_MAX) {
            let Some(merged) = merge_streams(streams.get(range.clone()).unwrap_or_default())? else { break };
            streams.splice(range, [merged]);
        }
        Ok(Self { runs, streams })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.streams.is_empty()
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let runs: usize = self.runs.iter().map(|run| run.bytes()).sum();
        runs + self.streams.iter().map(|run| run.bytes()).sum::<usize>()
    }

    /// Number of entries, hidden ones included.
    pub(crate) fn entries(&self) -> usize {
        self.runs.iter().map(|run| run.len()).sum()
    }

    /// Number of ordinals in all lists together.
    pub(crate) fn postings(&self) -> usize {
        self.streams.iter().map(|run| run.postings()).sum()
    }

    /// The streams, oldest first.
    pub(crate) fn layers(&self) -> impl Iterator<Item = Layer> + '_ {
        self.streams.iter().map(|run| Layer::Run(Arc::clone(run)))
    }

    /// What this table knows of a key.
    pub(crate) fn get(&self, sought: Sought<'_>) -> Option<Change<'_>> {
        self.runs.iter().rev().find_map(|run| run.get(sought))
    }

    /// Cursors over all runs, newest first.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source> + '_ {
        self.runs.iter().rev().map(|run| Source::Run(RunCursor::new(Arc::clone(run))))
    }
}

fn sizes<R>(runs: &[Arc<R>], bytes: fn(&R) -> usize) -> Vec<u64> {
    runs.iter().map(|run| bytes(run) as u64).collect()
}

/// One run with the streams of `runs`. `None` when it would be too large.
fn merge_streams(runs: &[Arc<StreamRun>]) -> Result<Option<Arc<StreamRun>>, WriteError> {
    let bytes: u64 = runs.iter().map(|run| run.bytes() as u64).sum();
    if bytes > RUN_BYTES_MAX {
        return Ok(None);
    }
    let layers: Vec<Layer> = runs.iter().map(|run| Layer::Run(Arc::clone(run))).collect();
    let mut merged = StreamRunBuilder::default();
    streams::merge(&layers, true, &mut merged, &mut || Ok(()))?;
    Ok(Some(Arc::new(merged.finish(streams::numbers(&layers)))))
}

/// One run with what counts of `runs`. `None` when it would be too large.
fn merge(runs: &[Arc<Run>]) -> Option<Arc<Run>> {
    let bytes: u64 = runs.iter().map(|run| run.bytes() as u64).sum();
    if bytes > RUN_BYTES_MAX {
        return None;
    }
    let entries = runs.iter().map(|run| run.len()).sum();
    let data_bytes = runs.iter().map(|run| run.data_bytes()).sum();
    let sources = runs.iter().rev().map(|run| Source::Run(RunCursor::new(Arc::clone(run)))).collect();
    let mut cursor = MergeCursor::new(sources);
    let mut merged = RunBuilder::with_capacity(entries, data_bytes);
    cursor.first().expect("runs in memory can't be damaged");
    while let Some((key, value)) = cursor.entry() {
        merged.push(key, value);
        cursor.next().expect("runs in memory can't be damaged");
    }
    Some(Arc::new(merged.finish()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_memory_table_equals_the_map_it_models_and_its_runs_stay_few(
            batches in vec(vec((vec(0u8..4, 0..5), proptest::option::of(0u8..9)), 0..20), 0..60)
        ) {
            let mut table = Memtable::default();
            let mut model = BTreeMap::new();
            for operations in batches {
                let mut batch = Batch::new();
                for (key, value) in operations {
                    match value {
                        Some(value) => batch.put(&key, &[value]),
                        None => batch.delete(&key),
                    }
                    model.insert(key, value);
                }
                table = table.with_batch(&batch).unwrap();
                prop_assert!(table.runs.len() <= RUNS_MAX);
            }
            for (key, value) in &model {
                prop_assert_eq!(table.get(Sought::new(key)), Some(Change::of(value.as_ref().map(std::slice::from_ref))));
            }
            prop_assert_eq!(table.get(Sought::new(b"\xff")), None);
            let mut cursor = MergeCursor::new(table.sources().collect());
            cursor.first().unwrap();
            for (key, value) in &model {
                prop_assert_eq!(cursor.entry(), Some((key.as_slice(), value.as_ref().map(std::slice::from_ref))));
                cursor.next().unwrap();
            }
            prop_assert_eq!(cursor.entry(), None);
        }
    }
}
