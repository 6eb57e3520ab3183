//! Lists of events: a table for people, a line of JSON each for programs.

use std::io::Write;

use runledger::{Ledger, StoredEvent};

use crate::event_text;
use crate::outcome::outcome_style;
use crate::output::{FAINT, Output, STRONG};
use crate::table::{Cell, Column, Table};

/// A longer id is shown by its first characters: the first group of a UUID.
const ID_CHARACTERS_MAX: usize = 12;
const ID_CHARACTERS_SHOWN: usize = 8;
/// How much of a name, and of an outcome, a row shows at most, and at least.
const NAME_COLUMNS_MAX: usize = 20;
const NAME_COLUMNS_MIN: usize = 6;
/// How much of what an event says a row shows at most, and at least.
const WHAT_COLUMNS_MAX: usize = 100;
const WHAT_COLUMNS_MIN: usize = 16;

/// A list of events in the making.
pub(crate) struct EventTable {
    /// Nothing where events are printed as JSON.
    table: Option<Table>,
}

impl EventTable {
    /// In the form that the caller asked for.
    pub(crate) fn new(output: &Output) -> Self {
        if output.events_are_json() { Self { table: None } } else { Self::for_people(output) }
    }

    /// As text, whatever was asked for.
    pub(crate) fn for_people(output: &Output) -> Self {
        let table = Table::new([
            Column::number("seq"),
            Column::whole(output.time_heading("time")),
            Column::whole("kind"),
            Column::whole("run").dispensable(2),
            Column::text("who", NAME_COLUMNS_MIN, NAME_COLUMNS_MAX).dispensable(3),
            Column::text("what", WHAT_COLUMNS_MIN, WHAT_COLUMNS_MAX),
            Column::text("outcome", NAME_COLUMNS_MIN, NAME_COLUMNS_MAX).dispensable(1),
        ]);
        Self { table: Some(table) }
    }

    /// Adds an event. JSON is written at once.
    pub(crate) fn add(
        &mut self,
        ledger: &Ledger,
        stored: &StoredEvent,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let Some(table) = &mut self.table else {
            return Ok(writeln!(output, "{}", stored.event.to_json(Some(stored.seq)))?);
        };
        let event = &stored.event;
        let outcome = event.outcome.as_deref().unwrap_or_default();
        let row = [
            Cell::styled(FAINT, stored.seq),
            Cell::styled(FAINT, output.second(event.timestamp)),
            Cell::styled(STRONG, event.kind()),
            Cell::new(short(event.run_id.as_deref().unwrap_or("-"))),
            Cell::new(event.actor.as_deref().or(event.agent_id.as_deref()).unwrap_or("-")),
            Cell::new(event_text::what(ledger, stored)?),
            Cell::styled(outcome_style(outcome), outcome),
        ];
        table.add(row, output)
    }

    /// Writes what was added and not written yet.
    pub(crate) fn flush(&mut self, output: &mut Output) -> anyhow::Result<()> {
        match &mut self.table {
            Some(table) => table.flush(output),
            None => Ok(()),
        }
    }
}

/// An id, or as much of it as tells it from others of its list.
fn short(id: &str) -> &str {
    let cut = id.char_indices().nth(ID_CHARACTERS_SHOWN).map_or(id.len(), |(at, _)| at);
    if id.chars().nth(ID_CHARACTERS_MAX).is_none() { id } else { id.get(..cut).unwrap_or(id) }
}
