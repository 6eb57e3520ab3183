//! raft-engine, with its own group commit: a record is a key and a value of one of sixteen raft groups.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use raft_engine::{Config, Engine as Raft, LogBatch, ReadableSize};

use crate::wal::engine::{Engine, Log, Numbered, Room, Visit};
use crate::wal::engines::RAFT_ENGINE;

/// Groups, so that writers don't meet in one table in memory.
const GROUPS: u64 = 16;

/// As large as a segment of the log that it is compared with.
const FILE_BYTES: u64 = 64 << 20;

/// More than it fills in a round of a second.
const PREFILL_BYTES_MAX: u64 = 256 << 20;

/// raft-engine.
pub(crate) struct RaftEngine;

struct RaftLog {
    engine: Raft,
    next: AtomicU64,
}

fn configuration(directory: &Path, room: Room) -> Config {
    let mut config = Config {
        dir: directory.join("raft-engine").to_string_lossy().into_owned(),
        // Nothing is gained by compressing what looks random.
        batch_compression_threshold: ReadableSize(0),
        ..Config::default()
    };
    if let Room::Prepared(bytes) = room {
        // Zero-written files from the start, as it has them once it has purged its first.
        config.target_file_size = ReadableSize(FILE_BYTES);
        config.prefill_for_recycle = true;
        config.prefill_limit =
            Some(ReadableSize(bytes.min(PREFILL_BYTES_MAX).next_multiple_of(FILE_BYTES) + FILE_BYTES));
    }
    config
}

fn add(batch: &mut LogBatch, number: u64, payload: &[u8]) -> Result<()> {
    batch.put(1 + number % GROUPS, number.to_be_bytes().to_vec(), payload.to_vec())?;
    Ok(())
}

impl Engine for RaftEngine {
    fn name(&self) -> &'static str {
        RAFT_ENGINE
    }

    fn open(&self, directory: &Path, room: Room) -> Result<Box<dyn Log>> {
        let engine = Raft::open(configuration(directory, room))?;
        let mut next = 0;
        visit_keys(&engine, &mut |number, _| next = next.max(number + 1))?;
        Ok(Box::new(RaftLog { engine, next: AtomicU64::new(next) }))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let engine = Raft::open(configuration(directory, Room::Lasting))?;
        let mut records = Vec::new();
        visit_keys(&engine, &mut |number, payload| records.push((number, payload.to_vec())))?;
        records.sort_unstable_by_key(|(number, _)| *number);
        records.iter().try_for_each(|(number, payload)| visit(*number, payload))
    }
}

fn visit_keys(engine: &Raft, visit: &mut dyn FnMut(u64, &[u8])) -> Result<()> {
    for group in 1..=GROUPS {
        let mut all_numbers = true;
        engine.scan_raw_messages(group, None, None, false, |key, payload| {
            match key.try_into().map(u64::from_be_bytes) {
                Ok(number) => visit(number, payload),
                Err(_) => all_numbers = false,
            }
            all_numbers
        })?;
        ensure!(all_numbers, "a key of group {group} is no number");
    }
    Ok(())
}

impl Log for RaftLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut batch = LogBatch::with_capacity(1);
        add(&mut batch, number, payload)?;
        self.engine.write(&mut batch, true)?;
        Ok(number)
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        let first = self.next.fetch_add(payloads.len() as u64, Ordering::Relaxed);
        let mut batch = LogBatch::with_capacity(payloads.len());
        (first..).zip(payloads).try_for_each(|(number, payload)| add(&mut batch, number, payload))?;
        self.engine.write(&mut batch, true)?;
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        None
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        Ok(Vec::new())
    }
}
