//! Directories of engines: new ones, and those that are kept because filling them takes long.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::job::Job;

/// All directories of a run. They are removed with it.
pub(crate) struct Shelf {
    directory: PathBuf,
    kept: HashMap<(String, String), TempDir>,
}

impl Shelf {
    /// An empty shelf, whose directories will lie below this one.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), kept: HashMap::new() }
    }

    /// Below which everything lies.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A new directory.
    pub(crate) fn fresh(&self) -> Result<TempDir> {
        tempfile::tempdir_in(&self.directory).context("create a directory for an engine")
    }

    /// The directory in which this engine has done this job.
    pub(crate) fn find(&self, engine: &str, fill: &Job) -> Result<Option<PathBuf>> {
        Ok(self.kept.get(&key(engine, fill)?).map(|kept| kept.path().to_owned()))
    }

    /// Keeps a directory in which this engine has done this job.
    pub(crate) fn keep(&mut self, engine: &str, fill: &Job, filled: TempDir) -> Result<()> {
        self.kept.insert(key(engine, fill)?, filled);
        Ok(())
    }

    /// Has everything written that is waiting for it, removed files included.
    pub(crate) fn settle(&self) -> Result<()> {
        let status =
            Command::new("sync").arg("--file-system").arg(&self.directory).status().context("start sync")?;
        ensure!(status.success(), "sync of {} failed", self.directory.display());
        Ok(())
    }
}

fn key(engine: &str, fill: &Job) -> Result<(String, String)> {
    Ok((engine.to_owned(), serde_json::to_string(fill).context("encode a job")?))
}
