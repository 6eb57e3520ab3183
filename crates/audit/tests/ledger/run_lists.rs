//! Lists of runs: every filter against a plain one, pages, order, and what a list reads.

use proptest::prelude::*;
use runledger_audit::{
    AsOf, Body, ErrorClass, Event, Ledger, Order, RunFilter, RunFinished, RunStarted, RunStatistics,
    RunStatus, RunTime, Seq, Timestamp,
};

use super::{Place, at, started};

fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanoseconds(nanoseconds)
}

fn finished(run_id: &str, status: RunStatus, ended_at: i64) -> Event {
    let (output, error, extra) = (None, None, Vec::new());
    let (ended_at, statistics) = (Some(time(ended_at)), RunStatistics::default());
    Event::new(Body::RunFinished(RunFinished { status, ended_at, output, error, statistics, extra }))
        .with_run(run_id)
}

/// A run as this test knows it: the values are small numbers, 0 for none.
#[derive(Debug, Clone)]
struct Known {
    id: usize,
    started_at: i64,
    ended_at: Option<i64>,
    status: RunStatus,
    values: [u8; 6],
}

const AGENT: usize = 0;
const SESSION: usize = 1;
const SKILL: usize = 2;
const CALLER: usize = 3;
const CHANNEL: usize = 4;
const PARENT: usize = 5;

fn name(value: u8) -> Option<String> {
    (value > 0).then(|| format!("v{value}"))
}

impl Known {
    fn run_id(&self) -> String {
        format!("run-{}", self.id)
    }

    fn events(&self) -> Vec<Event> {
        let start = RunStarted {
            status: self.ended_at.is_none().then_some(self.status),
            skill_id: name(self.values[SKILL]),
            caller_id: name(self.values[CALLER]),
            channel_id: name(self.values[CHANNEL]),
            parent_run_id: name(self.values[PARENT]),
            ..RunStarted::default()
        };
        let start = Event {
            agent_id: name(self.values[AGENT]),
            session_id: name(self.values[SESSION]),
            ..at(self.started_at, Event::new(Body::RunStarted(start)))
        };
        let end = self.ended_at.map(|ended_at| finished(&self.run_id(), self.status, ended_at));
        std::iter::once(start.with_run(self.run_id())).chain(end).collect()
    }

    fn matches(&self, filter: &RunFilter) -> bool {
        let wanted =
            [&filter.agent, &filter.session, &filter.skill, &filter.caller, &filter.channel, &filter.parent];
        let has_values =
            wanted.iter().zip(self.values).all(|(wanted, value)| wanted.is_none() || **wanted == name(value));
        let is_hidden = self.status == RunStatus::DryRun
            && !filter.include_dry_runs
            && !filter.statuses.contains(&RunStatus::DryRun);
        has_values
            && !is_hidden
            && (filter.statuses.is_empty() || filter.statuses.contains(&self.status))
            && !(filter.top_level_only && self.values[PARENT] > 0)
            && filter.started_from.is_none_or(|from| from <= time(self.started_at))
            && filter.started_to.is_none_or(|to| time(self.started_at) < to)
            && filter.finished_before.is_none_or(|to| self.ended_at.is_some_and(|ended| time(ended) < to))
            && (filter.ordered_by == RunTime::Start || self.ended_at.is_some())
    }
}

/// What a plain filter over all runs gives, ordered by time and then by the `Seq` of their first events.
fn expected(runs: &[Known], filter: &RunFilter) -> Vec<String> {
    let mut matching: Vec<_> = runs.iter().filter(|run| run.matches(filter)).collect();
    matching.sort_by_key(|run| match filter.ordered_by {
        RunTime::End => (run.ended_at.unwrap(), run.id),
        _ => (run.started_at, run.id),
    });
    if filter.order == Order::Descending {
        matching.reverse();
    }
    matching.into_iter().map(Known::run_id).collect()
}

fn fill(ledger: &Ledger, runs: &[Known]) {
    // All starts first, so that a run's number is the order of its first event.
    let events: Vec<_> = runs.iter().map(Known::events).collect();
    let starts = events.iter().filter_map(|events| events.first());
    for event in starts.chain(events.iter().filter_map(|events| events.get(1))) {
        ledger.append(event.clone()).unwrap();
    }
}

fn ids(ledger: &Ledger, filter: &RunFilter) -> Vec<String> {
    ledger.runs(filter).unwrap().into_iter().map(|run| run.run_id).collect()
}

/// All pages of an answer, `limit` runs each.
fn paged(ledger: &Ledger, filter: &RunFilter, limit: usize) -> Vec<String> {
    let (mut filter, mut found) = (RunFilter { limit, ..filter.clone() }, Vec::new());
    loop {
        let page = ledger.run_page(&filter).unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items.into_iter().map(|run| run.run_id));
        filter.page = page.next;
        if filter.page.is_none() {
            return found;
        }
    }
}

fn status() -> impl Strategy<Value = RunStatus> {
    prop::sample::select(vec![RunStatus::Running, RunStatus::Completed, RunStatus::Failed, RunStatus::DryRun])
}

fn runs() -> impl Strategy<Value = Vec<Known>> {
    let run = (0_i64..12, prop::option::of(0_i64..12), status(), prop::array::uniform6(0_u8..3));
    let known =
        |(id, (started_at, ended_at, status, values)): (usize, (i64, Option<i64>, RunStatus, [u8; 6]))| {
            // What did not end is at work, or planned only.
            let at_work = if status == RunStatus::DryRun { status } else { RunStatus::Running };
            let status = match ended_at {
                None => at_work,
                Some(_) if status == RunStatus::Running => RunStatus::Completed,
                Some(_) => status,
            };
            Known { id, started_at, ended_at, status, values }
        };
    prop::collection::vec(run, 0..24).prop_map(move |runs| runs.into_iter().enumerate().map(known).collect())
}

fn filter() -> impl Strategy<Value = RunFilter> {
    let value = || prop::option::weighted(0.25, 1_u8..3).prop_map(|value| value.and_then(name));
    let values = (value(), value(), value(), value(), value(), value());
    let bound = || prop::option::weighted(0.25, (0_i64..13).prop_map(time));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.25));
    (values, prop::collection::vec(status(), 0..3), (bound(), bound(), bound()), flags).prop_map(
        |((agent, session, skill, caller, channel, parent), statuses, bounds, flags)| RunFilter {
            statuses,
            agent,
            session,
            skill,
            caller,
            channel,
            parent,
            started_from: bounds.0,
            started_to: bounds.1,
            finished_before: bounds.2,
            include_dry_runs: flags.0,
            order: if flags.1 { Order::Ascending } else { Order::Descending },
            ordered_by: if flags.2 { RunTime::End } else { RunTime::Start },
            top_level_only: flags.3,
            limit: usize::MAX,
            ..RunFilter::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_filter_finds_what_a_plain_one_does_now_and_as_of_then_paged_or_not(
        runs in runs(), filters in prop::collection::vec(filter(), 12), limit in 1_usize..5,
    ) {
        let place = Place::new();
        let ledger = place.open();
        fill(&ledger, &runs);
        let then = ledger.durable_end().unwrap().get().checked_sub(1).map(|last| AsOf::Seq(Seq::new(last)));
        let given: Vec<_> = filters.iter().map(|filter| expected(&runs, filter)).collect();
        for (filter, expected) in filters.iter().zip(&given) {
            prop_assert_eq!(&ids(&ledger, filter), expected, "{:?}", filter);
            prop_assert_eq!(ledger.count_runs(filter).unwrap(), expected.len() as u64, "{:?}", filter);
            prop_assert_eq!(&paged(&ledger, filter, limit), expected, "{:?}", filter);
            let behind = RunFilter { offset: 2, ..filter.clone() };
            prop_assert_eq!(&ids(&ledger, &behind), &expected.iter().skip(2).cloned().collect::<Vec<_>>());
        }
        let Some(as_of) = then else { return Ok(()) };
        ledger.append(at(5, started("later"))).unwrap();
        ledger.append(finished("later", RunStatus::Completed, 6)).unwrap();
        for (filter, expected) in filters.iter().zip(&given) {
            let filter = RunFilter { as_of: Some(as_of), ..filter.clone() };
            prop_assert_eq!(&ids(&ledger, &filter), expected, "{:?}", filter);
            prop_assert_eq!(&paged(&ledger, &filter, limit), expected, "{:?}", filter);
            prop_assert_eq!(ledger.count_runs(&filter).unwrap(), expected.len() as u64, "{:?}", filter);
        }
    }
}

fn with_skill(run_id: &str, skill: &str) -> Event {
    let start = RunStarted { skill_id: Some(skill.to_owned()), ..RunStarted::default() };
    Event::new(Body::RunStarted(start)).with_run(run_id)
}

#[test]
fn runs_that_started_at_the_same_time_are_ordered_by_their_first_event() {
    let place = Place::new();
    let ledger = place.open();
    for run_id in ["z", "a", "m"] {
        ledger.append(at(7, started(run_id))).unwrap();
    }
    assert_eq!(ids(&ledger, &RunFilter { order: Order::Ascending, ..RunFilter::default() }), ["z", "a", "m"]);
    assert_eq!(ids(&ledger, &RunFilter::default()), ["m", "a", "z"]);
}

#[test]
fn a_list_reads_only_what_it_answers_with() {
    const RUNS: i64 = 400;
    let place = Place::new();
    let ledger = place.open();
    for number in 0..RUNS {
        let skill = if number % 100 == 7 { "rare" } else { "common" };
        let mut start = at(number, with_skill(&format!("run-{number}"), skill));
        start.agent_id = Some(if number % 2 == 0 { "even" } else { "odd" }.to_owned());
        drop(ledger.submit(start, runledger_audit::Durability::Buffered).unwrap());
    }
    ledger.sync().unwrap();
    ledger.append(finished("run-300", RunStatus::Failed, RUNS)).unwrap();
    let cost = |filter: RunFilter| {
        let cost = ledger.explain_runs(&filter).unwrap();
        (cost.matches, cost.keys_visited, cost.runs_read)
    };
    let filter = RunFilter::default;
    // One more than it shows, to know whether there is a next page.
    assert_eq!(cost(RunFilter { limit: 10, ..filter() }), (10, 11, 11));
    assert_eq!(cost(RunFilter { skill: Some("rare".into()), ..filter() }), (4, 4, 4));
    assert_eq!(cost(RunFilter { statuses: vec![RunStatus::Failed], ..filter() }), (1, 1, 1));
    let (skill, agent) = (Some("rare".to_owned()), Some("odd".to_owned()));
    let (matches, keys, runs) = cost(RunFilter { skill, agent, ..filter() });
    assert_eq!((matches, runs), (4, 4));
    assert!(keys <= 16, "{keys} keys for 4 runs of two conditions");
    let ended = RunFilter { ordered_by: RunTime::End, finished_before: Some(time(RUNS + 1)), ..filter() };
    assert_eq!(cost(ended), (1, 1, 1));
    let page = ledger.run_page(&RunFilter { limit: 200, ..filter() }).unwrap().next;
    assert_eq!(
        cost(RunFilter { limit: 10, page, ..filter() }),
        (10, 11, 11),
        "a page does not begin at the first"
    );
}

#[test]
fn pages_of_runs_neither_repeat_nor_skip_one_when_runs_arrive_between_them() {
    for order in [Order::Ascending, Order::Descending] {
        let place = Place::new();
        let ledger = place.open();
        for number in 0..9 {
            ledger.append(at(number, started(&format!("run-{number}")))).unwrap();
        }
        let (mut filter, mut found) = (RunFilter { order, limit: 2, ..RunFilter::default() }, Vec::new());
        loop {
            let page = ledger.run_page(&filter).unwrap();
            found.extend(page.items.into_iter().map(|run| run.run_id));
            filter.page = page.next;
            if filter.page.is_none() {
                break;
            }
            // Before, within and behind what is still to come.
            for start in [-1, 4, 20] {
                ledger.append(at(start, started(&format!("new-{start}-{}", found.len())))).unwrap();
            }
        }
        found.sort_unstable();
        assert_eq!(found, (0..9).map(|number| format!("run-{number}")).collect::<Vec<_>>(), "{order:?}");
    }
}

#[test]
fn a_page_of_another_list_is_refused() {
    let place = Place::new();
    let ledger = place.open();
    for run_id in ["a", "b"] {
        ledger.append(started(run_id)).unwrap();
    }
    let filter = RunFilter { limit: 1, ..RunFilter::default() };
    let page = ledger.run_page(&filter).unwrap().next;
    assert!(page.is_some());
    for other in [
        RunFilter { page, agent: Some("x".into()), ..filter.clone() },
        RunFilter { page, order: Order::Ascending, ..filter.clone() },
    ] {
        assert_eq!(ledger.runs(&other).unwrap_err().class(), ErrorClass::Refused);
    }
}

#[test]
fn runs_of_a_skill_are_paged_and_counted_with_dry_runs_hidden_unless_asked_for() {
    let place = Place::new();
    let ledger = place.open();
    for number in 0..5 {
        ledger.append(at(number, with_skill(&format!("run-{number}"), "triage"))).unwrap();
    }
    let dry = RunStarted {
        status: Some(RunStatus::DryRun),
        skill_id: Some("triage".into()),
        ..RunStarted::default()
    };
    ledger.append(at(9, Event::new(Body::RunStarted(dry)).with_run("dry"))).unwrap();
    let of_skill = RunFilter { skill: Some("triage".into()), ..RunFilter::default() };
    assert_eq!(paged(&ledger, &of_skill, 2), ["run-4", "run-3", "run-2", "run-1", "run-0"]);
    assert_eq!(ledger.count_runs(&of_skill).unwrap(), 5);
    let with_dry = RunFilter { include_dry_runs: true, ..of_skill };
    assert_eq!(ids(&ledger, &with_dry)[0], "dry");
    assert_eq!(ledger.count_runs(&with_dry).unwrap(), 6);
}

#[test]
fn runs_that_finished_before_a_time_are_listed_by_their_end_interrupted_ones_too() {
    let place = Place::new();
    let ledger = place.open();
    for (number, end) in [(0, 30), (1, 10), (2, 20)] {
        let run_id = format!("run-{number}");
        ledger.append(at(number, started(&run_id))).unwrap();
        ledger.append(finished(&run_id, RunStatus::Completed, end)).unwrap();
    }
    ledger.append(at(3, started("crashed"))).unwrap();
    ledger.close().unwrap();
    let ledger = Ledger::open(place.path()).unwrap();
    let before = |end| RunFilter {
        finished_before: Some(end),
        ordered_by: RunTime::End,
        order: Order::Ascending,
        ..RunFilter::default()
    };
    assert_eq!(ids(&ledger, &before(time(30))), ["run-1", "run-2"]);
    assert_eq!(ids(&ledger, &before(Timestamp::MAX)), ["run-1", "run-2", "run-0", "crashed"]);
}

#[test]
fn the_last_run_of_each_skill_is_the_newest_that_counts() {
    let place = Place::new();
    let ledger = place.open();
    for (number, (skill, status)) in [
        ("triage", Some(RunStatus::Completed)),
        ("triage", Some(RunStatus::Failed)),
        ("build", Some(RunStatus::Timeout)),
        ("deploy", None),
    ]
    .into_iter()
    .enumerate()
    {
        let run_id = format!("run-{number}");
        ledger.append(at(i64::try_from(number).unwrap(), with_skill(&run_id, skill))).unwrap();
        if let Some(status) = status {
            ledger.append(finished(&run_id, status, 100)).unwrap();
        }
    }
    let last = |include_failed| -> Vec<String> {
        let runs = ledger.last_run_by_skills(&["deploy", "triage", "build", "none"], include_failed).unwrap();
        runs.into_iter().map(|run| run.run_id).collect()
    };
    assert_eq!(last(false), ["run-3", "run-0"]);
    assert_eq!(last(true), ["run-3", "run-1", "run-2"]);
}

#[test]
fn interrupted_runs_are_listed_and_the_lists_follow_when_a_run_goes_on() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(started("r")).unwrap();
    ledger.close().unwrap();
    let ledger = Ledger::open(place.path()).unwrap();
    let in_state = |status| ids(&ledger, &RunFilter { statuses: vec![status], ..RunFilter::default() });
    assert_eq!(in_state(RunStatus::Interrupted), ["r"]);
    ledger.append(finished("r", RunStatus::Completed, i64::MAX)).unwrap();
    assert_eq!(in_state(RunStatus::Interrupted), Vec::<String>::new());
    assert_eq!(in_state(RunStatus::Completed), ["r"]);
}
