//! The ledger's event of a span or of an event.

use std::time::Instant;

use runledger_audit::{
    Body, Content, Custom, Event, EventId, Json, ModelCall, RunFinished, RunStarted, RunStatistics,
    RunStatus, Timestamp, ToolCall, Usage,
};
use serde_json::Value;

use super::fields::Fields;
use super::outcome::{Ended, Ending};

/// A span that is recorded when it closes.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) event_id: EventId,
    pub(super) name: &'static str,
    pub(super) began: Instant,
    pub(super) began_at: Timestamp,
    pub(super) fields: Fields,
    pub(super) surroundings: Surroundings,
    pub(super) ending: Ending,
    /// The run that it is, if it is one.
    pub(super) run_id: Option<String>,
}

/// Who acts, by the spans around.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    parent: Option<EventId>,
    run_id: Option<String>,
    agent_id: Option<String>,
    session_id: Option<String>,
    correlation_id: Option<String>,
    workspace_id: Option<String>,
    lane_id: Option<String>,
}

/// What an event is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) is_error: bool,
}

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Model,
    Tool,
    Agent,
    Other,
}

impl Operation {
    fn of(fields: &Fields) -> Self {
        match fields.text("gen_ai.operation.name") {
            Some("chat" | "text_completion" | "generate_content" | "embeddings") => Self::Model,
            Some("execute_tool") => Self::Tool,
            Some("invoke_agent" | "create_agent") => Self::Agent,
            _ => Self::Other,
        }
    }
}

impl Surroundings {
    /// These, where the fields say nothing else. What the fields say is taken out of them.
    fn with(mut self, fields: &mut Fields) -> Self {
        let mut say = |mine: &mut Option<String>, names: &[&str]| {
            if let Some(said) = fields.take_text(names) {
                *mine = Some(said);
            }
        };
        say(&mut self.run_id, &["run_id"]);
        say(&mut self.agent_id, &["agent_id", "gen_ai.agent.id", "gen_ai.agent.name"]);
        say(&mut self.session_id, &["session_id", "gen_ai.conversation.id"]);
        say(&mut self.correlation_id, &["correlation_id"]);
        say(&mut self.workspace_id, &["workspace_id"]);
        say(&mut self.lane_id, &["lane_id"]);
        self
    }

    fn event(self, body: Body, fields: &mut Fields) -> Event {
        Event {
            parent_event_id: self.parent,
            run_id: self.run_id,
            agent_id: self.agent_id,
            session_id: self.session_id,
            correlation_id: self.correlation_id,
            workspace_id: self.workspace_id,
            lane_id: self.lane_id,
            actor: fields.take_text(&["actor"]),
            action: fields.take_text(&["action"]),
            target: fields.take_text(&["target"]),
            ..Event::new(body)
        }
    }
}

impl Span {
    /// The span as it begins, and the event of that if it is a run.
    pub(super) fn begin(mut self) -> (Self, Option<Event>) {
        if Operation::of(&self.fields) != Operation::Agent {
            return (self, None);
        }
        let mut fields = self.fields.clone();
        let outer_run = self.surroundings.run_id.clone();
        let mut around = self.surroundings.clone().with(&mut fields);
        let own_run = self.fields.text("run_id").map(str::to_owned);
        // A run needs a name of its own: the event's id is one.
        let run_id = own_run.unwrap_or_else(|| EventId::new().to_string());
        around.run_id = Some(run_id.clone());
        let started = RunStarted {
            goal: fields.take_text(&["goal", "gen_ai.agent.description"]),
            started_at: Some(self.began_at),
            parent_run_id: outer_run.filter(|outer| *outer != run_id),
            skill_id: fields.take_text(&["skill_id"]),
            caller_id: fields.take_text(&["caller_id"]),
            channel_id: fields.take_text(&["channel_id"]),
            ..RunStarted::default()
        };
        self.run_id = Some(run_id);
        let event = around.event(Body::RunStarted(started), &mut fields);
        let event = Event { event_id: self.event_id, timestamp: self.began_at, ..event };
        (self, Some(event))
    }

    /// What it tells those inside of it.
    pub(super) fn as_surroundings(&self) -> Surroundings {
        let mut inner = self.surroundings.clone().with(&mut self.fields.clone());
        inner.parent = Some(self.event_id);
        if self.run_id.is_some() {
            inner.run_id.clone_from(&self.run_id);
        }
        inner
    }

    /// Its event, now that it is over.
    pub(super) fn close(self) -> Event {
        let Self { mut fields, surroundings, ending, began, began_at, .. } = self;
        let operation = Operation::of(&fields);
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut around = surroundings.with(&mut fields);
        let ended = ending.take(&mut fields);
        let (body, is_run) = match (operation, self.run_id) {
            (Operation::Model, _) => (model_call(&mut fields), false),
            (Operation::Tool, _) => (tool_call(&mut fields, duration_ms, self.name), false),
            (_, Some(run_id)) => {
                around.run_id = Some(run_id);
                around.parent = Some(self.event_id);
                (run_finished(&mut fields, &ended), true)
            }
            _ => (custom(self.name), false),
        };
        let mut event = around.event(body, &mut fields);
        if is_run {
            event.timestamp = Timestamp::now();
        } else {
            (event.event_id, event.timestamp) = (self.event_id, began_at);
        }
        event.outcome = ended.outcome;
        event.metadata = metadata(fields, Some(duration_ms), ended.error);
        event
    }
}

/// The event of an event.
pub(super) fn event(named: Named<'_>, mut fields: Fields, surroundings: Surroundings) -> Event {
    let around = surroundings.with(&mut fields);
    let mut ending = Ending::default();
    if named.is_error {
        ending.error(&fields);
    }
    let ended = ending.take(&mut fields);
    let mut event = around.event(custom(named.name), &mut fields);
    event.outcome = ended.outcome;
    event.metadata = metadata(fields, None, ended.error);
    event
}

fn model_call(fields: &mut Fields) -> Body {
    let asked = fields.take_text(&["gen_ai.request.model"]);
    let cache_read_tokens = fields.take_unsigned(&["gen_ai.usage.cache_read.input_tokens"]).unwrap_or(0);
    let cache_write_tokens = fields.take_unsigned(&["gen_ai.usage.cache_creation.input_tokens"]).unwrap_or(0);
    let read =
        fields.take_unsigned(&["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]).unwrap_or(0);
    let written = fields.take_unsigned(&["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]);
    Body::ModelCall(ModelCall {
        provider_id: fields.take_text(&["gen_ai.provider.name", "gen_ai.system"]).unwrap_or_default(),
        model_id: fields.take_text(&["gen_ai.response.model"]).or(asked).unwrap_or_default(),
        message_id: fields.take_text(&["gen_ai.response.id"]),
        usage: Usage {
            // The conventions count the cache's tokens among those that were read.
            input_tokens: read.saturating_sub(cache_read_tokens).saturating_sub(cache_write_tokens),
            output_tokens: written.unwrap_or(0),
            cache_read_tokens,
            cache_write_tokens,
            ..Usage::default()
        },
        cost_usd: fields.take_figure(&["cost_usd", "gen_ai.usage.cost"]).filter(|cost| cost.is_finite()),
        stop_reason: fields.take_text(&["gen_ai.response.finish_reasons"]),
        extra: Vec::new(),
    })
}

fn tool_call(fields: &mut Fields, duration_ms: u64, name: &str) -> Body {
    let content = |value: Option<Value>| value.map(|value| Content::Inline(json(&value)));
    let tool_id = fields.take_text(&["gen_ai.tool.name", "tool_id"]);
    Body::ToolCall(ToolCall {
        tool_id: tool_id.unwrap_or_else(|| name.to_owned()),
        tool_action: fields.take_text(&["tool_action"]),
        tool_call_id: fields.take_text(&["gen_ai.tool.call.id"]),
        duration_ms: Some(duration_ms),
        input: content(fields.take_content(&["gen_ai.tool.call.arguments"])),
        output: content(fields.take_content(&["gen_ai.tool.call.result"])),
        ..ToolCall::default()
    })
}

/// A run that closes and of which nothing bad was said has run to its end: that much the close itself says. Whether it
/// did well is another matter, and stays open in its outcome.
fn run_finished(fields: &mut Fields, ended: &Ended) -> Body {
    let failed = ended.error.is_some() || ended.outcome.as_deref() == Some("failure");
    let concluded = if failed { RunStatus::Failed } else { RunStatus::Completed };
    let output = fields.take_content(&["output", "gen_ai.output.messages"]);
    Body::RunFinished(RunFinished {
        status: ended.status.unwrap_or(concluded),
        ended_at: Some(Timestamp::now()),
        output: output.map(|value| Content::Inline(json(&value))),
        error: ended.error.clone(),
        statistics: RunStatistics::default(),
        extra: Vec::new(),
    })
}

fn custom(name: &str) -> Body {
    Body::Custom(Custom { type_name: name.to_owned(), ..Custom::default() })
}

/// Whatever has no place of its own.
fn metadata(fields: Fields, duration_ms: Option<u64>, error: Option<String>) -> Option<Json> {
    let mut object = match fields.rest() {
        Some(Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    if let Some(duration_ms) = duration_ms {
        object.insert("durationMs".to_owned(), duration_ms.into());
    }
    if let Some(error) = error {
        object.insert("error".to_owned(), error.into());
    }
    (!object.is_empty()).then(|| json(&Value::Object(object)))
}

fn json(value: &Value) -> Json {
    Json::from_value(value).expect("a JSON value can be written as JSON")
}
