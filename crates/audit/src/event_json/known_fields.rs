//! The names that an event's JSON gives to what it knows. An extra field of such a name, or two of one name, would
//! make JSON that holds a field twice and could not be read back, so the codec refuses to store it.

use crate::body::Extra;
use crate::{Body, Event, Kind};

/// The fields of the envelope.
pub(super) const ENVELOPE: &[&str] = &[
    "seq",
    "eventId",
    "timestamp",
    "kind",
    "workspaceId",
    "laneId",
    "sessionId",
    "runId",
    "parentEventId",
    "correlationId",
    "agentId",
    "actor",
    "action",
    "target",
    "outcome",
    "metadata",
    "sourceId",
    "supersedes",
    "writerInstance",
    "body",
    "source",
];

/// The fields of a body; those of a nested object under joined names.
pub(super) fn of_body(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::RunStarted => &[
            "goal",
            "status",
            "startedAt",
            "skillId",
            "callerId",
            "channelId",
            "parentRunId",
            "inputs",
            "inputsAt",
        ],
        Kind::RunStatusChanged => &["status", "endedAt", "reason"],
        Kind::RunFinished => &[
            "status",
            "endedAt",
            "output",
            "outputAt",
            "error",
            "statistics",
            "statistics.toolCalls",
            "statistics.runtimeSeconds",
            "statistics.inputTokens",
            "statistics.outputTokens",
            "statistics.totalTokens",
            "statistics.cacheReadTokens",
            "statistics.cacheWriteTokens",
            "statistics.thinkingTokens",
            "statistics.costUsd",
        ],
        Kind::RunLog => &["sequence", "eventType", "payload", "payloadAt"],
        Kind::Message => &[
            "role",
            "content",
            "contentAt",
            "model",
            "messageId",
            "usage",
            "usage.inputTokens",
            "usage.outputTokens",
            "usage.totalTokens",
            "usage.cacheReadTokens",
            "usage.cacheWriteTokens",
            "usage.thinkingTokens",
        ],
        Kind::ToolCall => &[
            "toolId",
            "toolAction",
            "toolCallId",
            "inputHash",
            "outputHash",
            "durationMs",
            "input",
            "inputAt",
            "output",
            "outputAt",
        ],
        Kind::ModelCall => &[
            "providerId",
            "modelId",
            "messageId",
            "inputTokens",
            "outputTokens",
            "totalTokens",
            "cacheReadTokens",
            "cacheWriteTokens",
            "thinkingTokens",
            "costUsd",
            "stopReason",
        ],
        Kind::WorkspaceEvent => &["event", "payloadHash", "approvalId"],
        Kind::Custom => &["type", "data", "dataAt"],
        Kind::Unparsed => &["reason"],
        Kind::QueryAudit => &[
            "queryId",
            "params",
            "params.subject",
            "params.predicate",
            "params.lifecycle",
            "params.epoch",
            "params.lens",
            "resultHash",
            "resultValue",
            "resultValueAt",
            "resultConfidence",
            "contributingAssertions",
        ],
    }
}

/// The fields of an assertion of a query audit.
pub(super) const ASSERTION: &[&str] = &["assertionHash", "weight", "sourceHash", "source", "lifecycle"];

/// The path of an extra field that has the name of a known one or of one before it.
pub(crate) fn field_given_twice(event: &Event) -> Option<String> {
    let in_envelope = given_twice(&event.extra, ENVELOPE).map(str::to_owned);
    let in_body =
        || given_twice(extra_of(&event.body), of_body(event.kind())).map(|name| format!("body.{name}"));
    in_envelope.or_else(in_body).or_else(|| in_assertions(&event.body))
}

fn in_assertions(body: &Body) -> Option<String> {
    let Body::QueryAudit(audit) = body else { return None };
    audit.contributing_assertions.iter().enumerate().find_map(|(index, assertion)| {
        let name = given_twice(&assertion.extra, ASSERTION)?;
        Some(format!("body.contributingAssertions[{index}].{name}"))
    })
}

fn given_twice<'a>(extra: &'a Extra, known: &[&str]) -> Option<&'a str> {
    // Most events have no unknown field, and those that do have few.
    let mut names = std::collections::HashSet::new();
    extra.iter().map(|(name, _)| name.as_str()).find(|name| known.contains(name) || !names.insert(*name))
}

/// The unknown fields of a body.
pub(crate) fn extra_of(body: &Body) -> &Extra {
    match body {
        Body::RunStarted(body) => &body.extra,
        Body::RunStatusChanged(body) => &body.extra,
        Body::RunFinished(body) => &body.extra,
        Body::RunLog(body) => &body.extra,
        Body::Message(body) => &body.extra,
        Body::ToolCall(body) => &body.extra,
        Body::ModelCall(body) => &body.extra,
        Body::WorkspaceEvent(body) => &body.extra,
        Body::Custom(body) => &body.extra,
        Body::Unparsed(body) => &body.extra,
        Body::QueryAudit(body) => &body.extra,
    }
}
