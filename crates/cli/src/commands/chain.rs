//! `chain`: the events of a correlation and of those that it follows from, in time order, and where it breaks off.

use std::io::Write;

use anyhow::Result;
use runledger::CorrelationChain;

use super::{Context, opening};
use crate::arguments::ChainArguments;
use crate::event_table::EventTable;
use crate::exit::{Exit, NotFound};
use crate::output::{BAD, FAINT, Output, counted};
use crate::terminal_text::one_line;

/// How much of a correlation's id a line shows.
const ID_COLUMNS_MAX: usize = 100;

/// Runs the command.
pub(super) fn run(arguments: &ChainArguments, context: &mut Context) -> Result<Exit> {
    let ledger = opening::for_reading(&context.ledger)?;
    let id = &arguments.correlation;
    let chain = ledger.correlation_chain(id)?;
    if chain.events.is_empty() && chain.cut.is_none() {
        return Err(
            NotFound(format!("no correlation {id:?} in the ledger at {}", context.ledger.display())).into()
        );
    }
    let output = &mut context.output;
    if output.is_json() {
        writeln!(output, "{}", chain.to_json())?;
        return Ok(Exit::Fine);
    }
    write_correlations(&chain, output)?;
    writeln!(output)?;
    let mut table = EventTable::for_people(output);
    chain.events.iter().try_for_each(|stored| table.add(&ledger, stored, output))?;
    table.flush(output)?;
    Ok(Exit::Fine)
}

/// What the chain consists of, and what is wrong with it: before its events, of which there may be many.
fn write_correlations(chain: &CorrelationChain, output: &mut Output) -> Result<()> {
    let shown = |id: &String| one_line(id, ID_COLUMNS_MAX);
    for correlation in &chain.correlations {
        let parents: Vec<String> = correlation.parents.iter().map(shown).collect();
        let follows =
            if parents.is_empty() { String::new() } else { format!(", follows from {}", parents.join(", ")) };
        let events = output
            .paint(FAINT, format!("  {}{follows}", counted(correlation.events as u64, "event")))
            .to_string();
        writeln!(output, "{}{events}", shown(&correlation.id))?;
    }
    let mut wrong = Vec::new();
    for cycle in &chain.cycles {
        let ids: Vec<String> = cycle.iter().chain(cycle.first()).map(shown).collect();
        wrong.push(format!("cycle: {}", ids.join(" follows from ")));
    }
    for gap in &chain.gaps {
        let named_by = gap.named_by.as_ref().map(|id| format!(", which {} follows from,", shown(id)));
        wrong.push(format!("gap: {}{} has no event", shown(&gap.id), named_by.unwrap_or_default()));
    }
    if let Some(cut) = chain.cut {
        wrong.push(format!(
            "cut: {} and {} are left out",
            counted(cut.correlations as u64, "correlation"),
            counted(cut.events, "event")
        ));
    }
    for line in wrong {
        let line = output.paint(BAD, line).to_string();
        writeln!(output, "{line}")?;
    }
    Ok(())
}
