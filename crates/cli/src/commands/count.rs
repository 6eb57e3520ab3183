//! `count`: how many events match, all or by what they have in common.

use std::io::Write;

use anyhow::Result;
use runledger::{Dimension, ValueCounts};
use serde_json::{Map, Value};

use super::{Context, event_filter, opening};
use crate::arguments::CountArguments;
use crate::exit::Exit;
use crate::output::{FAINT, Output};
use crate::table::{Cell, Column, Table};
use crate::terminal_text::grouped;

/// How much of a value a row shows at most, and at least.
const VALUE_COLUMNS_MAX: usize = 200;
const VALUE_COLUMNS_MIN: usize = 20;

/// Runs the command.
pub(super) fn run(arguments: &CountArguments, context: &mut Context) -> Result<Exit> {
    let filter = event_filter::of(&arguments.filter, &context.now)?;
    let ledger = opening::for_reading(&context.ledger)?;
    let output = &mut context.output;
    if let Some(dimension) = arguments.by {
        write_counts(dimension, ledger.count_by(dimension, &filter)?, output)?;
        return Ok(Exit::Fine);
    }
    let count = ledger.count(&filter)?;
    if output.is_json() {
        writeln!(output, "{{\"count\":{count}}}")?;
    } else {
        writeln!(output, "{count}")?;
    }
    Ok(Exit::Fine)
}

/// Writes the counts, the greatest first; values that are equally frequent in their own order.
fn write_counts(dimension: Dimension, counts: ValueCounts, output: &mut Output) -> Result<()> {
    let mut by_value: Vec<(Option<String>, u64)> =
        counts.by_value.into_iter().map(|(value, count)| (Some(value), count)).collect();
    by_value.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    by_value.extend((counts.without_value > 0).then_some((None, counts.without_value)));
    if output.is_json() {
        for (value, count) in by_value {
            let fields =
                [(dimension.as_str().to_owned(), Value::from(value)), ("count".to_owned(), count.into())];
            writeln!(output, "{}", Value::Object(Map::from_iter(fields)))?;
        }
        return Ok(());
    }
    let value_column = Column::text(dimension.as_str(), VALUE_COLUMNS_MIN, VALUE_COLUMNS_MAX);
    let mut table = Table::new([Column::number("count"), value_column]);
    for (value, count) in by_value {
        let none = || Cell::styled(FAINT, "(none)");
        table.add([Cell::new(grouped(count)), value.map_or_else(none, Cell::new)], output)?;
    }
    table.flush(output)
}
