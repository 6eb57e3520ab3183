//! The least that a checked replay can be: one file of frames, each a length, a CRC32C and the payload, read in pieces
//! of a mebibyte and checked in place.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};

use crate::wal::engine::{Engine, Log, Numbered, Room, Visit};
use crate::wal::engines::BARE_SCAN;

const HEADER_BYTES: usize = 8;

const PIECE_BYTES: usize = 1 << 20;

const NAME: &str = "frames";

/// The reference for a replay.
pub(crate) struct BareScan;

struct ScanLog(Mutex<File>);

impl Engine for BareScan {
    fn name(&self) -> &'static str {
        BARE_SCAN
    }

    fn open(&self, directory: &Path, _room: Room) -> Result<Box<dyn Log>> {
        let file = OpenOptions::new().create(true).append(true).open(directory.join(NAME));
        Ok(Box::new(ScanLog(Mutex::new(file.context("open frames")?))))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let mut file = File::open(directory.join(NAME)).context("open frames")?;
        let mut buffer = vec![0; PIECE_BYTES];
        let (mut filled, mut number) = (0, 0);
        loop {
            let free = buffer.get_mut(filled..).context("a frame is longer than the buffer")?;
            let read = file.read(free).context("read frames")?;
            if read == 0 {
                ensure!(filled == 0, "the file ends within a frame");
                return Ok(());
            }
            filled += read;
            let whole = buffer.get(..filled).context("the buffer is as long as it is filled")?;
            let rest = visit_frames(whole, &mut number, visit)?.len();
            buffer.copy_within(filled - rest..filled, 0);
            filled = rest;
        }
    }
}

/// Visits all whole frames; returns what is left behind them.
fn visit_frames<'a>(mut bytes: &'a [u8], number: &mut u64, visit: &mut Visit<'_>) -> Result<&'a [u8]> {
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        ensure!(crc == crc32c::crc32c(payload), "frame {number} fails its checksum");
        visit(*number, payload)?;
        *number += 1;
        bytes = rest;
    }
    Ok(bytes)
}

impl Log for ScanLog {
    fn append(&self, _payload: &[u8]) -> Result<u64> {
        bail!("this reference is only read")
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        let mut frames = Vec::new();
        for payload in payloads {
            frames.extend_from_slice(&u32::try_from(payload.len())?.to_le_bytes());
            frames.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
            frames.extend_from_slice(payload);
        }
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&frames).context("write frames")
    }

    fn syncs(&self) -> Option<u64> {
        None
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        let file = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        file.sync_all().context("sync frames")?;
        Ok(Vec::new())
    }
}
