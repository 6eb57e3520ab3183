//! Query audits as text for people: a row in a list, or an account of what was asked, what came back and from what.

use std::io::Write;

use anstyle::Style;
use runledger::{AuditedQuery, ContributingAssertion};

use crate::output::{FAINT, Output, STRONG};
use crate::table::{Cell, Column, Table};
use crate::tree::{Part, Tree};

/// How much of a subject, and of an answer, a row shows at most, and at least.
const TEXT_COLUMNS_MAX: usize = 60;
const TEXT_COLUMNS_MIN: usize = 12;
/// How much of an agent's name.
const AGENT_COLUMNS_MAX: usize = 20;
const AGENT_COLUMNS_MIN: usize = 6;
/// How much of a hash is shown where it only tells one from another.
const HASH_DIGITS: usize = 12;

/// A list of query audits in the making.
pub(crate) struct AuditTable {
    /// Nothing where audits are printed as JSON.
    table: Option<Table>,
}

impl AuditTable {
    /// In the form that the caller asked for.
    pub(crate) fn new(output: &Output) -> Self {
        let columns = || {
            [
                Column::number("seq"),
                Column::whole(output.time_heading("time")),
                Column::text("agent", AGENT_COLUMNS_MIN, AGENT_COLUMNS_MAX),
                Column::text("subject", TEXT_COLUMNS_MIN, TEXT_COLUMNS_MAX),
                Column::text("predicate", TEXT_COLUMNS_MIN, TEXT_COLUMNS_MAX).dispensable(2),
                Column::text("answer", TEXT_COLUMNS_MIN, TEXT_COLUMNS_MAX),
                Column::number("confidence").dispensable(1),
                Column::number("assertions").dispensable(3),
            ]
        };
        Self { table: (!output.is_json()).then(|| Table::new(columns())) }
    }

    /// Adds an audit. JSON is written at once.
    pub(crate) fn add(&mut self, query: &AuditedQuery, output: &mut Output) -> anyhow::Result<()> {
        let Some(table) = &mut self.table else { return Ok(writeln!(output, "{}", query.to_json())?) };
        let audit = &query.audit;
        let row = [
            Cell::styled(FAINT, query.seq),
            Cell::styled(FAINT, output.second(query.timestamp)),
            agent_cell(query),
            Cell::styled(STRONG, audit.params.subject.as_deref().unwrap_or("-")),
            Cell::optional(audit.params.predicate.as_deref()),
            Cell::new(answer(query)),
            Cell::optional(audit.result_confidence),
            Cell::new(audit.contributing_assertions.len()),
        ];
        table.add(row, output)
    }

    /// Writes what was added and not written yet.
    pub(crate) fn flush(&mut self, output: &mut Output) -> anyhow::Result<()> {
        match &mut self.table {
            Some(table) => table.flush(output),
            None => Ok(()),
        }
    }
}

fn agent_cell(query: &AuditedQuery) -> Cell {
    match &query.agent_id {
        Some(agent) => Cell::new(agent),
        None => Cell::styled(FAINT, "(none)"),
    }
}

/// What came back: the value, else the hash of it.
pub(crate) fn answer(query: &AuditedQuery) -> String {
    match (&query.result_value, query.audit.result_hash) {
        (Some(value), _) => value.to_string(),
        (None, Some(hash)) => format!("hash {}", short(hash)),
        (None, None) => "-".to_owned(),
    }
}

/// The first digits of a hash.
pub(crate) fn short(hash: impl std::fmt::Display) -> String {
    hash.to_string().chars().take(HASH_DIGITS).collect()
}

/// What was asked, in a line.
pub(crate) fn question(query: &AuditedQuery) -> Vec<Part> {
    let params = &query.audit.params;
    let epoch = params.epoch.as_ref().map(|epoch| epoch.as_json().to_string());
    let mut parts = vec![
        (STRONG, params.subject.clone().unwrap_or_else(|| "(no subject)".to_owned())),
        (STRONG, params.predicate.as_ref().map(|predicate| format!(" {predicate}")).unwrap_or_default()),
    ];
    let details = [("lifecycle", &params.lifecycle), ("epoch", &epoch), ("lens", &params.lens)];
    for (name, value) in details {
        if let Some(value) = value {
            parts.push((FAINT, format!("  {name} {value}")));
        }
    }
    parts
}

/// What came back, in a line.
pub(crate) fn result(query: &AuditedQuery) -> Vec<Part> {
    let mut parts = vec![(FAINT, "answer ".to_owned()), (Style::new(), answer(query))];
    if let Some(confidence) = query.audit.result_confidence {
        parts.push((FAINT, format!("  confidence {confidence}")));
    }
    parts
}

/// An assertion, in a line.
pub(crate) fn assertion(assertion: &ContributingAssertion) -> Vec<Part> {
    vec![
        (FAINT, "assertion ".to_owned()),
        (Style::new(), short(assertion.assertion_hash)),
        (Style::new(), format!("  weight {}", assertion.weight)),
        (FAINT, format!("  {}", assertion.lifecycle)),
    ]
}

/// Where an assertion was taken from, in a line.
pub(crate) fn source(hash: impl std::fmt::Display, words: Option<&str>) -> Vec<Part> {
    let words = words.unwrap_or("(not said)").to_owned();
    vec![(FAINT, "source ".to_owned()), (Style::new(), words), (FAINT, format!("  {}", short(hash)))]
}

/// Writes an account of a query: when and who, what was asked, what came back, and from what.
pub(crate) fn write_account(query: &AuditedQuery, output: &mut Output) -> anyhow::Result<()> {
    let mut tree = Tree::default();
    let who = query.agent_id.as_deref().unwrap_or("somebody");
    let mut first = vec![
        (FAINT, format!("{}  ", output.second(query.timestamp))),
        (Style::new(), format!("{who} asked ")),
    ];
    first.extend(question(query));
    first.push((FAINT, format!("  (event {})", query.seq)));
    tree.line(0, true, &first, output)?;
    let assertions = &query.audit.contributing_assertions;
    tree.line(1, assertions.is_empty(), &result(query), output)?;
    for (index, contributing) in assertions.iter().enumerate() {
        tree.line(1, index + 1 == assertions.len(), &assertion(contributing), output)?;
        tree.line(2, true, &source(contributing.source_hash, contributing.source.as_deref()), output)?;
    }
    Ok(())
}
