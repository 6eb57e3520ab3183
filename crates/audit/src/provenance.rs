//! Why an event came to be: the tree from a decision back to the sources of what was known.
//!
//! INVARIANT: every branch ends at something that has no cause in the ledger, or says why it goes no further: what is
//! named is not there, leads back to itself, stands in the tree already, or there was no room for it.

use std::time::Duration;

use runledger_wal::Seq;

use crate::{AuditedQuery, ContributingAssertion, Digest, EventId, RunSummary, StoredEvent};

/// At most so many events are followed from parent to parent.
pub const PROVENANCE_EVENTS_MAX: usize = 256;
/// At most so many ancestors of a run are followed.
pub const PROVENANCE_RUNS_MAX: usize = 64;
/// At most so many queries stand under one run or event: the last ones before the decision.
pub const PROVENANCE_QUERIES_MAX: usize = 100;
/// A query of the same agent, where there is nothing else to go by, leads to a decision for so long: a day. What it knew
/// before that it may have forgotten.
pub const PROVENANCE_AGENT_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// At most so many things are in the tree.
pub const PROVENANCE_NODES_MAX: usize = 10_000;

/// Why an event came to be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Provenance {
    /// The event that was asked about, with all that it came from.
    pub decision: ProvenanceNode,
    /// How many places in the tree name something that the ledger doesn't have.
    pub gaps: usize,
    /// How many places in the tree lead back to themselves.
    pub cycles: usize,
    /// How many things were left out because there was no room.
    pub left_out: u64,
    /// How many queries of the agent were left out because they were asked longer than [`PROVENANCE_AGENT_AGE_MAX`] before.
    pub too_old: u64,
}

/// Something that led to what stands above it, with what led to it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProvenanceNode {
    /// How it led to what stands above it.
    pub relation: ProvenanceRelation,
    /// What it is.
    pub finding: ProvenanceFinding,
    /// What it came from.
    pub came_from: Vec<ProvenanceNode>,
}

/// How something led to what stands above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProvenanceRelation {
    /// It is the event that was asked about.
    Decision,
    /// The event above names it as its parent.
    ParentEvent,
    /// The event above is a part of this run.
    Run,
    /// The run above was started by it.
    ParentRun,
    /// It was asked in the run above, before the decision.
    QueryOfRun,
    /// It was asked in the correlation of the event above, before it: a weaker link, where there is no run to go by.
    QueryOfCorrelation,
    /// It was asked by the agent of the event above, at most [`PROVENANCE_AGENT_AGE_MAX`] before it: the weakest link,
    /// where there is nothing else to go by.
    QueryOfAgent,
    /// The answer above was made of it.
    Assertion,
    /// The assertion above was taken from it.
    Source,
}

/// What stands in a place of the tree.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ProvenanceFinding {
    /// An event.
    Event(Box<StoredEvent>),
    /// A run.
    Run(Box<RunSummary>),
    /// A query and its answer.
    Query(Box<AuditedQuery>),
    /// An assertion that counted in an answer.
    Assertion(Box<ContributingAssertion>),
    /// Where an assertion was taken from.
    Source {
        /// Its hash.
        source_hash: Digest,
        /// What it is, in words.
        source: Option<String>,
    },
    /// A gap: an event that is named and not in the ledger.
    MissingEvent(EventId),
    /// A gap: a run that is named and not in the ledger.
    MissingRun(String),
    /// A gap: a record that is in the ledger and can't be read as an event by this program.
    Unreadable {
        /// Its number.
        seq: Seq,
        /// Why not.
        reason: String,
    },
    /// A cycle: an event that came from itself. It stands further up.
    EventAgain(EventId),
    /// A cycle: a run that was started by itself, or by one that it started. It stands further up.
    RunAgain(String),
    /// A run that stands elsewhere in the tree, with all that it came from.
    RunShown(String),
    /// There is more than there was room for: so many, as far as they were counted.
    LeftOut(u64),
    /// There are so many more queries of the agent, asked longer than [`PROVENANCE_AGENT_AGE_MAX`] before.
    TooOld(u64),
}

impl ProvenanceRelation {
    /// The name of the relation in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::ParentEvent => "parent_event",
            Self::Run => "run",
            Self::ParentRun => "parent_run",
            Self::QueryOfRun => "query_of_run",
            Self::QueryOfCorrelation => "query_of_correlation",
            Self::QueryOfAgent => "query_of_agent",
            Self::Assertion => "assertion",
            Self::Source => "source",
        }
    }
}

impl ProvenanceNode {
    pub(crate) fn new(relation: ProvenanceRelation, finding: ProvenanceFinding) -> Self {
        Self { relation, finding, came_from: Vec::new() }
    }
}

impl Provenance {
    /// The tree, and what it lacks.
    pub(crate) fn new(decision: ProvenanceNode) -> Self {
        let mut provenance = Self { decision, gaps: 0, cycles: 0, left_out: 0, too_old: 0 };
        let (mut gaps, mut cycles, mut left_out, mut too_old) = (0, 0, 0, 0);
        provenance.each(|node, _| match &node.finding {
            ProvenanceFinding::MissingEvent(_)
            | ProvenanceFinding::MissingRun(_)
            | ProvenanceFinding::Unreadable { .. } => gaps += 1,
            ProvenanceFinding::EventAgain(_) | ProvenanceFinding::RunAgain(_) => cycles += 1,
            ProvenanceFinding::LeftOut(count) => left_out += count,
            ProvenanceFinding::TooOld(count) => too_old += count,
            _ => {}
        });
        (provenance.gaps, provenance.cycles) = (gaps, cycles);
        (provenance.left_out, provenance.too_old) = (left_out, too_old);
        provenance
    }

    /// Shows each node of the tree with its depth, those above before those below: for who prints it.
    pub fn each<'a>(&'a self, mut show: impl FnMut(&'a ProvenanceNode, usize)) {
        let mut open = vec![(&self.decision, 0)];
        while let Some((node, depth)) = open.pop() {
            show(node, depth);
            open.extend(node.came_from.iter().rev().map(|below| (below, depth + 1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_walked_from_above_and_its_ends_are_counted() {
        let node = |finding, came_from| ProvenanceNode {
            came_from,
            ..ProvenanceNode::new(ProvenanceRelation::ParentRun, finding)
        };
        let leaf = |finding| node(finding, vec![]);
        let id = EventId::from_bytes([1; 16]);
        let tree = Provenance::new(node(
            ProvenanceFinding::LeftOut(3),
            vec![
                node(
                    ProvenanceFinding::RunAgain("a".into()),
                    vec![leaf(ProvenanceFinding::MissingEvent(id))],
                ),
                leaf(ProvenanceFinding::MissingRun("b".into())),
                leaf(ProvenanceFinding::RunShown("c".into())),
            ],
        ));
        assert_eq!((tree.gaps, tree.cycles, tree.left_out), (2, 1, 3));
        let mut depths = Vec::new();
        tree.each(|_, depth| depths.push(depth));
        assert_eq!(depths, [0, 1, 2, 1, 1]);
    }
}
