//! An immutable sorted run in memory: all bytes in one allocation, entries as offsets into it, and a filter over their
//! keys, since a look-up goes through several runs and finds its key in one at most.
//!
//! Invariant: keys ascend and are distinct.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::batch::{Batch, Change};
use crate::table::{Filter, Sought};

/// Stands for "deleted" where the length of a value would be.
const DELETED: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Run {
    data: Vec<u8>,
    entries: Vec<Entry>,
    /// Entries in front, whose keys start with the first byte of the smallest. Where they ascend with time, a new key of
    /// that kind lies behind the last of them.
    first_kind: usize,
    filter: Filter,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    key_bytes: u32,
    /// Or [`DELETED`]. The value lies right behind the key.
    value_bytes: u32,
}

impl Run {
    /// The operations of `batch` that count. Its size was checked against `BATCH_BYTES_MAX`.
    pub(crate) fn of_batch(batch: &Batch) -> Self {
        let mut run = RunBuilder::with_capacity(batch.operations(), batch.bytes());
        for (key, value) in batch.sorted() {
            run.push(key, value);
        }
        run.finish()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + self.entries.len() * size_of::<Entry>() + self.filter.bytes()
    }

    pub(crate) fn data_bytes(&self) -> usize {
        self.data.len()
    }

    /// What this run knows of a key.
    pub(crate) fn get(&self, sought: Sought<'_>) -> Option<Change<'_>> {
        if self.is_behind_first_kind(sought.key) || !self.filter.may_contain(sought) {
            return None;
        }
        let index = self.entries.binary_search_by(|entry| self.key(entry).cmp(sought.key)).ok()?;
        Some(Change::of(self.value(self.entries.get(index)?)))
    }

    /// Whether a key of the kind of the smallest lies behind all of them.
    fn is_behind_first_kind(&self, key: &[u8]) -> bool {
        let last = self.first_kind.checked_sub(1).and_then(|last| self.entries.get(last));
        last.is_some_and(|last| {
            let last = self.key(last);
            last.first() == key.first() && last < key
        })
    }

    /// Index of the first entry whose key is not less than `key`.
    fn lower_bound(&self, key: &[u8]) -> usize {
        self.entries.partition_point(|entry| self.key(entry).cmp(key) == Ordering::Less)
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        let start = entry.start as usize;
        self.data.get(start..start + entry.key_bytes as usize).unwrap_or_default()
    }

    fn value(&self, entry: &Entry) -> Option<&[u8]> {
        if entry.value_bytes == DELETED {
            return None;
        }
        let start = entry.start as usize + entry.key_bytes as usize;
        Some(self.data.get(start..start + entry.value_bytes as usize).unwrap_or_default())
    }
}

/// Collects a run's entries in key order.
#[derive(Debug)]
pub(crate) struct RunBuilder {
    run: Run,
}

impl RunBuilder {
    pub(crate) fn with_capacity(entries: usize, data_bytes: usize) -> Self {
        let (data, entries) = (Vec::with_capacity(data_bytes), Vec::with_capacity(entries));
        Self { run: Run { data, entries, first_kind: 0, filter: Filter::for_keys(0) } }
    }

    /// Adds an entry behind all others.
    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        debug_assert!(self.run.entries.last().is_none_or(|last| self.run.key(last) < key), "keys ascend");
        let fits = |length: usize| u32::try_from(length).expect("runs are limited to RUN_BYTES_MAX");
        let entry = Entry {
            start: fits(self.run.data.len()),
            key_bytes: fits(key.len()),
            value_bytes: value.map_or(DELETED, |value| fits(value.len())),
        };
        self.run.data.extend_from_slice(key);
        self.run.data.extend_from_slice(value.unwrap_or_default());
        self.run.entries.push(entry);
    }

    pub(crate) fn finish(mut self) -> Run {
        // Overwritten entries leave room that would be held, and not counted, until the next merge.
        self.run.data.shrink_to_fit();
        self.run.entries.shrink_to_fit();
        let mut filter = Filter::for_keys(self.run.entries.len() as u64);
        for entry in &self.run.entries {
            filter.add(self.run.key(entry));
        }
        self.run.filter = filter;
        let first = self.run.entries.first().and_then(|entry| self.run.key(entry).first().copied());
        self.run.first_kind =
            self.run.entries.partition_point(|entry| self.run.key(entry).first().copied() == first);
        self.run
    }
}

/// A place in a run, or none.
#[derive(Debug)]
pub(crate) struct RunCursor {
    run: Arc<Run>,
    index: Option<usize>,
}

impl RunCursor {
    pub(crate) fn new(run: Arc<Run>) -> Self {
        Self { run, index: None }
    }

    pub(crate) fn first(&mut self) {
        self.index = Some(0);
    }

    pub(crate) fn last(&mut self) {
        self.index = self.run.len().checked_sub(1);
    }

    /// To the first entry at or behind `key`.
    pub(crate) fn seek(&mut self, key: &[u8]) {
        self.index = Some(self.run.lower_bound(key));
    }

    /// To the last entry at or before `key`.
    pub(crate) fn seek_for_prev(&mut self, key: &[u8]) {
        let index = self.run.lower_bound(key);
        let here = self.run.entries.get(index).is_some_and(|entry| self.run.key(entry) == key);
        self.index = if here { Some(index) } else { index.checked_sub(1) };
    }

    pub(crate) fn next(&mut self) {
        self.index = self.index.map(|index| index + 1);
    }

    pub(crate) fn prev(&mut self) {
        self.index = self.index.and_then(|index| index.checked_sub(1));
    }

    #[inline]
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.entry().map(|entry| self.run.key(entry))
    }

    /// The value at this place; `None` also when the key was deleted.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.entry().and_then(|entry| self.run.value(entry))
    }

    #[inline]
    fn entry(&self) -> Option<&Entry> {
        self.run.entries.get(self.index?)
    }
}
