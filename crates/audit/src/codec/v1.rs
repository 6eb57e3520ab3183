//! Schema version 1: the types whose rkyv archives are the two parts of a payload.
//!
//! INVARIANT: bytes of these types lie in ledgers. A field is never added, removed, moved or given another type; a
//! later schema version gets types of its own, and this one keeps being read. A new kind of event may be added as a
//! further variant at the end of [`FactsV1`] and [`BodyContentsV1`]: their archives are a tag and a pointer, so the
//! bytes of the older variants stay as they are.
//!
//! The types are shaped for size, since every event carries one: identities that an event does not have take no
//! bytes, what differs by kind lies behind a pointer, and fields stand in falling order of alignment, because an
//! archive lays them out as declared. They deliberately know nothing of JSON or of what the fields mean; `write` and
//! `read` translate from and to the vocabulary.
//!
//! Format: FORMAT.md#parts-of-schema-version-1

pub(super) mod read;
pub(super) mod write;

use rkyv::{Archive, Deserialize, Serialize};

/// The number of this version in the payload's header.
pub(super) const SCHEMA_VERSION: u16 = 1;

/// Numbers of the strings in [`IdV1`].
pub(super) mod dimension {
    pub(in super::super) const WORKSPACE: u8 = 1;
    pub(in super::super) const LANE: u8 = 2;
    pub(in super::super) const SESSION: u8 = 3;
    pub(in super::super) const RUN: u8 = 4;
    pub(in super::super) const CORRELATION: u8 = 5;
    pub(in super::super) const AGENT: u8 = 6;
    pub(in super::super) const ACTOR: u8 = 7;
    pub(in super::super) const ACTION: u8 = 8;
    pub(in super::super) const TARGET: u8 = 9;
    pub(in super::super) const OUTCOME: u8 = 10;
    pub(in super::super) const SOURCE: u8 = 11;
}

/// Numbers of the relations in [`LinkV1`].
pub(super) mod relation {
    pub(in super::super) const PARENT: u8 = 1;
    pub(in super::super) const SUPERSEDES: u8 = 2;
    pub(in super::super) const WRITER: u8 = 3;
}

/// Part 0: who, what, when, and the facts of the body.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct EnvelopeV1 {
    pub(super) event_id: [u8; 16],
    pub(super) timestamp: i64,
    pub(super) ids: Vec<IdV1>,
    pub(super) links: Vec<LinkV1>,
    pub(super) facts: FactsV1,
}

/// A string of the envelope that this event has.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct IdV1 {
    pub(super) value: String,
    pub(super) dimension: u8,
}

/// Another event, or a writer, that this event refers to.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct LinkV1 {
    pub(super) relation: u8,
    pub(super) id: [u8; 16],
}

/// What a body says in names, numbers and hashes.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) enum FactsV1 {
    RunStarted(Box<RunStartedFactsV1>),
    RunStatusChanged(Box<RunStatusChangedFactsV1>),
    RunFinished(Box<RunFinishedFactsV1>),
    RunLog(Box<RunLogFactsV1>),
    Message(Box<MessageFactsV1>),
    ToolCall(Box<ToolCallFactsV1>),
    ModelCall(Box<ModelCallFactsV1>),
    WorkspaceEvent(Box<WorkspaceEventFactsV1>),
    Custom(Box<CustomFactsV1>),
    Unparsed,
    QueryAudit(Box<QueryAuditFactsV1>),
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct RunStartedFactsV1 {
    pub(super) started_at: Option<i64>,
    pub(super) skill_id: Option<String>,
    pub(super) caller_id: Option<String>,
    pub(super) channel_id: Option<String>,
    pub(super) parent_run_id: Option<String>,
    pub(super) status: Option<u8>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct RunStatusChangedFactsV1 {
    pub(super) ended_at: Option<i64>,
    pub(super) status: u8,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct RunFinishedFactsV1 {
    pub(super) ended_at: Option<i64>,
    pub(super) statistics: Option<Box<RunStatisticsV1>>,
    pub(super) status: u8,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct RunStatisticsV1 {
    pub(super) tool_calls: Option<u64>,
    pub(super) runtime_seconds: Option<f64>,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) cache_read_tokens: Option<u64>,
    pub(super) cache_write_tokens: Option<u64>,
    pub(super) thinking_tokens: Option<u64>,
    pub(super) cost_usd: Option<f64>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct RunLogFactsV1 {
    pub(super) sequence: u64,
    pub(super) event_type: String,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct MessageFactsV1 {
    pub(super) role: String,
    pub(super) model: Option<String>,
    pub(super) message_id: Option<String>,
    pub(super) usage: Option<Box<UsageV1>>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
#[rkyv(attr(expect(clippy::struct_field_names, reason = "named as in the vocabulary")))]
#[expect(clippy::struct_field_names, reason = "named as in the vocabulary")]
pub(super) struct UsageV1 {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cache_read_tokens: u64,
    pub(super) cache_write_tokens: u64,
    pub(super) thinking_tokens: u64,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct ToolCallFactsV1 {
    pub(super) duration_ms: Option<u64>,
    pub(super) tool_id: String,
    pub(super) tool_action: Option<String>,
    pub(super) tool_call_id: Option<String>,
    pub(super) input_hash: Option<[u8; 32]>,
    pub(super) output_hash: Option<[u8; 32]>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct ModelCallFactsV1 {
    pub(super) usage: UsageV1,
    pub(super) cost_usd: Option<f64>,
    pub(super) provider_id: String,
    pub(super) model_id: String,
    pub(super) message_id: Option<String>,
    pub(super) stop_reason: Option<String>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct WorkspaceEventFactsV1 {
    pub(super) approval_id: Option<String>,
    pub(super) payload_hash: Option<[u8; 32]>,
    pub(super) action: u8,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct CustomFactsV1 {
    pub(super) type_name: String,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct QueryAuditFactsV1 {
    pub(super) subject: Option<String>,
    pub(super) predicate: Option<String>,
    pub(super) lifecycle: Option<String>,
    /// JSON: a number or a string.
    pub(super) epoch: Option<String>,
    pub(super) lens: Option<String>,
    pub(super) assertions: Vec<AssertionFactsV1>,
    pub(super) result_confidence: Option<f32>,
    pub(super) query_id: [u8; 32],
    pub(super) result_hash: Option<[u8; 32]>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct AssertionFactsV1 {
    pub(super) lifecycle: String,
    pub(super) weight: f32,
    pub(super) assertion_hash: [u8; 32],
    pub(super) source_hash: [u8; 32],
}

/// Part 1: what is bulky or sensitive. All strings but texts (`goal`, `reason`, `error`, `source`) and names are JSON.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct ContentsV1 {
    pub(super) metadata: Option<String>,
    pub(super) source: Option<Box<SourceV1>>,
    pub(super) extra: Vec<FieldV1>,
    pub(super) body_extra: Vec<FieldV1>,
    pub(super) body: BodyContentsV1,
}

/// A field that the writing program did not know.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct FieldV1 {
    pub(super) name: String,
    pub(super) json: String,
}

/// An imported line.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct SourceV1 {
    pub(super) bytes: Vec<u8>,
    pub(super) continues: bool,
}

/// What a body says in inputs, outputs and texts.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) enum BodyContentsV1 {
    /// This event has none, whatever its kind.
    Nothing,
    RunStarted(Box<RunStartedContentsV1>),
    RunStatusChanged(Box<ReasonV1>),
    RunFinished(Box<RunFinishedContentsV1>),
    RunLog(Box<ContentV1>),
    Message(Box<ContentV1>),
    ToolCall(Box<ToolCallContentsV1>),
    Custom(Box<ContentV1>),
    Unparsed(Box<ReasonV1>),
    QueryAudit(Box<QueryAuditContentsV1>),
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct RunStartedContentsV1 {
    pub(super) goal: Option<String>,
    pub(super) inputs: Option<ContentV1>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct RunFinishedContentsV1 {
    pub(super) error: Option<String>,
    pub(super) output: Option<ContentV1>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct ToolCallContentsV1 {
    pub(super) input: Option<ContentV1>,
    pub(super) output: Option<ContentV1>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct QueryAuditContentsV1 {
    pub(super) result_value: Option<ContentV1>,
    /// What belongs to each of the facts' assertions, in their order; empty if none has any.
    pub(super) assertions: Vec<AssertionContentsV1>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct AssertionContentsV1 {
    pub(super) source: Option<String>,
    pub(super) extra: Vec<FieldV1>,
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct ReasonV1 {
    pub(super) reason: String,
}

/// A JSON value, or where it stands.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) enum ContentV1 {
    Inline(String),
    At { offset: u32, length: u32, event: Option<[u8; 16]> },
}

impl ContentsV1 {
    /// What an event without a part 1 has.
    pub(super) fn nothing() -> Self {
        Self {
            metadata: None,
            source: None,
            extra: Vec::new(),
            body_extra: Vec::new(),
            body: BodyContentsV1::Nothing,
        }
    }
}
