//! okaywal, with its own group commit.
//!
//! It is made to stand in front of a storage: once a segment is three quarters full, its entries are handed on and its
//! file is used again. So it is measured, with a storage that costs it no I/O: a vector in memory.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};

use crate::wal::engine::{Engine, Log, Numbered, Room, Visit};
use crate::wal::engines::OKAYWAL;

/// okaywal.
pub(crate) struct Okaywal;

struct OkayLog {
    wal: WriteAheadLog,
    storage: Storage,
}

/// What entries are handed on to.
#[derive(Debug, Clone, Default)]
struct Storage(Arc<Mutex<Vec<Numbered>>>);

impl Storage {
    fn take(&self) -> Vec<Numbered> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, entry: &mut Entry<'_>) -> io::Result<()> {
        let number = entry.id().0;
        if let Some(chunks) = entry.read_all_chunks()? {
            let records = chunks.into_iter().map(|chunk| (number, chunk));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(records);
        }
        Ok(())
    }
}

impl LogManager for Storage {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        self.keep(entry)
    }

    fn checkpoint_to(
        &mut self,
        _last: EntryId,
        entries: &mut SegmentReader,
        _wal: &WriteAheadLog,
    ) -> io::Result<()> {
        while let Some(mut entry) = entries.read_entry()? {
            self.keep(&mut entry)?;
        }
        Ok(())
    }
}

/// Hands what is recovered to nobody.
#[derive(Debug)]
struct Dropped;

impl LogManager for Dropped {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        entry.read_all_chunks().map(drop)
    }

    fn checkpoint_to(&mut self, _: EntryId, _: &mut SegmentReader, _: &WriteAheadLog) -> io::Result<()> {
        Ok(())
    }
}

/// Its defaults; for a log that lasts, one that never hands anything on.
fn configuration(directory: &Path, room: Room) -> Configuration {
    let configuration = Configuration::default_for(directory.join("okaywal"));
    match room {
        Room::Prepared(_) => configuration,
        Room::Lasting => configuration.preallocate_bytes(1 << 30).checkpoint_after_bytes(u64::MAX),
    }
}

impl Engine for Okaywal {
    fn name(&self) -> &'static str {
        OKAYWAL
    }

    fn open(&self, directory: &Path, room: Room) -> Result<Box<dyn Log>> {
        let storage = Storage::default();
        let configuration = configuration(directory, room);
        let wal = match room {
            Room::Prepared(_) => configuration.open(storage.clone())?,
            Room::Lasting => configuration.open(Dropped)?,
        };
        Ok(Box::new(OkayLog { wal, storage }))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let storage = Storage::default();
        let wal = configuration(directory, Room::Lasting).open(storage.clone())?;
        let recovered = storage.take();
        recovered.iter().try_for_each(|(number, payload)| visit(*number, payload))?;
        wal.shutdown().context("close the log")
    }
}

impl Log for OkayLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        let mut entry = self.wal.begin_entry()?;
        entry.write_chunk(payload)?;
        Ok(entry.commit()?.0)
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        let mut entry = self.wal.begin_entry()?;
        for payload in payloads {
            entry.write_chunk(payload)?;
        }
        entry.commit()?;
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        None
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        self.wal.shutdown().context("close the log")?;
        Ok(self.storage.take())
    }
}
