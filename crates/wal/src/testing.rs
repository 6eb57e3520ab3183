//! What the tests of several modules need: small logs, made, killed and read.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Durability, OpenReport, Options, Reader, Seq, Wal};

pub(crate) mod faulty;
mod read_errors;
pub(crate) mod simulated;

/// A directory for a log.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wal");
    (directory, path)
}

/// Segments of which a few dozen records fill one.
pub(crate) fn small() -> Options {
    Options::new().create(true).segment_bytes(16 << 10)
}

pub(crate) fn open_in(path: &Path) -> (Wal, OpenReport) {
    Wal::open(path, small()).unwrap()
}

/// A payload of its own for each number.
pub(crate) fn payload(number: u64) -> Vec<u8> {
    let length = usize::try_from(number * 37 % 500).unwrap();
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(8 + length, u8::try_from(number % 251).unwrap());
    bytes
}

pub(crate) fn append(wal: &Wal, number: u64) {
    wal.append(&payload(number), Durability::Durable).unwrap();
}

pub(crate) fn payloads(reader: &Reader) -> Vec<Vec<u8>> {
    reader.scan(Seq::ZERO).map(|record| record.unwrap().payload().to_vec()).collect()
}

/// As a killed process leaves it.
pub(crate) fn kill(wal: Wal) {
    wal.abandon();
    drop(wal);
}

/// The names and contents of all files in a directory.
pub(crate) fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

/// Makes a directory hold exactly these files.
pub(crate) fn restore(directory: &Path, files: &[(PathBuf, Vec<u8>)]) {
    for entry in std::fs::read_dir(directory).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (path, bytes) in files {
        std::fs::write(path, bytes).unwrap();
    }
}
