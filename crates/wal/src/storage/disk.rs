//! The real disk.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use crate::map::Map;
use crate::storage::{LockMode, OpenMode, Storage, StorageFile};

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskStorage;

/// Where Linux says which boot this is.
const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";

impl Storage for DiskStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        // Opening a pipe must not wait for its other end, and a link may lead anywhere.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
        let file = OpenOptions::new()
            .read(true)
            .write(mode != OpenMode::Read)
            .create(mode == OpenMode::Create)
            .create_new(mode == OpenMode::CreateNew)
            .custom_flags(flags.cast_signed())
            .open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Arc::new(DiskFile(file)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        std::fs::create_dir_all(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_directory(&self, directory: &Path) -> io::Result<()> {
        std::fs::remove_dir(directory)
    }

    fn now_ns(&self) -> i64 {
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).map(|duration| duration.as_nanos());
        since(SystemTime::now()).ok().and_then(|nanoseconds| i64::try_from(nanoseconds).ok()).unwrap_or(0)
    }

    fn random(&self) -> [u8; 16] {
        // A version 4 UUID has 122 random bits; the six that are fixed don't matter for a nonce.
        uuid::Uuid::new_v4().into_bytes()
    }

    fn boot_id(&self) -> Option<String> {
        let text = std::fs::read_to_string(BOOT_ID_PATH).ok()?;
        Some(text.trim().to_owned()).filter(|id| !id.is_empty())
    }
}

#[derive(Debug)]
struct DiskFile(File);

impl StorageFile for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        let locked = match mode {
            LockMode::Exclusive => self.0.try_lock(),
            LockMode::Shared => self.0.try_lock_shared(),
        };
        match locked {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Map::of_sealed(&self.0).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_directories_and_pipes_are_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        std::fs::write(&target, b"x").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(DiskStorage.open(&target, OpenMode::Read).is_ok());
        assert!(DiskStorage.open(&link, OpenMode::Read).is_err());
        assert!(DiskStorage.open(directory.path(), OpenMode::Read).is_err());
        assert!(DiskStorage.open(Path::new("/dev/null"), OpenMode::Read).is_err());
    }

    #[test]
    fn a_lock_keeps_others_out_until_its_file_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let open = || DiskStorage.open(&directory.path().join("lock"), OpenMode::Create).unwrap();
        let first = open();
        assert!(first.try_lock(LockMode::Exclusive).unwrap());
        assert!(!open().try_lock(LockMode::Exclusive).unwrap());
        assert!(!open().try_lock(LockMode::Shared).unwrap());
        drop(first);
        assert!(open().try_lock(LockMode::Exclusive).unwrap());
    }
}
