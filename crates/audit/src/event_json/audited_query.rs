//! Query audits, traces, correlation chains and provenance as JSON: one object each, on one line.
//!
//! A query is flat: who asked and when beside what was asked and what came back.

use super::body::write_query_audit as write;
use super::object_writer::ObjectWriter;
use crate::{AuditedQuery, CorrelationChain, Digest, Trace};

impl AuditedQuery {
    /// The query as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = ObjectWriter::new();
        self.write(&mut json);
        json.finish()
    }

    pub(super) fn write(&self, json: &mut ObjectWriter) {
        json.word("queryId", self.audit.query_id);
        json.unsigned("seq", self.seq.get());
        json.word("eventId", self.event_id);
        json.word("timestamp", self.timestamp);
        json.optional_text("agentId", self.agent_id.as_deref());
        json.optional_text("sessionId", self.session_id.as_deref());
        json.optional_text("runId", self.run_id.as_deref());
        json.optional_text("correlationId", self.correlation_id.as_deref());
        json.object("params", |json| write::query_params(&self.audit.params, json));
        json.optional_word("resultHash", self.audit.result_hash);
        if let Some(value) = &self.result_value {
            json.raw("resultValue", value.as_str());
        }
        json.optional_short_figure("resultConfidence", self.audit.result_confidence);
        let assertions = &self.audit.contributing_assertions;
        json.objects("contributingAssertions", assertions, write::contributing_assertion);
        if !self.audit.extra.is_empty() {
            json.object("other", |json| json.extra(&self.audit.extra));
        }
    }
}

impl Trace {
    /// The account as one line of JSON: `queries`, `sources`, and `nextPage` if there is one.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = ObjectWriter::new();
        json.objects("queries", &self.queries, AuditedQuery::write);
        json.objects("sources", &self.sources, |source, json| {
            write_source(source.source_hash, source.source.as_deref(), json);
            json.unsigned("queries", source.queries);
            json.unsigned("assertions", source.assertions);
        });
        json.optional_word("nextPage", self.next);
        json.finish()
    }
}

/// Where an assertion was taken from.
pub(super) fn write_source(source_hash: Digest, source: Option<&str>, json: &mut ObjectWriter) {
    json.word("sourceHash", source_hash);
    json.optional_text("source", source);
}

impl CorrelationChain {
    /// The chain as one line of JSON: `correlations`, `events`, `cycles`, `gaps`, and `cut` if anything was left out.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = ObjectWriter::new();
        json.objects("correlations", &self.correlations, |correlation, json| {
            json.text("correlationId", &correlation.id);
            json.texts("parents", &correlation.parents);
            json.unsigned("events", correlation.events as u64);
        });
        let events = self.events.iter().map(|stored| stored.event.to_json(Some(stored.seq)));
        json.raws("events", events);
        json.raws("cycles", self.cycles.iter().map(|cycle| ObjectWriter::list_of_texts(cycle)));
        json.objects("gaps", &self.gaps, |gap, json| {
            json.text("correlationId", &gap.id);
            json.optional_text("namedBy", gap.named_by.as_deref());
        });
        if let Some(cut) = self.cut {
            json.object("cut", |json| {
                json.unsigned("correlations", cut.correlations as u64);
                json.unsigned("events", cut.events);
            });
        }
        json.finish()
    }
}
