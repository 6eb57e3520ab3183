//! wal-db, with its own group commit, over a store that passes everything on and counts syncs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use wal_db::{FileStore, Wal, WalStore};

use crate::wal::engine::{Engine, Log, Numbered, Room, Visit};
use crate::wal::engines::WAL_DB;

/// wal-db.
pub(crate) struct WalDb;

struct CountingStore {
    store: FileStore,
    syncs: Arc<AtomicU64>,
}

struct WalDbLog {
    wal: Wal<CountingStore>,
    syncs: Arc<AtomicU64>,
}

impl WalStore for CountingStore {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> wal_db::Result<()> {
        self.store.write_at(offset, bytes)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> wal_db::Result<usize> {
        self.store.read_at(offset, buffer)
    }

    fn truncate(&self, length: u64) -> wal_db::Result<()> {
        self.store.truncate(length)
    }

    fn sync(&self) -> wal_db::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.store.sync()
    }

    fn len(&self) -> wal_db::Result<u64> {
        self.store.len()
    }
}

fn open(directory: &Path) -> Result<WalDbLog> {
    let syncs = Arc::new(AtomicU64::new(0));
    let store = FileStore::open(directory.join("wal"))?;
    let wal = Wal::with_store(CountingStore { store, syncs: Arc::clone(&syncs) })?;
    Ok(WalDbLog { wal, syncs })
}

impl Engine for WalDb {
    fn name(&self) -> &'static str {
        WAL_DB
    }

    fn open(&self, directory: &Path, _room: Room) -> Result<Box<dyn Log>> {
        Ok(Box::new(open(directory)?))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        for record in open(directory)?.wal.iter()? {
            let record = record?;
            visit(record.lsn().get(), record.data())?;
        }
        Ok(())
    }
}

impl Log for WalDbLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        Ok(self.wal.append_and_sync(payload)?.get())
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        for payload in payloads {
            let _ = self.wal.append(payload)?;
        }
        self.wal.sync()?;
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        Some(self.syncs.load(Ordering::Relaxed))
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        Ok(Vec::new())
    }
}
