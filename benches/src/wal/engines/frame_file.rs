//! The file under both references: frames one after another, in a file that was allocated, zero-written and synced
//! before anything is measured.
//!
//! A frame is 44 bytes in place of the header that any log needs, and the payload: 300 bytes for one of 256. The header
//! holds the payload's length, and its CRC where the reference makes one. Nothing here could be recovered after a
//! crash: this is the least work that a durable append can be.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::wal::engine::{Room, Visit};

/// What stands in front of a payload.
pub(crate) const HEADER_BYTES: usize = 44;

/// How much is zero-written at a time: as the log does it. Pages that were written one by one sync faster than those of
/// larger writes (by about a fifth here), and the references must not lack that.
const ZEROES_BYTES: usize = 4096;

const NAME: &str = "frames";

/// A file of frames, and where the next one goes.
pub(crate) struct FrameFile {
    file: File,
    end: u64,
    capacity: u64,
}

impl FrameFile {
    /// Makes the file, writes all of it with zeroes, and syncs it.
    pub(crate) fn create(directory: &Path, room: Room) -> Result<Self> {
        let path = directory.join(NAME);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = file.with_context(|| format!("create {}", path.display()))?;
        let capacity = match room {
            Room::Prepared(bytes) => bytes,
            Room::Lasting => 0,
        };
        let zeroes = vec![0; ZEROES_BYTES];
        for offset in (0..capacity).step_by(ZEROES_BYTES) {
            file.write_all_at(&zeroes, offset).with_context(|| format!("allocate {}", path.display()))?;
        }
        file.sync_all().with_context(|| format!("sync {}", path.display()))?;
        File::open(directory)?.sync_all().with_context(|| format!("sync {}", directory.display()))?;
        Ok(Self { file, end: 0, capacity })
    }

    /// One write and one sync for whole frames.
    pub(crate) fn write_durably(&mut self, frames: &[u8]) -> Result<()> {
        let end = self.end + frames.len() as u64;
        ensure!(
            end <= self.capacity,
            "the reference's file of {} bytes is full: run fewer seconds",
            self.capacity
        );
        self.file.write_all_at(frames, self.end).context("write frames")?;
        self.file.sync_data().context("sync frames")?;
        self.end = end;
        Ok(())
    }

    /// Hands every payload to `visit`, until what was zero-written or the file's end. A CRC that isn't zero is checked.
    pub(crate) fn read(directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let mut file =
            BufReader::with_capacity(1 << 20, File::open(directory.join(NAME)).context("open frames")?);
        let mut payload = Vec::new();
        for number in 0.. {
            let mut header = [0; HEADER_BYTES];
            match file.read_exact(&mut header) {
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                read => read.context("read a frame")?,
            }
            let [length, crc] = fields(&header);
            if length == 0 {
                break;
            }
            payload.resize(usize::try_from(length)?, 0);
            file.read_exact(&mut payload).context("read a payload")?;
            ensure!(crc == 0 || crc == crc32c::crc32c(&payload), "frame {number} fails its checksum");
            visit(number, &payload)?;
        }
        Ok(())
    }
}

/// Adds a frame with this payload and CRC, 0 for none.
pub(crate) fn put_frame(payload: &[u8], crc: u32, frames: &mut Vec<u8>) -> Result<()> {
    let length = u32::try_from(payload.len()).context("the payload is too long for a frame")?;
    ensure!(length > 0, "a frame's payload must not be empty");
    frames.extend_from_slice(&length.to_le_bytes());
    frames.extend_from_slice(&crc.to_le_bytes());
    frames.extend_from_slice(&[0; HEADER_BYTES - 8]);
    frames.extend_from_slice(payload);
    Ok(())
}

/// Length and CRC.
fn fields(header: &[u8; HEADER_BYTES]) -> [u32; 2] {
    let mut fields = [0; 2];
    for (field, bytes) in fields.iter_mut().zip(header.as_chunks().0) {
        *field = u32::from_le_bytes(*bytes);
    }
    fields
}
