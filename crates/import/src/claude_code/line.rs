//! What a record of a transcript says, and the event that shows it.
//!
//! INVARIANT: the event repeats nothing that stands in the line but names, numbers and times: whatever was said is a
//! range of the line.

use std::borrow::Cow;

use runledger_audit::{Body, Content, Custom, Event, EventId, Message, Timestamp, Usage};
use serde_json::value::RawValue;

use super::records::Record;
use super::session::Session;
use crate::object::{Object, list};
use crate::offsets::{content_at, place_in};

/// Everything of a record that more than one event needs.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    record: &'a Record<'a>,
    /// The bytes of the whole line, which every range refers to.
    line: &'a [u8],
    pub(crate) said: Option<Said<'a>>,
    /// When it was written, if it says so itself.
    pub(crate) time: Option<Timestamp>,
}

/// Something said in a record, on the main thread or by a sub-agent.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    /// `user` or `assistant`.
    pub(crate) speaker: Cow<'a, str>,
    pub(crate) message: Object<'a>,
    /// The sub-agent, if it isn't the main thread.
    pub(crate) agent: Option<SubAgent<'a>>,
    /// Whether the tool put it there, and nobody said it.
    pub(crate) is_meta: bool,
}

#[derive(Debug)]
pub(crate) struct SubAgent<'a> {
    pub(crate) id: String,
    /// What it was asked to do.
    pub(crate) prompt: Option<&'a RawValue>,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(record: &'a Record<'a>, line: &'a [u8]) -> Self {
        let object = &record.object;
        Self { record, line, said: said(object), time: object.time("timestamp") }
    }

    pub(crate) const fn object(&self) -> &Object<'a> {
        &self.record.object
    }

    /// The bytes of the record itself.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        let start = self.record.place.offset as usize;
        self.line.get(start..start + self.record.place.length as usize).unwrap_or_default()
    }

    /// When it was written, by whatever it says about that.
    pub(crate) fn time_or_snapshot(&self) -> Option<Timestamp> {
        self.time.or_else(|| self.object().object("snapshot")?.time("timestamp"))
    }

    /// Where a value of the record stands, in the line that `holder` holds.
    pub(crate) fn content(&self, holder: Option<EventId>, value: &RawValue) -> Option<Content> {
        Some(content_at(holder, place_in(self.line, value)?))
    }

    /// Where a value of the record stands in its line.
    pub(crate) fn place(&self, value: &RawValue) -> Option<runledger_audit::SourceRange> {
        place_in(self.line, value)
    }

    /// Who is at work: the record's sub-agent, else the one that the whole file is of.
    pub(crate) fn agent_id<'s>(&'s self, session: &'s Session) -> &'s str {
        let own = self.said.as_ref().and_then(|said| said.agent.as_ref());
        own.map_or_else(|| session.agent_id(), |agent| &agent.id)
    }

    /// The run that the record belongs to.
    pub(crate) fn run_id(&self, session: &Session) -> String {
        match self.said.as_ref().and_then(|said| said.agent.as_ref()) {
            Some(agent) => session.run_of(&agent.id),
            None => session.id.clone(),
        }
    }

    /// The event that shows the record. Its line is held by `holder`, or by the event itself.
    pub(crate) fn event(&self, session: &Session, time: Timestamp, holder: Option<EventId>) -> Event {
        let body = match &self.said {
            Some(said) => self.message(said, holder),
            None => self.custom(holder),
        };
        Event {
            timestamp: time,
            workspace_id: self.object().name("cwd"),
            session_id: Some(session.id.clone()),
            run_id: Some(self.run_id(session)),
            agent_id: Some(self.agent_id(session).to_owned()),
            actor: self.said.as_ref().map(|said| said.actor().to_owned()),
            ..Event::new(body)
        }
    }

    fn message(&self, said: &Said<'_>, holder: Option<EventId>) -> Body {
        let message = &said.message;
        Body::Message(Message {
            role: message.name("role").unwrap_or_else(|| said.speaker.clone().into_owned()),
            content: message.get("content").and_then(|content| self.content(holder, content)),
            model: message.name("model"),
            message_id: message.name("id"),
            usage: message.object("usage").map(|usage| usage_of(&usage)),
            ..Message::default()
        })
    }

    fn custom(&self, holder: Option<EventId>) -> Body {
        let object = self.object();
        let data_type = || object.object("data").and_then(|data| data.name("type"));
        let mut type_name = format!("claude-code/{}", object.name("type").as_deref().unwrap_or("other"));
        if let Some(subtype) = object.name("subtype").or_else(data_type) {
            type_name.push('/');
            type_name.push_str(&subtype);
        }
        Body::Custom(Custom {
            type_name,
            data: Some(content_at(holder, self.record.place)),
            ..Custom::default()
        })
    }
}

impl<'a> Said<'a> {
    /// Who acts: a tool's result comes in a line of the user's, but no user wrote it.
    pub(crate) fn actor(&self) -> &str {
        if self.speaker == "user" && self.has_tool_result() { "tool" } else { &self.speaker }
    }

    /// The parts of what was said, if it has parts.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Object<'a>> {
        self.message.get("content").map(list).unwrap_or_default().into_iter().filter_map(Object::of)
    }

    pub(crate) fn has_tool_result(&self) -> bool {
        self.parts().any(|part| part.text("type").is_some_and(|kind| kind == "tool_result"))
    }
}

/// Tokens, as the provider counts them.
pub(crate) fn usage_of(usage: &Object<'_>) -> Usage {
    Usage {
        input_tokens: usage.count("input_tokens"),
        output_tokens: usage.count("output_tokens"),
        cache_read_tokens: usage.count("cache_read_input_tokens"),
        cache_write_tokens: usage.count("cache_creation_input_tokens"),
        thinking_tokens: 0,
    }
}

fn said<'a>(object: &Object<'a>) -> Option<Said<'a>> {
    let kind = object.text("type")?;
    if kind == "progress" {
        return said_by_sub_agent(&object.object("data")?);
    }
    if kind != "user" && kind != "assistant" {
        return None;
    }
    Some(Said {
        speaker: kind,
        message: object.object("message")?,
        agent: sidechain_agent(object).map(|id| SubAgent { id, prompt: None }),
        is_meta: object.is_true("isMeta") || object.is_true("isCompactSummary"),
    })
}

/// The sub-agent that wrote a record. Where one has a transcript to itself, each line names it.
pub(crate) fn sidechain_agent(object: &Object<'_>) -> Option<String> {
    object.name("agentId").filter(|_| object.is_true("isSidechain"))
}

fn said_by_sub_agent<'a>(data: &Object<'a>) -> Option<Said<'a>> {
    if data.text("type")? != "agent_progress" {
        return None;
    }
    let wrapped = data.object("message")?;
    Some(Said {
        speaker: wrapped.text("type")?,
        message: wrapped.object("message")?,
        agent: Some(SubAgent { id: data.name("agentId")?, prompt: data.get("prompt") }),
        is_meta: false,
    })
}
