//! Which events a plan's streams have in common, as positions in order.

use runledger_store::View;

use super::join::{Join, Union};
use super::plan::Plan;
use super::positions::{Effort, StreamError, StreamPositions, Walk};
use super::rank::Rank;
use crate::key::Position;

/// The positions that all unions of a plan have. What the plan leaves to be checked is not checked here.
pub(crate) struct Matching<'p> {
    plan: &'p Plan,
    join: Join<Union<StreamPositions>>,
}

/// What became of one of the plan's unions.
pub(crate) struct Walked {
    /// Which.
    pub(crate) union: usize,
    /// How many streams it has, histories included.
    pub(crate) streams: usize,
    pub(crate) effort: Effort,
    /// How many candidates it refused.
    pub(crate) refused: u64,
}

impl<'p> Matching<'p> {
    /// The positions behind `last`, or all.
    pub(crate) fn new(view: &View, plan: &'p Plan, last: Option<Position>) -> Self {
        let Walk { order, .. } = plan.walk;
        let unions = plan.unions.iter().map(|union| {
            let now = union.streams.iter().map(|stream| StreamPositions::new(view, stream, plan.walk));
            let with_history = if plan.moment.needs_history() { union.streams.as_slice() } else { &[] };
            let once = with_history
                .iter()
                .map(|stream| StreamPositions::history(view, stream, plan.walk, plan.moment.end()));
            Union::new(now.chain(once).collect())
        });
        let start = match last {
            Some(last) => Rank::of(last, order).next(),
            None => Some(Rank::FIRST),
        };
        Self { plan, join: Join::new(unions.collect(), start) }
    }

    pub(crate) fn advance(&mut self) -> Result<Option<Position>, StreamError> {
        while let Some(rank) = self.join.advance()? {
            let position = rank.position(self.plan.walk.order);
            if position.seq < self.plan.moment.end() {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// What the walk took so far, in the order in which the unions are asked now.
    pub(crate) fn walked(&self) -> impl Iterator<Item = Walked> {
        self.join.members().iter().map(|member| {
            let streams = member.positions.streams();
            let mut effort = Effort::default();
            for stream in streams {
                effort += stream.effort();
            }
            Walked { union: member.index, streams: streams.len(), effort, refused: member.refused }
        })
    }
}
