//! What a worker of the index's bench can be asked to do.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::corpus::Corpus;
use super::engine::Indexes;
use super::question::Work;
use crate::job::Window;

/// One round of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Opens what was filled, answers how long that took, and goes on appending until the process is killed.
    OpenAndGoOn { given: Given, until: Until },
    /// Appends durable events to a new one, many at a time.
    Follow { given: Given, appenders: Appenders, window: Window },
}

/// Until when opening is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Until {
    /// The engine is open.
    Opened,
    /// It has answered a question, whose answer holds whatever is durable.
    Answered,
}

/// Who appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Appenders {
    Threads(u64),
    Tasks(u64),
}

/// Of what events an engine is filled, and how they are indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
