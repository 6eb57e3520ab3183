//! fjall, a log-structured key-value store. It has no group commit: a thread of ours writes each batch and syncs its
//! journal once.

use std::path::Path;

use anyhow::{Context as _, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::wal::engine::{Engine, Log, Room, Visit};
use crate::wal::engines::FJALL;
use crate::wal::engines::group::{Group, Records, Sink};

/// fjall.
pub(crate) struct Fjall;

struct Store {
    database: Database,
    records: Keyspace,
}

impl Store {
    fn open(directory: &Path) -> Result<Self> {
        let database = Database::builder(directory.join("fjall")).open().context("open the database")?;
        let records = database.keyspace("records", KeyspaceCreateOptions::default)?;
        Ok(Self { database, records })
    }
}

fn number_of(key: &[u8]) -> Result<u64> {
    Ok(u64::from_be_bytes(key.try_into().context("a key is no number")?))
}

impl Sink for Store {
    fn commit(&mut self, first: u64, records: &Records) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (number, record) in (first..).zip(records.iter()) {
            batch.insert(&self.records, number.to_be_bytes(), record);
        }
        batch.commit().context("commit a batch")
    }
}

impl Engine for Fjall {
    fn name(&self) -> &'static str {
        FJALL
    }

    fn open(&self, directory: &Path, _room: Room) -> Result<Box<dyn Log>> {
        let store = Store::open(directory)?;
        let next = match store.records.last_key_value() {
            Some(last) => number_of(&last.key()?)? + 1,
            None => 0,
        };
        Ok(Box::new(Group::start(store, next)?))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        for record in Store::open(directory)?.records.iter() {
            let (key, value) = record.into_inner()?;
            visit(number_of(&key)?, &value)?;
        }
        Ok(())
    }
}
