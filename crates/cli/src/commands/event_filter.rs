//! The filter that a command line describes.

use anyhow::Result;
use jiff::Zoned;
use runledger::{Dimension, EventFilter};

use crate::arguments::FilterArguments;
use crate::exit::Refused;
use crate::time_argument;

/// The filter, as seen at `now`.
pub(super) fn of(arguments: &FilterArguments, now: &Zoned) -> Result<EventFilter> {
    let kinds = arguments.kinds().ok_or_else(|| Refused("no kind is like that pattern".to_owned()))?;
    Ok(EventFilter {
        workspace: arguments.wanted(Dimension::Workspace),
        lane: arguments.wanted(Dimension::Lane),
        session: arguments.wanted(Dimension::Session),
        run: arguments.wanted(Dimension::Run),
        agent: arguments.wanted(Dimension::Agent),
        actor: arguments.wanted(Dimension::Actor),
        kinds,
        tool: arguments.wanted(Dimension::Tool),
        model: arguments.wanted(Dimension::Model),
        action: arguments.wanted(Dimension::Action),
        outcome: arguments.wanted(Dimension::Outcome),
        correlation: arguments.wanted(Dimension::Correlation),
        subject: arguments.wanted(Dimension::Subject),
        from: time_argument::resolve("--from", arguments.times.from.as_deref(), now)?,
        to: time_argument::resolve("--to", arguments.times.to.as_deref(), now)?,
        as_of: time_argument::resolve_moment(&arguments.moment, now)?,
        ..EventFilter::default()
    })
}
