//! A conjunction of sorted lists of runs, walked in order.
//!
//! Each condition of a filter is the union of the lists of its values; a run matches if it stands in all of the unions.
//! All lists of one walk go by the same time, so that a run has the same place in each of them: the walk seeks from list
//! to list, and reads little more than what it answers with where the conditions leave most runs over, or few.

use std::ops::RangeInclusive;

use runledger_store::{Cursor, KeyRange, ReadError, View};

use crate::key::run_place::{PLACE_BYTES, RunPlace};
use crate::key::run_value::{self, RunDimension};
use crate::key::{MalformedKey, run_end, run_start};
use crate::{Order, QueryError, RunFilter, RunTime};

/// What every key of a list starts with.
type Prefix = Vec<u8>;

/// The unions that a filter's runs stand in. What they leave open is checked on the runs' records.
pub(crate) fn unions(filter: &RunFilter) -> Vec<Vec<Prefix>> {
    if filter.ordered_by == RunTime::End {
        return vec![vec![run_end::prefix()]];
    }
    let mut unions = Vec::new();
    let values = [
        (RunDimension::Agent, &filter.agent),
        (RunDimension::Session, &filter.session),
        (RunDimension::Skill, &filter.skill),
        (RunDimension::Caller, &filter.caller),
        (RunDimension::Channel, &filter.channel),
        (RunDimension::Parent, &filter.parent),
    ];
    for (dimension, value) in values {
        unions.extend(value.as_ref().map(|value| vec![run_value::prefix(dimension, value)]));
    }
    if filter.top_level_only {
        unions.push(vec![run_value::prefix(RunDimension::TopLevel, "")]);
    }
    if !filter.statuses.is_empty() {
        let status = |status: &crate::RunStatus| run_value::prefix(RunDimension::Status, status.as_str());
        unions.push(filter.statuses.iter().map(status).collect());
    }
    if unions.is_empty() {
        unions.push(vec![run_start::prefix()]);
    }
    unions
}

/// The places within the filter's bounds, in lists of its order; `None` if there are none.
pub(crate) fn bounds(filter: &RunFilter) -> Option<RangeInclusive<RunPlace>> {
    match filter.ordered_by {
        RunTime::Start => RunPlace::between(filter.started_from, filter.started_to),
        RunTime::End => RunPlace::between(None, filter.finished_before),
    }
}

/// A run that stands in all unions.
pub(crate) struct Listed {
    pub(crate) place: RunPlace,
    pub(crate) run_id: String,
}

/// The runs that stand in all unions, in order.
pub(crate) struct RunWalk {
    unions: Vec<Union>,
    order: Order,
    /// Where the next run stands at the earliest; `None` behind the last.
    next: Option<RunPlace>,
}

impl RunWalk {
    /// Of the places within `bounds`, those behind `last`, or all.
    pub(crate) fn new(
        view: &View,
        unions: &[Vec<Prefix>],
        bounds: &RangeInclusive<RunPlace>,
        order: Order,
        last: Option<RunPlace>,
    ) -> Self {
        let open = |prefix: &Prefix| List::new(view, prefix.clone(), bounds);
        let unions = unions.iter().map(|union| Union { lists: union.iter().map(open).collect() }).collect();
        let first = match order {
            Order::Ascending => *bounds.start(),
            Order::Descending => *bounds.end(),
        };
        let next = match last {
            None => Some(first),
            // A place from elsewhere may lie before the first.
            Some(last) => behind(last, order).map(|next| farther(next, first, order)),
        };
        Self { unions, order, next }
    }

    /// The next run.
    pub(crate) fn advance(&mut self) -> Result<Option<Listed>, QueryError> {
        while let Some(target) = self.next {
            let mut farthest = target;
            for union in &mut self.unions {
                let Some(place) = union.seek(farthest, self.order)? else {
                    self.next = None;
                    return Ok(None);
                };
                farthest = place;
            }
            self.next = Some(farthest);
            if farthest == target && self.unions.iter().all(|union| union.stands_at(target)) {
                self.next = behind(target, self.order);
                let run_id = self.unions.first().and_then(|union| union.run_at(target));
                let run_id = run_id.ok_or(MalformedKey::new("list of runs"))?;
                return Ok(Some(Listed { place: target, run_id: run_id? }));
            }
        }
        Ok(None)
    }

    /// How many keys were looked at.
    pub(crate) fn keys_visited(&self) -> u64 {
        self.unions.iter().flat_map(|union| &union.lists).map(|list| list.keys_visited).sum()
    }
}

/// The place right behind `place`.
fn behind(place: RunPlace, order: Order) -> Option<RunPlace> {
    match order {
        Order::Ascending => place.after(),
        Order::Descending => place.before(),
    }
}

/// The one of two places that comes later in this order.
fn farther(one: RunPlace, other: RunPlace, order: Order) -> RunPlace {
    match order {
        Order::Ascending => one.max(other),
        Order::Descending => one.min(other),
    }
}

/// The runs that stand in any of some lists.
struct Union {
    lists: Vec<List>,
}

impl Union {
    /// The first place at `target` or behind it.
    fn seek(&mut self, target: RunPlace, order: Order) -> Result<Option<RunPlace>, QueryError> {
        let mut nearest: Option<RunPlace> = None;
        for list in &mut self.lists {
            if let Some(place) = list.seek(target, order)? {
                let nearer = |nearest| if farther(nearest, place, order) == place { nearest } else { place };
                nearest = Some(nearest.map_or(place, nearer));
            }
        }
        Ok(nearest)
    }

    fn stands_at(&self, place: RunPlace) -> bool {
        self.lists.iter().any(|list| list.place == Some(place))
    }

    fn run_at(&self, place: RunPlace) -> Option<Result<String, MalformedKey>> {
        self.lists.iter().find(|list| list.place == Some(place))?.run_id()
    }
}

/// One list, and where the walk stands in it.
struct List {
    cursor: Cursor,
    prefix: Prefix,
    place: Option<RunPlace>,
    is_at_end: bool,
    keys_visited: u64,
}

impl List {
    fn new(view: &View, prefix: Prefix, bounds: &RangeInclusive<RunPlace>) -> Self {
        let key = |place: &RunPlace| [&prefix[..], &place.to_bytes()].concat();
        let cursor = view.cursor(KeyRange::new(key(bounds.start())..=key(bounds.end())));
        Self { cursor, prefix, place: None, is_at_end: false, keys_visited: 0 }
    }

    /// The first place at `target` or behind it. Targets never go back.
    fn seek(&mut self, target: RunPlace, order: Order) -> Result<Option<RunPlace>, QueryError> {
        let stands = self.place.is_some_and(|place| farther(place, target, order) == place);
        if self.is_at_end || stands {
            return Ok(self.place);
        }
        self.place_cursor(target, order)?;
        self.place = match self.cursor.key() {
            None => None,
            Some(key) if key.len() == self.prefix.len() + PLACE_BYTES => RunPlace::at_end_of(key),
            Some(_) => return Err(MalformedKey::new("place of a run").into()),
        };
        self.is_at_end = self.place.is_none();
        self.keys_visited += u64::from(!self.is_at_end);
        Ok(self.place)
    }

    /// One step where that is enough, which is cheaper than to seek.
    fn place_cursor(&mut self, target: RunPlace, order: Order) -> Result<(), ReadError> {
        let is_next = self.place.and_then(|place| behind(place, order)) == Some(target);
        match order {
            Order::Ascending if is_next => self.cursor.move_next(),
            Order::Descending if is_next => self.cursor.move_prev(),
            Order::Ascending => self.cursor.seek(&self.key(target)),
            Order::Descending => self.cursor.seek_for_prev(&self.key(target)),
        }
    }

    fn key(&self, place: RunPlace) -> Vec<u8> {
        [&self.prefix[..], &place.to_bytes()].concat()
    }

    fn run_id(&self) -> Option<Result<String, MalformedKey>> {
        let run_id = std::str::from_utf8(self.cursor.value()?);
        Some(run_id.map(str::to_owned).map_err(|_| MalformedKey::new("id of a listed run")))
    }
}
