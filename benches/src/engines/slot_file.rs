//! The file under both references: slots of 300 bytes, allocated and zero-written before anything is measured.
//!
//! A slot is a 256-byte payload and 44 bytes in place of the header that any log needs. Nothing is checksummed and
//! nothing could be recovered: this is the least work that a durable append can be.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::payload::PAYLOAD_BYTES;

/// What one record takes on disk.
pub(crate) const SLOT_BYTES: usize = PAYLOAD_BYTES + 44;

/// What is allocated. More than any round fills on a disk that honours syncs; a round that does is refused.
const FILE_BYTES: usize = 256 << 20;

/// How much is zero-written at a time: as the log does it. Pages that were written one by one sync faster than those of
/// larger writes (by about a fifth here), and the references must not lack that.
const ZEROES_BYTES: usize = 4096;

/// A file of slots.
pub(crate) struct SlotFile(File);

impl SlotFile {
    /// Makes the file, writes all of it with zeroes, and syncs it.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        let path = directory.join("slots");
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = file.with_context(|| format!("create {}", path.display()))?;
        let zeroes = vec![0; ZEROES_BYTES];
        for offset in (0..FILE_BYTES).step_by(ZEROES_BYTES) {
            file.write_all_at(&zeroes, offset as u64)
                .with_context(|| format!("allocate {}", path.display()))?;
        }
        file.sync_all().with_context(|| format!("sync {}", path.display()))?;
        File::open(directory)?.sync_all().with_context(|| format!("sync {}", directory.display()))?;
        Ok(Self(file))
    }

    /// One write and one sync for whole slots, the first of which is number `first`.
    pub(crate) fn write_durably(&self, first: u64, slots: &[u8]) -> Result<()> {
        let offset = first * SLOT_BYTES as u64;
        ensure!(
            offset + slots.len() as u64 <= FILE_BYTES as u64,
            "the reference's file is full: run fewer seconds"
        );
        self.0.write_all_at(slots, offset).context("write slots")?;
        self.0.sync_data().context("sync slots")
    }

    /// Hands the payloads of the first `count` slots to `visit`.
    pub(crate) fn read_back(
        &self,
        count: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut slot = [0; SLOT_BYTES];
        for number in 0..count {
            self.0.read_exact_at(&mut slot, number * SLOT_BYTES as u64).context("read a slot")?;
            visit(number, payload_of(&slot))?;
        }
        Ok(())
    }
}

/// A slot with this payload.
pub(crate) fn slot_of(payload: &[u8]) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot.iter_mut().rev().zip(payload.iter().rev()).for_each(|(to, from)| *to = *from);
    slot
}

fn payload_of(slot: &[u8; SLOT_BYTES]) -> &[u8] {
    slot.last_chunk::<PAYLOAD_BYTES>().expect("a payload is shorter than a slot")
}
