//! Reference L: one thread, one `pwrite` and one `fdatasync` for each record, or for each batch. No durable append of a
//! lone writer can be faster on this disk.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use crate::wal::engine::{Engine, Log, Numbered, Room, Visit};
use crate::wal::engines::REFERENCE_SINGLE;
use crate::wal::engines::frame_file::{FrameFile, put_frame};

/// The reference for a lone writer.
pub(crate) struct ReferenceSingle;

struct SingleLog {
    /// One thread appends, so that the lock is never waited for.
    written: Mutex<Written>,
    syncs: AtomicU64,
}

struct Written {
    file: FrameFile,
    frames: Vec<u8>,
    next: u64,
}

impl Engine for ReferenceSingle {
    fn name(&self) -> &'static str {
        REFERENCE_SINGLE
    }

    fn open(&self, directory: &Path, room: Room) -> Result<Box<dyn Log>> {
        let written = Written { file: FrameFile::create(directory, room)?, frames: Vec::new(), next: 0 };
        Ok(Box::new(SingleLog { written: Mutex::new(written), syncs: AtomicU64::new(0) }))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        FrameFile::read(directory, visit)
    }
}

impl SingleLog {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for SingleLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        self.append_batch(&[payload])?;
        Ok(self.lock().next - 1)
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        let mut written = self.lock();
        let Written { file, frames, next } = &mut *written;
        frames.clear();
        payloads.iter().try_for_each(|payload| put_frame(payload, 0, frames))?;
        file.write_durably(frames)?;
        *next += payloads.len() as u64;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        Some(self.syncs.load(Ordering::Relaxed))
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        Ok(Vec::new())
    }
}
