//! `audits` and `audit`: what agents looked up, as a list, or one of them.

use std::io::Write;

use anyhow::Result;
use jiff::Zoned;
use runledger::{AuditAgent, AuditFilter, AuditedQuery, Body, Glob, Ledger, Order, PageToken, Seq};

use super::{Context, opening, pages};
use crate::arguments::{AuditArguments, AuditsArguments};
use crate::audit_text::{AuditTable, answer};
use crate::event_text::write_field;
use crate::exit::{Exit, NotFound, Refused};
use crate::output::Output;
use crate::time_argument;

/// Runs `audits`.
pub(super) fn list(arguments: &AuditsArguments, context: &mut Context) -> Result<Exit> {
    let filter = filter(arguments, &context.now)?;
    let ledger = opening::for_reading(&context.ledger)?;
    let next = write_audits(&ledger, &filter, &mut context.output)?;
    context.output.flush()?;
    pages::say_next(next, &context.output);
    Ok(Exit::Fine)
}

/// Who is asked about.
pub(super) fn agent(agent: Option<&str>, anonymous: bool) -> AuditAgent {
    match agent {
        Some(agent) => AuditAgent::Of(agent.into()),
        None if anonymous => AuditAgent::Anonymous,
        None => AuditAgent::Any,
    }
}

fn filter(arguments: &AuditsArguments, now: &Zoned) -> Result<AuditFilter> {
    Ok(AuditFilter {
        agent: agent(arguments.agent.as_deref(), arguments.anonymous),
        subject: arguments.subject.clone().map(Glob::into),
        from: time_argument::resolve("--from", arguments.times.from.as_deref(), now)?,
        to: time_argument::resolve("--to", arguments.times.to.as_deref(), now)?,
        order: if arguments.recent.is_some() { Order::Descending } else { Order::Ascending },
        limit: arguments.recent.unwrap_or(arguments.limit),
        page: arguments.page,
    })
}

/// Writes the audits that match, up to the filter's limit; says where the next page starts, if there is one.
fn write_audits(ledger: &Ledger, filter: &AuditFilter, output: &mut Output) -> Result<Option<PageToken>> {
    let mut table = AuditTable::new(output);
    let ask = |limit, page| ledger.audits(&AuditFilter { limit, page, ..filter.clone() });
    let next = pages::show(filter.limit, filter.page, ask, |query| table.add(query, output))?;
    table.flush(output)?;
    Ok(next)
}

/// Runs `audit`.
pub(super) fn show(arguments: &AuditArguments, context: &mut Context) -> Result<Exit> {
    let name = arguments.audit.as_str();
    let address = Address::read(name)?;
    let ledger = opening::for_reading(&context.ledger)?;
    let found = match address {
        Address::Query(id) => ledger.audit(id)?,
        Address::Seq(seq) => match ledger.event_at(seq)?.map(|stored| stored.event.body) {
            Some(Body::QueryAudit(audit)) => ledger.audit(audit.query_id)?,
            Some(body) => {
                return Err(Refused(format!("event {seq} is no query audit: it is a {}", body.kind())).into());
            }
            None => None,
        },
    };
    let query = found.ok_or_else(|| {
        NotFound(format!("no query audit {name} in the ledger at {}", context.ledger.display()))
    })?;
    if context.output.is_json() {
        writeln!(context.output, "{}", query.to_json())?;
    } else {
        write_whole(&query, &mut context.output)?;
    }
    Ok(Exit::Fine)
}

/// How a query audit is named.
enum Address {
    Seq(Seq),
    Query(runledger::QueryId),
}

impl Address {
    /// A number is a `Seq`; 64 digits are an id, since no log is that long.
    fn read(text: &str) -> Result<Self, Refused> {
        if let Ok(number) = text.parse::<u64>() {
            return Ok(Self::Seq(Seq::new(number)));
        }
        let id = text.parse().map_err(|_| Refused(format!("{text:?} is neither a query id nor a number")))?;
        Ok(Self::Query(id))
    }
}

/// Writes everything that an audit says, one field per line.
fn write_whole(query: &AuditedQuery, output: &mut Output) -> Result<()> {
    let params = &query.audit.params;
    let epoch = params.epoch.as_ref().map(|epoch| epoch.as_json().to_string());
    write_field("query", &query.audit.query_id.to_string(), output)?;
    write_field("event", &format!("{} (record {})", query.event_id, query.seq), output)?;
    write_field("time", &output.time(query.timestamp), output)?;
    let fields = [
        ("agent", query.agent_id.clone().or_else(|| Some("(none)".to_owned()))),
        ("run", query.run_id.clone()),
        ("session", query.session_id.clone()),
        ("correlation", query.correlation_id.clone()),
        ("subject", params.subject.clone()),
        ("predicate", params.predicate.clone()),
        ("lifecycle", params.lifecycle.clone()),
        ("epoch", epoch),
        ("lens", params.lens.clone()),
        ("answer", Some(answer(query))),
        ("result hash", query.audit.result_hash.map(|hash| hash.to_string())),
        ("confidence", query.audit.result_confidence.map(|confidence| confidence.to_string())),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            write_field(name, &value, output)?;
        }
    }
    for assertion in &query.audit.contributing_assertions {
        let text = format!(
            "{}\nweight {}, {}\nsource {} {}",
            assertion.assertion_hash,
            assertion.weight,
            assertion.lifecycle,
            assertion.source.as_deref().unwrap_or("(not said)"),
            assertion.source_hash,
        );
        write_field("assertion", &text, output)?;
    }
    Ok(())
}
