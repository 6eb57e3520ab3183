//! What a workload is: who takes part, what each does in a round, and what Runledger aims at.

use std::time::Duration;

use crate::job::Job;

/// One workload.
pub(crate) struct Workload {
    /// By which it is chosen.
    pub(crate) group: &'static str,
    pub(crate) title: String,
    /// What takes part. The first is Runledger.
    pub(crate) entries: Vec<Entry>,
    /// The label of the entry that the others are divided by.
    pub(crate) reference: Option<&'static str>,
    pub(crate) figure: Figure,
    pub(crate) setting: Setting,
    pub(crate) aim: Aim,
}

/// One that takes part.
pub(crate) struct Entry {
    /// How the table calls it.
    pub(crate) label: String,
    pub(crate) engine: &'static str,
    /// Whether the run ends if it fails: Runledger and the references. A peer is left out.
    pub(crate) essential: bool,
    /// What fills its directory, for settings that keep one.
    pub(crate) fill: Option<Job>,
    pub(crate) job: Job,
}

/// What a round's figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    RecordsPerSecond,
    BytesPerSecond,
    Seconds,
    Milliseconds,
    /// The median of what was measured one by one.
    Microseconds,
    /// What ninety-five of a hundred that were measured one by one stay below.
    MicrosecondsNearly,
    /// What ninety-nine of a hundred that were measured one by one stay below.
    MicrosecondsMostly,
    DeviceBytesPerRecord,
    StoredBytesPerEvent,
    AnonymousMebibytes,
}

/// In what a round finds itself.
#[derive(Debug, Clone)]
pub(crate) enum Setting {
    /// A new directory each.
    Fresh,
    /// A new directory, which is kept for the workloads behind it that are filled by this job: one round.
    Kept,
    /// A directory that was filled once. What the check does with it goes before the rounds.
    Filled { check: Option<Job> },
    /// The same, and each turn is a new process that finds no file in the cache, so many times in a round.
    Cold { turns: usize },
    /// A directory that was filled once, and in which every process is killed after it went on writing for so long. At
    /// last the check has to succeed.
    Killed { after: Duration, check: Job },
}

/// What Runledger shall reach. Nothing where nothing is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aim {
    pub(crate) ratio_min: Option<f64>,
    pub(crate) records_per_sync_min: Option<f64>,
    pub(crate) figure_min: Option<f64>,
    pub(crate) figure_max: Option<f64>,
    /// At most so many times the figure of the entry of this label.
    pub(crate) ratios_max: Vec<(&'static str, f64)>,
    /// At most the figure of the best peer.
    pub(crate) best: bool,
}

impl Workload {
    /// Leaves out all peers but these.
    pub(crate) fn keep(&mut self, peers: &[String]) {
        self.entries.retain(|entry| entry.essential || peers.iter().any(|peer| peer == entry.engine));
    }
}

impl Figure {
    /// Whether more of it is better.
    pub(crate) fn is_rate(self) -> bool {
        matches!(self, Self::RecordsPerSecond | Self::BytesPerSecond)
    }
}
