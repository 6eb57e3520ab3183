//! An event: the envelope that every kind shares, and a body.

use crate::body::Extra;
use crate::{Body, EventId, Json, Kind, SourceLine, Timestamp, WriterInstance};

/// What an agent did, said or was told, with who, when and in what connection.
///
/// All of it but `metadata`, `source`, `extra` and the body's contents is the *envelope*: the part of the payload that
/// an export shows while it withholds the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its identity.
    pub event_id: EventId,
    /// When it happened, in its maker's eyes.
    pub timestamp: Timestamp,
    /// The workspace it belongs to.
    pub workspace_id: Option<String>,
    /// The lane within the workspace.
    pub lane_id: Option<String>,
    /// The session it belongs to.
    pub session_id: Option<String>,
    /// The run it belongs to.
    pub run_id: Option<String>,
    /// The event that it follows from.
    pub parent_event_id: Option<EventId>,
    /// What it has in common with other events, across runs.
    pub correlation_id: Option<String>,
    /// The agent that did it.
    pub agent_id: Option<String>,
    /// Who acted, where that is not the agent.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// What it was done to.
    pub target: Option<String>,
    /// How it went.
    pub outcome: Option<String>,
    /// Anything else that its maker wants kept.
    pub metadata: Option<Json>,
    /// Its identity in the file that it was imported from, unique per import format and session.
    pub source_id: Option<String>,
    /// The event that this one replaces: queries, counts and summaries use the newest version.
    pub supersedes: Option<EventId>,
    /// Which opening of the ledger wrote it; filled in by the ledger when absent.
    pub writer_instance: Option<WriterInstance>,
    /// The imported line that this event holds.
    pub source: Option<SourceLine>,
    /// What it says.
    pub body: Body,
    /// Unknown envelope fields.
    pub extra: Extra,
}

impl Event {
    /// An event that happened now, with a new id, in no connection.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self {
            event_id: EventId::new(),
            timestamp: Timestamp::now(),
            workspace_id: None,
            lane_id: None,
            session_id: None,
            run_id: None,
            parent_event_id: None,
            correlation_id: None,
            agent_id: None,
            actor: None,
            action: None,
            target: None,
            outcome: None,
            metadata: None,
            source_id: None,
            supersedes: None,
            writer_instance: None,
            source: None,
            body,
            extra: Extra::new(),
        }
    }

    /// The same event in a run.
    #[must_use]
    pub fn with_run(mut self, run_id: impl Into<String>) -> Self {
        self.run_id = Some(run_id.into());
        self
    }

    /// What kind of event it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.body.kind()
    }
}
