//! Runledger's log, as any caller uses it: default options, durable appends.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use runledger_wal::{Durability, Options, Reader, ReaderOptions, Seq, Wal};

use crate::engine::{Engine, Log};

/// The log under test.
pub(crate) struct LedgerWal;

struct LedgerLog {
    wal: Wal,
    directory: PathBuf,
}

impl Engine for LedgerWal {
    fn name(&self) -> &'static str {
        "runledger-wal"
    }

    fn create(&self, directory: &Path) -> Result<Box<dyn Log>> {
        let directory = directory.join("wal");
        let (wal, _) = Wal::open(&directory, Options::new().create(true)).context("open the log")?;
        Ok(Box::new(LedgerLog { wal, directory }))
    }
}

impl Log for LedgerLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        Ok(self.wal.append(payload, Durability::Durable)?.seq.get())
    }

    fn syncs(&self) -> u64 {
        self.wal.counters().syncs
    }

    fn read_back(self: Box<Self>, visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        self.wal.close().context("close the log")?;
        let reader = Reader::open(&self.directory, ReaderOptions::default()).context("open a reader")?;
        for record in reader.scan(Seq::new(0)) {
            let record = record?;
            visit(record.seq().get(), record.payload())?;
        }
        Ok(())
    }
}
