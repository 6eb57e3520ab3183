//! Following an event back through its run, its parents, and the queries before it, to the sources.
//!
//! INVARIANT: only what was there before the decision leads to it: queries are followed up to the event that was asked
//! about, never behind it. The tree is bounded in every direction, and no part of it is followed twice.

use std::collections::HashSet;

use runledger_store::View;

use super::Ledger;
use super::answer::Answer;
use super::ask::Asker;
use super::read::StoredEvent;
use crate::key::Position;
use crate::ledger_read::Question;
use crate::provenance::{
    PROVENANCE_AGENT_AGE_MAX, PROVENANCE_EVENTS_MAX, PROVENANCE_NODES_MAX, PROVENANCE_QUERIES_MAX,
    PROVENANCE_RUNS_MAX, Provenance, ProvenanceFinding as Finding, ProvenanceNode as Node,
    ProvenanceRelation as Relation,
};
use crate::query::moment::Moment;
use crate::query::plan::Plan;
use crate::{
    AncestryEnd, AuditedQuery, ContributingAssertion, Event, EventFilter, EventId, Kind, Order, QueryError,
    Timestamp,
};

impl Ledger {
    /// From an event back through its run, its parent events and the queries before it, to the assertions and their
    /// sources; nothing if the ledger has no such event.
    ///
    /// The queries are those of the event's run before the event; where it has no run, or that asked nothing, those of
    /// its correlation; else those of its agent in the [time before it](PROVENANCE_AGENT_AGE_MAX). Parents of the event and of the run are followed to their own queries.
    /// What is named and not there, cycles, what there was no room for, and what was too long ago, are places in the
    /// tree.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger, ProvenanceRelation, QueryAudit};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.append(Event::new(Body::QueryAudit(QueryAudit::new())).with_run("deploy"))?;
    /// let decision = ledger.append(Event::new(Body::Custom(Custom::default())).with_run("deploy"))?;
    ///
    /// let provenance = ledger.provenance(decision.event_id)?.expect("just appended");
    /// let run = &provenance.decision.came_from[0];
    /// assert_eq!(run.came_from[0].relation, ProvenanceRelation::QueryOfRun);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    pub fn provenance(&self, id: EventId) -> Result<Option<Provenance>, QueryError> {
        self.recorded(
            || Question::new("provenance").text("eventId", &id.to_string()),
            |ledger| {
                let Some(decision) = ledger.event(id)? else { return Ok(None) };
                let position = Position { time: decision.event.timestamp, seq: decision.seq };
                let mut search =
                    Search { ledger, position, runs_shown: HashSet::new(), nodes_left: PROVENANCE_NODES_MAX };
                Ok(Some(Provenance::new(search.events(decision)?)))
            },
        )
    }
}

/// A tree under construction.
struct Search<'a> {
    ledger: &'a Ledger,
    /// Where the decision is.
    position: Position,
    runs_shown: HashSet<String>,
    nodes_left: usize,
}

impl Search<'_> {
    /// A place for one thing more; what says why a branch ends is always given one.
    fn has_room(&mut self) -> bool {
        let has_room = self.nodes_left > 0;
        self.nodes_left = self.nodes_left.saturating_sub(1);
        has_room
    }

    /// The decision, its parent under it, the parent's parent under that, each with its run and queries.
    fn events(&mut self, decision: StoredEvent) -> Result<Node, QueryError> {
        let (chain, end) = self.parent_events(decision)?;
        let mut nodes = Vec::with_capacity(chain.len());
        for (index, stored) in chain.into_iter().enumerate() {
            let relation = if index == 0 { Relation::Decision } else { Relation::ParentEvent };
            nodes.push(self.event(relation, stored)?);
        }
        // From the end of the chain to its beginning, so that each is put under the one that names it.
        let mut below = end.map(|finding| Node::new(Relation::ParentEvent, finding));
        for mut node in nodes.into_iter().rev() {
            node.came_from.extend(below.take());
            below = Some(node);
        }
        Ok(below.expect("the chain begins with the decision"))
    }

    /// The events from parent to parent, and why the chain ends, if not at an event without a parent.
    fn parent_events(
        &mut self,
        decision: StoredEvent,
    ) -> Result<(Vec<StoredEvent>, Option<Finding>), QueryError> {
        let mut seen = HashSet::from([decision.event.event_id]);
        let mut named = decision.event.parent_event_id;
        let mut chain = vec![decision];
        while let Some(id) = named {
            if !seen.insert(id) {
                return Ok((chain, Some(Finding::EventAgain(id))));
            }
            if chain.len() == PROVENANCE_EVENTS_MAX {
                return Ok((chain, Some(Finding::LeftOut(1))));
            }
            match self.ledger.event(id) {
                Ok(Some(parent)) => {
                    named = parent.event.parent_event_id;
                    chain.push(parent);
                }
                Ok(None) => return Ok((chain, Some(Finding::MissingEvent(id)))),
                Err(QueryError::Undecodable { seq, source }) => {
                    return Ok((chain, Some(Finding::Unreadable { seq, reason: source.to_string() })));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((chain, None))
    }

    /// An event with its run and the queries before it, without its parent.
    fn event(&mut self, relation: Relation, stored: StoredEvent) -> Result<Node, QueryError> {
        self.has_room();
        let mut came_from = Vec::new();
        let run_id = stored.event.run_id.clone();
        let queries_of_run = match &run_id {
            Some(run_id) => {
                let run = self.run(run_id)?;
                let has_queries = run.came_from.iter().any(|node| node.relation == Relation::QueryOfRun);
                let shown = matches!(run.finding, Finding::RunShown(_));
                came_from.push(run);
                has_queries || shown
            }
            None => false,
        };
        if relation == Relation::Decision && !queries_of_run {
            came_from.extend(self.queries_without_run(&stored.event)?);
        }
        if stored.event.kind() == Kind::QueryAudit {
            let query = self.ledger.audited_query(stored.clone())?;
            came_from.extend(self.assertions(&query.audit.contributing_assertions));
        }
        let finding = Finding::Event(Box::new(stored));
        Ok(Node { relation, finding, came_from })
    }

    /// The queries before an event that has no run to go by: of its correlation, else of its agent.
    fn queries_without_run(&mut self, event: &Event) -> Result<Vec<Node>, QueryError> {
        if let Some(correlation) = &event.correlation_id {
            let filter = EventFilter { correlation: Some(correlation.into()), ..EventFilter::default() };
            let found = self.queries(Relation::QueryOfCorrelation, filter)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        match &event.agent_id {
            Some(agent) => self.queries_of_agent(agent),
            None => Ok(Vec::new()),
        }
    }

    /// The queries of an agent before the decision, and how many there are that were asked too long before.
    fn queries_of_agent(&mut self, agent: &str) -> Result<Vec<Node>, QueryError> {
        let age_max_ns = i64::try_from(PROVENANCE_AGENT_AGE_MAX.as_nanos()).unwrap_or(i64::MAX);
        let oldest = self.position.time.as_nanoseconds().saturating_sub(age_max_ns);
        let oldest = Some(Timestamp::from_nanoseconds(oldest));
        let of_agent = || EventFilter { agent: Some(agent.into()), ..EventFilter::default() };
        let mut nodes = self.queries(Relation::QueryOfAgent, EventFilter { from: oldest, ..of_agent() })?;
        let older = EventFilter { kinds: vec![Kind::QueryAudit], to: oldest, ..of_agent() };
        let too_old = self.ledger.count(&older)?;
        if too_old > 0 {
            nodes.insert(0, Node::new(Relation::QueryOfAgent, Finding::TooOld(too_old)));
        }
        Ok(nodes)
    }

    /// A run with its queries, and with the runs that led to it nested above each other.
    fn run(&mut self, run_id: &str) -> Result<Node, QueryError> {
        if !self.runs_shown.insert(run_id.to_owned()) {
            return Ok(Node::new(Relation::Run, Finding::RunShown(run_id.to_owned())));
        }
        let Some(summary) = self.ledger.run(run_id)? else {
            return Ok(Node::new(Relation::Run, Finding::MissingRun(run_id.to_owned())));
        };
        let ancestry = self.ledger.ancestors(run_id)?;
        let mut end = match ancestry.end {
            AncestryEnd::Top => None,
            AncestryEnd::Missing(id) => Some(Finding::MissingRun(id)),
            AncestryEnd::Cycle(id) => Some(Finding::RunAgain(id)),
        };
        let mut nodes = vec![self.run_node(Relation::Run, Finding::Run(Box::new(summary)), run_id)?];
        let count = ancestry.runs.len();
        for (index, ancestor) in ancestry.runs.into_iter().enumerate() {
            let run_id = ancestor.run_id.clone();
            if !self.runs_shown.insert(run_id.clone()) {
                end = Some(Finding::RunShown(run_id));
                break;
            }
            if index == PROVENANCE_RUNS_MAX {
                end = Some(Finding::LeftOut((count - index) as u64));
                break;
            }
            nodes.push(self.run_node(Relation::ParentRun, Finding::Run(Box::new(ancestor)), &run_id)?);
        }
        let mut below = end.map(|finding| Node::new(Relation::ParentRun, finding));
        for mut node in nodes.into_iter().rev() {
            node.came_from.extend(below.take());
            below = Some(node);
        }
        Ok(below.expect("the first is the run itself"))
    }

    fn run_node(&mut self, relation: Relation, finding: Finding, run_id: &str) -> Result<Node, QueryError> {
        self.has_room();
        let filter = EventFilter { run: Some(run_id.into()), ..EventFilter::default() };
        Ok(Node { relation, finding, came_from: self.queries(Relation::QueryOfRun, filter)? })
    }

    /// The last queries before the decision that match `filter`, oldest first, and how many there are before those.
    fn queries(&mut self, relation: Relation, filter: EventFilter) -> Result<Vec<Node>, QueryError> {
        let filter = EventFilter { kinds: vec![Kind::QueryAudit], order: Order::Descending, ..filter };
        let core = &self.ledger.core;
        let (found, mut left_out) =
            core.ask(|view, end| queries_before(core, view, Moment::now(view, end), &filter, self.position))?;
        let mut nodes = Vec::new();
        for stored in found {
            if !self.has_room() {
                left_out += 1;
                continue;
            }
            let query = self.ledger.audited_query(stored)?;
            nodes.push(self.query(relation, query));
        }
        if left_out > 0 {
            nodes.push(Node::new(relation, Finding::LeftOut(left_out)));
        }
        nodes.reverse();
        Ok(nodes)
    }

    fn query(&mut self, relation: Relation, query: AuditedQuery) -> Node {
        let came_from = self.assertions(&query.audit.contributing_assertions);
        Node { relation, finding: Finding::Query(Box::new(query)), came_from }
    }

    fn assertions(&mut self, assertions: &[ContributingAssertion]) -> Vec<Node> {
        let mut nodes = Vec::new();
        for (index, assertion) in assertions.iter().enumerate() {
            if !(self.has_room() && self.has_room()) {
                let rest = assertions.len() - index;
                nodes.push(Node::new(Relation::Assertion, Finding::LeftOut(rest as u64)));
                break;
            }
            nodes.push(assertion_node(assertion));
        }
        nodes
    }
}

fn assertion_node(assertion: &ContributingAssertion) -> Node {
    let (source_hash, source) = (assertion.source_hash, assertion.source.clone());
    Node {
        relation: Relation::Assertion,
        finding: Finding::Assertion(Box::new(assertion.clone())),
        came_from: vec![Node::new(Relation::Source, Finding::Source { source_hash, source })],
    }
}

/// The last queries before `position`, newest first, and how many more there are.
fn queries_before(
    core: &Asker,
    view: &View,
    moment: Moment,
    filter: &EventFilter,
    position: Position,
) -> Result<(Vec<StoredEvent>, u64), QueryError> {
    let plan = Plan::make(view, filter, moment)?;
    let mut answer = Answer::new(core, view, &plan, Some(position))?;
    let found = answer.take_events(PROVENANCE_QUERIES_MAX)?;
    let queries = found.iter().map(|found| StoredEvent::decode(&found.record)).collect::<Result<_, _>>()?;
    Ok((queries, answer.count_rest()?))
}
