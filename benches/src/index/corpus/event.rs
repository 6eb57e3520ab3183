//! An event as a user of the ledger would make it.

use std::fmt::Write as _;

use runledger::body::{RunFinished, RunLog, RunStarted};
use runledger::{
    Body, Content, Event, EventId, Json, Message, ModelCall, RunStatistics, RunStatus, SourceLine, Timestamp,
    ToolCall, Usage,
};

use super::names::Dimension;
use super::{Fact, generate};

/// How long a payload of a generated event is, on average: that of the ledger's records, and that of the rows.
pub(super) const PAYLOAD_BYTES: usize = 384;

/// What the ledger's encoding and its fields leave of that for contents.
const CONTENT_BYTES: usize = 12;

pub(super) fn of(number: u64, fact: &Fact, line: Option<&[u8]>) -> Event {
    let name = |dimension: Dimension| dimension.of(fact).map(|value| dimension.name(value));
    let content = || line.is_none().then(|| Content::Inline(text(&filler(number, CONTENT_BYTES))));
    let body = match fact.kind {
        0 => Body::RunStarted(RunStarted { inputs: content(), ..RunStarted::default() }),
        1 => Body::RunFinished(RunFinished {
            status: RunStatus::Completed,
            ended_at: None,
            output: content(),
            error: None,
            statistics: RunStatistics::default(),
            extra: Vec::new(),
        }),
        2 => Body::Message(Message { role: "assistant".into(), content: content(), ..Message::default() }),
        3 => Body::ToolCall(ToolCall {
            tool_id: name(Dimension::Tool).unwrap_or_default(),
            duration_ms: Some(number % 1000),
            input: content(),
            ..ToolCall::default()
        }),
        4 => Body::ModelCall(ModelCall {
            provider_id: "local".into(),
            model_id: name(Dimension::Model).unwrap_or_default(),
            usage: Usage { input_tokens: number % 5000, output_tokens: number % 700, ..Usage::default() },
            ..ModelCall::default()
        }),
        _ => Body::RunLog(RunLog {
            // Its own: an entry of a log has its number once.
            sequence: number,
            event_type: "note".into(),
            payload: content(),
            extra: Vec::new(),
        }),
    };
    let mut event = Event::new(body);
    event.event_id = EventId::from_bytes(generate::id(number, fact.time_ns));
    event.timestamp = Timestamp::from_nanoseconds(fact.time_ns);
    event.workspace_id = name(Dimension::Workspace);
    event.lane_id = name(Dimension::Lane);
    event.session_id = name(Dimension::Session);
    event.run_id = name(Dimension::Run);
    event.correlation_id = name(Dimension::Correlation);
    event.agent_id = name(Dimension::Agent);
    event.actor = name(Dimension::Actor);
    event.action = name(Dimension::Action);
    event.outcome = name(Dimension::Outcome);
    event.source = line.map(|line| SourceLine::whole(line.to_vec()));
    event
}

/// So many characters that look random.
pub(super) fn filler(number: u64, length: usize) -> String {
    let mut random = generate::Random::new(!number);
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        write!(text, "{:016x}", random.next()).expect("writing to a string does not fail");
    }
    text.truncate(length);
    text
}

fn text(text: &str) -> Json {
    Json::from_value(text).unwrap_or_else(|_| unreachable!("every text is JSON"))
}
