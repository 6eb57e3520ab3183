//! Lists of runs: a table for people, a line of JSON each for programs.

use std::io::Write;

use runledger::RunSummary;

use crate::outcome::status_style;
use crate::output::{FAINT, Output};
use crate::table::{Cell, Column, Table};
use crate::terminal_text::grouped;

/// How much of a goal a row shows at most, and at least.
const GOAL_COLUMNS_MAX: usize = 80;
const GOAL_COLUMNS_MIN: usize = 12;
/// How much of an agent's name.
const AGENT_COLUMNS_MAX: usize = 20;
const AGENT_COLUMNS_MIN: usize = 8;

/// A list of runs in the making.
pub(crate) struct RunTable {
    /// Nothing where runs are printed as JSON.
    table: Option<Table>,
}

impl RunTable {
    /// In the form that the caller asked for.
    pub(crate) fn new(output: &Output) -> Self {
        let columns = || {
            [
                Column::whole(output.time_heading("started")),
                Column::whole("status"),
                Column::whole("run"),
                Column::text("agent", AGENT_COLUMNS_MIN, AGENT_COLUMNS_MAX).dispensable(5),
                Column::number("events").dispensable(4),
                Column::number("tools").dispensable(6),
                Column::number("tokens in").dispensable(3),
                Column::number("out").dispensable(3),
                Column::number("cost").dispensable(2),
                Column::text("goal", GOAL_COLUMNS_MIN, GOAL_COLUMNS_MAX).dispensable(1),
            ]
        };
        Self { table: (!output.is_json()).then(|| Table::new(columns())) }
    }

    /// Adds a run. JSON is written at once.
    pub(crate) fn add(&mut self, run: &RunSummary, output: &mut Output) -> anyhow::Result<()> {
        let Some(table) = &mut self.table else { return Ok(writeln!(output, "{}", run.to_json())?) };
        let row = [
            Cell::styled(FAINT, output.second(run.started_at)),
            Cell::styled(status_style(run.status), run.status),
            Cell::new(&run.run_id),
            Cell::new(run.agent_id.as_deref().unwrap_or("-")),
            Cell::new(grouped(run.events)),
            Cell::new(grouped(run.tool_calls)),
            Cell::new(grouped(run.input_tokens)),
            Cell::new(grouped(run.output_tokens)),
            Cell::optional(run.cost_usd.map(|cost| format!("${cost:.4}"))),
            Cell::new(&run.goal),
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
