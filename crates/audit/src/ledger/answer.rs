//! One answer in the making: candidates from the index, events from the log where the index can't decide.

use runledger_store::View;
use runledger_wal::{Record, Seq};

use super::Core;
use crate::key::Position;
use crate::query::matching::Matching;
use crate::query::plan::Plan;
use crate::{CheckedCondition, CountMethod, JoinedCondition, QueryError, codec};

/// The events that match a plan, one by one.
pub(super) struct Answer<'a> {
    core: &'a Core,
    plan: &'a Plan,
    matching: Matching<'a>,
    candidates: u64,
    events_read: u64,
}

impl<'a> Answer<'a> {
    /// The events behind `last`, or all.
    pub(super) fn new(core: &'a Core, view: &View, plan: &'a Plan, last: Option<Position>) -> Self {
        Self { core, plan, matching: Matching::new(view, plan, last), candidates: 0, events_read: 0 }
    }

    /// Where the next event is; and its record, if that had to be read already.
    pub(super) fn advance(&mut self) -> Result<Option<(Position, Option<Record>)>, QueryError> {
        while let Some(position) = self.matching.advance()? {
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

    pub(super) fn joined(&self) -> Vec<JoinedCondition> {
        let explained = |walked: crate::query::matching::Walked| {
            let union = self.plan.unions.get(walked.union)?;
            Some(JoinedCondition {
                condition: union.condition.clone(),
                streams: walked.streams,
                values_looked_at: union.values_looked_at,
                seeks: walked.effort.seeks,
                rows: walked.effort.rows,
                refused: walked.refused,
            })
        };
        self.matching.walked().filter_map(explained).collect()
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
    } else if plan.countable().is_some() {
        CountMethod::KeyRanges
    } else {
        CountMethod::Join
    }
}
