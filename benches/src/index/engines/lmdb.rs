//! LMDB, by way of heed: a B+ tree in a mapped file.

use std::ops::Bound;
use std::path::Path;

use anyhow::{Context as _, Result};
use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, PutFlags, RoTxn, WithoutTls};

use super::keyed::{Batch, Store, TABLE_NAMES, View};
use crate::index::engine::Files;

/// The mapping: address space, not memory.
const MAP_BYTES: usize = 1 << 37;

type Table = Database<Bytes, Bytes>;

/// LMDB.
pub(super) struct Lmdb {
    environment: Env<WithoutTls>,
    tables: Vec<Table>,
}

pub(super) struct Snapshot<'a> {
    transaction: RoTxn<'a, WithoutTls>,
    tables: &'a [Table],
}

impl Store for Lmdb {
    type View<'a> = Snapshot<'a>;

    fn open(directory: &Path, tables: usize, made: bool, files: Files) -> Result<Self> {
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES).max_dbs(32);
        // SAFETY: the directory is this process's alone, and nothing changes its files but LMDB. Without syncs a crash
        // of the system could leave a damaged file, which nobody would open.
        #[expect(unsafe_code, reason = "a mapped file is only as good as those who write it")]
        let environment = unsafe {
            if made {
                options.flags(EnvFlags::NO_SYNC);
            }
            if files == Files::Cold {
                // Ten to a hundred times as fast: each fault would read what lies around it, too.
                options.flags(EnvFlags::NO_READ_AHEAD);
            }
            options.open(directory)?
        };
        let mut transaction = environment.write_txn()?;
        let names = TABLE_NAMES.iter().take(tables);
        let tables = names
            .map(|name| environment.create_database(&mut transaction, Some(name)))
            .collect::<Result<_, _>>()?;
        transaction.commit()?;
        Ok(Self { environment, tables })
    }

    fn batch_events() -> usize {
        65_536
    }

    fn write(&mut self, batch: &Batch) -> Result<()> {
        let mut transaction = self.environment.write_txn()?;
        for (number, entries) in batch.tables() {
            let table = self.tables.get(number).context("no such table")?;
            // The events come in the order of their keys.
            let flags = if number == 0 { PutFlags::APPEND } else { PutFlags::empty() };
            for (key, value) in entries {
                table.put_with_flags(&mut transaction, flags, key, value)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.environment.force_sync()?)
    }

    fn view(&self) -> Result<Snapshot<'_>> {
        Ok(Snapshot { transaction: self.environment.read_txn()?, tables: &self.tables })
    }
}

impl Snapshot<'_> {
    fn table(&self, table: usize) -> Result<&Table> {
        self.tables.get(table).context("no such table")
    }
}

impl View for Snapshot<'_> {
    fn get<T>(&self, table: usize, key: &[u8], look: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        self.table(table)?.get(&self.transaction, key)?.map(look).transpose()
    }

    fn scan(&self, table: usize, from: &[u8], mut visit: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        // LMDB doesn't take an empty key.
        let from = if from.is_empty() { Bound::Unbounded } else { Bound::Included(from) };
        let range = (from, Bound::Unbounded);
        for entry in self.table(table)?.range(&self.transaction, &range)? {
            if !visit(entry?.0)? {
                break;
            }
        }
        Ok(())
    }
}
