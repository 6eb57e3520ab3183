//! From the vocabulary to schema version 1. Total: every event has an envelope, and contents if it carries any.

mod query_audit;

use super::{
    BodyContentsV1, ContentV1, ContentsV1, CustomFactsV1, EnvelopeV1, FactsV1, FieldV1, IdV1, LinkV1,
    MessageFactsV1, ModelCallFactsV1, ReasonV1, RunFinishedContentsV1, RunFinishedFactsV1, RunLogFactsV1,
    RunStartedContentsV1, RunStartedFactsV1, RunStatisticsV1, RunStatusChangedFactsV1, SourceV1,
    ToolCallContentsV1, ToolCallFactsV1, UsageV1, WorkspaceEventFactsV1, dimension, relation,
};
use crate::body::Extra;
use crate::event_json::extra_of;
use crate::{
    Body, Content, Digest, Event, EventId, Json, ModelCall, RunStarted, RunStatistics, RunStatus, Timestamp,
    ToolCall, Usage, WriterInstance,
};

/// Part 0 of `event`.
pub(in super::super) fn envelope(event: &Event) -> EnvelopeV1 {
    EnvelopeV1 {
        event_id: event.event_id.to_bytes(),
        timestamp: event.timestamp.as_nanoseconds(),
        ids: ids(event),
        links: links(event),
        facts: facts(&event.body),
    }
}

/// Part 1 of `event`; `None` when it would hold nothing.
pub(in super::super) fn contents(event: &Event) -> Option<ContentsV1> {
    let contents = ContentsV1 {
        metadata: event.metadata.as_ref().map(json),
        source: event
            .source
            .as_ref()
            .map(|line| Box::new(SourceV1 { bytes: line.bytes.clone(), continues: line.continues })),
        extra: fields(&event.extra),
        body_extra: fields(extra_of(&event.body)),
        body: body_contents(&event.body),
    };
    let holds_something = contents.metadata.is_some()
        || contents.source.is_some()
        || !contents.extra.is_empty()
        || !contents.body_extra.is_empty()
        || !matches!(contents.body, BodyContentsV1::Nothing);
    holds_something.then_some(contents)
}

fn ids(event: &Event) -> Vec<IdV1> {
    let all = [
        (dimension::WORKSPACE, &event.workspace_id),
        (dimension::LANE, &event.lane_id),
        (dimension::SESSION, &event.session_id),
        (dimension::RUN, &event.run_id),
        (dimension::CORRELATION, &event.correlation_id),
        (dimension::AGENT, &event.agent_id),
        (dimension::ACTOR, &event.actor),
        (dimension::ACTION, &event.action),
        (dimension::TARGET, &event.target),
        (dimension::OUTCOME, &event.outcome),
        (dimension::SOURCE, &event.source_id),
    ];
    let mut ids = Vec::with_capacity(all.len());
    ids.extend(all.into_iter().filter_map(|(dimension, value)| {
        value.as_ref().map(|value| IdV1 { value: value.clone(), dimension })
    }));
    ids
}

fn links(event: &Event) -> Vec<LinkV1> {
    [
        (relation::PARENT, event.parent_event_id.map(EventId::to_bytes)),
        (relation::SUPERSEDES, event.supersedes.map(EventId::to_bytes)),
        (relation::WRITER, event.writer_instance.map(WriterInstance::to_bytes)),
    ]
    .into_iter()
    .filter_map(|(relation, id)| id.map(|id| LinkV1 { relation, id }))
    .collect()
}

fn facts(body: &Body) -> FactsV1 {
    match body {
        Body::RunStarted(run) => FactsV1::RunStarted(Box::new(run_started(run))),
        Body::RunStatusChanged(change) => FactsV1::RunStatusChanged(Box::new(RunStatusChangedFactsV1 {
            ended_at: change.ended_at.map(Timestamp::as_nanoseconds),
            status: change.status.code(),
        })),
        Body::RunFinished(run) => FactsV1::RunFinished(Box::new(RunFinishedFactsV1 {
            ended_at: run.ended_at.map(Timestamp::as_nanoseconds),
            statistics: statistics(&run.statistics),
            status: run.status.code(),
        })),
        Body::RunLog(log) => FactsV1::RunLog(Box::new(RunLogFactsV1 {
            sequence: log.sequence,
            event_type: log.event_type.clone(),
        })),
        Body::Message(message) => FactsV1::Message(Box::new(MessageFactsV1 {
            role: message.role.clone(),
            model: message.model.clone(),
            message_id: message.message_id.clone(),
            usage: message.usage.as_ref().map(|figures| Box::new(usage(figures))),
        })),
        Body::ToolCall(call) => FactsV1::ToolCall(Box::new(tool_call(call))),
        Body::ModelCall(call) => FactsV1::ModelCall(Box::new(model_call(call))),
        Body::WorkspaceEvent(event) => FactsV1::WorkspaceEvent(Box::new(WorkspaceEventFactsV1 {
            approval_id: event.approval_id.clone(),
            payload_hash: event.payload_hash.map(Digest::to_bytes),
            action: event.event.code(),
        })),
        Body::Custom(custom) => {
            FactsV1::Custom(Box::new(CustomFactsV1 { type_name: custom.type_name.clone() }))
        }
        Body::Unparsed(_) => FactsV1::Unparsed,
        Body::QueryAudit(audit) => FactsV1::QueryAudit(Box::new(query_audit::facts(audit))),
    }
}

fn run_started(run: &RunStarted) -> RunStartedFactsV1 {
    RunStartedFactsV1 {
        started_at: run.started_at.map(Timestamp::as_nanoseconds),
        skill_id: run.skill_id.clone(),
        caller_id: run.caller_id.clone(),
        channel_id: run.channel_id.clone(),
        parent_run_id: run.parent_run_id.clone(),
        status: run.status.map(RunStatus::code),
    }
}

fn tool_call(call: &ToolCall) -> ToolCallFactsV1 {
    ToolCallFactsV1 {
        duration_ms: call.duration_ms,
        tool_id: call.tool_id.clone(),
        tool_action: call.tool_action.clone(),
        tool_call_id: call.tool_call_id.clone(),
        input_hash: call.input_hash.map(Digest::to_bytes),
        output_hash: call.output_hash.map(Digest::to_bytes),
    }
}

fn model_call(call: &ModelCall) -> ModelCallFactsV1 {
    ModelCallFactsV1 {
        usage: usage(&call.usage),
        cost_usd: call.cost_usd,
        provider_id: call.provider_id.clone(),
        model_id: call.model_id.clone(),
        message_id: call.message_id.clone(),
        stop_reason: call.stop_reason.clone(),
    }
}

fn statistics(statistics: &RunStatistics) -> Option<Box<RunStatisticsV1>> {
    (*statistics != RunStatistics::default()).then(|| {
        Box::new(RunStatisticsV1 {
            tool_calls: statistics.tool_calls,
            runtime_seconds: statistics.runtime_seconds,
            input_tokens: statistics.input_tokens,
            output_tokens: statistics.output_tokens,
            cache_read_tokens: statistics.cache_read_tokens,
            cache_write_tokens: statistics.cache_write_tokens,
            thinking_tokens: statistics.thinking_tokens,
            cost_usd: statistics.cost_usd,
        })
    })
}

fn usage(usage: &Usage) -> UsageV1 {
    UsageV1 {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_tokens: usage.cache_write_tokens,
        thinking_tokens: usage.thinking_tokens,
    }
}

fn body_contents(body: &Body) -> BodyContentsV1 {
    let contents = match body {
        Body::RunStarted(run) => (run.goal.is_some() || run.inputs.is_some()).then(|| {
            BodyContentsV1::RunStarted(Box::new(RunStartedContentsV1 {
                goal: run.goal.clone(),
                inputs: run.inputs.as_ref().map(content),
            }))
        }),
        Body::RunStatusChanged(change) => {
            change.reason.as_deref().map(|it| BodyContentsV1::RunStatusChanged(Box::new(reason(it))))
        }
        Body::RunFinished(run) => (run.error.is_some() || run.output.is_some()).then(|| {
            BodyContentsV1::RunFinished(Box::new(RunFinishedContentsV1 {
                error: run.error.clone(),
                output: run.output.as_ref().map(content),
            }))
        }),
        Body::RunLog(log) => log.payload.as_ref().map(|it| BodyContentsV1::RunLog(Box::new(content(it)))),
        Body::Message(message) => {
            message.content.as_ref().map(|it| BodyContentsV1::Message(Box::new(content(it))))
        }
        Body::ToolCall(call) => (call.input.is_some() || call.output.is_some()).then(|| {
            BodyContentsV1::ToolCall(Box::new(ToolCallContentsV1 {
                input: call.input.as_ref().map(content),
                output: call.output.as_ref().map(content),
            }))
        }),
        Body::ModelCall(_) | Body::WorkspaceEvent(_) => None,
        Body::Custom(custom) => custom.data.as_ref().map(|it| BodyContentsV1::Custom(Box::new(content(it)))),
        Body::Unparsed(unparsed) => {
            unparsed.reason.as_deref().map(|it| BodyContentsV1::Unparsed(Box::new(reason(it))))
        }
        Body::QueryAudit(audit) => {
            query_audit::contents(audit).map(|it| BodyContentsV1::QueryAudit(Box::new(it)))
        }
    };
    contents.unwrap_or(BodyContentsV1::Nothing)
}

fn content(content: &Content) -> ContentV1 {
    match content {
        Content::Inline(value) => ContentV1::Inline(json(value)),
        Content::At(range) => ContentV1::At {
            offset: range.offset,
            length: range.length,
            event: range.event.map(EventId::to_bytes),
        },
    }
}

fn reason(reason: &str) -> ReasonV1 {
    ReasonV1 { reason: reason.to_owned() }
}

fn fields(extra: &Extra) -> Vec<FieldV1> {
    extra.iter().map(|(name, value)| FieldV1 { name: name.clone(), json: json(value) }).collect()
}

fn json(json: &Json) -> String {
    json.as_str().to_owned()
}
