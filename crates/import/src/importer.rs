//! The import as a whole: which files, in which order, read as what, and what became of them.

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use runledger_audit::Ledger;

use crate::error::{FileError, ImportError};
use crate::files::{self, Found};
use crate::report::{ImportReport, Progress};
use crate::sink::Sink;
use crate::source_file::SourceFile;
use crate::{Format, claude_code, format, own_json, swe_agent, tau_bench};

/// Imports files and folders into a ledger. See the crate's documentation for what that promises.
pub struct Importer<'a> {
    ledger: &'a Ledger,
    format: Format,
    progress: Box<dyn FnMut(Progress<'_>) + 'a>,
}

impl<'a> Importer<'a> {
    /// An importer into `ledger`, which tells each file's format by its content.
    #[must_use]
    pub fn new(ledger: &'a Ledger) -> Self {
        Self { ledger, format: Format::Auto, progress: Box::new(|_| {}) }
    }

    /// Reads every file as `format`.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Tells `callback` how far the import is, what it passes over, and what it can't read.
    #[must_use]
    pub fn progress(mut self, callback: impl FnMut(Progress<'_>) + 'a) -> Self {
        self.progress = Box::new(callback);
        self
    }

    /// Imports what lies at `paths`. From a folder, the files with the format's extensions are taken, also those in
    /// folders below, in the order of their names; a file that is named itself is taken whatever its name.
    ///
    /// # Durability
    ///
    /// When it returns, whatever the report counts is on stable storage.
    ///
    /// # Errors
    ///
    /// Nothing was imported if a path is missing. If a file can't be read, all others are imported all the same. If the
    /// ledger fails, the import ends there; running it again completes it.
    pub fn run(mut self, paths: &[impl AsRef<Path>]) -> Result<ImportReport, ImportError> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| path.as_ref().to_owned()).collect();
        let found = files::find(&paths, self.format)
            .map_err(|(path, source)| ImportError::Missing { path, source })?;
        let mut sink = Sink::new(self.ledger);
        let mut unreadable: Vec<(PathBuf, io::Error)> = Vec::new();
        let count = found.iter().filter(|found| matches!(found, Found::File(_))).count();
        let mut index = 0;
        for found in found {
            let (path, result) = match found {
                Found::Other(path) => {
                    let expected = self.format.extensions().join(", .");
                    let reason = format!("not a file that ends in .{expected}");
                    (self.progress)(Progress::Skipped { path: &path, reason: &reason });
                    continue;
                }
                Found::Unreadable(path, error) => (path, Err(FileError::Read(error))),
                Found::File(path) => {
                    let result = self.file(&mut sink, &path, index, count);
                    index += 1;
                    (path, result)
                }
            };
            match result {
                Ok(()) => {}
                Err(FileError::Import(error)) => return Err(error),
                Err(FileError::Read(error)) => {
                    (self.progress)(Progress::Unreadable { path: &path, error: &error });
                    unreadable.push((path, error));
                }
            }
        }
        sink.settle()?;
        let (report, count) = (sink.report(), unreadable.len());
        match unreadable.into_iter().next() {
            Some((path, source)) => Err(ImportError::Unreadable { path, count, source, report }),
            None => Ok(report),
        }
    }

    fn file(
        &mut self,
        sink: &mut Sink<'_>,
        path: &Path,
        index: usize,
        count: usize,
    ) -> Result<(), FileError> {
        let format = match self.format {
            Format::Auto => format::detect(path)?,
            format => Some(format),
        };
        let Some(format) = format else {
            let is_empty = path.metadata()?.len() == 0;
            let reason = if is_empty { "it is empty" } else { "its content is none of the known formats" };
            (self.progress)(Progress::Skipped { path, reason });
            return Ok(());
        };
        let mut file = SourceFile::open(path)?;
        (self.progress)(Progress::File { path, format, index, count, bytes: file.length_bytes() });
        sink.count_file();
        let progress = &mut self.progress;
        let mut position = 0;
        let mut read = |bytes| {
            position += bytes;
            progress(Progress::Read { bytes: position });
        };
        match format {
            Format::ClaudeCode => claude_code::import(sink, &mut file, &mut read),
            Format::TauBench => tau_bench::import(sink, &mut file, &mut read),
            Format::SweAgent => swe_agent::import(sink, &mut file, &mut read),
            Format::Jsonl | Format::Auto => own_json::import(sink, &mut file, &mut read),
        }
    }
}
