//! What a worker of the index's bench can be asked to do.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::corpus::Corpus;
use super::engine::Indexes;
use super::question::Work;

/// One round of a workload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Job {
    /// Takes the events in, a few thousand at a time, so that the process's memory is the engine's.
    Fill { given: Given },
    /// Takes the events in, all of which are in memory before.
    Load { given: Given },
    /// Makes what answers questions anew.
    Rebuild { given: Given },
    /// Says how much is stored beside the events.
    Size { given: Given },
    /// Asks so many questions, one after the other.
    Ask { given: Given, work: Work, questions: u64 },
    /// Asks one question, the first.
    AskFirst { given: Given, work: Work },
}

/// Of what events an engine is filled, and how they are indexed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Given {
    /// So many of the generator.
    pub(crate) events: u64,
    /// Those of real transcripts instead.
    pub(crate) transcripts: Option<PathBuf>,
    pub(crate) indexes: Indexes,
}

impl Given {
    /// The events.
    pub(crate) fn corpus(&self) -> Result<Corpus> {
        match &self.transcripts {
            Some(directory) => Corpus::of_transcripts(directory),
            None => Ok(Corpus::generate(self.events)),
        }
    }
}
