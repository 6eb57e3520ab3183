//! `events`: a list of events in time order, page by page until the limit; with `--grep`, those that hold a text.

use std::io::Write;

use anyhow::Result;
use runledger::{EventFilter, Ledger, Order, PageToken};

use super::explanation_json::ExplanationJson;
use super::grep::{self, Needle};
use super::{Context, event_filter, opening, pages};
use crate::arguments::EventsArguments;
use crate::event_table::EventTable;
use crate::exit::Exit;
use crate::output::Output;

/// Runs the command.
pub(super) fn run(arguments: &EventsArguments, context: &mut Context) -> Result<Exit> {
    let filter = EventFilter {
        order: arguments.listing.order.map_or(Order::Ascending, Order::from),
        limit: arguments.listing.limit,
        page: arguments.page,
        ..event_filter::of(&arguments.filter, &context.now)?
    };
    let ledger = opening::for_reading(&context.ledger)?;
    if arguments.explain {
        return explain(&ledger, &filter, &mut context.output);
    }
    let next = match &arguments.grep {
        Some(text) => {
            let needle = Needle::new(text, arguments.ignore_case);
            grep::write_events_with(&needle, &ledger, filter, &mut context.output)?
        }
        None => write_events(&ledger, &filter, &mut context.output)?,
    };
    context.output.flush()?;
    pages::say_next(next, &context.output);
    Ok(Exit::Fine)
}

/// Writes how the question is answered.
fn explain(ledger: &Ledger, filter: &EventFilter, output: &mut Output) -> Result<Exit> {
    let explanation = ledger.explain(filter)?;
    if output.is_json() {
        writeln!(output, "{}", serde_json::to_string(&ExplanationJson::from(&explanation))?)?;
    } else {
        // Its conditions quote what was asked for, control characters escaped.
        writeln!(output, "{explanation}")?;
    }
    Ok(Exit::Fine)
}

/// Writes the events that match, up to the filter's limit; says where the next page starts, if there is one.
pub(super) fn write_events(
    ledger: &Ledger,
    filter: &EventFilter,
    output: &mut Output,
) -> Result<Option<PageToken>> {
    let mut table = EventTable::new(output);
    let ask = |limit, page| ledger.events(&EventFilter { limit, page, ..filter.clone() });
    let next = pages::show(filter.limit, filter.page, ask, |stored| table.add(ledger, stored, output))?;
    table.flush(output)?;
    Ok(next)
}
