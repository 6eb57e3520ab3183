//! One tool call per use of a tool: the use, from the answer that asked for it, and the result, from the line that
//! brought it.
//!
//! The two may stand in different files, which may be imported in either order, so a call may be stored before it is
//! complete. It is then superseded by one that is, and what both say is the same as if they had stood in one file. A
//! use counts once in the whole ledger.

use std::collections::HashMap;

use runledger_audit::{Body, Content, Digest, Event, SourceRange, Timestamp, ToolCall};
use serde_json::value::RawValue;

use super::line::Reading;
use super::session::Session;
use crate::error::ImportError;
use crate::hash::sha256;
use crate::object::Object;
use crate::offsets::content_at;
use crate::sink::{Known, Sink};

/// Stands for the tool of a result whose use was not seen. A use that names no other tool tells nothing of it.
const UNKNOWN_TOOL: &str = "unknown";

/// The tool calls of one file, in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct ToolCalls {
    calls: Vec<Call>,
    by_id: HashMap<String, usize>,
}

/// What one file says about a call.
#[derive(Debug, Default)]
struct Call {
    id: String,
    used: Option<Used>,
    returned: Option<Returned>,
}

#[derive(Debug)]
struct Used {
    tool: String,
    input: Option<Value>,
    at: Circumstances,
}

#[derive(Debug)]
struct Returned {
    output: Option<Value>,
    failed: bool,
    at: Circumstances,
}

/// A value in a line, and its hash.
#[derive(Debug, Clone, Copy)]
struct Value {
    hash: Digest,
    place: SourceRange,
    line: Known,
}

/// The envelope of the record that shows a half of a call.
#[derive(Debug)]
struct Circumstances {
    time: Timestamp,
    workspace_id: Option<String>,
    run_id: String,
    agent_id: String,
}

impl ToolCalls {
    /// Takes note of the uses and results in a record that `line` holds.
    pub(crate) fn add(&mut self, reading: &Reading<'_>, session: &Session, time: Timestamp, line: Known) {
        let Some(said) = &reading.said else { return };
        let value = |raw: &RawValue| {
            let place = reading.place(raw)?;
            Some(Value { hash: sha256(raw.get().as_bytes()), place, line })
        };
        let at = || Circumstances {
            time,
            workspace_id: reading.object().name("cwd"),
            run_id: reading.run_id(session),
            agent_id: reading.agent_id(session).to_owned(),
        };
        for part in said.parts() {
            let kind = part.text("type").unwrap_or_default();
            if kind == "tool_use" {
                self.add_use(&part, part.get("input").and_then(value), at());
            } else if kind == "tool_result" {
                self.add_result(&part, part.get("content").and_then(value), at());
            }
        }
    }

    /// The first use and the first result of an id count; a streamed answer may repeat them.
    fn add_use(&mut self, part: &Object<'_>, input: Option<Value>, at: Circumstances) {
        let Some(id) = part.name("id") else { return };
        let Some(tool) = part.name("name").filter(|tool| tool != UNKNOWN_TOOL) else { return };
        if let Some(call) = self.call(id) {
            call.used.get_or_insert(Used { tool, input, at });
        }
    }

    fn add_result(&mut self, part: &Object<'_>, output: Option<Value>, at: Circumstances) {
        let Some(id) = part.name("tool_use_id") else { return };
        let failed = part.is_true("is_error");
        if let Some(call) = self.call(id) {
            call.returned.get_or_insert(Returned { output, failed, at });
        }
    }

    fn call(&mut self, id: String) -> Option<&mut Call> {
        let next = self.calls.len();
        let index = *self.by_id.entry(id.clone()).or_insert(next);
        if index == next {
            self.calls.push(Call { id, ..Call::default() });
        }
        self.calls.get_mut(index)
    }

    /// Appends the calls that the ledger doesn't have, or has less of.
    pub(crate) fn append(self, sink: &mut Sink<'_>, session: &Session) -> Result<(), ImportError> {
        for call in &self.calls {
            match sink.find_anywhere(&call.source_id())? {
                None => {
                    let event = call.event(sink, session)?;
                    sink.append(event)?;
                }
                Some(known) => {
                    let stored = sink.stored(known)?.event;
                    if let Some(event) = call.completing(&stored, sink, session)? {
                        sink.append(event)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Call {
    fn source_id(&self) -> String {
        format!("claude-code/tool/{}", self.id)
    }

    /// The call as this file shows it.
    fn event(&self, sink: &mut Sink<'_>, session: &Session) -> Result<Event, ImportError> {
        let mut call = ToolCall {
            tool_id: UNKNOWN_TOOL.to_owned(),
            tool_call_id: Some(self.id.clone()),
            ..ToolCall::default()
        };
        if let Some(used) = &self.used {
            call.tool_id.clone_from(&used.tool);
            call.input_hash = used.input.map(|input| input.hash);
            call.input = used.input.map(|input| input.content(sink)).transpose()?;
        }
        if let Some(returned) = &self.returned {
            call.output_hash = returned.output.map(|output| output.hash);
            call.output = returned.output.map(|output| output.content(sink)).transpose()?;
        }
        if let (Some(used), Some(returned)) = (&self.used, &self.returned) {
            call.duration_ms = Some(returned.at.time.milliseconds_since(used.at.time));
        }
        let mut event = Event {
            session_id: Some(session.id.clone()),
            actor: Some("assistant".to_owned()),
            outcome: self.returned.as_ref().map(|returned| returned.outcome().to_owned()),
            source_id: Some(self.source_id()),
            ..Event::new(Body::ToolCall(call))
        };
        // The call belongs where it was asked for; to where its result came, only while that is all that is known.
        let at =
            self.used.as_ref().map(|used| &used.at).or(self.returned.as_ref().map(|returned| &returned.at));
        if let Some(at) = at {
            event.timestamp = at.time;
            event.workspace_id.clone_from(&at.workspace_id);
            event.run_id = Some(at.run_id.clone());
            event.agent_id = Some(at.agent_id.clone());
        }
        Ok(event)
    }

    /// The event that takes the place of `stored`; `None` if that says as much as this file does.
    fn completing(
        &self,
        stored: &Event,
        sink: &mut Sink<'_>,
        session: &Session,
    ) -> Result<Option<Event>, ImportError> {
        let Body::ToolCall(half) = &stored.body else { return Ok(None) };
        let (has_use, has_result) = (half.tool_id != UNKNOWN_TOOL, stored.outcome.is_some());
        let adds_use = !has_use && self.used.is_some();
        let adds_result = !has_result && self.returned.is_some();
        // A fork repeats calls of its origin: of two sessions that show the same, the run with the smaller id has them.
        let is_first_of_forks = has_use
            && (self.returned.is_some() || !has_result)
            && self.used.as_ref().is_some_and(|used| Some(&used.at.run_id) < stored.run_id.as_ref());
        if !adds_use && !adds_result && !is_first_of_forks {
            return Ok(None);
        }
        let mut event = self.event(sink, session)?;
        event.supersedes = Some(stored.event_id);
        if adds_use && self.returned.is_none() {
            take_result(&mut event, stored, half);
        } else if adds_result && self.used.is_none() {
            take_use(&mut event, stored, half);
        }
        Ok(Some(event))
    }
}

/// Adds the result of `stored`, which has nothing else, to an event that has only the use.
fn take_result(event: &mut Event, stored: &Event, half: &ToolCall) {
    event.outcome.clone_from(&stored.outcome);
    let used_at = event.timestamp;
    if let Body::ToolCall(call) = &mut event.body {
        call.output_hash = half.output_hash;
        call.output.clone_from(&half.output);
        call.duration_ms = Some(stored.timestamp.milliseconds_since(used_at));
    }
}

/// Adds the use of `stored`, which has nothing else, to an event that has only the result.
fn take_use(event: &mut Event, stored: &Event, half: &ToolCall) {
    let returned_at = event.timestamp;
    event.timestamp = stored.timestamp;
    event.workspace_id.clone_from(&stored.workspace_id);
    event.session_id.clone_from(&stored.session_id);
    event.run_id.clone_from(&stored.run_id);
    event.agent_id.clone_from(&stored.agent_id);
    if let Body::ToolCall(call) = &mut event.body {
        call.tool_id.clone_from(&half.tool_id);
        call.input_hash = half.input_hash;
        call.input.clone_from(&half.input);
        call.duration_ms = Some(returned_at.milliseconds_since(stored.timestamp));
    }
}

impl Returned {
    const fn outcome(&self) -> &'static str {
        if self.failed { "failure" } else { "success" }
    }
}

impl Value {
    fn content(&self, sink: &mut Sink<'_>) -> Result<Content, ImportError> {
        Ok(content_at(Some(sink.event_id(self.line)?), self.place))
    }
}
