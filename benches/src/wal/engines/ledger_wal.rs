//! Runledger's log, as any caller uses it: default options.

use std::path::Path;

use anyhow::{Context as _, Result};
use runledger_wal::{Durability, Options, Reader, ReaderOptions, Seq, Wal};

use crate::wal::engine::{Appending, Engine, Log, Numbered, Room, Unwaited, Visit, Waiting};
use crate::wal::engines::LEDGER;

/// The log under test.
pub(crate) struct LedgerWal;

struct LedgerLog(Wal);

impl Engine for LedgerWal {
    fn name(&self) -> &'static str {
        LEDGER
    }

    fn open(&self, directory: &Path, _room: Room) -> Result<Box<dyn Log>> {
        let (wal, _) = Wal::open(&directory.join("wal"), Options::new().create(true))?;
        Ok(Box::new(LedgerLog(wal)))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let reader =
            Reader::open(&directory.join("wal"), ReaderOptions::default()).context("open a reader")?;
        let mut replay = reader.replay(Seq::ZERO);
        while let Some(record) = replay.next_record() {
            let record = record?;
            visit(record.seq().get(), record.payload())?;
        }
        Ok(())
    }
}

impl Log for LedgerLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        Ok(self.0.append(payload, Durability::Durable)?.seq.get())
    }

    fn append_async<'a>(&'a self, payload: &'a [u8]) -> Appending<'a> {
        Box::pin(async move { Ok(self.0.append_async(payload, Durability::Durable).await?.seq.get()) })
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        self.0.append_batch(payloads, Durability::Durable)?;
        Ok(())
    }

    fn submit_batch(&self, payloads: &[&[u8]]) -> Result<Waiting> {
        let ticket = self.0.submit_batch(payloads, Durability::Durable)?;
        Ok(Box::new(|| Ok(ticket.wait().map(drop)?)))
    }

    fn append_unwaited(&self, payload: &[u8], wait: Unwaited) -> Result<()> {
        let durability = match wait {
            Unwaited::Buffered => Durability::Buffered,
            Unwaited::Written => Durability::Written,
        };
        self.0.append(payload, durability)?;
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        Some(self.0.counters().syncs)
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        self.0.close().context("close the log")?;
        Ok(Vec::new())
    }
}
