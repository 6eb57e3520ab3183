//! The work on a record that no ledger can leave out, and nothing else: its hash, its checksum, and one copy into a
//! buffer that is as large as what the log may queue, and that is never written anywhere.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

use crate::wal::engine::{Engine, Log, Numbered, Room, Unwaited, Visit};
use crate::wal::engines::BARE_HASH;

/// What stands in front of a payload in the log: length, checksum, hash.
const HEADER_BYTES: usize = 40;

/// As much as the log queues by default.
const BUFFER_BYTES: usize = 32 << 20;

/// The reference for appends that wait for nothing.
pub(crate) struct BareHash;

struct HashedBuffer(Mutex<Vec<u8>>);

impl Engine for BareHash {
    fn name(&self) -> &'static str {
        BARE_HASH
    }

    fn open(&self, _directory: &Path, _room: Room) -> Result<Box<dyn Log>> {
        // Touched before it is measured, as memory is that a log has used before.
        let mut buffer = vec![1; BUFFER_BYTES];
        buffer.clear();
        Ok(Box::new(HashedBuffer(Mutex::new(buffer))))
    }

    fn read(&self, _directory: &Path, _visit: &mut Visit<'_>) -> Result<()> {
        Ok(())
    }
}

impl Log for HashedBuffer {
    fn append(&self, _payload: &[u8]) -> Result<u64> {
        bail!("nothing here becomes durable")
    }

    fn append_batch(&self, _payloads: &[&[u8]]) -> Result<()> {
        bail!("nothing here becomes durable")
    }

    fn append_unwaited(&self, payload: &[u8], _wait: Unwaited) -> Result<()> {
        let hash = blake3::hash(payload);
        let length = u32::try_from(payload.len())?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(hash.as_bytes()), payload);
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.len() + HEADER_BYTES + payload.len() > BUFFER_BYTES {
            buffer.clear();
        }
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.extend_from_slice(&crc.to_le_bytes());
        buffer.extend_from_slice(hash.as_bytes());
        buffer.extend_from_slice(payload);
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        None
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        Ok(Vec::new())
    }
}
