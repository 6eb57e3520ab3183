//! Reference L: one thread, one `pwrite` and one `fdatasync` for each record. No durable append of a lone writer can
//! be faster on this disk.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;

use crate::engine::{Engine, Log};
use crate::engines::slot_file::{SlotFile, slot_of};

/// The reference for a lone writer.
pub(crate) struct ReferenceSingle;

struct SingleLog {
    file: SlotFile,
    /// How many records were written. One thread appends, so that the load and the store need not be one step.
    written: AtomicU64,
}

impl Engine for ReferenceSingle {
    fn name(&self) -> &'static str {
        "reference L"
    }

    fn create(&self, directory: &Path) -> Result<Box<dyn Log>> {
        Ok(Box::new(SingleLog { file: SlotFile::create(directory)?, written: AtomicU64::new(0) }))
    }
}

impl Log for SingleLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        let number = self.written.load(Ordering::Relaxed);
        self.file.write_durably(number, &slot_of(payload))?;
        self.written.store(number + 1, Ordering::Relaxed);
        Ok(number)
    }

    fn syncs(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn read_back(self: Box<Self>, visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        self.file.read_back(self.written.into_inner(), visit)
    }
}
