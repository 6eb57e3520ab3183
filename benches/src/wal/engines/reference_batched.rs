//! Reference W: many threads or tasks hand ready records to one thread, which writes each batch with one `pwrite` and
//! one `fdatasync`, and then wakes each waiter by itself.
//!
//! Records are framed and checksummed by whoever hands them over. Nothing else is done: no hash, nothing that could be
//! recovered. Its rate is what group commit costs on this disk before a log does anything useful.

use std::path::Path;

use anyhow::Result;

use crate::wal::engine::{Appending, Engine, Log, Numbered, Room, Visit};
use crate::wal::engines::REFERENCE_BATCHED;
use crate::wal::engines::frame_file::{FrameFile, HEADER_BYTES, put_frame};
use crate::wal::engines::group::{Group, Records, Sink};

/// The reference for several writers.
pub(crate) struct ReferenceBatched;

struct BatchedLog(Group<FrameFile>);

impl Sink for FrameFile {
    fn commit(&mut self, _first: u64, records: &Records) -> Result<()> {
        self.write_durably(records.bytes())
    }
}

impl Engine for ReferenceBatched {
    fn name(&self) -> &'static str {
        REFERENCE_BATCHED
    }

    fn open(&self, directory: &Path, room: Room) -> Result<Box<dyn Log>> {
        Ok(Box::new(BatchedLog(Group::start(FrameFile::create(directory, room)?, 0)?)))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        FrameFile::read(directory, visit)
    }
}

fn frame_of(payload: &[u8]) -> Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    put_frame(payload, crc32c::crc32c(payload), &mut frame)?;
    Ok(frame)
}

impl Log for BatchedLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        self.0.hand_in(&[&frame_of(payload)?])
    }

    fn append_async<'a>(&'a self, payload: &'a [u8]) -> Appending<'a> {
        Box::pin(async move { self.0.hand_in_async(&frame_of(payload)?).await })
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        let frames = payloads.iter().map(|payload| frame_of(payload)).collect::<Result<Vec<_>>>()?;
        let frames: Vec<_> = frames.iter().map(Vec::as_slice).collect();
        self.0.hand_in(&frames)?;
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        self.0.syncs()
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        self.0.end()?;
        Ok(Vec::new())
    }
}
