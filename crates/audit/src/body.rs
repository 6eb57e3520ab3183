//! What each kind of event carries beside the envelope, one type per kind.
//!
//! A body's facts (names, numbers, hashes) are stored with the envelope; its contents (inputs, outputs, what was said)
//! are a part of their own, so that an export can show the first and withhold the second. `extra` keeps the fields of
//! a body that this version does not know, so that what is printed can be read back unchanged.

mod query_audit;

pub use query_audit::{ContributingAssertion, Epoch, InvalidEpoch, QueryAudit, QueryId, QueryParams};

use crate::{Content, Digest, Json, Kind, RunStatus, Timestamp};

/// Fields that this version does not know, in the order in which they came.
pub type Extra = Vec<(String, Json)>;

/// What an event says, by its kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Body {
    /// A run began.
    RunStarted(RunStarted),
    /// A run went into another state without ending.
    RunStatusChanged(RunStatusChanged),
    /// A run ended.
    RunFinished(RunFinished),
    /// A numbered entry of a run's own log.
    RunLog(RunLog),
    /// Something was said.
    Message(Message),
    /// A tool was used.
    ToolCall(ToolCall),
    /// A model answered.
    ModelCall(ModelCall),
    /// A session began or ended, an approval was asked for or given.
    WorkspaceEvent(WorkspaceEvent),
    /// A knowledge base was asked.
    QueryAudit(QueryAudit),
    /// Anything else.
    Custom(Custom),
    /// Input that could not be read; its bytes are the event's source line.
    Unparsed(Unparsed),
}

impl Body {
    /// The kind of event that has this body.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::RunStarted(_) => Kind::RunStarted,
            Self::RunStatusChanged(_) => Kind::RunStatusChanged,
            Self::RunFinished(_) => Kind::RunFinished,
            Self::RunLog(_) => Kind::RunLog,
            Self::Message(_) => Kind::Message,
            Self::ToolCall(_) => Kind::ToolCall,
            Self::ModelCall(_) => Kind::ModelCall,
            Self::WorkspaceEvent(_) => Kind::WorkspaceEvent,
            Self::QueryAudit(_) => Kind::QueryAudit,
            Self::Custom(_) => Kind::Custom,
            Self::Unparsed(_) => Kind::Unparsed,
        }
    }
}

/// The beginning of a run. The run's id, session and agent stand in the envelope.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunStarted {
    /// What the run is for.
    pub goal: Option<String>,
    /// The state that the run begins in; `running` when absent.
    pub status: Option<RunStatus>,
    /// When it began; the event's time when absent.
    pub started_at: Option<Timestamp>,
    /// The skill that it runs.
    pub skill_id: Option<String>,
    /// Who asked for it.
    pub caller_id: Option<String>,
    /// Where it was asked for.
    pub channel_id: Option<String>,
    /// The run that it is a part of.
    pub parent_run_id: Option<String>,
    /// What it was given.
    pub inputs: Option<Content>,
    /// Unknown fields.
    pub extra: Extra,
}

/// A change of a run's state.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStatusChanged {
    /// The new state.
    pub status: RunStatus,
    /// When the run ended, if it did.
    pub ended_at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Unknown fields.
    pub extra: Extra,
}

impl RunStatusChanged {
    /// A change into this state.
    #[must_use]
    pub const fn new(status: RunStatus) -> Self {
        Self { status, ended_at: None, reason: None, extra: Extra::new() }
    }
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFinished {
    /// The state that the run ended in.
    pub status: RunStatus,
    /// When it ended; the event's time when absent.
    pub ended_at: Option<Timestamp>,
    /// What it gave.
    pub output: Option<Content>,
    /// What went wrong.
    pub error: Option<String>,
    /// The caller's own figures; each that is given replaces the one rolled up from the run's events.
    pub statistics: RunStatistics,
    /// Unknown fields.
    pub extra: Extra,
}

impl RunFinished {
    /// An end in this state, of which nothing else is said.
    #[must_use]
    pub fn new(status: RunStatus) -> Self {
        let statistics = RunStatistics::default();
        Self { status, ended_at: None, output: None, error: None, statistics, extra: Extra::new() }
    }
}

/// Figures of a run, as its caller gives them. Those that are `None` are rolled up from the run's own events.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RunStatistics {
    /// Tool calls.
    pub tool_calls: Option<u64>,
    /// Seconds from start to end.
    pub runtime_seconds: Option<f64>,
    /// Tokens that the models read.
    pub input_tokens: Option<u64>,
    /// Tokens that the models wrote.
    pub output_tokens: Option<u64>,
    /// Tokens read from the provider's cache.
    pub cache_read_tokens: Option<u64>,
    /// Tokens written to the provider's cache.
    pub cache_write_tokens: Option<u64>,
    /// Tokens spent on reasoning.
    pub thinking_tokens: Option<u64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
}

/// An entry of a run's own log.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLog {
    /// The number of the entry in its run.
    pub sequence: u64,
    /// What the entry is.
    pub event_type: String,
    /// What it says.
    pub payload: Option<Content>,
    /// Unknown fields.
    pub extra: Extra,
}

/// Something said by a person, a model or a system prompt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// Who speaks: `user`, `assistant`, `system`, `tool`, or another word of the source.
    pub role: String,
    /// A string, or a list of parts (`text`, `tool_use`, `tool_result`, others kept whole).
    pub content: Option<Content>,
    /// The model that said it.
    pub model: Option<String>,
    /// The provider's id of the answer that this is a piece of.
    pub message_id: Option<String>,
    /// What the answer had cost when this piece was written.
    pub usage: Option<Usage>,
    /// Unknown fields.
    pub extra: Extra,
}

/// Tokens that a model's answer read and wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read, those of the cache not counted.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Tokens spent on reasoning, as far as the provider tells them apart.
    pub thinking_tokens: u64,
}

/// A tool's use and its result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolCall {
    /// The tool's name.
    pub tool_id: String,
    /// What it was asked to do, for tools that do several things.
    pub tool_action: Option<String>,
    /// The provider's id of the call, which ties its use to its result.
    pub tool_call_id: Option<String>,
    /// Hash of the input.
    pub input_hash: Option<Digest>,
    /// Hash of the output; `None` while there is no result.
    pub output_hash: Option<Digest>,
    /// Milliseconds from use to result.
    pub duration_ms: Option<u64>,
    /// The input.
    pub input: Option<Content>,
    /// The output.
    pub output: Option<Content>,
    /// Unknown fields.
    pub extra: Extra,
}

/// A model's whole answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelCall {
    /// Who runs the model.
    pub provider_id: String,
    /// The model.
    pub model_id: String,
    /// The provider's id of the answer.
    pub message_id: Option<String>,
    /// What it read and wrote.
    pub usage: Usage,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Why the model stopped.
    pub stop_reason: Option<String>,
    /// Unknown fields.
    pub extra: Extra,
}

/// Something that happened to a session.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkspaceEvent {
    /// What happened.
    pub event: WorkspaceAction,
    /// Hash of what it was about.
    pub payload_hash: Option<Digest>,
    /// Which approval.
    pub approval_id: Option<String>,
    /// Unknown fields.
    pub extra: Extra,
}

/// What can happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkspaceAction {
    /// It began.
    SessionStarted,
    /// It ended.
    SessionEnded,
    /// Somebody was asked for leave.
    ApprovalRequested,
    /// Somebody gave it or refused it.
    ApprovalResolved,
}

impl WorkspaceAction {
    /// Every action, in the order of its number.
    pub const ALL: [Self; 4] =
        [Self::SessionStarted, Self::SessionEnded, Self::ApprovalRequested, Self::ApprovalResolved];

    /// The number of the action on disk.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::SessionStarted => 1,
            Self::SessionEnded => 2,
            Self::ApprovalRequested => 3,
            Self::ApprovalResolved => 4,
        }
    }

    /// The action with this number, if there is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.code() == code)
    }

    /// The name of the action in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionStarted => "session_started",
            Self::SessionEnded => "session_ended",
            Self::ApprovalRequested => "approval_requested",
            Self::ApprovalResolved => "approval_resolved",
        }
    }

    /// The action of this name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// Anything that has no kind of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Custom {
    /// What it is, in its maker's words.
    pub type_name: String,
    /// What it says.
    pub data: Option<Content>,
    /// Unknown fields.
    pub extra: Extra,
}

/// Input that could not be read. Its bytes are the event's source line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unparsed {
    /// Why it could not be read.
    pub reason: Option<String>,
    /// Unknown fields.
    pub extra: Extra,
}
