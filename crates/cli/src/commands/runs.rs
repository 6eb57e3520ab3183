//! `runs`: a list of runs with what they cost.

use std::io::Write;

use anyhow::Result;
use jiff::Zoned;
use runledger::{Ledger, Order, RunFilter, RunStatus, RunSummary};

use super::{Context, opening};
use crate::arguments::RunsArguments;
use crate::event_text::second;
use crate::exit::Exit;
use crate::output::{BAD, FAINT, GOOD, Output, one_line};
use crate::time_argument;

/// How many runs are asked for at a time.
const PAGE_RUNS: usize = 1_000;
/// How much of a goal a line shows.
const GOAL_CHARACTERS_MAX: usize = 60;

/// Runs the command.
pub(super) fn run(arguments: &RunsArguments, context: &mut Context) -> Result<Exit> {
    let filter = filter(arguments, &Zoned::now())?;
    let ledger = opening::for_reading(&context.ledger)?;
    write_runs(&ledger, filter, &mut context.output)?;
    Ok(Exit::Fine)
}

fn filter(arguments: &RunsArguments, now: &Zoned) -> Result<RunFilter> {
    Ok(RunFilter {
        include_dry_runs: arguments.dry_runs || arguments.status.contains(&RunStatus::DryRun),
        statuses: arguments.status.clone(),
        agent: arguments.agent.clone(),
        session: arguments.session.clone(),
        parent: arguments.parent.clone(),
        started_from: time_argument::resolve("--from", arguments.times.from.as_deref(), now)?,
        started_to: time_argument::resolve("--to", arguments.times.to.as_deref(), now)?,
        as_of: time_argument::resolve_moment(&arguments.moment, now)?,
        order: arguments.listing.order.map_or(Order::Descending, Order::from),
        offset: arguments.offset,
        limit: arguments.listing.limit,
        ..RunFilter::default()
    })
}

/// Writes the runs that match, up to the filter's limit.
pub(super) fn write_runs(ledger: &Ledger, mut filter: RunFilter, output: &mut Output) -> Result<()> {
    let mut remaining = filter.limit;
    while remaining > 0 {
        filter.limit = remaining.min(PAGE_RUNS);
        let runs = ledger.runs(&filter)?;
        for run in &runs {
            write_run(run, output)?;
        }
        if runs.len() < filter.limit {
            break;
        }
        remaining -= runs.len();
        filter.offset += runs.len();
    }
    Ok(())
}

/// Writes a run in a list: its JSON, or a line for people.
pub(super) fn write_run(run: &RunSummary, output: &mut Output) -> Result<()> {
    if output.is_json() {
        return Ok(writeln!(output, "{}", run.to_json())?);
    }
    let cost = run.cost_usd.map_or_else(String::new, |cost| format!("  ${cost:.4}"));
    let line = format!(
        "{}  {:<11}  {}  {:>5} events  {:>4} tools  {:>8} tokens in  {:>7} out{cost}  {}",
        output.paint(FAINT, second(run.started_at)),
        output.paint(status_style(run.status), run.status),
        one_line(&run.run_id, 80),
        run.events,
        run.tool_calls,
        run.input_tokens,
        run.output_tokens,
        one_line(&run.goal, GOAL_CHARACTERS_MAX),
    );
    Ok(writeln!(output, "{}", line.trim_end())?)
}

/// How a status looks.
pub(super) fn status_style(status: RunStatus) -> anstyle::Style {
    match status {
        RunStatus::Completed => GOOD,
        RunStatus::Queued | RunStatus::Running | RunStatus::DryRun => anstyle::Style::new(),
        _ => BAD,
    }
}
