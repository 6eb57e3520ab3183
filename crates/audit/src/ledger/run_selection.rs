//! Which runs match a filter, and where a page of them ends.
//!
//! The index's lists narrow them down; what lists don't answer is checked on each run's record. As of an earlier moment no
//! list helps, since a run's start and state may have changed since: all runs are looked at, and only those that changed
//! since are folded anew.

use runledger_store::View;
use runledger_wal::Seq;

use super::Core;
use super::runs::record_of;
use crate::key::run::RunRecord;
use crate::key::run_place::RunPlace;
use crate::key::run_value::{self, RunDimension};
use crate::key::{self, Position};
use crate::query::moment::Moment;
use crate::query::run_lists::{self, RunWalk};
use crate::{Order, PageToken, QueryError, RunFilter, RunStatus, RunTime, Timestamp, rollup, run_keys};

/// What a list of runs took in the index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunListCost {
    /// How many runs it answers with.
    pub matches: u64,
    /// How many keys of sorted lists were looked at.
    pub keys_visited: u64,
    /// How many runs were looked at for what no list tells.
    pub runs_read: u64,
}

/// A run's id and its figures.
type Found = (String, RunRecord);

/// A page of runs, and where the next one goes on.
type FoundPage = (Vec<Found>, Option<PageToken>);

impl Core {
    pub(super) fn run_page(
        &self,
        view: &View,
        durable_end: Seq,
        filter: &RunFilter,
        page: Option<PageToken>,
    ) -> Result<FoundPage, QueryError> {
        let mut cost = RunListCost::default();
        self.take_page(view, durable_end, filter, page, &mut cost)
    }

    pub(super) fn run_page_cost(
        &self,
        view: &View,
        durable_end: Seq,
        filter: &RunFilter,
        page: Option<PageToken>,
    ) -> Result<RunListCost, QueryError> {
        let mut cost = RunListCost::default();
        let (found, _) = self.take_page(view, durable_end, filter, page, &mut cost)?;
        Ok(RunListCost { matches: found.len() as u64, ..cost })
    }

    pub(super) fn count_runs(
        &self,
        view: &View,
        durable_end: Seq,
        filter: &RunFilter,
    ) -> Result<u64, QueryError> {
        let is_listed = filter.ordered_by == RunTime::Start && filter.finished_before.is_none();
        if is_listed && filter.as_of.is_none() {
            return count_listed(view, filter);
        }
        let (mut count, mut cost) = (0, RunListCost::default());
        let moment = self.moment(view, durable_end, filter.as_of, None)?;
        self.each_match(view, moment, filter, None, &mut cost, |_, _| {
            count += 1;
            true
        })?;
        Ok(count)
    }

    /// Takes runs up to the filter's limit, and one more, to know whether there is a next page.
    fn take_page(
        &self,
        view: &View,
        durable_end: Seq,
        filter: &RunFilter,
        page: Option<PageToken>,
        cost: &mut RunListCost,
    ) -> Result<FoundPage, QueryError> {
        let moment = self.moment(view, durable_end, filter.as_of, None)?;
        let seen = page.map_or(moment.end(), |page| page.seen);
        let mut to_pass = if page.is_some() { 0 } else { filter.offset };
        let (mut found, mut last, mut is_whole) = (Vec::new(), None, true);
        if filter.limit == 0 {
            return Ok((found, None));
        }
        self.each_match(view, moment, filter, page, cost, |place, run| {
            if to_pass > 0 {
                to_pass -= 1;
            } else if found.len() == filter.limit {
                is_whole = false;
            } else {
                found.push(run);
                last = Some(place);
            }
            is_whole
        })?;
        let token = |last: RunPlace| PageToken {
            filter: filter.fingerprint(),
            order: filter.order,
            seen,
            last: last.into(),
        };
        Ok((found, last.filter(|_| !is_whole).map(token)))
    }

    /// Shows the runs that match, in the filter's order, those of an earlier page left out, for as long as `goes_on` says
    /// so.
    fn each_match(
        &self,
        view: &View,
        moment: Moment,
        filter: &RunFilter,
        page: Option<PageToken>,
        cost: &mut RunListCost,
        mut goes_on: impl FnMut(RunPlace, Found) -> bool,
    ) -> Result<(), QueryError> {
        let seen = |place: RunPlace| page.is_none_or(|page| Position::from(place).seq < page.seen);
        let last = page.map(|page| RunPlace::from(page.last));
        if !moment.is_now() {
            let runs = self.runs_as_of(view, filter, moment, cost)?;
            let behind_last = |place: RunPlace| {
                last.is_none_or(|last| match filter.order {
                    Order::Ascending => place > last,
                    Order::Descending => place < last,
                })
            };
            let mut runs = runs.into_iter().filter(|(place, _)| behind_last(*place) && seen(*place));
            let _ = runs.all(|(place, run)| goes_on(place, run));
            return Ok(());
        }
        let Some(bounds) = run_lists::bounds(filter) else { return Ok(()) };
        let mut walk = RunWalk::new(view, &run_lists::unions(filter), &bounds, filter.order, last);
        while let Some(listed) = walk.advance()? {
            if !seen(listed.place) {
                continue;
            }
            cost.runs_read += 1;
            let record = record_of(view, &listed.run_id)?.filter(|record| matches(record, filter));
            if record.is_some_and(|record| !goes_on(listed.place, (listed.run_id, record))) {
                break;
            }
        }
        cost.keys_visited += walk.keys_visited();
        Ok(())
    }

    /// The runs that matched at `moment`, in the filter's order.
    fn runs_as_of(
        &self,
        view: &View,
        filter: &RunFilter,
        moment: Moment,
        cost: &mut RunListCost,
    ) -> Result<Vec<(RunPlace, Found)>, QueryError> {
        let mut found = Vec::new();
        for entry in view.prefix(&key::run::prefix()) {
            let (key, value) = entry?;
            cost.runs_read += 1;
            let run_id = key::run::decode(&key)?;
            let present = RunRecord::decode(&value)?;
            let Some(record) = self.run_record_at(view, run_id, present, moment)? else { continue };
            let place = match filter.ordered_by {
                RunTime::Start => Some(run_keys::place_by_start(&record)),
                RunTime::End => run_keys::place_by_end(&record),
            };
            if let Some(place) = place.filter(|_| matches(&record, filter)) {
                found.push((place, (run_id.to_owned(), record)));
            }
        }
        found.sort_unstable_by_key(|(place, _)| *place);
        if filter.order == Order::Descending {
            found.reverse();
        }
        Ok(found)
    }
}

/// Counts what lists alone tell: those of the filter, less the dry runs among them where they are hidden.
fn count_listed(view: &View, filter: &RunFilter) -> Result<u64, QueryError> {
    let Some(bounds) = run_lists::bounds(filter) else { return Ok(0) };
    let count = |unions: &[Vec<Vec<u8>>]| {
        let mut walk = RunWalk::new(view, unions, &bounds, Order::Ascending, None);
        let mut count = 0;
        while walk.advance()?.is_some() {
            count += 1;
        }
        Ok::<u64, QueryError>(count)
    };
    let mut unions = run_lists::unions(filter);
    let all = count(&unions)?;
    if !filter.hides_dry_runs() || !filter.statuses.is_empty() {
        return Ok(all);
    }
    unions.push(vec![run_value::prefix(RunDimension::Status, RunStatus::DryRun.as_str())]);
    Ok(all.saturating_sub(count(&unions)?))
}

fn matches(record: &RunRecord, filter: &RunFilter) -> bool {
    let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
    let status = rollup::status(record);
    let started_at = rollup::started_at(record);
    let ended_at = record.ended_at.map(Timestamp::from_nanoseconds);
    (filter.statuses.is_empty() || filter.statuses.contains(&status))
        && !(filter.hides_dry_runs() && status == RunStatus::DryRun)
        && same(&filter.agent, &record.agent_id)
        && same(&filter.session, &record.session_id)
        && same(&filter.parent, &record.parent_run_id)
        && same(&filter.skill, &record.skill_id)
        && same(&filter.caller, &record.caller_id)
        && same(&filter.channel, &record.channel_id)
        && !(filter.top_level_only && record.parent_run_id.is_some())
        && filter.started_from.is_none_or(|from| from <= started_at)
        && filter.started_to.is_none_or(|to| started_at < to)
        && filter.finished_before.is_none_or(|before| ended_at.is_some_and(|ended| ended < before))
}
