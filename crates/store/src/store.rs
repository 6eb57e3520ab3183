//! The handle: applies batches, flushes, and hands out views.
//!
//! Invariant: an error leaves the store as it was: a batch is applied whole or not at all.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::batch::{BATCH_BYTES_MAX, Batch, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::compaction::MergerThread;
use crate::core::Core;
use crate::directory::{Directory, DiskDirectory};
use crate::error::{OpenError, WriteError};
use crate::manifest::CHECKPOINT_BYTES_MAX;
use crate::open::{open_for_reading, open_for_writing};
use crate::options::Options;
use crate::planted::{Bug, planted};
use crate::table::Table;
use crate::version::Version;
use crate::view::View;

/// An open index. Cheap to clone; all clones are the same store.
///
/// Dropping the last clone stops merging and writes nothing: what was not flushed is lost, and the checkpoint found at
/// the next open says so. [`Store::close`] flushes first.
#[derive(Clone)]
pub struct Store {
    owner: Arc<Owner>,
}

/// Stops the merging thread when the last handle goes. The thread itself holds only the core.
struct Owner {
    core: Arc<Core>,
    merger: Option<MergerThread>,
}

/// Figures about a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// Number of tables.
    pub tables: usize,
    /// Length of their files, in bytes.
    pub table_bytes: u64,
    /// Memory that the memory table holds, in bytes.
    pub memory_bytes: usize,
    /// Entries in memory and tables: overwritten ones and deletions included, until they are merged away.
    pub entries: u64,
    /// Positions in streams: one counts as often as it is in a stream.
    pub postings: u64,
    /// Bytes of tables written by flushes since the store was opened.
    pub bytes_flushed: u64,
    /// Bytes of tables written by merges since the store was opened.
    pub bytes_merged: u64,
    /// Why the last merge failed, if it did. It is tried again.
    pub merge_failure: Option<String>,
}

impl Store {
    /// Opens the index in `dir` for writing.
    ///
    /// # Errors
    ///
    /// Whatever [`OpenError::is_rebuildable`] says yes to is answered by [`reset`](crate::reset) and filling it anew.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let directory = DiskDirectory::new(dir);
        if options.create {
            directory.ensure().map_err(|source| OpenError::Io {
                operation: "create",
                path: dir.to_owned(),
                source,
            })?;
        }
        Self::open_in(Arc::new(directory), options)
    }

    /// Opens an index for writing in a directory of any kind.
    pub fn open_in(directory: Arc<dyn Directory>, options: Options) -> Result<Self, OpenError> {
        let opened = open_for_writing(&*directory, options.create)?;
        let in_background = options.merge_in_background;
        let core = Arc::new(Core::new(directory, options, opened, false));
        let merger = in_background.then(|| MergerThread::start(&core)).transpose()?;
        Ok(Self { owner: Arc::new(Owner { core, merger }) })
    }

    /// Opens the index in `dir` as its manifest says now, beside a writer in another process. Writes nothing.
    ///
    /// What is then applied to this store goes to private memory only, over the tables.
    pub fn open_read_only(dir: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_read_only_in(Arc::new(DiskDirectory::new(dir)), options)
    }

    /// Opens an index for reading in a directory of any kind.
    pub fn open_read_only_in(directory: Arc<dyn Directory>, options: Options) -> Result<Self, OpenError> {
        let opened = open_for_reading(&*directory)?;
        let core = Arc::new(Core::new(directory, options, opened, true));
        Ok(Self { owner: Arc::new(Owner { core, merger: None }) })
    }

    /// Makes `batch` and `checkpoint` visible to later views, together. An empty batch moves the checkpoint only.
    ///
    /// When the memory table is full it is flushed *first*, and that may fail; then nothing was applied, and the same
    /// batch can be applied again later. Waits for merging when tables are far more than `tables_max`.
    ///
    /// # Durability
    ///
    /// None until the next flush: after a crash the store is as of [`Store::durable_checkpoint`].
    pub fn apply(&self, batch: &Batch, checkpoint: &[u8]) -> Result<(), WriteError> {
        let core = &self.owner.core;
        check_limits(batch, checkpoint)?;
        let _writer = core.begin_writing()?;
        let version = core.version();
        check_numbers(batch, version.last_number())?;
        let memory = version.memory.clone();
        drop(version);
        if core.read_only {
            let limit = core.options.private_memory_bytes_max;
            if memory.bytes().saturating_add(batch.bytes()) > limit {
                return Err(WriteError::MemoryFull { limit });
            }
        } else {
            let full = memory.bytes().saturating_add(batch.bytes()) > core.options.memory_table_bytes_max;
            if full && !memory.is_empty() {
                core.merger.wait_for_room(core)?;
                core.flush_memory()?;
            }
        }
        let checkpoint: Option<Arc<[u8]>> = Some(Arc::from(checkpoint));
        if planted(Bug::CheckpointBeforeBatch) {
            let checkpoint = checkpoint.clone();
            core.replace_version(|version| {
                Version::new(version.memory.clone(), Arc::clone(&version.tables), checkpoint)
            });
            // As if a busy machine took the processor away here.
            std::thread::yield_now();
        }
        let memory = core.version().memory.with_batch(batch)?;
        core.replace_version(|version| Version::new(memory, Arc::clone(&version.tables), checkpoint));
        Ok(())
    }

    /// Writes the memory table out.
    ///
    /// # Durability
    ///
    /// When this returns `Ok`, everything applied before is on stable storage, with its checkpoint. Waits for merging
    /// when tables are far more than `tables_max`.
    pub fn flush(&self) -> Result<(), WriteError> {
        let core = &self.owner.core;
        if core.read_only {
            return Err(WriteError::ReadOnly);
        }
        let _writer = core.begin_writing()?;
        core.merger.wait_for_room(core)?;
        core.flush_memory()
    }

    /// Flushes, and merges all tables into one: the smallest and fastest form, in which nothing is left of what was
    /// deleted or overwritten. Takes as long as writing everything anew.
    pub fn compact(&self) -> Result<(), WriteError> {
        self.flush()?;
        self.owner.core.merge_everything()
    }

    /// Empties the store, for filling it anew: no keys, no checkpoint. Views keep what they show. Damaged tables are no
    /// hindrance, since none is read.
    ///
    /// # Durability
    ///
    /// When this returns `Ok`, the store is empty also after a crash. On an error it is as it was.
    pub fn clear(&self) -> Result<(), WriteError> {
        if self.owner.core.read_only {
            return Err(WriteError::ReadOnly);
        }
        self.owner.core.clear()
    }

    /// The checkpoint of what was applied last, in memory or not.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        self.owner.core.version().checkpoint.as_deref().map(<[u8]>::to_vec)
    }

    /// The checkpoint that the store would have after a crash now.
    pub fn durable_checkpoint(&self) -> Option<Vec<u8>> {
        self.owner.core.catalog.lock().checkpoint.as_deref().map(<[u8]>::to_vec)
    }

    /// What the store holds now, for as long as the view is held.
    pub fn view(&self) -> View {
        View::new(self.owner.core.version())
    }

    /// Whether the store was opened read-only.
    pub fn is_read_only(&self) -> bool {
        self.owner.core.read_only
    }

    /// Figures about the store.
    pub fn stats(&self) -> StoreStats {
        let core = &self.owner.core;
        let version = core.version();
        let sum = |figure: fn(&Table) -> u64| version.tables.iter().map(|table| figure(table)).sum::<u64>();
        StoreStats {
            tables: version.tables.len(),
            table_bytes: sum(|table| table.meta().bytes),
            memory_bytes: version.memory.bytes(),
            entries: sum(|table| table.meta().entries) + version.memory.entries() as u64,
            postings: sum(Table::postings) + version.memory.postings() as u64,
            bytes_flushed: core.bytes_flushed.load(Ordering::Relaxed),
            bytes_merged: core.bytes_merged.load(Ordering::Relaxed),
            merge_failure: core.merger.failure(),
        }
    }

    /// Flushes, and stops merging. Other clones can still read; nothing writes to the directory any more, so that it can be
    /// opened anew.
    pub fn close(self) -> Result<(), WriteError> {
        let core = &self.owner.core;
        core.merger.stop();
        if core.read_only {
            return Ok(());
        }
        // A merge in progress notices within some entries, and none begins any more.
        drop(core.merger.begin());
        let Ok(_writer) = core.begin_writing() else { return Ok(()) };
        // However many tables there are: there is room for one more, and the next open merges them.
        let flushed = core.flush_memory();
        *core.lock.lock() = None;
        flushed
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.owner.core.directory.path();
        formatter.debug_struct("Store").field("path", &path).field("stats", &self.stats()).finish()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.core.merger.stop();
        if let Some(merger) = self.merger.take() {
            // A merge in progress notices within some entries, so this does not take long; and when it has ended,
            // nobody writes to the directory any more.
            merger.join();
        }
    }
}

fn check_limits(batch: &Batch, checkpoint: &[u8]) -> Result<(), WriteError> {
    let over = |found: usize, limit: usize| (found > limit).then_some((found, limit));
    if let Some((found, limit)) = over(checkpoint.len(), CHECKPOINT_BYTES_MAX) {
        return Err(WriteError::CheckpointTooLong { found, limit });
    }
    if let Some((found, limit)) = over(batch.longest_key_bytes(), KEY_BYTES_MAX) {
        return Err(WriteError::KeyTooLong { found, limit });
    }
    if let Some((found, limit)) = over(batch.longest_value_bytes(), VALUE_BYTES_MAX) {
        return Err(WriteError::ValueTooLong { found, limit });
    }
    if let Some((found, limit)) = over(batch.bytes(), BATCH_BYTES_MAX) {
        return Err(WriteError::BatchTooLarge { found, limit });
    }
    Ok(())
}

/// Positions come in the order of their numbers, so that none is there twice, and end at numbers as new.
fn check_numbers(batch: &Batch, last_before: Option<u64>) -> Result<(), WriteError> {
    let posts = batch.posts();
    let mut last = last_before;
    for found in posts.positions().iter().map(|position| position.number) {
        above(found, last)?;
        last = Some(found);
    }
    posts.ends().iter().try_for_each(|(_, number)| above(*number, last_before))
}

fn above(found: u64, last: Option<u64>) -> Result<(), WriteError> {
    match last.filter(|last| *last >= found) {
        Some(last) => Err(WriteError::NumberNotAbove { found, last }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
