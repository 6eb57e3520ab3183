//! How a filter is answered: which streams are joined, and what is left to be checked on the events themselves.
//!
//! Each condition of a filter is the union of the streams of the values that it accepts; the conditions are joined. A
//! condition that accepts too many values to be a union is checked on each event that the other conditions leave over: that
//! is slow, and never wrong. With no condition left to join, all events are candidates.

use runledger_store::{ReadError, Selection, View};

use super::matching;
use super::moment::Moment;
use super::values::{self, ValuesError};
use crate::key::{self, Position, stream};
use crate::{AnyOf, Dimension, Event, EventFilter, Order, Timestamp};

/// How many streams a union may have.
pub(crate) const UNION_STREAMS_MAX: usize = 256;

/// How a filter is answered.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) unions: Vec<PlannedUnion>,
    pub(crate) checks: Vec<Check>,
    order: Order,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    moment: Moment,
}

/// A condition that streams answer.
#[derive(Clone)]
pub(crate) struct PlannedUnion {
    pub(crate) condition: String,
    /// Their names.
    pub(crate) streams: Vec<Vec<u8>>,
    /// How many values were looked at to find the streams.
    pub(crate) values_looked_at: usize,
}

/// A condition that has to be checked on the events.
#[derive(Clone)]
pub(crate) struct Check {
    pub(crate) dimension: Dimension,
    pub(crate) wanted: AnyOf,
    pub(crate) values_looked_at: usize,
}

impl Check {
    pub(crate) fn accepts(&self, event: &Event) -> bool {
        matching::has(event, self.dimension, &self.wanted)
    }

    pub(crate) fn condition(&self) -> String {
        condition(self.dimension, &self.wanted)
    }
}

impl Plan {
    /// The plan for `filter` as of `moment`.
    pub(crate) fn make(view: &View, filter: &EventFilter, moment: Moment) -> Result<Self, ValuesError> {
        let (mut unions, mut checks) = (Vec::new(), Vec::new());
        for (dimension, wanted) in filter.conditions() {
            match streams(view, dimension, &wanted)? {
                Ok(union) => unions.push(union),
                Err(values_looked_at) => {
                    checks.push(Check { dimension, wanted: wanted.into_owned(), values_looked_at });
                }
            }
        }
        let EventFilter { order, from, to, .. } = *filter;
        Ok(Self { unions, checks, order, from, to, moment })
    }

    /// The plan with one value more to have.
    pub(crate) fn and(mut self, dimension: Dimension, value: &str) -> Self {
        let streams = vec![stream::name(dimension, value)];
        let condition = condition(dimension, &value.into());
        self.unions.push(PlannedUnion { condition, streams, values_looked_at: 0 });
        self
    }

    /// The plan with one stream more to be in.
    pub(crate) fn and_in(mut self, condition: &str, stream: Vec<u8>) -> Self {
        let (condition, streams) = (condition.to_owned(), vec![stream]);
        self.unions.push(PlannedUnion { condition, streams, values_looked_at: 0 });
        self
    }

    /// What the index is asked, behind `after`. What the plan leaves to be checked is not in it.
    pub(crate) fn selection(&self, after: Option<Position>) -> Selection {
        Selection {
            all_of: self.unions.iter().map(|union| union.streams.clone()).collect(),
            from: self.from.map(key::sortable),
            to: self.to.map(key::sortable),
            after: after.map(runledger_store::Position::from),
            descending: self.order == Order::Descending,
            as_of: self.moment.as_of(),
            with_ended: false,
        }
    }

    /// Whether the lengths of lists tell how many events there are.
    pub(crate) fn is_counted_by_lists(&self) -> bool {
        self.checks.is_empty() && self.unions.len() <= 1 && self.moment.is_now()
    }

    /// How many positions the plan's unions have in common.
    pub(crate) fn count(&self, view: &View) -> Result<u64, ReadError> {
        let selection = self.selection(None);
        match self.unions.as_slice() {
            // An event has one value in a dimension, so that the streams of a union have no event in common.
            [union] if union.streams.len() > 1 && self.is_counted_by_lists() => {
                let count = |stream: &Vec<u8>| {
                    view.count(&Selection { all_of: vec![vec![stream.clone()]], ..selection.clone() })
                };
                union.streams.iter().map(count).sum()
            }
            _ => view.count(&selection),
        }
    }
}

/// The streams of the values that a condition accepts; if there are too many, how many values were looked at.
fn streams(
    view: &View,
    dimension: Dimension,
    wanted: &AnyOf,
) -> Result<Result<PlannedUnion, usize>, ValuesError> {
    let mut values_looked_at = 0;
    if wanted.wanted_texts().len() > UNION_STREAMS_MAX {
        return Ok(Err(values_looked_at));
    }
    let mut streams: Vec<_> = wanted.wanted_texts().map(|text| stream::name(dimension, text)).collect();
    for glob in wanted.wanted_globs() {
        let room = UNION_STREAMS_MAX - streams.len();
        let expansion = values::expand(view, dimension, glob, room)?;
        values_looked_at += expansion.looked_at;
        let Some(matching) = expansion.matching else { return Ok(Err(values_looked_at)) };
        streams.extend(matching.iter().map(|value| stream::name(dimension, value)));
        streams.sort_unstable();
        streams.dedup();
    }
    Ok(Ok(PlannedUnion { condition: condition(dimension, wanted), streams, values_looked_at }))
}

fn condition(dimension: Dimension, wanted: &AnyOf) -> String {
    format!("{} {wanted}", dimension.as_str())
}
