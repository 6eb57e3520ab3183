//! redb, a copy-on-write B tree in Rust.

use std::cell::OnceCell;
use std::path::Path;

use anyhow::{Context as _, Result};
use redb::{Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, TableDefinition};

use super::keyed::{Batch, Store, TABLE_NAMES, View};
use crate::index::engine::Files;

type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// redb.
pub(super) struct Redb {
    database: Database,
    durability: Durability,
}

pub(super) struct Snapshot {
    transaction: ReadTransaction,
    /// A question opens only the tables that it reads.
    tables: [OnceCell<Table>; TABLE_NAMES.len()],
}

fn definition(table: usize) -> Result<TableDefinition<'static, &'static [u8], &'static [u8]>> {
    Ok(TableDefinition::new(TABLE_NAMES.get(table).context("no such table")?))
}

impl Redb {
    /// An empty transaction that waits until everything before it is durable.
    fn commit_durably(&self) -> Result<()> {
        Ok(self.database.begin_write()?.commit()?)
    }
}

impl Store for Redb {
    type View<'a> = Snapshot;

    fn open(directory: &Path, tables: usize, made: bool, _files: Files) -> Result<Self> {
        let database = Database::create(directory.join("events.redb"))?;
        if made {
            let transaction = database.begin_write()?;
            for table in 0..tables {
                transaction.open_table(definition(table)?)?;
            }
            transaction.commit()?;
        }
        let durability = if made { Durability::None } else { Durability::Immediate };
        Ok(Self { database, durability })
    }

    fn batch_events() -> usize {
        65_536
    }

    fn write(&mut self, batch: &Batch) -> Result<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        for (number, entries) in batch.tables() {
            let mut table = transaction.open_table(definition(number)?)?;
            for (key, value) in entries {
                table.insert(key, value)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn sync(&mut self) -> Result<()> {
        self.commit_durably()
    }

    fn view(&self) -> Result<Snapshot> {
        Ok(Snapshot { transaction: self.database.begin_read()?, tables: Default::default() })
    }
}

impl Snapshot {
    fn table(&self, table: usize) -> Result<&Table> {
        let cell = self.tables.get(table).context("no such table")?;
        if cell.get().is_none() {
            let opened = self.transaction.open_table(definition(table)?)?;
            // Nobody else can have set it: the cell isn't shared between threads.
            drop(cell.set(opened));
        }
        cell.get().context("a table was just opened")
    }
}

impl View for Snapshot {
    fn get<T>(&self, table: usize, key: &[u8], look: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        self.table(table)?.get(key)?.map(|value| look(value.value())).transpose()
    }

    fn scan(&self, table: usize, from: &[u8], mut visit: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        for entry in self.table(table)?.range(from..)? {
            if !visit(entry?.0.value())? {
                break;
            }
        }
        Ok(())
    }
}
