//! A storage file with its path: whole reads and writes, and errors that say what was being done to which file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::planted::{Bug, planted};
use crate::storage::{OpenMode, Storage, StorageFile};

/// An operation on a file or directory failed. Never a statement about the data in it.
///
/// Cheap to clone: one failed sync is reported to everybody who waited for it.
#[derive(Debug, Clone)]
pub struct StorageError {
    operation: &'static str,
    path: PathBuf,
    source: Arc<io::Error>,
}

impl StorageError {
    pub(crate) fn new(operation: &'static str, path: &Path, source: io::Error) -> StorageError {
        StorageError { operation, path: path.to_owned(), source: Arc::new(source) }
    }

    /// The system's error, for an implementation of [`StorageFile`] that stands on another.
    pub(crate) fn into_io(self) -> io::Error {
        Arc::try_unwrap(self.source).unwrap_or_else(|shared| match shared.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => shared.kind().into(),
        })
    }

    /// What was being done, such as `write`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// To which file or directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of the system's error.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether there was no space left: on the device, or of the user's quota.
    #[must_use]
    pub fn is_storage_full(&self) -> bool {
        matches!(self.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Whether something of another kind stands where a file should: a link, a directory, a pipe.
    pub(crate) fn is_no_regular_file(&self) -> bool {
        use rustix::io::Errno;
        let kinds = [Errno::LOOP, Errno::ISDIR, Errno::NXIO].map(|errno| Some(errno.raw_os_error()));
        self.kind() == io::ErrorKind::InvalidInput || kinds.contains(&self.source.raw_os_error())
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.operation, self.path.display())
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// An open file that knows its path.
#[derive(Debug, Clone)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: Arc<dyn StorageFile>,
}

impl LogFile {
    pub(crate) fn open(
        storage: &dyn Storage,
        path: PathBuf,
        mode: OpenMode,
    ) -> Result<LogFile, StorageError> {
        let operation = if matches!(mode, OpenMode::Read | OpenMode::Write) { "open" } else { "create" };
        match retrying(|| storage.open(&path, mode)) {
            Ok(file) => Ok(LogFile { path, file }),
            Err(error) => Err(StorageError::new(operation, &path, error)),
        }
    }

    /// The same file, seen through another implementation of its calls.
    pub(crate) fn wrapped(self, wrap: impl FnOnce(Arc<dyn StorageFile>) -> Arc<dyn StorageFile>) -> LogFile {
        LogFile { file: wrap(self.file), path: self.path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The same file under the name that it was given since.
    pub(crate) fn renamed(self, path: PathBuf) -> LogFile {
        LogFile { path, ..self }
    }

    /// The raw file, for locking and mapping.
    pub(crate) fn raw(&self) -> &dyn StorageFile {
        &*self.file
    }

    pub(crate) fn error(&self, operation: &'static str, error: io::Error) -> StorageError {
        StorageError::new(operation, &self.path, error)
    }

    /// Reads until the buffer is full or the file ends, and says how much that was.
    pub(crate) fn read_up_to(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StorageError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset + crate::fields::on_disk(filled);
            match retrying(|| self.file.read_at(rest, at)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(_) if planted(Bug::ReadErrorIsEnd) => break,
                Err(error) => return Err(self.error("read", error)),
            }
        }
        Ok(filled)
    }

    /// Writes all the bytes. A write that makes no progress is an error.
    pub(crate) fn write_all(&self, mut bytes: &[u8], mut offset: u64) -> Result<(), StorageError> {
        while !bytes.is_empty() {
            match retrying(|| self.file.write_at(bytes, offset)) {
                Ok(0) => return Err(self.error("write", io::ErrorKind::WriteZero.into())),
                Ok(_) if planted(Bug::ShortWriteIsComplete) => break,
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset += crate::fields::on_disk(written);
                }
                Err(error) => return Err(self.error("write", error)),
            }
        }
        Ok(())
    }

    pub(crate) fn length(&self) -> Result<u64, StorageError> {
        self.file.length().map_err(|error| self.error("examine", error))
    }

    pub(crate) fn set_length(&self, bytes: u64) -> Result<(), StorageError> {
        retrying(|| self.file.set_length(bytes)).map_err(|error| self.error("set the length of", error))
    }

    /// Makes contents and length durable. A sync that failed is never tried again: the page cache says nothing about
    /// the medium afterwards.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        match self.file.sync_data() {
            Err(_) if planted(Bug::SwallowFailedSync) => Ok(()),
            Err(_) if planted(Bug::RetryFailedSync) => self.file.sync_data(),
            synced => synced,
        }
        .map_err(|error| self.error("sync", error))
    }
}

/// Repeats a call that a signal interrupted before it did anything.
fn retrying<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error)
                if error.kind() == io::ErrorKind::Interrupted && !planted(Bug::InterruptedIsFailure) => {}
            result => return result,
        }
    }
}
