//! How a filter is answered: which streams are joined, and what is left to be checked on the events themselves.
//!
//! Each condition of a filter is the union of the streams of the values that it accepts; the conditions are joined. A
//! condition that accepts too many values to be a union is checked on each event that the other conditions leave over: that
//! is slow, and never wrong. With no condition left to join, the stream of all events stands in.

use runledger_store::View;

use super::moment::Moment;
use super::positions::{StreamError, Walk};
use super::values;
use crate::key::stream::StreamPrefix;
use crate::{AnyOf, Dimension, Event, EventFilter};

/// How many streams a union may have. Each has a cursor of its own.
pub(crate) const UNION_STREAMS_MAX: usize = 256;

/// How a filter is answered.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Whether the only union stands in for conditions that are not there.
    is_everything: bool,
    pub(crate) unions: Vec<PlannedUnion>,
    pub(crate) checks: Vec<Check>,
    pub(crate) walk: Walk,
    pub(crate) moment: Moment,
}

/// A condition that streams answer.
#[derive(Clone)]
pub(crate) struct PlannedUnion {
    pub(crate) condition: String,
    pub(crate) streams: Vec<StreamPrefix>,
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
        self.dimension.of(event).is_some_and(|value| self.wanted.matches(&value))
    }

    pub(crate) fn condition(&self) -> String {
        condition(self.dimension, &self.wanted)
    }
}

impl Plan {
    /// The plan for `filter` as of `moment`.
    pub(crate) fn make(view: &View, filter: &EventFilter, moment: Moment) -> Result<Self, StreamError> {
        let walk = Walk { order: filter.order, from: filter.from, to: filter.to };
        let (mut unions, mut checks) = (Vec::new(), Vec::new());
        for (dimension, wanted) in filter.conditions() {
            match streams(view, dimension, &wanted, moment)? {
                Ok(union) => unions.push(union),
                Err(values_looked_at) => {
                    checks.push(Check { dimension, wanted: wanted.into_owned(), values_looked_at });
                }
            }
        }
        let is_everything = unions.is_empty();
        if is_everything {
            let (condition, streams) = ("all events".to_owned(), vec![StreamPrefix::time()]);
            unions.push(PlannedUnion { condition, streams, values_looked_at: 0 });
        }
        Ok(Self { is_everything, unions, checks, walk, moment })
    }

    /// The plan with one value more to have.
    pub(crate) fn and(mut self, dimension: Dimension, value: &str) -> Self {
        let streams = vec![StreamPrefix::dimension(dimension, value)];
        let condition = condition(dimension, &value.into());
        if std::mem::take(&mut self.is_everything) {
            self.unions.clear();
        }
        self.unions.push(PlannedUnion { condition, streams, values_looked_at: 0 });
        self
    }

    /// The streams whose keys are the answer, each event in one of them: what the keys count as needs no look at them.
    pub(crate) fn countable(&self) -> Option<&[StreamPrefix]> {
        match self.unions.as_slice() {
            // An event has one value in a dimension, so that the streams of a union have no event in common.
            [union] if self.checks.is_empty() && self.moment.is_now() => Some(&union.streams),
            _ => None,
        }
    }
}

/// The streams of the values that a condition accepts; if there are too many, how many values were looked at.
fn streams(
    view: &View,
    dimension: Dimension,
    wanted: &AnyOf,
    moment: Moment,
) -> Result<Result<PlannedUnion, usize>, StreamError> {
    let mut values_looked_at = 0;
    if wanted.wanted_texts().len() > UNION_STREAMS_MAX {
        return Ok(Err(values_looked_at));
    }
    let mut streams: Vec<_> =
        wanted.wanted_texts().map(|text| StreamPrefix::dimension(dimension, text)).collect();
    for glob in wanted.wanted_globs() {
        let room = UNION_STREAMS_MAX - streams.len();
        let expansion = values::expand(view, dimension, glob, moment, room)?;
        values_looked_at += expansion.looked_at;
        let Some(matching) = expansion.matching else { return Ok(Err(values_looked_at)) };
        streams.extend(matching.iter().map(|value| StreamPrefix::dimension(dimension, value)));
        streams.sort_unstable();
        streams.dedup();
    }
    Ok(Ok(PlannedUnion { condition: condition(dimension, wanted), streams, values_looked_at }))
}

fn condition(dimension: Dimension, wanted: &AnyOf) -> String {
    format!("{} {wanted}", dimension.as_str())
}
