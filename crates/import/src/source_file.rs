//! A file that is being imported: opened once, and read up to the length that it had then.
//!
//! Its tool may still be writing it. Every pass over it reads the same bytes: those that were there when it was
//! opened.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;
use std::time::UNIX_EPOCH;

use runledger_audit::Timestamp;

/// How much is read at once.
const READ_BYTES: usize = 1 << 17;

/// An open file.
#[derive(Debug)]
pub(crate) struct SourceFile<'a> {
    path: &'a Path,
    file: File,
    length_bytes: u64,
    modified: Timestamp,
}

impl<'a> SourceFile<'a> {
    pub(crate) fn open(path: &'a Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let since_epoch = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
        let modified = Timestamp::from_nanoseconds(nanoseconds);
        Ok(Self { path, file, length_bytes: metadata.len(), modified })
    }

    /// When the file was last changed: the time of what has none of its own. A time before 1970 counts as 1970.
    pub(crate) const fn modified(&self) -> Timestamp {
        self.modified
    }

    pub(crate) const fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// The file's name without its extension.
    pub(crate) fn stem(&self) -> &str {
        self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }

    /// Reads it from its start. Two readers of one file would disturb each other, hence the exclusive borrow.
    pub(crate) fn reader(&mut self) -> io::Result<BufReader<Take<&File>>> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::with_capacity(READ_BYTES, (&self.file).take(self.length_bytes)))
    }
}
