//! The events of a correlation and of those that it follows from.

use crate::StoredEvent;

/// At most so many correlations are followed.
pub const CHAIN_CORRELATIONS_MAX: usize = 64;
/// At most so many events are in a chain.
pub const CHAIN_EVENTS_MAX: usize = 10_000;

/// All events of a correlation and of those that its events name as parent (`metadata.parentCorrelationId`), of those
/// that these name, and so on.
///
/// It never just stops: what is named and not there, what leads back to itself, and what there was no room for, is said.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CorrelationChain {
    /// The correlations that have events, the one that was asked about first, then its parents, nearest first.
    pub correlations: Vec<ChainedCorrelation>,
    /// The events of all of them in the order of their times, by number where times tie.
    pub events: Vec<StoredEvent>,
    /// Correlations that lead back to themselves: each names the next as its parent, and the last one the first.
    pub cycles: Vec<Vec<String>>,
    /// Correlations that are named and have no event.
    pub gaps: Vec<ChainGap>,
    /// What was left out because the chain is too long, if anything was.
    pub cut: Option<ChainCut>,
}

/// A correlation in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainedCorrelation {
    /// Its id.
    pub id: String,
    /// The correlations that its events name as parent, in the order in which they first do.
    pub parents: Vec<String>,
    /// How many of its events are in the chain.
    pub events: usize,
}

/// A correlation without events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainGap {
    /// Its id.
    pub id: String,
    /// The correlation whose events name it; `None` where it is the one that was asked about.
    pub named_by: Option<String>,
}

/// How much of a chain was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainCut {
    /// Correlations that were named and not followed, beyond [`CHAIN_CORRELATIONS_MAX`].
    pub correlations: usize,
    /// Events of those that were, beyond [`CHAIN_EVENTS_MAX`]. What they may name as parent is unknown.
    pub events: u64,
}

/// The correlations of a chain that lead back to themselves, each cycle once.
pub(crate) fn cycles(correlations: &[ChainedCorrelation]) -> Vec<Vec<String>> {
    let mut search = CycleSearch {
        correlations,
        state: vec![State::New; correlations.len()],
        path: Vec::new(),
        cycles: Vec::new(),
    };
    for start in 0..correlations.len() {
        search.visit(start);
    }
    search.cycles
}

/// A search in depth: whoever names one that is on the path closes a cycle. Its depth is that of the chain, which is
/// bounded.
struct CycleSearch<'a> {
    correlations: &'a [ChainedCorrelation],
    state: Vec<State>,
    path: Vec<usize>,
    cycles: Vec<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    OnPath,
    Done,
}

impl CycleSearch<'_> {
    fn visit(&mut self, at: usize) {
        let correlations = self.correlations;
        let (Some(State::New), Some(correlation)) = (self.state.get(at).copied(), correlations.get(at))
        else {
            return;
        };
        self.set(at, State::OnPath);
        self.path.push(at);
        for parent in &correlation.parents {
            let Some(parent) = correlations.iter().position(|other| other.id == *parent) else { continue };
            match self.state.get(parent) {
                Some(State::OnPath) => self.close(parent),
                _ => self.visit(parent),
            }
        }
        self.path.pop();
        self.set(at, State::Done);
    }

    fn set(&mut self, at: usize, state: State) {
        if let Some(slot) = self.state.get_mut(at) {
            *slot = state;
        }
    }

    /// Notes the part of the path from `first` on as a cycle.
    fn close(&mut self, first: usize) {
        let members = self.path.iter().skip_while(|at| **at != first);
        let ids =
            members.filter_map(|at| self.correlations.get(*at)).map(|correlation| correlation.id.clone());
        self.cycles.push(ids.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(parents: &[(&str, &[&str])]) -> Vec<Vec<String>> {
        let correlation = |(id, parents): &(&str, &[&str])| ChainedCorrelation {
            id: (*id).to_owned(),
            parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
            events: 1,
        };
        cycles(&parents.iter().map(correlation).collect::<Vec<_>>())
    }

    #[test]
    fn a_cycle_is_found_wherever_it_lies_and_named_once() {
        assert_eq!(found(&[("a", &["a"])]), [["a"]]);
        assert_eq!(found(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]), [["b", "c"]]);
        assert_eq!(found(&[("a", &["b", "c"]), ("b", &["a"]), ("c", &["a"])]), [["a", "b"], ["a", "c"]]);
    }

    #[test]
    fn two_ways_to_the_same_parent_are_no_cycle() {
        assert!(found(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &["gone"])]).is_empty());
    }
}
