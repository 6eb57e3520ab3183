//! From schema version 1 to the vocabulary. The archive is well formed by now, but may still say what no event can:
//! a number that stands for nothing, a string that is not JSON, contents of another kind than the facts. Such a
//! payload is refused whole, naming what is wrong; nothing is guessed.

mod query_audit;

use super::{
    BodyContentsV1, ContentV1, ContentsV1, EnvelopeV1, FactsV1, FieldV1, IdV1, LinkV1, ModelCallFactsV1,
    RunFinishedFactsV1, RunStartedFactsV1, RunStatisticsV1, ToolCallFactsV1, UsageV1, WorkspaceEventFactsV1,
    dimension, relation,
};
use crate::body::{Custom, Extra, Message, ModelCall, RunFinished, RunLog, RunStarted, RunStatusChanged};
use crate::body::{ToolCall, Unparsed, WorkspaceAction, WorkspaceEvent};
use crate::{
    Body, Content, Digest, Event, EventId, Json, Kind, RunStatistics, RunStatus, SourceLine, SourceRange,
    Timestamp, Usage, WriterInstance,
};

/// What a well-formed archive says that no event can say.
#[derive(Debug)]
pub(in super::super) struct Impossible {
    /// The number (0 or 1) of the part that says it.
    pub(in super::super) part: u8,
    pub(in super::super) what: &'static str,
    pub(in super::super) expected: &'static str,
    pub(in super::super) found: String,
}

/// The event that the two parts make up.
pub(in super::super) fn event(envelope: EnvelopeV1, contents: ContentsV1) -> Result<Event, Impossible> {
    let mut event = Event {
        event_id: EventId::from_bytes(envelope.event_id),
        timestamp: Timestamp::from_nanoseconds(envelope.timestamp),
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
        metadata: contents.metadata.as_deref().map(json).transpose()?,
        source_id: None,
        supersedes: None,
        writer_instance: None,
        source: contents.source.map(|line| SourceLine { bytes: line.bytes, continues: line.continues }),
        body: body(envelope.facts, contents.body, fields(contents.body_extra)?)?,
        extra: fields(contents.extra)?,
    };
    envelope.ids.into_iter().try_for_each(|id| set_id(&mut event, id))?;
    envelope.links.iter().try_for_each(|link| set_link(&mut event, link))?;
    Ok(event)
}

/// The kind of event that has these facts.
pub(in super::super) fn kind(facts: &FactsV1) -> Kind {
    match facts {
        FactsV1::RunStarted(_) => Kind::RunStarted,
        FactsV1::RunStatusChanged(_) => Kind::RunStatusChanged,
        FactsV1::RunFinished(_) => Kind::RunFinished,
        FactsV1::RunLog(_) => Kind::RunLog,
        FactsV1::Message(_) => Kind::Message,
        FactsV1::ToolCall(_) => Kind::ToolCall,
        FactsV1::ModelCall(_) => Kind::ModelCall,
        FactsV1::WorkspaceEvent(_) => Kind::WorkspaceEvent,
        FactsV1::Custom(_) => Kind::Custom,
        FactsV1::Unparsed => Kind::Unparsed,
        FactsV1::QueryAudit(_) => Kind::QueryAudit,
    }
}

fn set_id(event: &mut Event, id: IdV1) -> Result<(), Impossible> {
    let slot = match id.dimension {
        dimension::WORKSPACE => &mut event.workspace_id,
        dimension::LANE => &mut event.lane_id,
        dimension::SESSION => &mut event.session_id,
        dimension::RUN => &mut event.run_id,
        dimension::CORRELATION => &mut event.correlation_id,
        dimension::AGENT => &mut event.agent_id,
        dimension::ACTOR => &mut event.actor,
        dimension::ACTION => &mut event.action,
        dimension::TARGET => &mut event.target,
        dimension::OUTCOME => &mut event.outcome,
        dimension::SOURCE => &mut event.source_id,
        other => return Err(in_envelope("dimension", "a number from 1 to 11", other)),
    };
    match slot.replace(id.value) {
        None => Ok(()),
        Some(_) => Err(in_envelope("dimension", "each at most once", format_args!("{} twice", id.dimension))),
    }
}

fn set_link(event: &mut Event, link: &LinkV1) -> Result<(), Impossible> {
    let taken = match link.relation {
        relation::PARENT => event.parent_event_id.replace(EventId::from_bytes(link.id)).is_some(),
        relation::SUPERSEDES => event.supersedes.replace(EventId::from_bytes(link.id)).is_some(),
        relation::WRITER => event.writer_instance.replace(WriterInstance::from_bytes(link.id)).is_some(),
        other => return Err(in_envelope("relation", "a number from 1 to 3", other)),
    };
    if taken {
        return Err(in_envelope("relation", "each at most once", format_args!("{} twice", link.relation)));
    }
    Ok(())
}

/// The contents that belong to facts of the same kind; an event that has none says `Nothing`, whatever its kind.
macro_rules! contents_of {
    ($contents:expr, $kind:ident) => {
        match $contents {
            BodyContentsV1::$kind(contents) => Some(*contents),
            BodyContentsV1::Nothing => None,
            other => return Err(other_kind(&other, stringify!($kind))),
        }
    };
}

fn body(facts: FactsV1, contents: BodyContentsV1, extra: Extra) -> Result<Body, Impossible> {
    Ok(match facts {
        FactsV1::RunStarted(facts) => Body::RunStarted(run_started(*facts, contents, extra)?),
        FactsV1::RunStatusChanged(facts) => Body::RunStatusChanged(RunStatusChanged {
            status: status(facts.status)?,
            ended_at: facts.ended_at.map(Timestamp::from_nanoseconds),
            reason: contents_of!(contents, RunStatusChanged).map(|it| it.reason),
            extra,
        }),
        FactsV1::RunFinished(facts) => Body::RunFinished(run_finished(&facts, contents, extra)?),
        FactsV1::RunLog(facts) => Body::RunLog(RunLog {
            sequence: facts.sequence,
            event_type: facts.event_type,
            payload: contents_of!(contents, RunLog).map(content).transpose()?,
            extra,
        }),
        FactsV1::Message(facts) => Body::Message(Message {
            role: facts.role,
            content: contents_of!(contents, Message).map(content).transpose()?,
            model: facts.model,
            message_id: facts.message_id,
            usage: facts.usage.as_deref().map(usage),
            extra,
        }),
        FactsV1::ToolCall(facts) => Body::ToolCall(tool_call(*facts, contents, extra)?),
        FactsV1::ModelCall(facts) => Body::ModelCall(model_call(*facts, &contents, extra)?),
        FactsV1::WorkspaceEvent(facts) => Body::WorkspaceEvent(workspace_event(*facts, &contents, extra)?),
        FactsV1::Custom(facts) => Body::Custom(Custom {
            type_name: facts.type_name,
            data: contents_of!(contents, Custom).map(content).transpose()?,
            extra,
        }),
        FactsV1::Unparsed => {
            Body::Unparsed(Unparsed { reason: contents_of!(contents, Unparsed).map(|it| it.reason), extra })
        }
        FactsV1::QueryAudit(facts) => {
            let contents = contents_of!(contents, QueryAudit);
            Body::QueryAudit(query_audit::query_audit(*facts, contents, extra)?)
        }
    })
}

fn run_started(
    facts: RunStartedFactsV1,
    contents: BodyContentsV1,
    extra: Extra,
) -> Result<RunStarted, Impossible> {
    let (goal, inputs) = contents_of!(contents, RunStarted).map_or((None, None), |it| (it.goal, it.inputs));
    Ok(RunStarted {
        goal,
        status: facts.status.map(status).transpose()?,
        started_at: facts.started_at.map(Timestamp::from_nanoseconds),
        skill_id: facts.skill_id,
        caller_id: facts.caller_id,
        channel_id: facts.channel_id,
        parent_run_id: facts.parent_run_id,
        inputs: inputs.map(content).transpose()?,
        extra,
    })
}

fn run_finished(
    facts: &RunFinishedFactsV1,
    contents: BodyContentsV1,
    extra: Extra,
) -> Result<RunFinished, Impossible> {
    let (error, output) =
        contents_of!(contents, RunFinished).map_or((None, None), |it| (it.error, it.output));
    Ok(RunFinished {
        status: status(facts.status)?,
        ended_at: facts.ended_at.map(Timestamp::from_nanoseconds),
        output: output.map(content).transpose()?,
        error,
        statistics: facts.statistics.as_deref().map(statistics).transpose()?.unwrap_or_default(),
        extra,
    })
}

fn tool_call(facts: ToolCallFactsV1, contents: BodyContentsV1, extra: Extra) -> Result<ToolCall, Impossible> {
    let (input, output) = contents_of!(contents, ToolCall).map_or((None, None), |it| (it.input, it.output));
    Ok(ToolCall {
        tool_id: facts.tool_id,
        tool_action: facts.tool_action,
        tool_call_id: facts.tool_call_id,
        input_hash: facts.input_hash.map(Digest::from_bytes),
        output_hash: facts.output_hash.map(Digest::from_bytes),
        duration_ms: facts.duration_ms,
        input: input.map(content).transpose()?,
        output: output.map(content).transpose()?,
        extra,
    })
}

fn model_call(
    facts: ModelCallFactsV1,
    contents: &BodyContentsV1,
    extra: Extra,
) -> Result<ModelCall, Impossible> {
    nothing(contents, "ModelCall")?;
    Ok(ModelCall {
        provider_id: facts.provider_id,
        model_id: facts.model_id,
        message_id: facts.message_id,
        usage: usage(&facts.usage),
        cost_usd: facts.cost_usd.map(|cost| finite("cost", cost)).transpose()?,
        stop_reason: facts.stop_reason,
        extra,
    })
}

fn workspace_event(
    facts: WorkspaceEventFactsV1,
    contents: &BodyContentsV1,
    extra: Extra,
) -> Result<WorkspaceEvent, Impossible> {
    nothing(contents, "WorkspaceEvent")?;
    Ok(WorkspaceEvent {
        event: WorkspaceAction::from_code(facts.action)
            .ok_or_else(|| in_envelope("workspace action", "a number from 1 to 4", facts.action))?,
        payload_hash: facts.payload_hash.map(Digest::from_bytes),
        approval_id: facts.approval_id,
        extra,
    })
}

fn status(code: u8) -> Result<RunStatus, Impossible> {
    RunStatus::from_code(code).ok_or_else(|| in_envelope("run status", "a number from 1 to 9", code))
}

fn statistics(stored: &RunStatisticsV1) -> Result<RunStatistics, Impossible> {
    Ok(RunStatistics {
        tool_calls: stored.tool_calls,
        runtime_seconds: stored.runtime_seconds.map(|seconds| finite("runtime", seconds)).transpose()?,
        input_tokens: stored.input_tokens,
        output_tokens: stored.output_tokens,
        cache_read_tokens: stored.cache_read_tokens,
        cache_write_tokens: stored.cache_write_tokens,
        thinking_tokens: stored.thinking_tokens,
        cost_usd: stored.cost_usd.map(|cost| finite("cost", cost)).transpose()?,
    })
}

fn usage(stored: &UsageV1) -> Usage {
    Usage {
        input_tokens: stored.input_tokens,
        output_tokens: stored.output_tokens,
        cache_read_tokens: stored.cache_read_tokens,
        cache_write_tokens: stored.cache_write_tokens,
        thinking_tokens: stored.thinking_tokens,
    }
}

fn content(stored: ContentV1) -> Result<Content, Impossible> {
    Ok(match stored {
        ContentV1::Inline(text) => Content::Inline(json(&text)?),
        ContentV1::At { offset, length, event } => {
            Content::At(SourceRange { event: event.map(EventId::from_bytes), offset, length })
        }
    })
}

fn fields(stored: Vec<FieldV1>) -> Result<Extra, Impossible> {
    stored.into_iter().map(|field| Ok((field.name, json(&field.json)?))).collect()
}

fn json(text: &str) -> Result<Json, Impossible> {
    Json::parse(text).map_err(|error| in_contents("content", "one JSON value", error))
}

fn finite(what: &'static str, number: f64) -> Result<f64, Impossible> {
    if number.is_finite() { Ok(number) } else { Err(in_envelope(what, "a finite number", number)) }
}

fn nothing(contents: &BodyContentsV1, expected: &'static str) -> Result<(), Impossible> {
    if matches!(contents, BodyContentsV1::Nothing) { Ok(()) } else { Err(other_kind(contents, expected)) }
}

fn other_kind(found: &BodyContentsV1, expected: &'static str) -> Impossible {
    let found = match found {
        BodyContentsV1::Nothing => "Nothing",
        BodyContentsV1::RunStarted(_) => "RunStarted",
        BodyContentsV1::RunStatusChanged(_) => "RunStatusChanged",
        BodyContentsV1::RunFinished(_) => "RunFinished",
        BodyContentsV1::RunLog(_) => "RunLog",
        BodyContentsV1::Message(_) => "Message",
        BodyContentsV1::ToolCall(_) => "ToolCall",
        BodyContentsV1::Custom(_) => "Custom",
        BodyContentsV1::Unparsed(_) => "Unparsed",
        BodyContentsV1::QueryAudit(_) => "QueryAudit",
    };
    in_contents("kind of contents", expected, found)
}

fn in_envelope(what: &'static str, expected: &'static str, found: impl std::fmt::Display) -> Impossible {
    Impossible { part: 0, what, expected, found: found.to_string() }
}

fn in_contents(what: &'static str, expected: &'static str, found: impl std::fmt::Display) -> Impossible {
    Impossible { part: 1, what, expected, found: found.to_string() }
}
