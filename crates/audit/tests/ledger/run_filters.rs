//! Each part of a filter of runs by itself: what it keeps, and that it keeps nothing else.

use runledger_audit::{
    Body, Event, Ledger, Order, RunFilter, RunFinished, RunStarted, RunStatus, RunTime, Timestamp,
};

use super::{Place, at, started};

fn all() -> RunFilter {
    RunFilter::default()
}

/// The numbers of the runs that a list has, and that a count counts them.
fn numbers(ledger: &Ledger, filter: &RunFilter) -> Vec<u64> {
    let runs = ledger.runs(filter).unwrap();
    assert_eq!(ledger.count_runs(filter).unwrap(), runs.len() as u64, "{filter:?}");
    runs.iter().map(|run| run.run_id.strip_prefix("run-").unwrap().parse().unwrap()).collect()
}

/// One field: a run that has a value in it, and the filter that asks for it.
struct Field {
    name: &'static str,
    with: fn(String) -> Event,
    asked: fn(Option<String>) -> RunFilter,
}

fn start(start: RunStarted) -> Event {
    Event::new(Body::RunStarted(start))
}

fn fields() -> [Field; 6] {
    let field = |name, with, asked| Field { name, with, asked };
    [
        field(
            "agent",
            |value| Event { agent_id: Some(value), ..start(RunStarted::default()) },
            |agent| RunFilter { agent, ..all() },
        ),
        field(
            "session",
            |value| Event { session_id: Some(value), ..start(RunStarted::default()) },
            |session| RunFilter { session, ..all() },
        ),
        field(
            "parent",
            |value| start(RunStarted { parent_run_id: Some(value), ..RunStarted::default() }),
            |parent| RunFilter { parent, ..all() },
        ),
        field(
            "skill",
            |value| start(RunStarted { skill_id: Some(value), ..RunStarted::default() }),
            |skill| RunFilter { skill, ..all() },
        ),
        field(
            "caller",
            |value| start(RunStarted { caller_id: Some(value), ..RunStarted::default() }),
            |caller| RunFilter { caller, ..all() },
        ),
        field(
            "channel",
            |value| start(RunStarted { channel_id: Some(value), ..RunStarted::default() }),
            |channel| RunFilter { channel, ..all() },
        ),
    ]
}

#[test]
fn each_field_keeps_the_runs_that_have_its_value_and_no_others() {
    let place = Place::new();
    let ledger = place.open();
    let mut number = 0_i64;
    for field in fields() {
        for value in ["a", "b"] {
            let run_id = format!("run-{number}");
            ledger.append(at(number, (field.with)(value.to_owned())).with_run(run_id)).unwrap();
            number += 1;
        }
    }
    let reader = place.read();
    for (field, first) in fields().into_iter().zip((0..).step_by(2)) {
        for ledger in [&ledger, &reader] {
            let found = |value: &str| numbers(ledger, &(field.asked)(Some(value.to_owned())));
            assert_eq!(found("a"), [first], "{}", field.name);
            assert_eq!(found("b"), [first + 1], "{}", field.name);
            assert_eq!(found("c"), [0; 0], "{}", field.name);
        }
    }
    let top = numbers(&ledger, &RunFilter { top_level_only: true, order: Order::Ascending, ..all() });
    assert_eq!(top, [0, 1, 2, 3, 6, 7, 8, 9, 10, 11], "those without a parent");
}

#[test]
fn each_state_of_a_filter_counts_and_not_the_first_alone() {
    let place = Place::new();
    let ledger = place.open();
    let ends = [RunStatus::Completed, RunStatus::Failed, RunStatus::Canceled, RunStatus::Timeout];
    for (number, status) in (0..).zip(ends) {
        let run_id = format!("run-{number}");
        ledger.append(at(number, started(&run_id))).unwrap();
        let end = Event::new(Body::RunFinished(RunFinished::new(status))).with_run(run_id);
        ledger.append(at(100, end)).unwrap();
    }
    ledger.append(at(9, started("run-9"))).unwrap();
    let of = |statuses: &[RunStatus]| {
        numbers(&ledger, &RunFilter { statuses: statuses.to_vec(), order: Order::Ascending, ..all() })
    };
    assert_eq!(of(&[RunStatus::Failed, RunStatus::Timeout]), [1, 3]);
    assert_eq!(of(&[RunStatus::Timeout, RunStatus::Running, RunStatus::Queued]), [3, 9]);
    assert_eq!(of(&[RunStatus::BudgetExceeded]), [0; 0]);
    assert_eq!(of(&[]), [0, 1, 2, 3, 9]);
}

#[test]
fn bounds_of_the_start_include_the_first_time_and_exclude_the_last_and_those_of_the_end_exclude_it() {
    let place = Place::new();
    let ledger = place.open();
    for number in 0..5 {
        let run_id = format!("run-{number}");
        ledger.append(at(number, started(&run_id))).unwrap();
        let end = Event::new(Body::RunFinished(RunFinished::new(RunStatus::Completed))).with_run(run_id);
        // Ends are in the opposite order, and the last run has none.
        if number < 4 {
            ledger.append(at(20 - number, end)).unwrap();
        }
    }
    let time = |nanoseconds| Some(Timestamp::from_nanoseconds(nanoseconds));
    let ascending = || RunFilter { order: Order::Ascending, ..all() };
    let started =
        |from, to| numbers(&ledger, &RunFilter { started_from: from, started_to: to, ..ascending() });
    assert_eq!(started(time(1), time(3)), [1, 2]);
    assert_eq!(started(time(4), None), [4]);
    assert_eq!(started(None, time(1)), [0]);
    assert_eq!(started(time(2), time(2)), [0; 0]);
    let ended = |finished_before, ordered_by| {
        numbers(&ledger, &RunFilter { finished_before, ordered_by, ..ascending() })
    };
    assert_eq!(ended(time(19), RunTime::End), [3, 2]);
    assert_eq!(ended(time(19), RunTime::Start), [2, 3]);
    assert_eq!(ended(time(i64::MAX), RunTime::End), [3, 2, 1, 0], "what has not ended is in no such list");
}

#[test]
fn runs_that_ended_at_the_same_time_are_ordered_by_their_first_event_over_pages_and_behind_an_offset() {
    let place = Place::new();
    let ledger = place.open();
    for number in [3, 1, 4, 0, 2] {
        ledger.append(at(5, started(&format!("run-{number}")))).unwrap();
    }
    for number in 0..5 {
        let end = Event::new(Body::RunFinished(RunFinished::new(RunStatus::Completed)));
        ledger.append(at(9, end).with_run(format!("run-{number}"))).unwrap();
    }
    for ordered_by in [RunTime::Start, RunTime::End] {
        let mut filter = RunFilter { ordered_by, order: Order::Ascending, limit: 2, ..all() };
        let mut found = Vec::new();
        loop {
            let page = ledger.run_page(&filter).unwrap();
            found.extend(page.items.into_iter().map(|run| run.run_id));
            filter.page = page.next;
            if filter.page.is_none() {
                break;
            }
        }
        assert_eq!(found, ["run-3", "run-1", "run-4", "run-0", "run-2"], "{ordered_by:?}");
        let behind = RunFilter { ordered_by, order: Order::Descending, offset: 3, ..all() };
        let behind: Vec<_> = ledger.runs(&behind).unwrap().into_iter().map(|run| run.run_id).collect();
        assert_eq!(behind, ["run-1", "run-3"], "an offset without a limit of one's own");
    }
}

#[test]
fn a_list_gives_100_runs_unless_told_otherwise() {
    let place = Place::new();
    let ledger = place.open();
    let starts: Vec<_> = (0..130).map(|number| started(&format!("run-{number}"))).collect();
    ledger.append_batch(&starts).unwrap();
    assert_eq!(ledger.runs(&all()).unwrap().len(), 100);
    assert_eq!(ledger.runs(&RunFilter { limit: 3, ..all() }).unwrap().len(), 3);
    assert_eq!(ledger.runs(&RunFilter { limit: usize::MAX, ..all() }).unwrap().len(), 130);
    assert_eq!(ledger.count_runs(&all()).unwrap(), 130, "a count has no limit");
}
