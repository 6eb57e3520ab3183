//! Counting events, all or by the values of a dimension.

use std::collections::BTreeMap;

use runledger_store::View;

use super::Ledger;
use super::answer::{Answer, Found};
use super::ask::Asker;
use crate::ledger_read::Question;
use crate::query::moment::Moment;
use crate::query::plan::Plan;
use crate::query::values;
use crate::{Dimension, EventFilter, QueryError, codec};

/// With so many values or fewer, a filter is joined with the stream of each; with more, its events are read once.
const VALUES_JOINED_MAX: usize = 16;

/// How many events have each value of a dimension.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueCounts {
    /// Each value that any event of the answer has, and how many have it; in the order of the values.
    pub by_value: Vec<(String, u64)>,
    /// How many events of the answer have no value in that dimension.
    pub without_value: u64,
}

impl Ledger {
    /// How many events match `filter`, whatever its limit and page. Reads no event, unless a condition of the filter
    /// accepts very many values ([`Ledger::explain`] tells).
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for run in ["a", "b", "a"] {
    ///     ledger.append(Event::new(Body::Custom(Custom::default())).with_run(run))?;
    /// }
    /// let of_a = EventFilter { run: Some("a".into()), ..EventFilter::default() };
    /// assert_eq!(ledger.count(&of_a)?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time, or can't be read; the log can't be read, or is damaged there.
    pub fn count(&self, filter: &EventFilter) -> Result<u64, QueryError> {
        self.recorded(
            || Question::new("count").events(filter),
            |ledger| {
                ledger.core.ask(|view, end| {
                    let moment = ledger.core.moment(view, end, filter.as_of, None)?;
                    count(&ledger.core, view, &Plan::make(view, filter, moment)?)
                })
            },
        )
    }

    /// How many of the events that match `filter` have each value of `dimension`, whatever the filter's limit and page.
    /// Without conditions in the filter, no event is read and no stream joined.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Dimension, Event, EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for run in ["a", "b", "a"] {
    ///     ledger.append(Event::new(Body::Custom(Custom::default())).with_run(run))?;
    /// }
    /// let counts = ledger.count_by(Dimension::Run, &EventFilter::default())?;
    /// assert_eq!(counts.by_value[0], ("a".to_owned(), 2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time, or can't be read; the log can't be read, or is damaged there.
    pub fn count_by(&self, dimension: Dimension, filter: &EventFilter) -> Result<ValueCounts, QueryError> {
        self.recorded(
            || Question::new("count_by").text("by", dimension.as_str()).events(filter),
            |ledger| {
                ledger.core.ask(|view, end| {
                    let moment = ledger.core.moment(view, end, filter.as_of, None)?;
                    count_by(&ledger.core, view, dimension, filter, moment)
                })
            },
        )
    }
}

fn count(core: &Asker, view: &View, plan: &Plan) -> Result<u64, QueryError> {
    if plan.checks.is_empty() {
        Ok(plan.count(view)?)
    } else {
        Answer::new(core, view, plan, None)?.count_rest()
    }
}

fn count_by(
    core: &Asker,
    view: &View,
    dimension: Dimension,
    filter: &EventFilter,
    moment: Moment,
) -> Result<ValueCounts, QueryError> {
    let plan = Plan::make(view, filter, moment)?;
    let total = count(core, view, &plan)?;
    let values = values::all(view, dimension)?;
    let is_everything = filter.conditions().is_empty() && moment.is_now();
    let counted = if is_everything || values.len() <= VALUES_JOINED_MAX {
        count_each(core, view, dimension, &plan, values)?
    } else {
        count_read(core, view, dimension, &plan)?
    };
    let with_value: u64 = counted.iter().map(|(_, count)| count).sum();
    let by_value = counted.into_iter().filter(|(_, count)| *count > 0).collect();
    Ok(ValueCounts { by_value, without_value: total.saturating_sub(with_value) })
}

/// By the stream of each value, joined with the filter's own.
fn count_each(
    core: &Asker,
    view: &View,
    dimension: Dimension,
    plan: &Plan,
    values: Vec<String>,
) -> Result<Vec<(String, u64)>, QueryError> {
    let mut counted = Vec::with_capacity(values.len());
    for value in values {
        let count = count(core, view, &plan.clone().and(dimension, &value))?;
        counted.push((value, count));
    }
    Ok(counted)
}

/// By reading what matches.
fn count_read(
    core: &Asker,
    view: &View,
    dimension: Dimension,
    plan: &Plan,
) -> Result<Vec<(String, u64)>, QueryError> {
    let mut counted = BTreeMap::<String, u64>::new();
    let mut answer = Answer::new(core, view, plan, None)?;
    loop {
        let found = answer.next_events(usize::MAX)?;
        if found.is_empty() {
            return Ok(counted.into_iter().collect());
        }
        for Found { record, .. } in found {
            let seq = record.seq();
            let event =
                codec::decode(record.payload()).map_err(|source| QueryError::Undecodable { seq, source })?;
            if let Some(value) = dimension.of(&event) {
                *counted.entry(value.into_owned()).or_default() += 1;
            }
        }
    }
}
