//! The chain of runs that led to a run: its parent, its parent's parent, and so on.
//!
//! INVARIANT: a chain never just stops. It ends at a run that nobody started, and otherwise says which ancestor is not in
//! the ledger, or which one came a second time.

use std::collections::HashSet;

use super::Ledger;
use super::runs::record_of;
use crate::key::run::RunRecord;
use crate::ledger_read::Question;
use crate::{QueryError, RunSummary};

/// The ancestors of a run, and how the chain of them ends.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Ancestry {
    /// The ancestors that the ledger knows, nearest first.
    pub runs: Vec<RunSummary>,
    /// How the chain ends behind them.
    pub end: AncestryEnd,
}

/// How a chain of ancestors ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AncestryEnd {
    /// At a run that no other run started: the chain is whole.
    Top,
    /// At a run of this id, which the ledger does not know. What is above it is unknown.
    Missing(String),
    /// At the run of this id, which is in the chain already, or is the run that was asked about.
    Cycle(String),
}

impl Ledger {
    /// The runs that led to this one, nearest first, and how their chain ends. A chain with a hole or a cycle is not an
    /// error: [`AncestryEnd`] tells. Where the run itself is unknown, it is what is missing.
    ///
    /// ```
    /// use runledger_audit::{AncestryEnd, Body, Event, Ledger, RunStarted};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let started_by = |parent: &str| {
    ///     Body::RunStarted(RunStarted { parent_run_id: Some(parent.to_owned()), ..RunStarted::default() })
    /// };
    /// ledger.append(Event::new(started_by("deploy")).with_run("build"))?;
    /// ledger.append(Event::new(started_by("build")).with_run("test"))?;
    ///
    /// let ancestry = ledger.ancestors("test")?;
    /// assert_eq!(ancestry.runs[0].run_id, "build");
    /// assert_eq!(ancestry.end, AncestryEnd::Missing("deploy".to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    #[doc(alias = "walk_parent_chain")]
    pub fn ancestors(&self, run_id: &str) -> Result<Ancestry, QueryError> {
        self.recorded(
            || Question::new("ancestors").text("runId", run_id),
            |ledger| {
                let (chain, end) = ledger.core.ask(|view, _| chain_of(run_id, |id| record_of(view, id)))?;
                let runs = chain
                    .iter()
                    .map(|(run_id, record)| ledger.summarize(run_id, record))
                    .collect::<Result<_, _>>();
                Ok(Ancestry { runs: runs?, end })
            },
        )
    }
}

/// The ancestors of a run, nearest first, and how their chain ends.
fn chain_of<E>(
    run_id: &str,
    record_of: impl Fn(&str) -> Result<Option<RunRecord>, E>,
) -> Result<(Vec<(String, RunRecord)>, AncestryEnd), E> {
    let mut chain = Vec::new();
    let Some(mut record) = record_of(run_id)? else {
        return Ok((chain, AncestryEnd::Missing(run_id.to_owned())));
    };
    let mut seen = HashSet::from([run_id.to_owned()]);
    loop {
        let Some(parent) = record.parent_run_id else { return Ok((chain, AncestryEnd::Top)) };
        if !seen.insert(parent.clone()) {
            return Ok((chain, AncestryEnd::Cycle(parent)));
        }
        match record_of(&parent)? {
            Some(found) => record = found,
            None => return Ok((chain, AncestryEnd::Missing(parent))),
        }
        chain.push((parent, record.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids of the chain of `run_id`, where each run of `parents` was started by the other.
    fn chain(run_id: &str, parents: &[(&str, Option<&str>)]) -> (Vec<String>, AncestryEnd) {
        let record = |id: &str| {
            let (_, parent) = parents.iter().find(|(child, _)| *child == id)?;
            Some(RunRecord { parent_run_id: parent.map(str::to_owned), ..RunRecord::default() })
        };
        let (chain, end) = chain_of(run_id, |id| Ok::<_, QueryError>(record(id))).unwrap();
        (chain.into_iter().map(|(run_id, _)| run_id).collect(), end)
    }

    #[test]
    fn a_chain_is_nearest_first_and_ends_at_the_top() {
        let parents = [("c", Some("b")), ("b", Some("a")), ("a", None)];
        assert_eq!(chain("c", &parents), (vec!["b".to_owned(), "a".to_owned()], AncestryEnd::Top));
        assert_eq!(chain("a", &parents), (vec![], AncestryEnd::Top));
    }

    #[test]
    fn a_missing_ancestor_is_named() {
        let parents = [("c", Some("b")), ("b", Some("a"))];
        assert_eq!(chain("c", &parents), (vec!["b".to_owned()], AncestryEnd::Missing("a".to_owned())));
        assert_eq!(chain("x", &parents), (vec![], AncestryEnd::Missing("x".to_owned())));
    }

    #[test]
    fn a_cycle_ends_the_chain_and_is_named() {
        let own = [("a", Some("a"))];
        assert_eq!(chain("a", &own), (vec![], AncestryEnd::Cycle("a".to_owned())));
        let above = [("d", Some("c")), ("c", Some("b")), ("b", Some("c"))];
        let ids = vec!["c".to_owned(), "b".to_owned()];
        assert_eq!(chain("d", &above), (ids, AncestryEnd::Cycle("c".to_owned())));
    }
}
