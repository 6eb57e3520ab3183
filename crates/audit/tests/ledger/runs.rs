//! Runs: figures, states, filters.

use runledger_audit::{
    AncestryEnd, Body, Event, ModelCall, Order, RunFilter, RunFinished, RunStarted, RunStatistics, RunStatus,
    Timestamp, ToolCall, Usage,
};

use super::{Place, at, started};

fn finished(run_id: &str, status: RunStatus, statistics: RunStatistics) -> Event {
    let (ended_at, output, error, extra) = (None, None, Some("no luck".to_owned()), Vec::new());
    Event::new(Body::RunFinished(RunFinished { status, ended_at, output, error, statistics, extra }))
        .with_run(run_id)
}

#[test]
fn figures_are_rolled_up_from_the_runs_own_events() {
    let place = Place::new();
    let ledger = place.open();
    let start = RunStarted { goal: Some("find it".into()), ..RunStarted::default() };
    ledger.append(at(1_000_000_000, Event::new(Body::RunStarted(start)).with_run("r"))).unwrap();
    let usage = Usage { input_tokens: 3, output_tokens: 5, cache_read_tokens: 7, ..Usage::default() };
    let call = ModelCall { usage, cost_usd: Some(0.25), ..ModelCall::default() };
    for _ in 0..2 {
        ledger.append(at(2_000_000_000, Event::new(Body::ModelCall(call.clone())).with_run("r"))).unwrap();
    }
    ledger.append(at(2_500_000_000, Event::new(Body::ToolCall(ToolCall::default())).with_run("r"))).unwrap();
    let run = ledger.run("r").unwrap().unwrap();
    assert_eq!(
        (run.goal.as_str(), run.status, run.events, run.tool_calls),
        ("find it", RunStatus::Running, 4, 1)
    );
    assert_eq!(
        (run.input_tokens, run.output_tokens, run.total_tokens, run.cache_read_tokens),
        (6, 10, 16, 14)
    );
    assert_eq!((run.cost_usd, run.runtime_seconds), (Some(0.5), 1.5));

    let given = RunStatistics { output_tokens: Some(100), ..RunStatistics::default() };
    ledger.append(at(5_000_000_000, finished("r", RunStatus::Failed, given))).unwrap();
    let run = ledger.run("r").unwrap().unwrap();
    assert_eq!((run.status, run.error.as_deref()), (RunStatus::Failed, Some("no luck")));
    assert_eq!((run.input_tokens, run.output_tokens, run.total_tokens), (6, 100, 106));
    assert_eq!(run.ended_at, Some(Timestamp::from_nanoseconds(5_000_000_000)));
    assert!((run.runtime_seconds - 4.0).abs() < 1e-9);
    assert!(run.to_json().contains(r#""outputTokens":100,"#));
}

#[test]
fn a_parent_lists_its_children_and_counts_only_itself() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(started("parent")).unwrap();
    for child in ["c1", "c2"] {
        let start = RunStarted { parent_run_id: Some("parent".into()), ..RunStarted::default() };
        ledger.append(Event::new(Body::RunStarted(start)).with_run(child)).unwrap();
    }
    assert_eq!(ledger.children("parent").unwrap(), ["c1", "c2"]);
    assert_eq!(ledger.run("parent").unwrap().unwrap().events, 1);
    let top = ledger.runs(&RunFilter { top_level_only: true, ..RunFilter::default() }).unwrap();
    assert_eq!(top.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), ["parent"]);
}

#[test]
fn runs_are_listed_by_their_start_within_bounds_offset_and_limit() {
    let place = Place::new();
    let ledger = place.open();
    for time in [5, 1, 4, 2, 3] {
        ledger.append(at(time, started(&format!("run-{time}")))).unwrap();
    }
    let dry = RunStarted { status: Some(RunStatus::DryRun), ..RunStarted::default() };
    ledger.append(at(6, Event::new(Body::RunStarted(dry)).with_run("dry"))).unwrap();
    let list = |filter: RunFilter| -> Vec<String> {
        assert!(ledger.count_runs(&filter).unwrap() >= ledger.runs(&filter).unwrap().len() as u64);
        ledger.runs(&filter).unwrap().into_iter().map(|run| run.run_id).collect()
    };
    let filter = RunFilter::default;
    assert_eq!(list(filter()), ["run-5", "run-4", "run-3", "run-2", "run-1"]);
    assert_eq!(list(RunFilter { include_dry_runs: true, limit: 1, ..filter() }), ["dry"]);
    assert_eq!(list(RunFilter { statuses: vec![RunStatus::DryRun], ..filter() }), ["dry"]);
    let time = |nanoseconds| Some(Timestamp::from_nanoseconds(nanoseconds));
    let bounds =
        RunFilter { started_from: time(2), started_to: time(5), order: Order::Ascending, ..filter() };
    assert_eq!(list(bounds.clone()), ["run-2", "run-3", "run-4"]);
    assert_eq!(list(RunFilter { offset: 1, limit: 1, ..bounds }), ["run-3"]);
    assert_eq!(list(RunFilter { offset: 3, ..filter() }), ["run-2", "run-1"], "an offset without a limit");
}

#[test]
fn the_chain_of_parents_says_where_it_ends_also_at_a_missing_ancestor_and_at_a_cycle() {
    let place = Place::new();
    let ledger = place.open();
    let start = |run_id: &str, parent: Option<&str>| {
        let start = RunStarted { parent_run_id: parent.map(str::to_owned), ..RunStarted::default() };
        ledger.append(Event::new(Body::RunStarted(start)).with_run(run_id)).unwrap();
    };
    for (run_id, parent) in [
        ("top", None),
        ("mid", Some("top")),
        ("low", Some("mid")),
        ("orphan", Some("gone")),
        ("loop", Some("loop")),
    ] {
        start(run_id, parent);
    }
    let chain = |run_id: &str| {
        let ancestry = ledger.ancestors(run_id).unwrap();
        (ancestry.runs.into_iter().map(|run| run.run_id).collect::<Vec<_>>(), ancestry.end)
    };
    assert_eq!(chain("low"), (vec!["mid".to_owned(), "top".to_owned()], AncestryEnd::Top));
    assert_eq!(chain("orphan"), (vec![], AncestryEnd::Missing("gone".to_owned())));
    assert_eq!(chain("loop"), (vec![], AncestryEnd::Cycle("loop".to_owned())));
    start("top", Some("low"));
    assert_eq!(chain("low").1, AncestryEnd::Cycle("low".to_owned()));
}
