//! The file of a table while it is written: front to back, with the checksums of its pages.

use std::io;

use super::pages::PageChecksums;
use crate::directory::{Directory, OutputFile};
use crate::error::WriteError;
use crate::planted::{Bug, planted};

/// Written to the file at a time.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

pub(crate) struct TableOutput<'d> {
    directory: &'d dyn Directory,
    name: String,
    file: Box<dyn OutputFile>,
    nonce: u64,
    buffer: Vec<u8>,
    /// Bytes that were handed to the file before `buffer`.
    flushed_bytes: u64,
    pages: PageChecksums,
}

impl<'d> TableOutput<'d> {
    pub(crate) fn create(directory: &'d dyn Directory, name: String, nonce: u64) -> Result<Self, WriteError> {
        let file = directory.create(&name).map_err(|source| failed(directory, &name, "create", source))?;
        let buffer = Vec::with_capacity(WRITE_BUFFER_BYTES * 2);
        Ok(Self { directory, name, file, nonce, buffer, flushed_bytes: 0, pages: PageChecksums::default() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where the next byte will lie.
    pub(crate) fn offset(&self) -> u64 {
        self.flushed_bytes + self.buffer.len() as u64
    }

    /// Adds what `write` appends to the buffer.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), WriteError> {
        write(&mut self.buffer);
        if self.buffer.len() >= WRITE_BUFFER_BYTES { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), WriteError> {
        self.pages.update(self.nonce, &self.buffer);
        self.write_buffer()
    }

    fn write_buffer(&mut self) -> Result<(), WriteError> {
        let written = self.file.write_all(&self.buffer);
        written.map_err(|source| failed(self.directory, &self.name, "write", source))?;
        self.flushed_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Completes and syncs the file: checksums, and the footer that `footer` makes. Returns its length.
    pub(crate) fn finish(mut self, footer: &[u8]) -> Result<u64, WriteError> {
        self.spill()?;
        self.buffer = std::mem::take(&mut self.pages).finish();
        self.buffer.extend_from_slice(footer);
        self.write_buffer()?;
        if !planted(Bug::SkipTableSync) {
            self.file.sync().map_err(|source| failed(self.directory, &self.name, "sync", source))?;
        }
        Ok(self.flushed_bytes)
    }
}

fn failed(directory: &dyn Directory, name: &str, operation: &'static str, source: io::Error) -> WriteError {
    WriteError::Io { operation, path: directory.path().join(name), source }
}
