//! `why`: the tree from a decision back to the sources of what was known.

use std::io::Write;

use anstyle::Style;
use anyhow::Result;
use runledger::{Ledger, Provenance, ProvenanceFinding, ProvenanceNode, ProvenanceRelation};

use super::event::Address;
use super::{Context, opening};
use crate::arguments::WhyArguments;
use crate::exit::{Exit, NotFound};
use crate::outcome::{outcome_style, status_style};
use crate::output::{BAD, FAINT, Output, STRONG, counted, note};
use crate::tree::{Part, Tree};
use crate::{audit_text, event_text};

/// Runs the command.
pub(super) fn run(arguments: &WhyArguments, context: &mut Context) -> Result<Exit> {
    let name = arguments.event.as_str();
    let address = Address::read(name)?;
    let ledger = opening::for_reading(&context.ledger)?;
    let provenance = match address {
        Address::Id(id) => ledger.provenance(id)?,
        Address::Seq(seq) => match ledger.event_at(seq)? {
            Some(stored) => ledger.provenance(stored.event.event_id)?,
            None => None,
        },
    };
    let provenance = provenance
        .ok_or_else(|| NotFound(format!("no event {name} in the ledger at {}", context.ledger.display())))?;
    if context.output.is_json() {
        writeln!(context.output, "{}", provenance.to_json())?;
    } else {
        write_tree(&ledger, &provenance, &mut context.output)?;
    }
    Ok(Exit::Fine)
}

fn write_tree(ledger: &Ledger, provenance: &Provenance, output: &mut Output) -> Result<()> {
    let mut nodes = Vec::new();
    provenance.each(|node, depth| nodes.push((node, depth)));
    let depths: Vec<usize> = nodes.iter().map(|(_, depth)| *depth).collect();
    let mut tree = Tree::default();
    for ((node, depth), is_last) in nodes.into_iter().zip(last_ones(&depths)) {
        let parts = line(ledger, node, output)?;
        tree.line(depth, is_last, &parts, output)?;
    }
    output.flush()?;
    if provenance.gaps > 0 {
        note(format_args!(
            "{} in it: what is named is not in the ledger",
            counted(provenance.gaps as u64, "gap")
        ));
    }
    if provenance.cycles > 0 {
        note(format_args!("{} in it", counted(provenance.cycles as u64, "cycle")));
    }
    if provenance.left_out > 0 {
        note(format_args!("{} left out: there was no room", counted(provenance.left_out, "thing")));
    }
    if provenance.too_old > 0 {
        let queries = if provenance.too_old == 1 { "query" } else { "queries" };
        note(format_args!("{} {queries} of the agent left out: asked too long before", provenance.too_old));
    }
    Ok(())
}

/// Which lines of a tree are the last ones of their parents, by the depths of all lines in their order.
fn last_ones(depths: &[usize]) -> Vec<bool> {
    let mut follows = Vec::new();
    let mut last: Vec<bool> = depths
        .iter()
        .rev()
        .map(|depth| {
            follows.truncate(depth + 1);
            follows.resize(depth + 1, false);
            !follows.last_mut().is_some_and(|follows| std::mem::replace(follows, true))
        })
        .collect();
    last.reverse();
    last
}

fn line(ledger: &Ledger, node: &ProvenanceNode, output: &Output) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> =
        relation(node.relation).map(|words| (FAINT, words.to_owned())).into_iter().collect();
    match &node.finding {
        ProvenanceFinding::Event(stored) => {
            let event = &stored.event;
            parts.push((STRONG, event.kind().to_string()));
            parts.push((Style::new(), format!(" {}", event_text::what(ledger, stored)?)));
            let outcome = event.outcome.as_deref().unwrap_or_default();
            parts.push((outcome_style(outcome), format!("  {outcome}")));
            parts.push((FAINT, format!("  {}  event {}", output.second(event.timestamp), stored.seq)));
        }
        ProvenanceFinding::Run(run) => {
            parts.push((STRONG, run.run_id.clone()));
            parts.push((Style::new(), format!(" {}", run.goal)));
            parts.push((status_style(run.status), format!("  {}", run.status)));
            parts.push((FAINT, format!("  {}", output.second(run.started_at))));
        }
        ProvenanceFinding::Query(query) => {
            parts.extend(audit_text::question(query));
            parts.push((FAINT, "  → ".to_owned()));
            parts.extend(audit_text::result(query));
            parts.push((FAINT, format!("  event {}", query.seq)));
        }
        ProvenanceFinding::Assertion(assertion) => parts = audit_text::assertion(assertion),
        ProvenanceFinding::Source { source_hash, source } => {
            parts = audit_text::source(source_hash, source.as_deref());
        }
        other => parts.push((BAD, broken_off(other))),
    }
    Ok(parts)
}

/// How something led to what stands above it, in words before it.
fn relation(relation: ProvenanceRelation) -> Option<&'static str> {
    Some(match relation {
        ProvenanceRelation::ParentEvent => "follows from ",
        ProvenanceRelation::Run => "in run ",
        ProvenanceRelation::ParentRun => "started by run ",
        ProvenanceRelation::QueryOfRun => "knew ",
        ProvenanceRelation::QueryOfCorrelation => "knew, by its correlation, ",
        ProvenanceRelation::QueryOfAgent => "knew, by its agent, ",
        _ => return None,
    })
}

/// Why a branch goes no further.
fn broken_off(finding: &ProvenanceFinding) -> String {
    match finding {
        ProvenanceFinding::MissingEvent(id) => format!("event {id}, which is not in the ledger"),
        ProvenanceFinding::MissingRun(id) => format!("{id}, which is not in the ledger"),
        ProvenanceFinding::Unreadable { seq, reason } => {
            format!("record {seq}, which can't be read: {reason}")
        }
        ProvenanceFinding::EventAgain(id) => format!("event {id}, which stands further up: a cycle"),
        ProvenanceFinding::RunAgain(id) => format!("{id}, which stands further up: a cycle"),
        ProvenanceFinding::RunShown(id) => format!("{id}, which stands elsewhere in this tree"),
        ProvenanceFinding::LeftOut(count) => format!("{count} more, for which there was no room"),
        ProvenanceFinding::TooOld(count) => format!("{count} more, asked too long before"),
        _ => "something that this program does not know".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_last_one_when_no_other_of_its_parent_follows() {
        let expected = [true, false, true, true, true, false, true];
        assert_eq!(last_ones(&[0, 1, 2, 3, 1, 2, 2]), expected);
        assert_eq!(last_ones(&[]), [] as [bool; 0]);
    }
}
