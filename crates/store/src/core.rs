//! What the handle and the merging thread share: the current version, the catalog, and how either gets a new table.
//!
//! Invariants:
//! - The current version is replaced whole; readers take a reference to it and hold no lock.
//! - Locks are taken in this order: `writer` (whoever changes the memory table), the merger's `merging` (whoever replaces
//!   tables), `catalog` (the list of tables and the manifest).
//! - The catalog says what the manifest on disk says: it changes after the manifest was published.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::compaction::{self, Merger};
use crate::directory::{Directory, DirectoryLock};
use crate::error::{Damage, OpenError, WriteError};
use crate::manifest::Manifest;
use crate::memtable::Memtable;
use crate::merge::MergeCursor;
use crate::open::Opened;
use crate::options::Options;
use crate::planted::{Bug, planted};
use crate::streams::{self, Layer};
use crate::table::{Table, TableSettings, TableWriter, file_name};
use crate::version::Version;

/// A merge looks this often whether it shall stop, in entries.
const STOP_CHECK_INTERVAL_ENTRIES: u64 = 1024;

/// What the store and its merging thread share.
pub(crate) struct Core {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) options: Options,
    pub(crate) read_only: bool,
    current: RwLock<Arc<Version>>,
    /// Held by whoever changes the memory table. See [`Core::begin_writing`].
    writer: Mutex<()>,
    pub(crate) catalog: Mutex<Catalog>,
    next_table_id: AtomicU64,
    pub(crate) merger: Merger,
    pub(crate) bytes_flushed: AtomicU64,
    pub(crate) bytes_merged: AtomicU64,
    /// Until it is closed. Taken under `writer`.
    pub(crate) lock: Mutex<Option<DirectoryLock>>,
}

/// What goes into a new table.
struct Content {
    cursor: MergeCursor,
    /// The streams, oldest first.
    layers: Vec<Layer>,
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

impl Core {
    pub(crate) fn new(
        directory: Arc<dyn Directory>,
        options: Options,
        opened: Opened,
        read_only: bool,
    ) -> Self {
        let Opened { lock, manifest, tables } = opened;
        let checkpoint: Option<Arc<[u8]>> = manifest.checkpoint.map(Arc::from);
        let version = Version::new(Memtable::default(), tables.iter().cloned().collect(), checkpoint.clone());
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
            lock: Mutex::new(Some(lock)),
        }
    }

    /// The right to change the memory table and to flush it, unless the store was closed: then the directory may be
    /// somebody else's.
    pub(crate) fn begin_writing(&self) -> Result<MutexGuard<'_, ()>, WriteError> {
        let writer = self.writer.lock();
        if self.lock.lock().is_none() { Err(WriteError::Closed) } else { Ok(writer) }
    }

    pub(crate) fn version(&self) -> Arc<Version> {
        Arc::clone(&self.current.read())
    }

    pub(crate) fn replace_version(&self, replace: impl FnOnce(&Version) -> Version) {
        let mut current = self.current.write();
        let next = Arc::new(replace(&current));
        let previous = std::mem::replace(&mut *current, next);
        drop(current);
        // Perhaps the last holder of a whole memory table: freed without the lock.
        drop(previous);
    }

    /// Writes the memory table out. The caller holds `writer`.
    pub(crate) fn flush_memory(&self) -> Result<(), WriteError> {
        let version = self.version();
        if version.memory.is_empty() && version.checkpoint == self.catalog.lock().checkpoint {
            return Ok(());
        }
        let entries_max = version.memory.entries() as u64;
        let content = Content {
            cursor: MergeCursor::new(version.memory.sources().collect()),
            layers: version.memory.layers().collect(),
            entries_max,
            filter_keys_max: entries_max,
            keep_deletions: true,
        };
        let table = self.write_table(content, || false)?;
        self.bytes_flushed.fetch_add(table.as_ref().map_or(0, |table| table.meta().bytes), Ordering::Relaxed);
        let mut catalog = self.catalog.lock();
        let mut tables = catalog.tables.clone();
        tables.extend(table);
        self.publish(&mut catalog, tables, version.checkpoint.clone())?;
        let tables = catalog.tables.iter().cloned().collect();
        self.replace_version(|version| Version::new(Memtable::default(), tables, version.checkpoint.clone()));
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
            cursor: compaction::merged(inputs),
            layers: inputs.iter().cloned().map(Layer::Table).collect(),
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
        let checkpoint = if planted(Bug::MergeMovesCheckpoint) {
            self.version().checkpoint.clone()
        } else {
            catalog.checkpoint.clone()
        };
        if planted(Bug::RemoveTablesTooEarly) {
            self.remove_tables(inputs);
        }
        self.publish(&mut catalog, tables, checkpoint)?;
        let tables = catalog.tables.iter().cloned().collect();
        self.replace_version(|version| {
            Version::new(version.memory.clone(), tables, version.checkpoint.clone())
        });
        drop(catalog);
        self.remove_tables(inputs);
        Ok(())
    }

    pub(crate) fn clear(&self) -> Result<(), WriteError> {
        // In this order everywhere: a merge in progress ends before the tables go.
        let _writer = self.begin_writing()?;
        let _merging = self.merger.begin();
        let mut catalog = self.catalog.lock();
        let tables = catalog.tables.clone();
        self.publish(&mut catalog, Vec::new(), None)?;
        self.replace_version(|_| Version::new(Memtable::default(), Arc::new([]), None));
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
        let mut pace = || if stop() { Err(WriteError::Closed) } else { Ok(()) };
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
                if writer.entries().is_multiple_of(STOP_CHECK_INTERVAL_ENTRIES) {
                    pace()?;
                }
            }
            cursor.next()?;
        }
        writer.finish_entries()?;
        streams::merge(&content.layers, content.keep_deletions, &mut writer, &mut pace)?;
        let Some(meta) = writer.finish(streams::numbers(&content.layers))? else { return Ok(None) };
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
