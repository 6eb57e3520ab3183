//! fjall, a log-structured store, without compression: the payloads look random.

use std::path::Path;

use anyhow::{Context as _, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _, Snapshot};

use super::keyed::{Batch, Store, TABLE_NAMES, View};
use crate::index::engine::Files;

/// Half of the processes' memory budget that its default takes is 32 MiB; this is what the ledger may use in all.
const CACHE_BYTES: u64 = 128 << 20;

/// fjall.
pub(super) struct Fjall {
    database: Database,
    tables: Vec<Keyspace>,
    durability: Option<PersistMode>,
}

pub(super) struct Opened<'a> {
    snapshot: Snapshot,
    tables: &'a [Keyspace],
}

impl Store for Fjall {
    type View<'a> = Opened<'a>;

    fn open(directory: &Path, tables: usize, made: bool, _files: Files) -> Result<Self> {
        let database = Database::builder(directory.join("fjall")).cache_size(CACHE_BYTES).open()?;
        let names = TABLE_NAMES.iter().take(tables);
        let tables = names
            .map(|name| database.keyspace(name, KeyspaceCreateOptions::default))
            .collect::<Result<_, _>>()?;
        let durability = (!made).then_some(PersistMode::SyncData);
        Ok(Self { database, tables, durability })
    }

    fn batch_events() -> usize {
        4096
    }

    fn write(&mut self, batch: &Batch) -> Result<()> {
        let mut written = self.database.batch().durability(self.durability);
        for (number, entries) in batch.tables() {
            let table = self.tables.get(number).context("no such table")?;
            for (key, value) in entries {
                written.insert(table, key, value);
            }
        }
        written.commit().context("commit a batch")
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn view(&self) -> Result<Opened<'_>> {
        Ok(Opened { snapshot: self.database.snapshot(), tables: &self.tables })
    }
}

impl Opened<'_> {
    fn table(&self, table: usize) -> Result<&Keyspace> {
        self.tables.get(table).context("no such table")
    }
}

impl View for Opened<'_> {
    fn get<T>(&self, table: usize, key: &[u8], look: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        self.snapshot.get(self.table(table)?, key)?.map(|value| look(&value)).transpose()
    }

    fn scan(&self, table: usize, from: &[u8], mut visit: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        for entry in self.snapshot.range(self.table(table)?, from..) {
            if !visit(&entry.key()?)? {
                break;
            }
        }
        Ok(())
    }
}
