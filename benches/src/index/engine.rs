//! What a benchmark needs of an engine that answers questions about events: take events in, open what it made of them,
//! answer.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::corpus::Corpus;
use super::question::{Answer, Question};

/// One of the things that are compared.
pub(crate) trait Engine: Sync {
    /// How tables call it, and how a worker process is told which to run.
    fn name(&self) -> &'static str;

    /// Makes an empty one in this directory, which is empty, to be filled.
    fn create(&self, directory: &Path, indexes: Indexes) -> Result<Box<dyn Opened>>;

    /// Opens what was loaded.
    fn open(&self, directory: &Path, indexes: Indexes, files: Files) -> Result<Box<dyn Opened>>;

    /// Bytes on disk that aren't the events themselves, of what was loaded and closed.
    fn index_bytes(&self, directory: &Path, corpus: &Corpus) -> Result<u64>;

    /// Makes everything that answers questions anew out of what was acknowledged, and opens it.
    fn rebuild(&self, _directory: &Path) -> Result<()> {
        bail!("this engine has nothing that could be made anew")
    }
}

/// Where the files of what is opened are. Some engines read them best in one way when they are in the system's cache, and
/// in another when they aren't; the ledger isn't told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    Cached,
    Cold,
}

/// What peers index. Runledger always indexes all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Indexes {
    /// Event ids, runs, agents, correlations: what the questions here need at least.
    Four,
    /// Event ids, times, and all twelve dimensions.
    All,
}

/// An engine that takes events in and answers.
pub(crate) trait Opened {
    /// Has these events ready in memory. Nothing of this is measured.
    fn prepare(&mut self, corpus: &Corpus, numbers: Range<u64>) -> Result<()>;

    /// Takes in what is ready. All of it is durable on return if the engine was opened; if it was made, only once it is
    /// finished.
    fn load(&mut self) -> Result<()>;

    /// Returns once all that was taken in is on stable storage and every question has its answer.
    fn finish(&mut self) -> Result<()>;

    /// Does what would be done in the background some time.
    fn settle(&mut self) -> Result<()>;

    /// Answers. Events are handed to the answer with their bytes, or with all that they say.
    fn answer(&self, question: &Question, answer: &mut Answer) -> Result<()>;

    /// Closes.
    fn close(self: Box<Self>) -> Result<()>;
}
