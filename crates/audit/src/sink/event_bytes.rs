//! How much memory an event takes, near enough for a limit: its own size and the lengths of what it points to.

use crate::body::Extra;
use crate::{Body, Content, Event, Json, QueryAudit};

/// Bytes that an event takes in a queue.
pub(super) fn event_bytes(event: &Event) -> usize {
    let names = [
        &event.workspace_id,
        &event.lane_id,
        &event.session_id,
        &event.run_id,
        &event.correlation_id,
        &event.agent_id,
        &event.actor,
        &event.action,
        &event.target,
        &event.outcome,
        &event.source_id,
    ];
    size_of::<Event>()
        + names.into_iter().map(|name| name.as_ref().map_or(0, String::len)).sum::<usize>()
        + event.metadata.as_ref().map_or(0, json)
        + event.source.as_ref().map_or(0, |line| line.bytes.len())
        + extra(&event.extra)
        + body(&event.body)
}

fn body(body: &Body) -> usize {
    match body {
        Body::RunStarted(run) => {
            let ids =
                text(run.skill_id.as_ref()) + text(run.caller_id.as_ref()) + text(run.channel_id.as_ref());
            ids + text(run.goal.as_ref())
                + text(run.parent_run_id.as_ref())
                + content(run.inputs.as_ref())
                + extra(&run.extra)
        }
        Body::RunStatusChanged(change) => text(change.reason.as_ref()) + extra(&change.extra),
        Body::RunFinished(run) => content(run.output.as_ref()) + text(run.error.as_ref()) + extra(&run.extra),
        Body::RunLog(log) => log.event_type.len() + content(log.payload.as_ref()) + extra(&log.extra),
        Body::Message(message) => {
            let names = message.role.len() + text(message.model.as_ref()) + text(message.message_id.as_ref());
            names + content(message.content.as_ref()) + extra(&message.extra)
        }
        Body::ToolCall(call) => {
            let names =
                call.tool_id.len() + text(call.tool_action.as_ref()) + text(call.tool_call_id.as_ref());
            names + content(call.input.as_ref()) + content(call.output.as_ref()) + extra(&call.extra)
        }
        Body::ModelCall(call) => {
            let names = call.provider_id.len() + call.model_id.len() + text(call.message_id.as_ref());
            names + text(call.stop_reason.as_ref()) + extra(&call.extra)
        }
        Body::WorkspaceEvent(event) => text(event.approval_id.as_ref()) + extra(&event.extra),
        Body::QueryAudit(audit) => query_audit(audit),
        Body::Custom(custom) => custom.type_name.len() + content(custom.data.as_ref()) + extra(&custom.extra),
        Body::Unparsed(unparsed) => text(unparsed.reason.as_ref()) + extra(&unparsed.extra),
    }
}

fn query_audit(audit: &QueryAudit) -> usize {
    let params = &audit.params;
    let asked = [&params.subject, &params.predicate, &params.lifecycle, &params.lens];
    asked.into_iter().map(|asked| text(asked.as_ref())).sum::<usize>()
        + content(audit.result_value.as_ref())
        + size_of_val(audit.contributing_assertions.as_slice())
        + extra(&audit.extra)
}

fn text(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

fn json(json: &Json) -> usize {
    json.as_str().len()
}

fn content(content: Option<&Content>) -> usize {
    match content {
        Some(Content::Inline(value)) => json(value),
        Some(Content::At(_)) | None => 0,
    }
}

fn extra(extra: &Extra) -> usize {
    extra.iter().map(|(name, value)| size_of::<(String, Json)>() + name.len() + json(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Custom;

    #[test]
    fn what_is_bulky_is_counted_wherever_it_stands() {
        let bulk = Json::from_value(&"x".repeat(10_000)).unwrap();
        let small = event_bytes(&Event::new(Body::Custom(Custom::default())));
        let custom = Custom { data: Some(Content::Inline(bulk.clone())), ..Custom::default() };
        let bulky = [
            Event::new(Body::Custom(custom)),
            Event { metadata: Some(bulk.clone()), ..Event::new(Body::Custom(Custom::default())) },
            Event { extra: vec![("a".to_owned(), bulk)], ..Event::new(Body::Custom(Custom::default())) },
            Event { target: Some("x".repeat(10_000)), ..Event::new(Body::Custom(Custom::default())) },
        ];
        for event in bulky {
            assert!(event_bytes(&event) >= small + 10_000, "{event:?}");
        }
    }
}
