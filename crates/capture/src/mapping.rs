//! Which event a message becomes.
//!
//! The event's JSON is put together from the message's and read as any other, so that fields are understood, checked and
//! kept as everywhere. INVARIANT: every message becomes an event. One that its topic's kind can't hold becomes a `custom`
//! event with all that it said and the reason.

use std::collections::BTreeMap;

use runledger_audit::{Body, Content, Custom, Event, EventJsonError, Json, Kind, RunStatus, Timestamp};
use serde_json::value::RawValue;

use crate::BusMessage;

/// Fields of the envelope, as a payload may name them beside their own names: in snake case.
const ENVELOPE_FIELDS: [(&str, &str); 13] = [
    ("workspaceId", "workspace_id"),
    ("laneId", "lane_id"),
    ("sessionId", "session_id"),
    ("runId", "run_id"),
    ("parentEventId", "parent_event_id"),
    ("correlationId", "correlation_id"),
    ("agentId", "agent_id"),
    ("actor", "actor"),
    ("action", "action"),
    ("target", "target"),
    ("outcome", "outcome"),
    ("metadata", "metadata"),
    ("sourceId", "source_id"),
];

/// Fields of bodies that are often written in snake case.
const BODY_FIELDS: [(&str, &str); 23] = [
    ("toolId", "tool_id"),
    ("toolId", "tool"),
    ("toolAction", "tool_action"),
    ("toolCallId", "tool_call_id"),
    ("durationMs", "duration_ms"),
    ("inputHash", "input_hash"),
    ("outputHash", "output_hash"),
    ("providerId", "provider_id"),
    ("providerId", "provider"),
    ("modelId", "model_id"),
    ("modelId", "model"),
    ("messageId", "message_id"),
    ("stopReason", "stop_reason"),
    ("costUsd", "cost_usd"),
    ("skillId", "skill_id"),
    ("callerId", "caller_id"),
    ("channelId", "channel_id"),
    ("parentRunId", "parent_run_id"),
    ("startedAt", "started_at"),
    ("endedAt", "ended_at"),
    ("eventType", "event_type"),
    ("approvalId", "approval_id"),
    ("payloadHash", "payload_hash"),
];

/// What a topic means.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// As [`plain`] writes it.
    topic: String,
    kind: Kind,
    /// Fields of the body that the topic itself tells.
    says: Vec<(&'static str, &'static str)>,
    outcome: Option<&'static str>,
}

/// Which topics become which kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    rules: Vec<Rule>,
}

impl Mapping {
    /// No topic is known: every message becomes a `custom` event.
    ///
    /// ```
    /// use runledger_audit::Kind;
    /// use runledger_capture::{BusMessage, Mapping};
    /// let message = BusMessage::new("run.started", r#"{"runId": "r1"}"#);
    /// assert_eq!(Mapping::none().event(&message).kind(), Kind::Custom);
    /// assert_eq!(Mapping::standard().event(&message).kind(), Kind::RunStarted);
    /// ```
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The usual topics of agent runtimes. Case and separators don't matter: `tool.finished`, `TOOL_FINISHED`, `tool/finished`.
    ///
    /// | topic | becomes |
    /// |---|---|
    /// | `run.started` | `run_started` |
    /// | `run.status`, `run.status_changed` | `run_status_changed` |
    /// | `run.finished`; `run.completed`, `.failed`, `.canceled`, `.timeout`, `.budget_exceeded` | `run_finished`, with that status |
    /// | `run.log` | `run_log` |
    /// | `message`, `message.sent`, `message.received` | `message` |
    /// | `tool.called`, `tool.finished`; `tool.completed`, `tool.failed` | `tool_call` |
    /// | `model.called`, `model.finished`; `model.completed`, `model.failed` | `model_call` |
    /// | `session.started`, `.ended`; `approval.requested`, `.resolved` | `workspace_event` |
    ///
    /// ```
    /// use runledger_audit::Kind;
    /// use runledger_capture::{BusMessage, Mapping};
    /// let message = BusMessage::new("TOOL_FAILED", r#"{"tool": "grep", "runId": "r1"}"#);
    /// let event = Mapping::standard().event(&message);
    /// assert_eq!((event.kind(), event.outcome.as_deref()), (Kind::ToolCall, Some("failure")));
    /// ```
    #[must_use]
    pub fn standard() -> Self {
        let mut mapping = Self::none();
        let kinds: [(&[&str], Kind); 7] = [
            (&["run.started"], Kind::RunStarted),
            (&["run.status", "run.status_changed"], Kind::RunStatusChanged),
            (&["run.finished"], Kind::RunFinished),
            (&["run.log"], Kind::RunLog),
            (&["message", "message.sent", "message.received"], Kind::Message),
            (&["tool.called", "tool.finished", "tool.call"], Kind::ToolCall),
            (&["model.called", "model.finished", "model.call"], Kind::ModelCall),
        ];
        for (topics, kind) in kinds {
            for topic in topics {
                mapping.add(topic, kind, Vec::new(), None);
            }
        }
        // These topics themselves say how it went.
        for status in ["completed", "failed", "canceled", "timeout", "budget_exceeded"] {
            let outcome = outcome_of(status);
            mapping.add(&format!("run.{status}"), Kind::RunFinished, vec![("status", status)], outcome);
        }
        for status in ["completed", "failed"] {
            mapping.add(&format!("tool.{status}"), Kind::ToolCall, Vec::new(), outcome_of(status));
            mapping.add(&format!("model.{status}"), Kind::ModelCall, Vec::new(), outcome_of(status));
        }
        for event in ["session_started", "session_ended", "approval_requested", "approval_resolved"] {
            mapping.add(event, Kind::WorkspaceEvent, vec![("event", event)], None);
        }
        mapping
    }

    /// The same mapping, in which messages of `topic` become events of `kind`.
    ///
    /// ```
    /// use runledger_audit::Kind;
    /// use runledger_capture::{BusMessage, Mapping};
    ///
    /// let mapping = Mapping::standard().with("llm.response", Kind::ModelCall);
    /// let message = BusMessage::new("llm.response", r#"{"provider": "p", "model": "m", "usage": {"inputTokens": 7}}"#);
    /// assert_eq!(mapping.event(&message).kind(), Kind::ModelCall);
    /// ```
    #[must_use]
    pub fn with(mut self, topic: &str, kind: Kind) -> Self {
        self.add(topic, kind, Vec::new(), None);
        self
    }

    fn add(
        &mut self,
        topic: &str,
        kind: Kind,
        says: Vec<(&'static str, &'static str)>,
        outcome: Option<&'static str>,
    ) {
        let topic = plain(topic);
        self.rules.retain(|rule| rule.topic != topic);
        self.rules.push(Rule { topic, kind, says, outcome });
    }

    /// The event that a message becomes.
    ///
    /// ```
    /// use runledger_audit::Body;
    /// use runledger_capture::{BusMessage, Mapping};
    /// let event = Mapping::standard().event(&BusMessage::new("door.opened", "not JSON"));
    /// assert!(matches!(&event.body, Body::Custom(custom) if custom.type_name == "door.opened"));
    /// ```
    #[must_use]
    pub fn event(&self, message: &BusMessage) -> Event {
        let topic = plain(&message.topic);
        let rule = self.rules.iter().find(|rule| rule.topic == topic);
        let fields: Option<Fields> = serde_json::from_str(&message.payload).ok();
        let (mut event, problem) = match (rule, fields) {
            (Some(rule), Some(fields)) => match known(rule, fields.clone()) {
                Ok(event) => (event, None),
                Err(error) => (custom(message, fields), Some(error.to_string())),
            },
            (Some(_), None) => {
                (custom(message, Fields::new()), Some("the payload is no JSON object".to_owned()))
            }
            (None, fields) => (custom(message, fields.unwrap_or_default()), None),
        };
        if let Some(problem) = problem {
            event.extra.push(("captureProblem".to_owned(), json_text(&problem)));
        }
        if let Some(id) = message.id {
            event.event_id = id;
        }
        event.timestamp = message.time.or_else(|| message.id?.time()).unwrap_or_else(Timestamp::now);
        event
    }
}

/// Fields of an object; their values as they came, so that numbers keep their digits.
type Fields = BTreeMap<String, Box<RawValue>>;

/// The event of a known topic.
fn known(rule: &Rule, mut fields: Fields) -> Result<Event, EventJsonError> {
    let mut line = take_envelope(&mut fields);
    let outcome = told_outcome(&line, &fields).or(rule.outcome.map(str::to_owned));
    if let Some(outcome) = outcome {
        line.insert("outcome".to_owned(), raw(&outcome));
    }
    for (name, alias) in BODY_FIELDS {
        rename(&mut fields, alias, name);
    }
    for (name, value) in &rule.says {
        fields.entry((*name).to_owned()).or_insert_with(|| raw(value));
    }
    line.insert("kind".to_owned(), raw(rule.kind.as_str()));
    line.insert("body".to_owned(), raw(&fields));
    Event::from_json(raw(&line).get())
}

/// The event of any other topic, or of a message that its kind can't hold: all that it said, as it said it.
fn custom(message: &BusMessage, mut fields: Fields) -> Event {
    let payload = Json::parse(&message.payload).unwrap_or_else(|_| json_text(&message.payload));
    let body = Body::Custom(Custom {
        type_name: message.topic.clone(),
        data: Some(Content::Inline(payload)),
        ..Custom::default()
    });
    let mut line = take_envelope(&mut fields);
    if let Some(outcome) = told_outcome(&line, &fields) {
        line.insert("outcome".to_owned(), raw(&outcome));
    }
    line.insert("kind".to_owned(), raw(Kind::Custom.as_str()));
    match Event::from_json(raw(&line).get()) {
        Ok(event) => Event { body, ..event },
        // It has an envelope field that is none, such as a number for a name. The payload says it all the same.
        Err(_) => Event::new(body),
    }
}

/// Takes out what belongs to the envelope, under its own names.
fn take_envelope(fields: &mut Fields) -> Fields {
    let mut envelope = Fields::new();
    for (name, alias) in ENVELOPE_FIELDS {
        rename(fields, alias, name);
        if let Some(value) = fields.remove(name).filter(|value| value.get() != "null") {
            envelope.insert(name.to_owned(), value);
        }
    }
    envelope
}

/// How it went, as far as the message says so; never a guess.
fn told_outcome(envelope: &Fields, fields: &Fields) -> Option<String> {
    if let Some(outcome) = envelope.get("outcome").and_then(|value| text(value)) {
        return Some(outcome);
    }
    let flag = |name: &&str| serde_json::from_str::<bool>(fields.get(*name)?.get()).ok();
    if let Some(success) = ["success", "ok"].iter().find_map(flag) {
        return Some(if success { "success" } else { "failure" }.to_owned());
    }
    if let Some(status) = fields.get("status").and_then(|value| text(value)) {
        return outcome_of(&status).map(str::to_owned);
    }
    let error = ["error", "exception"].iter().find_map(|name| fields.get(*name));
    let is_error = |error: &RawValue| !matches!(error.get(), "null" | "false" | "\"\"");
    error.filter(|error| is_error(error)).map(|_| "failure".to_owned())
}

/// The outcome that a status stands for, if it is one.
fn outcome_of(status: &str) -> Option<&'static str> {
    match status.parse::<RunStatus>().ok()? {
        RunStatus::Completed => Some("success"),
        RunStatus::Failed | RunStatus::Timeout | RunStatus::BudgetExceeded => Some("failure"),
        RunStatus::Canceled => Some("canceled"),
        _ => None,
    }
}

fn rename(fields: &mut Fields, from: &str, to: &str) {
    if from != to
        && !fields.contains_key(to)
        && let Some(value) = fields.remove(from)
    {
        fields.insert(to.to_owned(), value);
    }
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn raw<T: serde::Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("names, texts and JSON can be written as JSON")
}

/// A topic without what runtimes write differently.
fn plain(topic: &str) -> String {
    let plain = |letter: char| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    topic.chars().map(plain).collect()
}

fn json_text(text: &str) -> Json {
    Json::from_raw(&raw(text))
}

#[cfg(test)]
mod tests;
