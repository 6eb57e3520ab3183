//! `runs`: a list of runs with what they cost, or the runs that one run descends from.

use std::io::Write as _;

use anyhow::Result;
use jiff::Zoned;
use runledger::{AncestryEnd, Ledger, Order, PageToken, RunFilter, RunStatus, RunTime};
use serde_json::json;

use super::{Context, opening, pages};
use crate::arguments::RunsArguments;
use crate::exit::{Exit, NotFound};
use crate::output::{Output, note, remark};
use crate::run_table::RunTable;
use crate::time_argument;

/// Runs the command.
pub(super) fn run(arguments: &RunsArguments, context: &mut Context) -> Result<Exit> {
    let filter = filter(arguments, &context.now)?;
    let ledger = opening::for_reading(&context.ledger)?;
    if let Some(run) = &arguments.ancestors_of {
        write_ancestors(&ledger, run, &mut context.output)?;
    } else {
        let next = write_runs(&ledger, &filter, &mut context.output)?;
        context.output.flush()?;
        pages::say_next(next, &context.output);
    }
    Ok(Exit::Fine)
}

fn filter(arguments: &RunsArguments, now: &Zoned) -> Result<RunFilter> {
    let mut statuses = arguments.status.clone();
    if arguments.interrupted {
        statuses.push(RunStatus::Interrupted);
    }
    let of_whom = RunFilter {
        agent: arguments.agent.clone(),
        session: arguments.session.clone(),
        parent: arguments.parent.clone(),
        skill: arguments.skill.clone(),
        caller: arguments.caller.clone(),
        channel: arguments.channel.clone(),
        ..RunFilter::default()
    };
    Ok(RunFilter {
        include_dry_runs: arguments.dry_runs || statuses.contains(&RunStatus::DryRun),
        statuses,
        top_level_only: arguments.top_level,
        started_from: time_argument::resolve("--from", arguments.times.from.as_deref(), now)?,
        started_to: time_argument::resolve("--to", arguments.times.to.as_deref(), now)?,
        finished_before: time_argument::resolve(
            "--finished-before",
            arguments.finished_before.as_deref(),
            now,
        )?,
        ordered_by: if arguments.by_end { RunTime::End } else { RunTime::Start },
        page: arguments.page,
        as_of: time_argument::resolve_moment(&arguments.moment, now)?,
        order: arguments.listing.order.map_or(Order::Descending, Order::from),
        offset: arguments.offset,
        limit: arguments.listing.limit,
        ..of_whom
    })
}

/// Writes the runs that a run descends from, and on standard error how their chain ends.
fn write_ancestors(ledger: &Ledger, run: &str, output: &mut Output) -> Result<()> {
    let ancestry = ledger.ancestors(run)?;
    if matches!(&ancestry.end, AncestryEnd::Missing(missing) if ancestry.runs.is_empty() && missing == run) {
        return Err(
            NotFound(format!("no run {run:?} in the ledger at {}", ledger.directory().display())).into()
        );
    }
    let mut table = RunTable::new(output);
    ancestry.runs.iter().try_for_each(|run| table.add(run, output))?;
    table.flush(output)?;
    output.flush()?;
    let (word, at) = match &ancestry.end {
        AncestryEnd::Missing(run) => ("missing", Some(run)),
        AncestryEnd::Cycle(run) => ("cycle", Some(run)),
        _ => ("top", None),
    };
    if output.is_json() {
        remark(json!({ "chainEnd": word, "runId": at }));
    } else {
        match at {
            Some(run) if word == "missing" => {
                note(format_args!("ancestor {run:?} is not in the ledger: what is above it is unknown"));
            }
            Some(run) => note(format_args!("the chain comes back to run {run:?}: it has no end")),
            None => {}
        }
    }
    Ok(())
}

/// Writes the runs that match, up to the filter's limit; says where the next page starts, if there is one.
pub(super) fn write_runs(
    ledger: &Ledger,
    filter: &RunFilter,
    output: &mut Output,
) -> Result<Option<PageToken>> {
    let mut table = RunTable::new(output);
    let ask = |limit, page| ledger.run_page(&RunFilter { limit, page, ..filter.clone() });
    let next = pages::show(filter.limit, filter.page, ask, |run| table.add(run, output))?;
    table.flush(output)?;
    Ok(next)
}
