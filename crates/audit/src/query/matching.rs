//! Whether an event is what a filter asks for, told from the event itself.
//!
//! INVARIANT: it says what the index would: both hold the same conditions against the same values of an event.

use std::borrow::Cow;

use crate::{AnyOf, Dimension, Event, EventFilter, Order, PAGE_ITEMS_DEFAULT, Timestamp};

/// Whether `event` has a value that is wanted in this dimension.
pub(crate) fn has(event: &Event, dimension: Dimension, wanted: &AnyOf) -> bool {
    dimension.of(event).is_some_and(|value| wanted.matches(&value))
}

/// A filter's conditions, ready to be held against many events.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    conditions: Vec<(Dimension, AnyOf)>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Matcher {
    pub(crate) fn new(filter: &EventFilter) -> Self {
        let owned = |(dimension, wanted): (Dimension, Cow<'_, AnyOf>)| (dimension, wanted.into_owned());
        let conditions = filter.conditions().into_iter().map(owned).collect();
        Self { conditions, from: filter.from, to: filter.to }
    }

    pub(crate) fn accepts(&self, event: &Event) -> bool {
        self.from.is_none_or(|from| event.timestamp >= from)
            && self.to.is_none_or(|to| event.timestamp < to)
            && self.conditions.iter().all(|(dimension, wanted)| has(event, *dimension, wanted))
    }
}

/// A filter asks for what events that are recent, or still to come, can't be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedFilter {
    /// They have no pages.
    #[error("recent and coming events can't be asked for by page")]
    Page,
    /// They are as they are now.
    #[error("recent and coming events can't be asked for as of an earlier moment")]
    AsOf,
    /// They come in the order of the log.
    #[error("coming events can't be asked for newest first")]
    Order,
    /// They go on for ever.
    #[error("coming events can't be asked for with a limit")]
    Limit,
}

impl UnsupportedFilter {
    /// Refuses a filter that asks for the past.
    pub(crate) fn refuse_past(filter: &EventFilter) -> Result<(), Self> {
        match (filter.page, filter.as_of) {
            (Some(_), _) => Err(Self::Page),
            (None, Some(_)) => Err(Self::AsOf),
            (None, None) => Ok(()),
        }
    }

    /// Refuses a filter that can't be asked of what is still to come.
    pub(crate) fn refuse_bounds(filter: &EventFilter) -> Result<(), Self> {
        Self::refuse_past(filter)?;
        match (filter.order, filter.limit) {
            (Order::Descending, _) => Err(Self::Order),
            (_, limit) if limit != PAGE_ITEMS_DEFAULT => Err(Self::Limit),
            _ => Ok(()),
        }
    }
}

impl EventFilter {
    /// Whether `event` meets each of the filter's conditions. Order, limit, page and moment are no conditions, and that the
    /// event may be superseded does not show on it.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter};
    ///
    /// let filter = EventFilter { run: Some("run-1".into()), ..EventFilter::default() };
    /// let event = Event::new(Body::Custom(Custom::default()));
    /// assert!(!filter.matches(&event));
    /// assert!(filter.matches(&event.with_run("run-1")));
    /// ```
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        Matcher::new(self).accepts(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Custom, Kind, RunStarted};

    fn at(nanoseconds: i64) -> Timestamp {
        Timestamp::from_nanoseconds(nanoseconds)
    }

    #[test]
    fn every_field_that_is_set_must_hold() {
        let event = Event {
            agent_id: Some("tester".to_owned()),
            timestamp: at(5),
            ..Event::new(Body::Custom(Custom::default())).with_run("r")
        };
        let filter = EventFilter {
            run: Some("r".into()),
            agent: Some(AnyOf::glob("test*").unwrap()),
            kinds: vec![Kind::Custom, Kind::Message],
            from: Some(at(5)),
            to: Some(at(6)),
            ..EventFilter::default()
        };
        assert!(filter.matches(&event) && EventFilter::default().matches(&event));
        let refusing = [
            EventFilter { run: Some("s".into()), ..filter.clone() },
            EventFilter { agent: Some("test*".into()), ..filter.clone() },
            EventFilter { session: Some(AnyOf::glob("*").unwrap()), ..filter.clone() },
            EventFilter { kinds: vec![Kind::Message], ..filter.clone() },
            EventFilter { from: Some(at(6)), to: None, ..filter.clone() },
            EventFilter { to: Some(at(5)), from: None, ..filter.clone() },
            EventFilter { outcome: Some(AnyOf::default()), ..filter.clone() },
        ];
        for filter in refusing {
            assert!(!filter.matches(&event), "{filter:?}");
        }
        let other = Event { body: Body::RunStarted(RunStarted::default()), ..event };
        assert!(!filter.matches(&other));
    }
}
