//! What messages become.

use runledger_audit::{EventId, WorkspaceAction};

use super::*;

fn event(topic: &str, payload: &str) -> Event {
    Mapping::standard().event(&BusMessage::new(topic, payload))
}

#[test]
fn known_topics_become_their_kinds_however_they_are_written() {
    let tool = r#"{"tool_id": "grep", "duration_ms": 12, "run_id": "r", "agentId": "a", "mood": 1.50}"#;
    for topic in ["tool.finished", "TOOL_FINISHED", "tool/finished", "Tool-Finished"] {
        let event = event(topic, tool);
        let Body::ToolCall(call) = &event.body else { panic!("{event:?}") };
        assert_eq!((call.tool_id.as_str(), call.duration_ms), ("grep", Some(12)));
        assert_eq!((event.run_id.as_deref(), event.agent_id.as_deref()), (Some("r"), Some("a")));
        assert_eq!(call.extra[0].1.as_str(), "1.50", "what is not known is kept, digits and all");
    }
    let kinds = [
        ("run.started", "{}", Kind::RunStarted),
        ("run.status", r#"{"status": "queued"}"#, Kind::RunStatusChanged),
        ("run.log", r#"{"sequence": 1, "eventType": "note"}"#, Kind::RunLog),
        ("message", r#"{"role": "user", "content": "hello"}"#, Kind::Message),
        ("model.called", r#"{"provider": "p", "model": "m", "usage": {"inputTokens": 3}}"#, Kind::ModelCall),
    ];
    for (topic, payload, kind) in kinds {
        let event = event(topic, payload);
        assert_eq!(event.kind(), kind, "{event:?}");
    }
    let asked = event("approval.requested", r#"{"approval_id": "7", "session_id": "s"}"#);
    let Body::WorkspaceEvent(asked) = asked.body else { panic!() };
    assert_eq!((asked.event, asked.approval_id.as_deref()), (WorkspaceAction::ApprovalRequested, Some("7")));
}

#[test]
fn an_unknown_topic_is_recorded_as_custom_with_all_that_it_said() {
    let payload = r#"{"runId": "r", "count": 12345678901234567890123, "b": {"z": 1, "a": 2}}"#;
    let event = event("billing.weird", payload);
    let Body::Custom(custom) = &event.body else { panic!("{event:?}") };
    assert_eq!(custom.type_name, "billing.weird");
    assert_eq!(custom.data, Some(Content::Inline(Json::parse(payload).unwrap())));
    assert_eq!((event.run_id.as_deref(), event.outcome.as_deref()), (Some("r"), None));
}

#[test]
fn a_message_that_its_kind_can_t_hold_is_kept_whole_and_says_why() {
    for (topic, payload) in [
        ("tool.finished", r#"{"duration_ms": "long"}"#),
        ("run.finished", r#"{"status": "splendid"}"#),
        ("run.started", "not JSON at all"),
        ("run.started", "[1, 2]"),
        ("other", r#"{"runId": 7}"#),
    ] {
        let event = event(topic, payload);
        let Body::Custom(custom) = &event.body else { panic!("{event:?}") };
        let Some(Content::Inline(data)) = &custom.data else { panic!("{event:?}") };
        assert!(payload.contains(data.as_str()) || data.as_str().contains(payload), "{data}");
        assert_eq!(
            event.extra.iter().any(|(name, _)| name == "captureProblem"),
            topic != "other",
            "{event:?}"
        );
    }
}

#[test]
fn an_outcome_is_what_the_message_says_and_absent_where_it_says_nothing() {
    let tool = |rest: &str| event("tool.finished", &format!(r#"{{"tool": "t"{rest}}}"#)).outcome;
    assert_eq!(tool(""), None);
    assert_eq!(tool(r#", "success": true"#).as_deref(), Some("success"));
    assert_eq!(tool(r#", "success": false"#).as_deref(), Some("failure"));
    assert_eq!(tool(r#", "error": "no such file""#).as_deref(), Some("failure"));
    assert_eq!(tool(r#", "error": null"#), None);
    assert_eq!(tool(r#", "outcome": "denied", "success": true"#).as_deref(), Some("denied"));
    assert_eq!(event("tool.failed", r#"{"tool": "t"}"#).outcome.as_deref(), Some("failure"));
    assert_eq!(event("run.canceled", "{}").outcome.as_deref(), Some("canceled"));
    assert_eq!(event("run.finished", r#"{"status": "timeout"}"#).outcome.as_deref(), Some("failure"));
    assert_eq!(event("run.finished", r#"{"status": "queued"}"#).outcome, None);
    assert_eq!(event("anything", r#"{"ok": true}"#).outcome.as_deref(), Some("success"));
}

#[test]
fn the_end_of_a_run_has_the_status_that_its_topic_tells() {
    let statuses = [
        ("run.completed", RunStatus::Completed),
        ("run.failed", RunStatus::Failed),
        ("run.timeout", RunStatus::Timeout),
        ("run.budget_exceeded", RunStatus::BudgetExceeded),
    ];
    for (topic, status) in statuses {
        let event = event(topic, r#"{"run_id": "r", "error": "x"}"#);
        let Body::RunFinished(run) = &event.body else { panic!("{event:?}") };
        assert_eq!((run.status, run.error.as_deref()), (status, Some("x")));
    }
}

#[test]
fn identity_and_time_are_the_messages_own() {
    let id = EventId::new();
    let message = BusMessage::new("x", "{}").with_id(id).with_time(Timestamp::from_nanoseconds(5));
    let event = Mapping::none().event(&message);
    assert_eq!((event.event_id, event.timestamp), (id, Timestamp::from_nanoseconds(5)));
    let undated = Mapping::none().event(&BusMessage::new("x", "{}").with_id(id));
    assert_eq!(Some(undated.timestamp), id.time(), "delivered again it is the same event");
}
