//! `run`: what a run was, then what it did.

use std::io::Write;

use anyhow::Result;
use runledger::{EventFilter, Ledger, RunSummary};

use super::{Context, events, opening};
use crate::arguments::RunArguments;
use crate::event_text::write_field;
use crate::exit::{Exit, NotFound};
use crate::outcome::status_style;
use crate::output::Output;
use crate::time_argument;

/// Runs the command.
pub(super) fn run(arguments: &RunArguments, context: &mut Context) -> Result<Exit> {
    let ledger = opening::for_reading(&context.ledger)?;
    let as_of = time_argument::resolve_moment(&arguments.moment, &context.now)?;
    let found = match as_of {
        Some(as_of) => ledger.run_as_of(&arguments.run, as_of)?,
        None => ledger.run(&arguments.run)?,
    };
    let summary = found.ok_or_else(|| {
        let then = if as_of.is_some() { " as of then" } else { "" };
        NotFound(format!("no run {:?} in the ledger at {}{then}", arguments.run, context.ledger.display()))
    })?;
    let output = &mut context.output;
    if output.is_json() {
        writeln!(output, "{}", summary.to_json())?;
    } else {
        write_summary(&ledger, &summary, output)?;
        writeln!(output)?;
    }
    let all =
        EventFilter { run: Some(summary.run_id.into()), as_of, limit: usize::MAX, ..EventFilter::default() };
    events::write_events(&ledger, &all, output)?;
    Ok(Exit::Fine)
}

fn write_summary(ledger: &Ledger, run: &RunSummary, output: &mut Output) -> Result<()> {
    let status = output.paint(status_style(run.status), run.status).to_string();
    let ended = run.ended_at.map_or_else(|| "not ended".to_owned(), |time| output.time(time));
    let tokens = format!(
        "{} in, {} out, {} read from cache, {} written to cache",
        run.input_tokens, run.output_tokens, run.cache_read_tokens, run.cache_write_tokens
    );
    let cost = run.cost_usd.map(|cost| format!("${cost:.4}"));
    let children = ledger.children(&run.run_id)?.join("\n");
    let fields = [
        ("goal", Some(run.goal.clone()).filter(|goal| !goal.is_empty())),
        ("started", Some(output.time(run.started_at))),
        ("ended", Some(ended)),
        ("seconds", Some(format!("{:.1}", run.runtime_seconds))),
        ("agent", run.agent_id.clone()),
        ("session", run.session_id.clone()),
        ("parent", run.parent_run_id.clone()),
        ("children", Some(children).filter(|children| !children.is_empty())),
        ("skill", run.skill_id.clone()),
        ("caller", run.caller_id.clone()),
        ("channel", run.channel_id.clone()),
        ("events", Some(run.events.to_string())),
        ("tool calls", Some(run.tool_calls.to_string())),
        ("tokens", Some(tokens)),
        ("cost", cost),
        ("error", run.error.clone()),
        ("metadata", run.metadata.as_ref().map(ToString::to_string)),
        ("inputs", run.inputs.as_ref().map(ToString::to_string)),
        ("output", run.output.as_ref().map(ToString::to_string)),
    ];
    write_field("run", &run.run_id, output)?;
    // The status is our own word in our own colour: nothing in it to escape.
    writeln!(output, "{:<18} {status}", "status")?;
    for (name, value) in fields {
        if let Some(value) = value {
            write_field(name, &value, output)?;
        }
    }
    Ok(())
}
