//! What a worker of the audit layer's bench can be asked to do.

use serde::{Deserialize, Serialize};

/// One round of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Job {
    /// Makes a ledger of so many events.
    Fill { events: u64 },
    /// Asks so many questions, one after the other.
    Ask { events: u64, work: Work, questions: u64 },
    /// Reads so many events from the log, decoded.
    Replay { events: u64 },
    /// Hands so many events over to a sink, in bursts.
    HandOff { bursts: u64 },
    /// Appends so many durable events one by one in every way, in turns, and times one of them.
    Durable { events: u64, way: Way },
    /// Appends so many durable events one by one, and times when a subscriber sees each.
    Live { events: u64 },
}

/// What kind of question is asked over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// The newest hundred events.
    Recent,
    /// A correlation of twenty events.
    Chain,
    /// What an agent asked from some time on, with what came back: a page of a hundred.
    Trace,
    /// From a decision back to its sources.
    Provenance,
}

/// In what way an event is made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// Its bytes, by the log alone.
    Log,
    /// By a ledger.
    Ledger,
    /// By a sink, whose caller waits.
    Sink,
}

impl Way {
    /// Every way.
    pub(super) const ALL: [Self; 3] = [Self::Log, Self::Ledger, Self::Sink];
}
