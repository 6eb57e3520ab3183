//! The filter that a command line describes.

use anyhow::Result;
use jiff::Zoned;
use runledger::{Dimension, EventFilter};

use crate::arguments::{Conditions, FilterArguments};
use crate::exit::Refused;
use crate::time_argument;

/// The filter, as seen at `now`.
pub(super) fn of(arguments: &FilterArguments, now: &Zoned) -> Result<EventFilter> {
    Ok(EventFilter {
        from: time_argument::resolve("--from", arguments.times.from.as_deref(), now)?,
        to: time_argument::resolve("--to", arguments.times.to.as_deref(), now)?,
        as_of: time_argument::resolve_moment(&arguments.moment, now)?,
        ..of_conditions(&arguments.conditions)?
    })
}

/// The same, at any time.
pub(super) fn of_conditions(wanted: &Conditions) -> Result<EventFilter> {
    let kinds = wanted.kinds().ok_or_else(|| Refused("no kind is like that pattern".to_owned()))?;
    Ok(EventFilter {
        workspace: wanted.wanted(Dimension::Workspace),
        lane: wanted.wanted(Dimension::Lane),
        session: wanted.wanted(Dimension::Session),
        run: wanted.wanted(Dimension::Run),
        agent: wanted.wanted(Dimension::Agent),
        actor: wanted.wanted(Dimension::Actor),
        kinds,
        tool: wanted.wanted(Dimension::Tool),
        model: wanted.wanted(Dimension::Model),
        action: wanted.wanted(Dimension::Action),
        outcome: wanted.wanted(Dimension::Outcome),
        correlation: wanted.wanted(Dimension::Correlation),
        subject: wanted.wanted(Dimension::Subject),
        ..EventFilter::default()
    })
}
