//! From a body to JSON.

pub(in crate::event_json) mod query_audit;

use super::NESTED_SEPARATOR;
use crate::Body;
use crate::body::{
    Custom, Extra, Message, ModelCall, RunFinished, RunLog, RunStarted, RunStatistics, RunStatusChanged,
    ToolCall, Unparsed, Usage, WorkspaceEvent,
};
use crate::event_json::OwnLine;
use crate::event_json::object_writer::ObjectWriter;

/// Writes the fields of `body`, which belongs to the event that holds `line`.
pub(in crate::event_json) fn body(body: &Body, line: OwnLine<'_>, json: &mut ObjectWriter) {
    match body {
        Body::RunStarted(run) => run_started(run, line, json),
        Body::RunStatusChanged(change) => run_status_changed(change, json),
        Body::RunFinished(run) => run_finished(run, line, json),
        Body::RunLog(log) => run_log(log, line, json),
        Body::Message(said) => message(said, line, json),
        Body::ToolCall(call) => tool_call(call, line, json),
        Body::ModelCall(call) => model_call(call, json),
        Body::WorkspaceEvent(event) => workspace_event(event, json),
        Body::Custom(event) => custom(event, line, json),
        Body::Unparsed(input) => unparsed(input, json),
        Body::QueryAudit(audit) => query_audit::query_audit(audit, line, json),
    }
}

fn run_started(run: &RunStarted, line: OwnLine<'_>, json: &mut ObjectWriter) {
    json.optional_text("goal", run.goal.as_deref());
    json.optional_word("status", run.status);
    json.optional_word("startedAt", run.started_at);
    json.optional_text("skillId", run.skill_id.as_deref());
    json.optional_text("callerId", run.caller_id.as_deref());
    json.optional_text("channelId", run.channel_id.as_deref());
    json.optional_text("parentRunId", run.parent_run_id.as_deref());
    json.optional_content("inputs", run.inputs.as_ref(), line);
    json.extra(&run.extra);
}

fn run_status_changed(change: &RunStatusChanged, json: &mut ObjectWriter) {
    json.word("status", change.status);
    json.optional_word("endedAt", change.ended_at);
    json.optional_text("reason", change.reason.as_deref());
    json.extra(&change.extra);
}

fn run_finished(run: &RunFinished, line: OwnLine<'_>, json: &mut ObjectWriter) {
    json.word("status", run.status);
    json.optional_word("endedAt", run.ended_at);
    json.optional_content("output", run.output.as_ref(), line);
    json.optional_text("error", run.error.as_deref());
    let (nested, extra) = apart("statistics", &run.extra);
    if run.statistics != RunStatistics::default() || !nested.is_empty() {
        json.object("statistics", |json| {
            run_statistics(&run.statistics, json);
            json.extra(&nested);
        });
    }
    json.extra(&extra);
}

fn run_statistics(statistics: &RunStatistics, json: &mut ObjectWriter) {
    json.optional_unsigned("toolCalls", statistics.tool_calls);
    json.optional_figure("runtimeSeconds", statistics.runtime_seconds);
    json.optional_unsigned("inputTokens", statistics.input_tokens);
    json.optional_unsigned("outputTokens", statistics.output_tokens);
    json.optional_unsigned("cacheReadTokens", statistics.cache_read_tokens);
    json.optional_unsigned("cacheWriteTokens", statistics.cache_write_tokens);
    json.optional_unsigned("thinkingTokens", statistics.thinking_tokens);
    let both = statistics.input_tokens.zip(statistics.output_tokens);
    json.optional_unsigned("totalTokens", both.map(|(input, output)| input.saturating_add(output)));
    json.optional_figure("costUsd", statistics.cost_usd);
}

fn run_log(log: &RunLog, line: OwnLine<'_>, json: &mut ObjectWriter) {
    json.unsigned("sequence", log.sequence);
    json.text("eventType", &log.event_type);
    json.optional_content("payload", log.payload.as_ref(), line);
    json.extra(&log.extra);
}

fn message(message: &Message, line: OwnLine<'_>, json: &mut ObjectWriter) {
    json.text("role", &message.role);
    json.optional_content("content", message.content.as_ref(), line);
    json.optional_text("model", message.model.as_deref());
    json.optional_text("messageId", message.message_id.as_deref());
    // Without a usage there is no object for the nested fields: it would be read back as one of no tokens.
    match &message.usage {
        Some(figures) => {
            let (nested, extra) = apart("usage", &message.extra);
            json.object("usage", |json| {
                usage(figures, json);
                json.extra(&nested);
            });
            json.extra(&extra);
        }
        None => json.extra(&message.extra),
    }
}

/// The tokens of an answer; those that few providers count are left out while they are none.
fn usage(usage: &Usage, json: &mut ObjectWriter) {
    let unless_none = |count: u64| Some(count).filter(|count| *count != 0);
    json.unsigned("inputTokens", usage.input_tokens);
    json.unsigned("outputTokens", usage.output_tokens);
    json.unsigned("totalTokens", usage.input_tokens.saturating_add(usage.output_tokens));
    json.optional_unsigned("cacheReadTokens", unless_none(usage.cache_read_tokens));
    json.optional_unsigned("cacheWriteTokens", unless_none(usage.cache_write_tokens));
    json.optional_unsigned("thinkingTokens", unless_none(usage.thinking_tokens));
}

fn tool_call(call: &ToolCall, line: OwnLine<'_>, json: &mut ObjectWriter) {
    json.text("toolId", &call.tool_id);
    json.optional_text("toolAction", call.tool_action.as_deref());
    json.optional_text("toolCallId", call.tool_call_id.as_deref());
    json.optional_word("inputHash", call.input_hash);
    json.optional_word("outputHash", call.output_hash);
    json.optional_unsigned("durationMs", call.duration_ms);
    json.optional_content("input", call.input.as_ref(), line);
    json.optional_content("output", call.output.as_ref(), line);
    json.extra(&call.extra);
}

fn model_call(call: &ModelCall, json: &mut ObjectWriter) {
    json.text("providerId", &call.provider_id);
    json.text("modelId", &call.model_id);
    json.optional_text("messageId", call.message_id.as_deref());
    usage(&call.usage, json);
    json.optional_figure("costUsd", call.cost_usd);
    json.optional_text("stopReason", call.stop_reason.as_deref());
    json.extra(&call.extra);
}

fn workspace_event(event: &WorkspaceEvent, json: &mut ObjectWriter) {
    json.word("event", event.event.as_str());
    json.optional_word("payloadHash", event.payload_hash);
    json.optional_text("approvalId", event.approval_id.as_deref());
    json.extra(&event.extra);
}

fn custom(event: &Custom, line: OwnLine<'_>, json: &mut ObjectWriter) {
    json.text("type", &event.type_name);
    json.optional_content("data", event.data.as_ref(), line);
    json.extra(&event.extra);
}

fn unparsed(input: &Unparsed, json: &mut ObjectWriter) {
    json.optional_text("reason", input.reason.as_deref());
    json.extra(&input.extra);
}

/// The extra fields that belong into the object `name`, under their own names, and the others.
fn apart(name: &str, extra: &Extra) -> (Extra, Extra) {
    let (mut nested, mut others) = (Extra::new(), Extra::new());
    for (field, value) in extra {
        match field.strip_prefix(name).and_then(|field| field.strip_prefix(NESTED_SEPARATOR)) {
            Some(field) => nested.push((field.to_owned(), value.clone())),
            None => others.push((field.clone(), value.clone())),
        }
    }
    (nested, others)
}
