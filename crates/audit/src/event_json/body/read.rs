//! From JSON to a body. Strings that a body must have and are absent are empty; what has no natural empty value is
//! required.

mod query_audit;

use super::NESTED_SEPARATOR;
use crate::body::{
    Custom, Extra, Message, ModelCall, RunFinished, RunLog, RunStarted, RunStatistics, RunStatusChanged,
    ToolCall, Unparsed, Usage, WorkspaceAction, WorkspaceEvent,
};
use crate::event_json::EventJsonError;
use crate::event_json::fields::Fields;
use crate::{Body, Digest, EventId, Kind, RunStatus, Timestamp};

const A_STATUS: &str = "a run status";
const A_TIME: &str = "an RFC 3339 time";
const A_HASH: &str = "a hash of 64 hexadecimal digits";

/// The body of the event of this kind and id.
pub(in crate::event_json) fn body(
    kind: Kind,
    event_id: EventId,
    fields: Fields<'_>,
) -> Result<Body, EventJsonError> {
    Ok(match kind {
        Kind::RunStarted => Body::RunStarted(run_started(fields)?),
        Kind::RunStatusChanged => Body::RunStatusChanged(run_status_changed(fields)?),
        Kind::RunFinished => Body::RunFinished(run_finished(fields)?),
        Kind::RunLog => Body::RunLog(run_log(fields)?),
        Kind::Message => Body::Message(message(fields)?),
        Kind::ToolCall => Body::ToolCall(tool_call(fields)?),
        Kind::ModelCall => Body::ModelCall(model_call(fields)?),
        Kind::WorkspaceEvent => Body::WorkspaceEvent(workspace_event(fields)?),
        Kind::Custom => Body::Custom(custom(fields)?),
        Kind::Unparsed => Body::Unparsed(unparsed(fields)?),
        Kind::QueryAudit => Body::QueryAudit(query_audit::query_audit(event_id, fields)?),
    })
}

fn run_started(mut fields: Fields<'_>) -> Result<RunStarted, EventJsonError> {
    Ok(RunStarted {
        goal: fields.text("goal")?,
        status: status(&mut fields)?,
        started_at: time(&mut fields, "startedAt")?,
        skill_id: fields.text("skillId")?,
        caller_id: fields.text("callerId")?,
        channel_id: fields.text("channelId")?,
        parent_run_id: fields.text("parentRunId")?,
        inputs: fields.content("inputs")?,
        extra: fields.rest(),
    })
}

fn run_status_changed(mut fields: Fields<'_>) -> Result<RunStatusChanged, EventJsonError> {
    let status = status(&mut fields)?;
    Ok(RunStatusChanged {
        status: fields.require("status", status, A_STATUS)?,
        ended_at: time(&mut fields, "endedAt")?,
        reason: fields.text("reason")?,
        extra: fields.rest(),
    })
}

fn run_finished(mut fields: Fields<'_>) -> Result<RunFinished, EventJsonError> {
    let status = status(&mut fields)?;
    let status = fields.require("status", status, A_STATUS)?;
    let ended_at = time(&mut fields, "endedAt")?;
    let output = fields.content("output")?;
    let error = fields.text("error")?;
    let (statistics, nested) = match fields.object("statistics")? {
        Some(statistics) => run_statistics(statistics)?,
        None => (RunStatistics::default(), Extra::new()),
    };
    let extra = joined("statistics", nested, fields)?;
    Ok(RunFinished { status, ended_at, output, error, statistics, extra })
}

fn run_statistics(mut fields: Fields<'_>) -> Result<(RunStatistics, Extra), EventJsonError> {
    let statistics = RunStatistics {
        tool_calls: fields.unsigned("toolCalls")?,
        runtime_seconds: fields.figure("runtimeSeconds")?,
        input_tokens: fields.unsigned("inputTokens")?,
        output_tokens: fields.unsigned("outputTokens")?,
        cache_read_tokens: fields.unsigned("cacheReadTokens")?,
        cache_write_tokens: fields.unsigned("cacheWriteTokens")?,
        thinking_tokens: fields.unsigned("thinkingTokens")?,
        cost_usd: fields.figure("costUsd")?,
    };
    fields.take("totalTokens");
    Ok((statistics, fields.rest()))
}

fn run_log(mut fields: Fields<'_>) -> Result<RunLog, EventJsonError> {
    let sequence = fields.unsigned("sequence")?;
    Ok(RunLog {
        sequence: fields.require("sequence", sequence, "the number of the entry in its run")?,
        event_type: fields.text("eventType")?.unwrap_or_default(),
        payload: fields.content("payload")?,
        extra: fields.rest(),
    })
}

fn message(mut fields: Fields<'_>) -> Result<Message, EventJsonError> {
    let role = fields.text("role")?.unwrap_or_default();
    let content = fields.content("content")?;
    let model = fields.text("model")?;
    let message_id = fields.text("messageId")?;
    let (usage, nested) = match fields.object("usage")? {
        Some(mut nested) => (Some(usage(&mut nested)?), nested.rest()),
        None => (None, Extra::new()),
    };
    let extra = joined("usage", nested, fields)?;
    Ok(Message { role, content, model, message_id, usage, extra })
}

/// The tokens of an answer. Their total is computed, so the one that is given says nothing new.
fn usage(fields: &mut Fields<'_>) -> Result<Usage, EventJsonError> {
    fields.take("totalTokens");
    let mut count = |name| fields.unsigned(name).map(Option::unwrap_or_default);
    Ok(Usage {
        input_tokens: count("inputTokens")?,
        output_tokens: count("outputTokens")?,
        cache_read_tokens: count("cacheReadTokens")?,
        cache_write_tokens: count("cacheWriteTokens")?,
        thinking_tokens: count("thinkingTokens")?,
    })
}

fn tool_call(mut fields: Fields<'_>) -> Result<ToolCall, EventJsonError> {
    Ok(ToolCall {
        tool_id: fields.text("toolId")?.unwrap_or_default(),
        tool_action: fields.text("toolAction")?,
        tool_call_id: fields.text("toolCallId")?,
        input_hash: hash(&mut fields, "inputHash")?,
        output_hash: hash(&mut fields, "outputHash")?,
        duration_ms: fields.unsigned("durationMs")?,
        input: fields.content("input")?,
        output: fields.content("output")?,
        extra: fields.rest(),
    })
}

fn model_call(mut fields: Fields<'_>) -> Result<ModelCall, EventJsonError> {
    Ok(ModelCall {
        provider_id: fields.text("providerId")?.unwrap_or_default(),
        model_id: fields.text("modelId")?.unwrap_or_default(),
        message_id: fields.text("messageId")?,
        usage: usage(&mut fields)?,
        cost_usd: fields.figure("costUsd")?,
        stop_reason: fields.text("stopReason")?,
        extra: fields.rest(),
    })
}

fn workspace_event(mut fields: Fields<'_>) -> Result<WorkspaceEvent, EventJsonError> {
    let event = fields.text("event")?;
    let event = fields.require("event", event, "what happened to the session")?;
    let event = WorkspaceAction::from_name(&event).ok_or_else(|| {
        fields.unknown_value("event", &event, &WorkspaceAction::ALL.map(WorkspaceAction::as_str))
    })?;
    Ok(WorkspaceEvent {
        event,
        payload_hash: hash(&mut fields, "payloadHash")?,
        approval_id: fields.text("approvalId")?,
        extra: fields.rest(),
    })
}

fn custom(mut fields: Fields<'_>) -> Result<Custom, EventJsonError> {
    Ok(Custom {
        type_name: fields.text("type")?.unwrap_or_default(),
        data: fields.content("data")?,
        extra: fields.rest(),
    })
}

fn unparsed(mut fields: Fields<'_>) -> Result<Unparsed, EventJsonError> {
    Ok(Unparsed { reason: fields.text("reason")?, extra: fields.rest() })
}

fn status(fields: &mut Fields<'_>) -> Result<Option<RunStatus>, EventJsonError> {
    fields.parsed("status", A_STATUS)
}

fn time(fields: &mut Fields<'_>, name: &str) -> Result<Option<Timestamp>, EventJsonError> {
    fields.parsed(name, A_TIME)
}

fn hash(fields: &mut Fields<'_>, name: &str) -> Result<Option<Digest>, EventJsonError> {
    fields.parsed(name, A_HASH)
}

/// The unknown fields of a body and, under joined names, those of the object `name` in it.
fn joined(name: &str, nested: Extra, fields: Fields<'_>) -> Result<Extra, EventJsonError> {
    let nested: Extra = nested
        .into_iter()
        .map(|(field, value)| (format!("{name}{NESTED_SEPARATOR}{field}"), value))
        .collect();
    if let Some((twice, _)) = nested.iter().find(|(field, _)| fields.has(field)) {
        return Err(fields.conflict(twice, name));
    }
    Ok(nested.into_iter().chain(fields.rest()).collect())
}
