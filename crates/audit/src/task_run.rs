//! A run as its caller tells it: how it is started, and how it is saved as a whole.

use crate::{Json, RunStatistics, RunStatus, Timestamp};

/// A run that begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewRun {
    /// Its identity.
    pub run_id: String,
    /// What it is for.
    pub goal: Option<String>,
    /// When it began; when its start is stored if absent.
    pub started_at: Option<Timestamp>,
    /// Anything else that its caller wants kept.
    pub metadata: Option<Json>,
    /// The session that it belongs to.
    pub session_id: Option<String>,
    /// The agent that runs it.
    pub agent_id: Option<String>,
    /// The skill that it runs.
    pub skill_id: Option<String>,
    /// Who asked for it.
    pub caller_id: Option<String>,
    /// Where it was asked for.
    pub channel_id: Option<String>,
    /// The run that it is a part of.
    pub parent_run_id: Option<String>,
    /// What it is given.
    pub inputs: Option<Json>,
}

impl NewRun {
    /// A run of this id, of which nothing else is said.
    #[must_use]
    pub fn new(run_id: impl Into<String>) -> Self {
        Self { run_id: run_id.into(), ..Self::default() }
    }
}

/// A whole run: how it began, the state that it is in, and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRun {
    /// How it began.
    pub start: NewRun,
    /// The state that it is in.
    pub status: RunStatus,
    /// When it ended, if it did; when that is stored if absent.
    pub ended_at: Option<Timestamp>,
    /// What it gave, if it ended.
    pub output: Option<Json>,
    /// What went wrong, if it ended.
    pub error: Option<String>,
    /// The caller's own figures, if it ended: each that is given replaces the one rolled up from the run's events.
    pub statistics: RunStatistics,
}

impl TaskRun {
    /// A run in this state, of which nothing else is said.
    #[must_use]
    pub fn new(run_id: impl Into<String>, status: RunStatus) -> Self {
        Self {
            start: NewRun::new(run_id),
            status,
            ended_at: None,
            output: None,
            error: None,
            statistics: RunStatistics::default(),
        }
    }
}
