//! A damaged ledger's file: only ever read, and read on where the device gives up.
//!
//! A stretch that the system can't read is shown as zeroes, which never pass for a record or a frame, and noted. So
//! everything that reads sound files reads these too, and one bad sector costs the records that lie in it.
//!
//! INVARIANT: nothing that isn't on the medium is ever taken for data: a zero that was made up can only make a checksum
//! fail.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::map::Map;
use crate::salvage::report::{SalvageFinding, Trouble};
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{LockMode, OpenMode, Storage, StorageFile};
use crate::sync::Mutex;

/// How much is given up around a byte that can't be read.
const STRIDE_BYTES: u64 = 4096;

/// How many stretches are noted for themselves. What is unreadable beyond that widens the last one.
const STRETCHES_MAX: usize = 1000;

/// What can't be read of a file.
#[derive(Debug)]
pub(super) struct Unreadable {
    path: PathBuf,
    stretches: Mutex<Vec<Stretch>>,
}

#[derive(Debug)]
struct Stretch {
    from: u64,
    to: u64,
    error: StorageError,
}

impl Unreadable {
    fn note(&self, from: u64, to: u64, error: io::Error) {
        let error = StorageError::new("read", &self.path, error);
        let mut stretches = self.stretches.lock();
        if stretches.iter().any(|stretch| stretch.from <= from && to <= stretch.to) {
            return;
        }
        let full = stretches.len() >= STRETCHES_MAX;
        match stretches.last_mut() {
            Some(last) if last.to == from || full => last.to = last.to.max(to),
            _ => stretches.push(Stretch { from, to, error }),
        }
    }

    /// Why bytes in this range couldn't be read, if that is so.
    pub(super) fn within(&self, range: std::ops::Range<u64>) -> Option<StorageError> {
        let stretches = self.stretches.lock();
        let found = stretches.iter().find(|stretch| stretch.from < range.end && range.start < stretch.to);
        found.map(|stretch| stretch.error.clone())
    }

    /// What couldn't be read, for the report.
    pub(super) fn findings(&self, name: &str) -> Vec<SalvageFinding> {
        let finding = |stretch: &Stretch| SalvageFinding {
            file: name.to_owned(),
            seqs: None,
            offset: stretch.from,
            bytes: stretch.to - stretch.from,
            trouble: Trouble::Unreadable(stretch.error.clone()),
        };
        self.stretches.lock().iter().map(finding).collect()
    }
}

/// Opens a file of the old ledger.
pub(super) fn open_patiently(
    storage: &dyn Storage,
    path: &Path,
    bytes_read: &Arc<AtomicU64>,
) -> Result<(LogFile, Arc<Unreadable>), StorageError> {
    let file = LogFile::open(storage, path.to_owned(), OpenMode::Read)?;
    let unreadable = Arc::new(Unreadable { path: path.to_owned(), stretches: Mutex::default() });
    let (noted, bytes_read) = (Arc::clone(&unreadable), Arc::clone(bytes_read));
    let file = file.wrapped(|inner| Arc::new(PatientFile { inner, unreadable: noted, bytes_read }));
    Ok((file, unreadable))
}

#[derive(Debug)]
struct PatientFile {
    inner: Arc<dyn StorageFile>,
    unreadable: Arc<Unreadable>,
    bytes_read: Arc<AtomicU64>,
}

impl PatientFile {
    /// Reads up to the next multiple of the stride, or gives that stretch up.
    fn read_stride(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let to_boundary = STRIDE_BYTES - offset % STRIDE_BYTES;
        let to_end = self.inner.length()?.saturating_sub(offset);
        let bytes = crate::fields::in_memory(to_boundary.min(to_end)).min(buffer.len());
        let Some(stride) = buffer.get_mut(..bytes) else { return Ok(0) };
        loop {
            match self.inner.read_at(stride, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    stride.fill(0);
                    self.unreadable.note(offset, offset + crate::fields::on_disk(bytes), error);
                    return Ok(bytes);
                }
                read => return read,
            }
        }
    }
}

impl StorageFile for PatientFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = match self.inner.read_at(buffer, offset) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.read_stride(buffer, offset),
            read => read,
        }?;
        self.bytes_read.fetch_add(crate::fields::on_disk(read), Ordering::Relaxed);
        Ok(read)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn set_length(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn try_lock(&self, _: LockMode) -> io::Result<bool> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Ok(None)
    }
}
