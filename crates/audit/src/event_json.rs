//! An event as one line of JSON: what `append` reads, and what every query prints.
//!
//! INVARIANT: reading what was printed gives the same event. So unknown fields are kept and printed back after the
//! known ones, numbers that the ledger only carries keep their digits, and a field that stands in an imported line is
//! printed with the range (`contentAt`) beside the text that it resolves to.
//!
//! The reader goes by `serde_json`'s raw values rather than by derived types: deriving with a flattened rest would
//! turn numbers into floats and silently take the last of two fields of one name. It deliberately does not know which
//! events belong together, and does not check that a range lies within the line that it names.

mod audited_query;
mod base64;
mod body;
mod error;
mod fields;
mod known_fields;
mod object_writer;
mod provenance;
mod run_summary;

#[cfg(test)]
mod tests;

pub use error::EventJsonError;
pub(crate) use known_fields::{extra_of, field_given_twice};

use fields::Fields;
pub(crate) use object_writer::ObjectWriter;
use runledger_wal::Seq;

use crate::body::{Custom, Extra};
use crate::{Body, Content, Event, EventId, Json, Kind, SourceLine, SourceRange, Timestamp};

impl Event {
    /// Reads an event from its JSON, one object.
    ///
    /// Only `kind` is required, and within a body what has no natural empty value (a run's new status, a log entry's
    /// number). An absent `eventId` is made, an absent `timestamp` taken from a version 7 id, else from the clock; a
    /// `seq` is ignored. An unknown `kind` becomes a custom
    /// event of that type which carries all that was given.
    ///
    /// ```
    /// use runledger_audit::{Event, Kind};
    ///
    /// let event = Event::from_json(r#"{"kind":"tool_call","runId":"r","body":{"toolId":"grep","mood":7}}"#)?;
    /// assert_eq!(event.kind(), Kind::ToolCall);
    /// assert!(event.to_json(None).contains(r#""mood":7"#));
    ///
    /// let error = Event::from_json(r#"{"kind":"run_finished","body":{"status":"done"}}"#).unwrap_err();
    /// assert!(error.to_string().starts_with(r#"body.status: unknown run status "done", expected one of queued"#));
    /// # Ok::<(), runledger_audit::EventJsonError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The line is no JSON object; a field lacks or holds what it can't. The error names the field and what is accepted there.
    pub fn from_json(line: &str) -> Result<Self, EventJsonError> {
        let mut fields = Fields::of_line(line)?;
        fields.take("seq");
        let kind = fields.text("kind")?;
        let kind = fields.require("kind", kind, "the kind of the event")?;
        let given_id: Option<EventId> = fields.parsed("eventId", "a UUID")?;
        let event_id = given_id.unwrap_or_else(EventId::new);
        let timestamp = fields.parsed("timestamp", "an RFC 3339 time")?;
        let timestamp = timestamp.or_else(|| given_id?.time()).unwrap_or_else(Timestamp::now);
        let mut event = Self {
            event_id,
            timestamp,
            workspace_id: fields.text("workspaceId")?,
            lane_id: fields.text("laneId")?,
            session_id: fields.text("sessionId")?,
            run_id: fields.text("runId")?,
            parent_event_id: fields.parsed("parentEventId", "a UUID")?,
            correlation_id: fields.text("correlationId")?,
            agent_id: fields.text("agentId")?,
            actor: fields.text("actor")?,
            action: fields.text("action")?,
            target: fields.text("target")?,
            outcome: fields.text("outcome")?,
            metadata: fields.json("metadata"),
            source_id: fields.text("sourceId")?,
            supersedes: fields.parsed("supersedes", "a UUID")?,
            writer_instance: fields.parsed("writerInstance", "a UUID")?,
            source: fields.object("source")?.map(read_source).transpose()?,
            body: Body::Custom(Custom::default()),
            extra: Extra::new(),
        };
        (event.body, event.extra) = match Kind::from_name(&kind) {
            Some(kind) => {
                let body = fields.object("body")?.unwrap_or_else(|| Fields::none("body"));
                (body::read(kind, event_id, body)?, fields.rest())
            }
            None => unknown_kind(kind, fields),
        };
        Ok(event)
    }

    /// The event as one line of JSON, without a line break, with its place in the log where it has one.
    #[must_use]
    pub fn to_json(&self, seq: Option<Seq>) -> String {
        let mut json = ObjectWriter::new();
        if let Some(seq) = seq {
            json.unsigned("seq", seq.get());
        }
        json.word("eventId", self.event_id);
        json.word("timestamp", self.timestamp);
        json.word("kind", self.kind());
        json.optional_text("workspaceId", self.workspace_id.as_deref());
        json.optional_text("laneId", self.lane_id.as_deref());
        json.optional_text("sessionId", self.session_id.as_deref());
        json.optional_text("runId", self.run_id.as_deref());
        json.optional_word("parentEventId", self.parent_event_id);
        json.optional_text("correlationId", self.correlation_id.as_deref());
        json.optional_text("agentId", self.agent_id.as_deref());
        json.optional_text("actor", self.actor.as_deref());
        json.optional_text("action", self.action.as_deref());
        json.optional_text("target", self.target.as_deref());
        json.optional_text("outcome", self.outcome.as_deref());
        if let Some(metadata) = &self.metadata {
            json.raw("metadata", metadata.as_str());
        }
        json.optional_text("sourceId", self.source_id.as_deref());
        json.optional_word("supersedes", self.supersedes);
        json.optional_word("writerInstance", self.writer_instance);
        let line = OwnLine { event_id: self.event_id, source: self.source.as_ref() };
        json.object("body", |json| body::write(&self.body, line, json));
        if let Some(source) = &self.source {
            json.object("source", |json| write_source(source, json));
        }
        json.extra(&self.extra);
        json.finish()
    }
}

/// The line that an event holds, for what stands in it.
#[derive(Clone, Copy)]
struct OwnLine<'a> {
    event_id: EventId,
    source: Option<&'a SourceLine>,
}

impl OwnLine<'_> {
    /// The JSON value at `range`, if that lies in this event's line.
    fn resolve(self, range: SourceRange) -> Option<Json> {
        let own = range.event.is_none_or(|event| event == self.event_id);
        let text = self.source.filter(|_| own)?.text(range)?;
        Json::parse(text).ok()
    }
}

/// What an event of an unknown kind carried: its body, or else whatever is no envelope field.
fn unknown_kind(type_name: String, mut fields: Fields<'_>) -> (Body, Extra) {
    let body = fields.json("body");
    let rest = fields.rest();
    let (data, extra) = match body {
        Some(body) => (Some(body), rest),
        None if rest.is_empty() => (None, rest),
        None => {
            let mut data = ObjectWriter::new();
            data.extra(&rest);
            (Some(data.finish_json()), Extra::new())
        }
    };
    (Body::Custom(Custom { type_name, data: data.map(Content::Inline), extra: Extra::new() }), extra)
}

fn read_source(mut fields: Fields<'_>) -> Result<SourceLine, EventJsonError> {
    let text = fields.text("text")?;
    let base64 = fields.text("base64")?;
    let continues = fields.flag("continues")?;
    let bytes = match (text, base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(base64)) => {
            base64::decode(&base64).map_err(|problem| fields.invalid("base64", Box::new(problem)))?
        }
        (Some(_), Some(_)) => return Err(fields.conflict("text", "base64")),
        (None, None) => return Err(fields.missing("text", "the line as text, or as base64")),
    };
    fields.refuse_rest("text, base64, continues")?;
    Ok(SourceLine { bytes, continues })
}

fn write_source(source: &SourceLine, json: &mut ObjectWriter) {
    match std::str::from_utf8(&source.bytes) {
        Ok(text) => json.text("text", text),
        Err(_) => json.word("base64", base64::encode(&source.bytes)),
    }
    if source.continues {
        json.raw("continues", "true");
    }
}
