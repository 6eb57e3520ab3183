//! `trace`: an account of what an agent looked up, in the order in which it did.

use std::io::Write;

use anyhow::Result;
use jiff::Zoned;
use runledger::{AuditFilter, Glob, TracedSource};

use super::{Context, audits, opening, pages};
use crate::arguments::TraceArguments;
use crate::audit_text::{short, write_account};
use crate::exit::Exit;
use crate::output::{FAINT, Output, note, remark};
use crate::table::{Cell, Column, Table};
use crate::time_argument;

/// How much of a source a row shows at most, and at least.
const SOURCE_COLUMNS_MAX: usize = 100;
const SOURCE_COLUMNS_MIN: usize = 20;

/// Runs the command.
pub(super) fn run(arguments: &TraceArguments, context: &mut Context) -> Result<Exit> {
    let filter = filter(arguments, &context.now)?;
    let ledger = opening::for_reading(&context.ledger)?;
    let trace = ledger.trace(&filter)?;
    let output = &mut context.output;
    if output.is_json() {
        writeln!(output, "{}", trace.to_json())?;
        return Ok(Exit::Fine);
    }
    if trace.queries.is_empty() {
        note("no query audit matches");
        return Ok(Exit::Fine);
    }
    for query in &trace.queries {
        write_account(query, output)?;
    }
    write_sources(&trace.sources, output)?;
    output.flush()?;
    pages::say_next(trace.next, output);
    Ok(Exit::Fine)
}

fn filter(arguments: &TraceArguments, now: &Zoned) -> Result<AuditFilter> {
    let times = match &arguments.time {
        Some(time) => {
            let time = time_argument::read("--time", time, now)?;
            let filter = AuditFilter::around(time, time_argument::span("--window", &arguments.window)?);
            for (option, time) in [("--from", filter.from), ("--to", filter.to)] {
                if let Some(time) = time {
                    remark(format_args!("{option} {time}"));
                }
            }
            filter
        }
        None => AuditFilter {
            from: time_argument::resolve("--from", arguments.times.from.as_deref(), now)?,
            to: time_argument::resolve("--to", arguments.times.to.as_deref(), now)?,
            ..AuditFilter::default()
        },
    };
    Ok(AuditFilter {
        agent: audits::agent(arguments.agent.as_deref(), arguments.anonymous),
        subject: arguments.subject.clone().map(Glob::into),
        limit: arguments.limit,
        page: arguments.page,
        ..times
    })
}

/// Where the answers came from, all together.
fn write_sources(sources: &[TracedSource], output: &mut Output) -> Result<()> {
    if sources.is_empty() {
        return Ok(());
    }
    writeln!(output)?;
    let mut table = Table::new([
        Column::number("queries"),
        Column::number("assertions"),
        Column::text("source", SOURCE_COLUMNS_MIN, SOURCE_COLUMNS_MAX),
        Column::whole("hash").dispensable(1),
    ]);
    for source in sources {
        let words = match &source.source {
            Some(words) => Cell::new(words),
            None => Cell::styled(FAINT, "(not said)"),
        };
        let hash = Cell::styled(FAINT, short(source.source_hash));
        table.add([Cell::new(source.queries), Cell::new(source.assertions), words, hash], output)?;
    }
    table.flush(output)
}
