//! `event`: one event, by its id or its number, with all that it says.

use std::io::Write;

use anyhow::Result;
use runledger::{EventId, Seq};

use super::{Context, opening};
use crate::arguments::EventArguments;
use crate::exit::{Exit, NotFound, Refused};
use crate::{event_json, event_text};

/// Runs the command.
pub(super) fn run(arguments: &EventArguments, context: &mut Context) -> Result<Exit> {
    let name = arguments.event.as_str();
    let address = Address::read(name)?;
    let ledger = opening::for_reading(&context.ledger)?;
    let found = match address {
        Address::Seq(seq) => ledger.event_at(seq)?,
        Address::Id(id) => ledger.event(id)?,
    };
    let stored = found
        .ok_or_else(|| NotFound(format!("no event {name} in the ledger at {}", context.ledger.display())))?;
    if context.output.events_are_json() {
        let json = event_json::resolved(&ledger, &stored)?;
        writeln!(context.output, "{json}")?;
    } else {
        event_text::write_whole(&ledger, &stored, &mut context.output)?;
    }
    Ok(Exit::Fine)
}

/// How an event is named.
pub(super) enum Address {
    Seq(Seq),
    Id(EventId),
}

impl Address {
    /// A number is a `Seq`; 32 digits without hyphens are an id, since no log is that long.
    pub(super) fn read(text: &str) -> Result<Self, Refused> {
        if let Ok(number) = text.parse::<u64>() {
            return Ok(Self::Seq(Seq::new(number)));
        }
        let id =
            text.parse().map_err(|_| Refused(format!("{text:?} is neither an event id nor a number")))?;
        Ok(Self::Id(id))
    }
}
