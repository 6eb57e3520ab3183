//! The handle: applies batches, flushes, and hands out views.
//!
//! Invariants:
//! - The current version is replaced whole; readers take a reference to it and hold no lock.
//! - Locks are taken in this order: `writer` (whoever changes the memory table), the merger's `merging` (whoever replaces
//!   tables), `catalog` (the list of tables and the manifest).
//! - An error leaves the store as it was: a batch is applied whole or not at all.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::batch::{BATCH_BYTES_MAX, Batch, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::compaction::{Merger, MergerThread};
use crate::directory::{Directory, DirectoryLock, DiskDirectory};
use crate::error::{Damage, OpenError, WriteError};
use crate::manifest::{CHECKPOINT_BYTES_MAX, Manifest};
use crate::memtable::Memtable;
use crate::merge::MergeCursor;
use crate::open::{Opened, open_for_reading, open_for_writing};
use crate::options::Options;
use crate::table::{Table, TableSettings, TableWriter, file_name};
use crate::version::Version;
use crate::view::View;

/// A merge looks this often whether it shall stop, in entries.
const STOP_CHECK_INTERVAL_ENTRIES: u64 = 1024;

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

/// What the store and its merging thread share.
pub(crate) struct Core {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) options: Options,
    read_only: bool,
    current: RwLock<Arc<Version>>,
    /// Held by whoever changes the memory table.
    writer: Mutex<()>,
    pub(crate) catalog: Mutex<Catalog>,
    next_table_id: AtomicU64,
    pub(crate) merger: Merger,
    bytes_flushed: AtomicU64,
    bytes_merged: AtomicU64,
    _lock: DirectoryLock,
}

/// What goes into a new table.
struct Content {
    cursor: MergeCursor,
    entries_max: u64,
    filter_keys_max: u64,
    keep_deletions: bool,
}

/// What the manifest on disk says, in terms of open tables.
pub(crate) struct Catalog {
    update_number: u64,
    /// From the oldest to the newest entries.
    pub(crate) tables: Vec<Arc<Table>>,
    pub(crate) checkpoint: Option<Arc<[u8]>>,
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
        let _writer = core.writer.lock();
        let memory = core.version().memory.clone();
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
        let memory = core.version().memory.with_batch(batch);
        let checkpoint = Some(Arc::from(checkpoint));
        core.replace_version(|version| Version { memory, checkpoint, tables: Arc::clone(&version.tables) });
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
        let _writer = core.writer.lock();
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
            bytes_flushed: core.bytes_flushed.load(Ordering::Relaxed),
            bytes_merged: core.bytes_merged.load(Ordering::Relaxed),
            merge_failure: core.merger.failure(),
        }
    }

    /// Flushes, and stops merging. Other clones can still read.
    pub fn close(self) -> Result<(), WriteError> {
        let core = &self.owner.core;
        core.merger.stop();
        if core.read_only {
            return Ok(());
        }
        // However many tables there are: there is room for one more, and the next open merges them.
        let _writer = core.writer.lock();
        core.flush_memory()
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

impl Core {
    fn new(directory: Arc<dyn Directory>, options: Options, opened: Opened, read_only: bool) -> Self {
        let Opened { lock, manifest, tables } = opened;
        let checkpoint: Option<Arc<[u8]>> = manifest.checkpoint.map(Arc::from);
        let version = Version {
            memory: Memtable::default(),
            tables: tables.iter().cloned().collect(),
            checkpoint: checkpoint.clone(),
        };
        Self {
            directory,
            options,
            read_only,
            current: RwLock::new(Arc::new(version)),
            writer: Mutex::new(()),
            catalog: Mutex::new(Catalog { update_number: manifest.update_number, tables, checkpoint }),
            next_table_id: AtomicU64::new(manifest.next_table_id),
            merger: Merger::default(),
            bytes_flushed: AtomicU64::new(0),
            bytes_merged: AtomicU64::new(0),
            _lock: lock,
        }
    }

    pub(crate) fn version(&self) -> Arc<Version> {
        Arc::clone(&self.current.read())
    }

    fn replace_version(&self, replace: impl FnOnce(&Version) -> Version) {
        let mut current = self.current.write();
        let next = Arc::new(replace(&current));
        let previous = std::mem::replace(&mut *current, next);
        drop(current);
        // Perhaps the last holder of a whole memory table: freed without the lock.
        drop(previous);
    }

    /// Writes the memory table out. The caller holds `writer`.
    fn flush_memory(&self) -> Result<(), WriteError> {
        let version = self.version();
        if version.memory.is_empty() && version.checkpoint == self.catalog.lock().checkpoint {
            return Ok(());
        }
        let entries_max = version.memory.entries() as u64;
        let cursor = MergeCursor::new(version.memory.sources().collect());
        let content = Content { cursor, entries_max, filter_keys_max: entries_max, keep_deletions: true };
        let table = self.write_table(content, || false)?;
        self.bytes_flushed.fetch_add(table.as_ref().map_or(0, |table| table.meta().bytes), Ordering::Relaxed);
        let mut catalog = self.catalog.lock();
        let mut tables = catalog.tables.clone();
        tables.extend(table);
        self.publish(&mut catalog, tables, version.checkpoint.clone())?;
        let tables = catalog.tables.iter().cloned().collect();
        self.replace_version(|version| Version {
            memory: Memtable::default(),
            tables,
            checkpoint: version.checkpoint.clone(),
        });
        drop(catalog);
        if self.options.merge_in_background {
            self.merger.wake();
        } else {
            while self.merge_once()? {}
        }
        Ok(())
    }

    /// Replaces `inputs`, neighbours in the catalog, by one table with what counts of them. Deletions are kept unless
    /// there is nothing older that they could hide.
    pub(crate) fn replace_tables(
        &self,
        inputs: &[Arc<Table>],
        keep_deletions: bool,
        stop: impl Fn() -> bool,
    ) -> Result<(), WriteError> {
        let content = Content {
            cursor: crate::compaction::merged(inputs),
            entries_max: inputs.iter().map(|table| table.meta().entries).sum(),
            filter_keys_max: inputs.iter().map(|table| self.filter_keys_max(table)).sum(),
            keep_deletions,
        };
        let output = self.write_table(content, stop)?;
        self.bytes_merged.fetch_add(output.as_ref().map_or(0, |table| table.meta().bytes), Ordering::Relaxed);

        let mut catalog = self.catalog.lock();
        let is_input = |table: &Arc<Table>| inputs.iter().any(|input| Arc::ptr_eq(input, table));
        let start = catalog.tables.iter().position(is_input).unwrap_or(0);
        let mut tables = catalog.tables.clone();
        tables.splice(start..start + inputs.len(), output);
        let checkpoint = catalog.checkpoint.clone();
        self.publish(&mut catalog, tables, checkpoint)?;
        let tables = catalog.tables.iter().cloned().collect();
        self.replace_version(|version| Version { tables, ..version.clone() });
        drop(catalog);
        self.remove_tables(inputs);
        Ok(())
    }

    fn clear(&self) -> Result<(), WriteError> {
        // In this order everywhere: a merge in progress ends before the tables go.
        let _writer = self.writer.lock();
        let _merging = self.merger.begin();
        let mut catalog = self.catalog.lock();
        let tables = catalog.tables.clone();
        self.publish(&mut catalog, Vec::new(), None)?;
        self.replace_version(|_| Version {
            memory: Memtable::default(),
            tables: Arc::new([]),
            checkpoint: None,
        });
        drop(catalog);
        self.merger.forget_failure();
        self.remove_tables(&tables);
        Ok(())
    }

    /// Removes the files of tables that no durable manifest names any more. Where that fails, the next open does it.
    fn remove_tables(&self, tables: &[Arc<Table>]) {
        for table in tables {
            let _ = self.directory.remove(&file_name(table.meta().id));
        }
    }

    /// How many keys of `table` a filter made now would know.
    fn filter_keys_max(&self, table: &Table) -> u64 {
        if table.filtered() == self.options.filtered { table.filter_keys() } else { table.meta().entries }
    }

    /// Writes a new table, and opens it. `None`: there was nothing to write.
    fn write_table(
        &self,
        content: Content,
        stop: impl Fn() -> bool,
    ) -> Result<Option<Arc<Table>>, WriteError> {
        let id = self.next_table_id.fetch_add(1, Ordering::Relaxed);
        let written = self.try_write_table(id, content, stop);
        if !matches!(written, Ok(Some(_))) {
            // Half a table is of no use, and on a full disk its space is needed.
            let _ = self.directory.remove(&file_name(id));
        }
        written
    }

    fn try_write_table(
        &self,
        id: u64,
        mut content: Content,
        stop: impl Fn() -> bool,
    ) -> Result<Option<Arc<Table>>, WriteError> {
        let settings =
            TableSettings { block_bytes: self.options.block_bytes, filtered: self.options.filtered };
        let mut writer = TableWriter::create(&*self.directory, id, content.filter_keys_max, settings)?;
        let cursor = &mut content.cursor;
        cursor.first()?;
        while let Some((key, value)) = cursor.entry() {
            if value.is_some() || content.keep_deletions {
                if writer.entries() == content.entries_max {
                    // A tree that leads to the same block again and again would fill the disk.
                    let problem = "more entries than the tables that it is made of should have";
                    let found = content.entries_max.saturating_add(1);
                    return Err(Damage::new(&file_name(id), 0, problem, content.entries_max, found).into());
                }
                writer.add(key, value)?;
                if writer.entries().is_multiple_of(STOP_CHECK_INTERVAL_ENTRIES) && stop() {
                    return Err(WriteError::Closed);
                }
            }
            cursor.next()?;
        }
        if writer.entries() == 0 {
            return Ok(None);
        }
        let meta = writer.finish()?;
        let table = Table::open(&*self.directory, meta).map_err(|error| match error {
            OpenError::Damaged(damage) => WriteError::Damaged(damage),
            OpenError::Io { operation, path, source } => WriteError::Io { operation, path, source },
            other => WriteError::Io {
                operation: "open the new table in",
                path: self.directory.path().to_owned(),
                source: std::io::Error::other(other),
            },
        })?;
        Ok(Some(Arc::new(table)))
    }

    /// Makes the catalog say `tables` and `checkpoint`, on disk first.
    fn publish(
        &self,
        catalog: &mut Catalog,
        tables: Vec<Arc<Table>>,
        checkpoint: Option<Arc<[u8]>>,
    ) -> Result<(), WriteError> {
        // Counted also when publishing fails: the manifest with this number may be on disk nevertheless.
        catalog.update_number += 1;
        let manifest = Manifest {
            update_number: catalog.update_number,
            next_table_id: self.next_table_id.load(Ordering::Relaxed),
            checkpoint: checkpoint.as_deref().map(<[u8]>::to_vec),
            tables: tables.iter().map(|table| table.meta().clone()).collect(),
        };
        manifest.publish(&*self.directory)?;
        catalog.tables = tables;
        catalog.checkpoint = checkpoint;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
