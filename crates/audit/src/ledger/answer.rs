//! One answer in the making: candidates from the index, events from the log where the index can't decide.

use runledger_store::{Matches, ReadError, SideCost, View};
use runledger_wal::Record;

use super::Core;
use crate::key::Position;
use crate::query::plan::{Plan, PlannedUnion};
use crate::{CheckedCondition, CountMethod, JoinedCondition, QueryError, codec};

/// So many records are read from the log at a time: enough to find them together, little enough to hold.
const READ_TOGETHER_MAX: usize = 128;

/// The events that match a plan, some at a time.
pub(super) struct Answer<'a> {
    core: &'a Core,
    plan: &'a Plan,
    matches: Matches,
    candidates: u64,
    events_read: u64,
}

/// An event of an answer.
pub(super) struct Found {
    pub(super) position: Position,
    pub(super) record: Record,
}

impl<'a> Answer<'a> {
    /// The events behind `last`, or all.
    pub(super) fn new(
        core: &'a Core,
        view: &View,
        plan: &'a Plan,
        last: Option<Position>,
    ) -> Result<Self, ReadError> {
        let matches = view.select(&plan.selection(last))?;
        Ok(Self { core, plan, matches, candidates: 0, events_read: 0 })
    }

    /// The next events, at most `wanted`, of which none is read in vain; empty behind the last one.
    pub(super) fn next_events(&mut self, wanted: usize) -> Result<Vec<Found>, QueryError> {
        loop {
            let positions = self.next_candidates(wanted.min(READ_TOGETHER_MAX))?;
            let mut found = Vec::with_capacity(positions.len());
            for (position, record) in positions.iter().zip(self.read(&positions)?) {
                if self.is_accepted(&record)? {
                    found.push(Found { position: *position, record });
                }
            }
            if !found.is_empty() || positions.is_empty() {
                return Ok(found);
            }
        }
    }

    /// The next events, as many as wanted if there are so many.
    pub(super) fn take_events(&mut self, wanted: usize) -> Result<Vec<Found>, QueryError> {
        let mut taken = Vec::new();
        while taken.len() < wanted {
            let found = self.next_events(wanted - taken.len())?;
            if found.is_empty() {
                break;
            }
            taken.extend(found);
        }
        Ok(taken)
    }

    /// Where the next event is, without reading it where that can be avoided.
    pub(super) fn next_position(&mut self) -> Result<Option<Position>, QueryError> {
        if self.plan.checks.is_empty() {
            return Ok(self.next_candidates(1)?.pop());
        }
        Ok(self.next_events(1)?.pop().map(|found| found.position))
    }

    /// The positions of the next candidates.
    fn next_candidates(&mut self, wanted: usize) -> Result<Vec<Position>, QueryError> {
        let mut positions = Vec::with_capacity(wanted);
        while positions.len() < wanted
            && let Some(position) = self.matches.next().transpose()?
        {
            positions.push(Position::from(position));
        }
        self.candidates += positions.len() as u64;
        Ok(positions)
    }

    /// The records of events that the index named.
    fn read(&mut self, positions: &[Position]) -> Result<Vec<Record>, QueryError> {
        let seqs: Vec<_> = positions.iter().map(|position| position.seq).collect();
        let records = self.core.log.read_many(&seqs)?;
        self.events_read += records.len() as u64;
        match seqs.get(records.len()) {
            Some(&seq) => Err(QueryError::IndexAhead { seq }),
            None => Ok(records),
        }
    }

    /// Whether what the index can't decide is so.
    fn is_accepted(&self, record: &Record) -> Result<bool, QueryError> {
        if self.plan.checks.is_empty() {
            return Ok(true);
        }
        let seq = record.seq();
        let event =
            codec::decode(record.payload()).map_err(|source| QueryError::Undecodable { seq, source })?;
        Ok(self.plan.checks.iter().all(|check| check.accepts(&event)))
    }

    /// How many events are left. Reads none where that can be avoided.
    pub(super) fn count_rest(&mut self) -> Result<u64, QueryError> {
        let mut count = 0;
        if self.plan.checks.is_empty() {
            while self.next_position()?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        loop {
            let found = self.next_events(usize::MAX)?;
            if found.is_empty() {
                return Ok(count);
            }
            count += found.len() as u64;
        }
    }

    pub(super) fn candidates(&self) -> u64 {
        self.candidates
    }

    pub(super) fn events_read(&self) -> u64 {
        self.events_read
    }

    /// What was joined, the shortest side first, as the index does it.
    pub(super) fn joined(&self) -> Vec<JoinedCondition> {
        let costs = self.matches.cost().sides;
        let explained = |(union, cost): (&PlannedUnion, SideCost)| JoinedCondition {
            condition: union.condition.clone(),
            streams: union.streams.len(),
            values_looked_at: union.values_looked_at,
            positions: cost.positions,
            seeks: cost.seeks,
            blocks_read: cost.blocks_read,
            refused: cost.refused,
        };
        let mut joined: Vec<_> = self.plan.unions.iter().zip(costs).map(explained).collect();
        joined.sort_by_key(|joined| joined.positions);
        joined
    }

    pub(super) fn checked(&self) -> Vec<CheckedCondition> {
        let explained = |check: &crate::query::plan::Check| CheckedCondition {
            condition: check.condition(),
            values_looked_at: check.values_looked_at,
        };
        self.plan.checks.iter().map(explained).collect()
    }
}

/// How a plan is counted.
pub(super) fn count_method(plan: &Plan) -> CountMethod {
    if !plan.checks.is_empty() {
        CountMethod::Events
    } else if plan.is_counted_by_lists() {
        CountMethod::ListLengths
    } else {
        CountMethod::Join
    }
}
