//! Bytes that were never acknowledged and have to go: they are kept aside, in files that are never read again.
//!
//! INVARIANT: what is cut was durable elsewhere before, under a name that is durable too.

use std::path::{Path, PathBuf};

use crate::planted::{Bug, planted};
use crate::segment::Segment;
use crate::segment::name::{segment_name, torn_name};
use crate::segment::scan::Window;
use crate::seq::Seq;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage};

/// How much is copied at a time.
const COPY_BYTES: u64 = 256 << 10;

/// How many names are tried, before something must be wrong with the directory.
const NAMES_MAX: u32 = 10_000;

/// Copies these bytes of a segment into a file of their own, durably. Returns the file.
pub(crate) fn keep(
    storage: &dyn Storage,
    directory: &Path,
    segment: &Segment,
    offset: u64,
    bytes: u64,
) -> Result<PathBuf, StorageError> {
    let kept = new_file(storage, directory, segment.header.first_seq, offset)?;
    if !planted(Bug::DropTornBytes) {
        copy(&segment.file, offset, bytes, &kept)?;
    }
    if !planted(Bug::CutBeforeCopyIsSynced) {
        kept.sync()?;
    }
    if !planted(Bug::CutBeforeCopyIsNamed) {
        let synced = storage.sync_directory(directory);
        synced.map_err(|error| StorageError::new("sync", directory, error))?;
    }
    Ok(kept.path().to_owned())
}

/// Makes a file for what stood at this offset of a segment. It never had another content.
pub(crate) fn new_file(
    storage: &dyn Storage,
    directory: &Path,
    segment: Seq,
    offset: u64,
) -> Result<LogFile, StorageError> {
    let mut attempt = 0;
    loop {
        let path = directory.join(torn_name(&segment_name(segment), offset, attempt));
        match LogFile::open(storage, path, OpenMode::CreateNew) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && attempt < NAMES_MAX => {
                attempt += 1;
            }
            opened => return opened,
        }
    }
}

fn copy(from: &LogFile, offset: u64, bytes: u64, to: &LogFile) -> Result<(), StorageError> {
    let mut window = Window::new(from, offset + bytes);
    let mut at = 0;
    while at < bytes {
        let length = COPY_BYTES.min(bytes - at);
        let block = window.get(offset + at, length)?.ok_or_else(|| vanished(from))?;
        to.write_all(block, at)?;
        at += length;
    }
    Ok(())
}

/// Somebody cut the file while we were reading it.
pub(crate) fn vanished(file: &LogFile) -> StorageError {
    file.error("read", std::io::ErrorKind::UnexpectedEof.into())
}
