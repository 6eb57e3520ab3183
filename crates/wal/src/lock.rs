//! The lock that keeps a second writer out, and what it says about the one that holds it.
//!
//! The lock is the kernel's, on an open file: it ends with the process, however that ends. The text in the file is
//! only for people and for judging what a crash may have lost; it is never what decides who may write.
//!
//! Readers and verification never hold the lock. They may ask for a moment, shared, whether there is a writer; a
//! writer that meets only such askers tries again.

use std::path::Path;

use crate::error::OpenError;
use crate::fields::on_disk;
use crate::planted::{Bug, planted};
use crate::segment::name::LOCK_NAME;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{LockMode, OpenMode, Storage};

/// How often a writer tries again when only askers are in its way. Each of them is gone within microseconds.
const ATTEMPTS_MAX: u32 = 1000;

/// No more than this of a lock file is read.
const TEXT_BYTES_MAX: usize = 512;

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: LogFile,
    /// What the file said when it was locked: about the writer before.
    pub(crate) before: LockText,
}

/// What a lock file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LockText {
    pub(crate) pid: Option<u32>,
    pub(crate) since_ns: Option<i64>,
    /// The system's boot during which it was written.
    pub(crate) boot_id: Option<String>,
    /// A later boot during which somebody began to open the log, and may not have come to an end.
    pub(crate) opening_boot_id: Option<String>,
    /// Whether the log was being made as a backup of another one.
    pub(crate) of_backup: bool,
}

impl WriterLock {
    /// Whether there is a file to lock. Every log that was ever written to has one, unless somebody removed it.
    pub(crate) fn has_file(storage: &dyn Storage, directory: &Path) -> Result<bool, StorageError> {
        match LogFile::open(storage, directory.join(LOCK_NAME), OpenMode::Read) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the lock, making its file if need be.
    pub(crate) fn take(storage: &dyn Storage, directory: &Path) -> Result<WriterLock, OpenError> {
        let file = LogFile::open(storage, directory.join(LOCK_NAME), OpenMode::Create)?;
        for _ in 0..ATTEMPTS_MAX {
            if try_lock(&file, LockMode::Exclusive)? || planted(Bug::IgnoreWriterLock) {
                let before = LockText::read(&file)?;
                return Ok(WriterLock { file, before });
            }
            // An opening of its own, because asking with the first would give up a lock that it may hold.
            if !try_lock(&LogFile::open(storage, file.path().to_owned(), OpenMode::Read)?, LockMode::Shared)?
            {
                break;
            }
            crate::sync::thread::yield_now();
        }
        let LockText { pid, since_ns, .. } = LockText::read(&file)?;
        Err(OpenError::Locked { path: file.path().to_owned(), pid, since: since_ns })
    }

    /// Says who holds the lock now, durably: after a power cut, recovery must know that there was one.
    pub(crate) fn announce(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let boot_id = storage.boot_id();
        self.write(storage, LockText { boot_id, ..LockText::default() })
    }

    /// As [`WriterLock::announce`]. What recovery must know is only that there was a writer, and no longer than in this boot of
    /// the system: another sync would say nothing new if the file says that already.
    pub(crate) fn announce_in_boot(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let boot_id = storage.boot_id();
        let LockText { boot_id: before, opening_boot_id, .. } = &self.before;
        if boot_id.is_none() || boot_id != *before || opening_boot_id.is_some() {
            return self.announce(storage);
        }
        self.put(storage, LockText { boot_id, ..LockText::default() })
    }

    /// Says, before anything of the log is changed, that an opening began during this boot: from now on, what is read
    /// in this boot may be what this opening wrote and couldn't sync.
    pub(crate) fn note_opening(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let boot_id = self.before.boot_id.clone();
        self.write(storage, LockText { boot_id, opening_boot_id: storage.boot_id(), ..LockText::default() })
    }

    /// Says that this log is being made as a backup, durably, so that whoever finds it unfinished may remove it.
    pub(crate) fn mark_as_backup(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        self.write(storage, LockText { of_backup: true, ..LockText::default() })
    }

    fn write(&self, storage: &dyn Storage, text: LockText) -> Result<(), StorageError> {
        self.put(storage, text)?;
        let synced = self.file.sync();
        if synced.is_err() {
            // So that the next opening doesn't take it for synced.
            let _ = self.file.set_length(0);
        }
        synced
    }

    fn put(&self, storage: &dyn Storage, text: LockText) -> Result<(), StorageError> {
        let (pid, since_ns) = (Some(storage.process_id()), Some(storage.now_ns()));
        let text = LockText { pid, since_ns, ..text };
        let text = text.encode();
        self.file.write_all(text.as_bytes(), 0)?;
        self.file.set_length(on_disk(text.len()))
    }
}

/// Whether a writer holds the lock right now.
pub(crate) fn is_held(storage: &dyn Storage, directory: &Path) -> Result<bool, StorageError> {
    match LogFile::open(storage, directory.join(LOCK_NAME), OpenMode::Read) {
        Ok(file) => Ok(!try_lock(&file, LockMode::Shared)?),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the lock file says, whoever holds it.
pub(crate) fn read_text(storage: &dyn Storage, directory: &Path) -> Result<LockText, StorageError> {
    match LogFile::open(storage, directory.join(LOCK_NAME), OpenMode::Read) {
        Ok(file) => LockText::read(&file),
        Err(error) if error.is_not_found() => Ok(LockText::default()),
        Err(error) => Err(error),
    }
}

fn try_lock(file: &LogFile, mode: LockMode) -> Result<bool, StorageError> {
    file.raw().try_lock(mode).map_err(|error| file.error("lock", error))
}

impl LockText {
    fn encode(&self) -> String {
        let number = |number: Option<i64>| number.map_or("null".to_owned(), |number| number.to_string());
        let boot = |id: &Option<String>| id.as_ref().map_or("null".to_owned(), |id| format!("\"{id}\""));
        let (boot, opening) = (boot(&self.boot_id), boot(&self.opening_boot_id));
        let (pid, since) = (number(self.pid.map(i64::from)), number(self.since_ns));
        let made_by = if self.of_backup { ",\"madeBy\":\"backup\"" } else { "" };
        format!(
            "{{\"pid\":{pid},\"sinceNs\":{since},\"bootId\":{boot},\"openingBootId\":{opening}{made_by}}}\n"
        )
    }

    fn read(file: &LogFile) -> Result<LockText, StorageError> {
        let mut bytes = [0; TEXT_BYTES_MAX];
        let read = file.read_up_to(&mut bytes, 0)?;
        Ok(LockText::decode(
            bytes.get(..read).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default(),
        ))
    }

    /// Whatever can be made out of the text. Anything may stand there.
    fn decode(text: &str) -> LockText {
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
            let value = rest.split([',', '}']).next()?.trim().trim_matches('"');
            Some(value).filter(|value| !value.is_empty() && *value != "null")
        };
        LockText {
            pid: field("pid").and_then(|value| value.parse().ok()),
            since_ns: field("sinceNs").and_then(|value| value.parse().ok()),
            boot_id: field("bootId").map(str::to_owned),
            opening_boot_id: field("openingBootId").map(str::to_owned),
            of_backup: field("madeBy") == Some("backup"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DiskStorage;

    #[test]
    fn the_text_says_who_and_anything_else_says_nothing() {
        let (boot_id, opening_boot_id) = (Some("a-b".to_owned()), Some("c-d".to_owned()));
        let text = LockText { pid: Some(7), since_ns: Some(-5), boot_id, opening_boot_id, of_backup: false };
        assert_eq!(LockText::decode(&text.encode()), text);
        let of_backup = LockText { of_backup: true, ..text };
        assert_eq!(LockText::decode(&of_backup.encode()), of_backup);
        assert_eq!(LockText::decode(&LockText::default().encode()), LockText::default());
        for noise in ["", "{", "\"pid\":", "\"pid\":x,\"sinceNs\":99999999999999999999}"] {
            assert_eq!(LockText::decode(noise), LockText::default(), "{noise}");
        }
    }

    #[test]
    fn a_second_writer_is_told_who_holds_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let lock = WriterLock::take(&DiskStorage, directory.path()).unwrap();
        lock.announce(&DiskStorage).unwrap();
        assert!(is_held(&DiskStorage, directory.path()).unwrap());
        match WriterLock::take(&DiskStorage, directory.path()) {
            Err(OpenError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(lock);
        assert!(!is_held(&DiskStorage, directory.path()).unwrap());
    }

    #[test]
    fn one_who_only_asks_does_not_keep_a_writer_out_for_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(LOCK_NAME);
        let asker = LogFile::open(&DiskStorage, path, OpenMode::Create).unwrap();
        assert!(try_lock(&asker, LockMode::Shared).unwrap());
        let (taken, directory) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                // Each failed call is one that met the asker; only a wrong protocol takes it for a writer for good.
                loop {
                    if let Ok(lock) = WriterLock::take(&DiskStorage, directory.path()) {
                        return lock;
                    }
                }
            });
            drop(asker);
            (writer.join(), &directory)
        });
        assert!(taken.is_ok());
        assert!(directory.path().exists());
    }
}
