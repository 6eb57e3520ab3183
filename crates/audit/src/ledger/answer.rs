//! One answer in the making: candidates from the index, events from the log where the index can't decide.

use runledger_store::{Matches, ReadError, SideCost, View};
use runledger_wal::{Record, Seq};

use super::Core;
use crate::key::Position;
use crate::query::plan::{Plan, PlannedUnion};
use crate::{CheckedCondition, CountMethod, JoinedCondition, QueryError, codec};

/// The events that match a plan, one by one.
pub(super) struct Answer<'a> {
    core: &'a Core,
    plan: &'a Plan,
    matches: Matches,
    candidates: u64,
    events_read: u64,
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

    /// Where the next event is; and its record, if that had to be read already.
    pub(super) fn advance(&mut self) -> Result<Option<(Position, Option<Record>)>, QueryError> {
        while let Some(position) = self.matches.next().transpose()?.map(Position::from) {
            self.candidates += 1;
            if self.plan.checks.is_empty() {
                return Ok(Some((position, None)));
            }
            let seq = position.seq;
            let record = self.read(seq)?;
            let event =
                codec::decode(record.payload()).map_err(|source| QueryError::Undecodable { seq, source })?;
            if self.plan.checks.iter().all(|check| check.accepts(&event)) {
                return Ok(Some((position, Some(record))));
            }
        }
        Ok(None)
    }

    /// The record of an event that the index named.
    pub(super) fn read(&mut self, seq: Seq) -> Result<Record, QueryError> {
        self.events_read += 1;
        self.core.log.read(seq)?.ok_or(QueryError::IndexAhead { seq })
    }

    pub(super) fn count_rest(&mut self) -> Result<u64, QueryError> {
        let mut count = 0;
        while self.advance()?.is_some() {
            count += 1;
        }
        Ok(count)
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
