//! `events`: a list of events in time order, page by page until the limit.

use std::io::Write;

use anyhow::Result;
use jiff::Zoned;
use runledger::{EventFilter, Ledger, Order, PageToken, StoredEvent};

use super::{Context, opening};
use crate::arguments::EventsArguments;
use crate::event_text;
use crate::exit::Exit;
use crate::output::{Output, remark};
use crate::time_argument;

/// How many events are asked for at a time, so that memory does not grow with the limit.
const PAGE_EVENTS: usize = 1_000;

/// Runs the command.
pub(super) fn run(arguments: &EventsArguments, context: &mut Context) -> Result<Exit> {
    let filter = filter(arguments, &Zoned::now())?;
    let ledger = opening::for_reading(&context.ledger)?;
    let next = write_events(&ledger, filter, &mut context.output)?;
    context.output.flush()?;
    if let Some(token) = next {
        if context.output.is_json() {
            remark(format_args!("{{\"nextPage\":\"{token}\"}}"));
        } else {
            remark(format_args!("next page: the same filters, times as resolved, and --page {token}"));
        }
    }
    Ok(Exit::Fine)
}

/// The filter that the command line describes, as seen at `now`.
fn filter(arguments: &EventsArguments, now: &Zoned) -> Result<EventFilter> {
    Ok(EventFilter {
        workspace: arguments.workspace.clone(),
        lane: arguments.lane.clone(),
        session: arguments.session.clone(),
        run: arguments.run.clone(),
        agent: arguments.agent.clone(),
        actor: arguments.actor.clone(),
        kinds: arguments.kind.clone(),
        tool: arguments.tool.clone(),
        model: arguments.model.clone(),
        action: arguments.action.clone(),
        outcome: arguments.outcome.clone(),
        correlation: arguments.correlation.clone(),
        from: time_argument::resolve("--from", arguments.window.from.as_deref(), now)?,
        to: time_argument::resolve("--to", arguments.window.to.as_deref(), now)?,
        as_of: time_argument::resolve_moment(&arguments.moment, now)?,
        order: arguments.window.order.map_or(Order::Ascending, Order::from),
        limit: arguments.window.limit,
        page: arguments.page,
    })
}

/// Writes the events that match, up to the filter's limit; says where the next page starts, if there is one.
pub(super) fn write_events(
    ledger: &Ledger,
    mut filter: EventFilter,
    output: &mut Output,
) -> Result<Option<PageToken>> {
    let mut remaining = filter.limit;
    while remaining > 0 {
        filter.limit = remaining.min(PAGE_EVENTS);
        let page = ledger.events(&filter)?;
        for stored in &page.items {
            write_event(ledger, stored, output)?;
        }
        remaining = remaining.saturating_sub(page.items.len());
        filter.page = page.next;
        if filter.page.is_none() {
            break;
        }
    }
    Ok(filter.page)
}

/// Writes an event in a list: its JSON, or a line for people.
pub(super) fn write_event(ledger: &Ledger, stored: &StoredEvent, output: &mut Output) -> Result<()> {
    if output.events_are_json() {
        Ok(writeln!(output, "{}", stored.event.to_json(Some(stored.seq)))?)
    } else {
        event_text::write_line(ledger, stored, output)
    }
}
