//! Reading is audited too, where a ledger is opened so: who asks, and the question as it is recorded.

use crate::body::Extra;
use crate::event_json::ObjectWriter;
use crate::{
    AsOf, AuditAgent, AuditFilter, Body, Content, Custom, Event, EventFilter, Json, Order, RunFilter, RunTime,
};

/// The type of the custom events that record questions.
pub const LEDGER_READ: &str = "ledger_read";

/// Who asks. See [`LedgerOptions::audit_reads`](crate::LedgerOptions::audit_reads).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerReader {
    /// Who: a person, a program.
    pub actor: String,
    /// The agent that asks, if one does.
    pub agent_id: Option<String>,
    /// In which session.
    pub session_id: Option<String>,
    /// Why, in words.
    pub reason: Option<String>,
}

/// What was asked.
pub(crate) struct Question {
    operation: &'static str,
    filter: ObjectWriter,
}

impl Question {
    pub(crate) fn new(operation: &'static str) -> Self {
        Self { operation, filter: ObjectWriter::new() }
    }

    pub(crate) fn text(mut self, name: &str, text: &str) -> Self {
        self.filter.text(name, text);
        self
    }

    pub(crate) fn texts(mut self, name: &str, texts: &[&str]) -> Self {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        self.filter.texts(name, &texts);
        self
    }

    pub(crate) fn number(mut self, name: &str, number: u64) -> Self {
        self.filter.unsigned(name, number);
        self
    }

    pub(crate) fn moment(self, as_of: AsOf) -> Self {
        self.text("asOf", &moment(as_of))
    }

    pub(crate) fn events(mut self, filter: &EventFilter) -> Self {
        for (dimension, wanted) in filter.conditions() {
            let texts: Vec<String> = wanted.wanted_texts().map(str::to_owned).collect();
            let patterns: Vec<String> = wanted.wanted_globs().map(|glob| glob.as_str().to_owned()).collect();
            self.filter.texts(dimension.as_str(), &texts);
            if !patterns.is_empty() {
                self.filter.texts(&format!("{}Like", dimension.as_str()), &patterns);
            }
        }
        self.filter.optional_word("from", filter.from);
        self.filter.optional_word("to", filter.to);
        if let Some(as_of) = filter.as_of {
            self.filter.text("asOf", &moment(as_of));
        }
        self.filter.word("order", order(filter.order));
        self.filter.unsigned("limit", filter.limit as u64);
        self.filter.optional_word("page", filter.page);
        self
    }

    pub(crate) fn audits(mut self, filter: &AuditFilter) -> Self {
        if filter.agent == AuditAgent::Anonymous {
            self.filter.raw("anonymous", "true");
        }
        self.events(&filter.as_event_filter())
    }

    pub(crate) fn runs(mut self, filter: &RunFilter) -> Self {
        let statuses: Vec<String> = filter.statuses.iter().map(ToString::to_string).collect();
        if !statuses.is_empty() {
            self.filter.texts("status", &statuses);
        }
        let names = [
            ("agent", &filter.agent),
            ("session", &filter.session),
            ("parent", &filter.parent),
            ("skill", &filter.skill),
            ("caller", &filter.caller),
            ("channel", &filter.channel),
        ];
        for (name, value) in names {
            self.filter.optional_text(name, value.as_deref());
        }
        for (name, holds) in
            [("topLevelOnly", filter.top_level_only), ("includeDryRuns", filter.include_dry_runs)]
        {
            if holds {
                self.filter.raw(name, "true");
            }
        }
        self.filter.optional_word("startedFrom", filter.started_from);
        self.filter.optional_word("startedTo", filter.started_to);
        self.filter.optional_word("finishedBefore", filter.finished_before);
        if let Some(as_of) = filter.as_of {
            self.filter.text("asOf", &moment(as_of));
        }
        self.filter.word("orderedBy", ordered_by(filter.ordered_by));
        self.filter.word("order", order(filter.order));
        self.filter.unsigned("offset", filter.offset as u64);
        self.filter.unsigned("limit", filter.limit as u64);
        self.filter.optional_word("page", filter.page);
        self
    }

    /// The event that records it. `answered`: how much, or why not.
    pub(crate) fn recorded(self, reader: &LedgerReader, answered: Result<u64, String>) -> Event {
        let mut data = ObjectWriter::new();
        data.word("operation", self.operation);
        data.raw("filter", &self.filter.finish());
        let outcome = if answered.is_ok() { "success" } else { "failure" };
        match answered {
            Ok(items) => data.unsigned("answered", items),
            Err(error) => data.text("error", &error),
        }
        data.optional_text("reason", reader.reason.as_deref());
        let data: Json = data.finish_json();
        let body = Custom {
            type_name: LEDGER_READ.to_owned(),
            data: Some(Content::Inline(data)),
            extra: Extra::new(),
        };
        Event {
            actor: Some(reader.actor.clone()),
            agent_id: reader.agent_id.clone(),
            session_id: reader.session_id.clone(),
            action: Some("read".to_owned()),
            outcome: Some(outcome.to_owned()),
            ..Event::new(Body::Custom(body))
        }
    }
}

fn order(order: Order) -> &'static str {
    match order {
        Order::Ascending => "ascending",
        Order::Descending => "descending",
    }
}

fn ordered_by(time: RunTime) -> &'static str {
    match time {
        RunTime::Start => "start",
        RunTime::End => "end",
    }
}

fn moment(as_of: AsOf) -> String {
    match as_of {
        AsOf::Seq(seq) => format!("record {seq}"),
        AsOf::Before(seq) => format!("before record {seq}"),
        AsOf::CommitTime(time) => time.to_string(),
    }
}
