//! Answers as of an earlier moment, against those that were given at that moment.

use proptest::prelude::*;
use runledger_audit::{
    AsOf, Body, Event, EventFilter, EventId, Ledger, ModelCall, Order, RunFilter, RunFinished, RunStarted,
    RunStatistics, RunStatus, RunSummary, Seq, Timestamp, Usage,
};

use super::{Place, at, custom};

/// What is asked at every moment.
#[derive(Debug, PartialEq)]
struct Answers {
    all: Vec<Seq>,
    of_a_run: Vec<Seq>,
    newest_of_two: Vec<Seq>,
    counts: [u64; 3],
    runs: Vec<RunSummary>,
    some_runs: Vec<RunSummary>,
    counted_runs: u64,
    run: Option<RunSummary>,
}

fn filters(as_of: Option<AsOf>) -> [EventFilter; 3] {
    let all = EventFilter { limit: usize::MAX, as_of, ..EventFilter::default() };
    let of_a_run = EventFilter { run: Some("a".into()), ..all.clone() };
    let order = Order::Descending;
    let newest_of_two = EventFilter { agent: Some("x".into()), order, limit: 2, ..of_a_run.clone() };
    [all, of_a_run, newest_of_two]
}

fn answers(ledger: &Ledger, as_of: Option<AsOf>) -> Answers {
    let filters = filters(as_of);
    let [all, of_a_run, newest_of_two] = filters.each_ref().map(|filter| {
        let page = ledger.events(filter).unwrap();
        page.items.iter().map(|stored| stored.seq).collect()
    });
    let counts = filters.map(|filter| ledger.count(&filter).unwrap());
    let runs = RunFilter { as_of, ..RunFilter::default() };
    let running = RunFilter { statuses: vec![RunStatus::Running], ..runs.clone() };
    let some_runs = RunFilter {
        started_from: Some(Timestamp::from_nanoseconds(-1)),
        started_to: Some(Timestamp::from_nanoseconds(3)),
        order: Order::Ascending,
        offset: 1,
        limit: 1,
        ..runs.clone()
    };
    let run = match as_of {
        None => ledger.run("a"),
        Some(as_of) => ledger.run_as_of("a", as_of),
    };
    Answers {
        all,
        of_a_run,
        newest_of_two,
        counts,
        runs: ledger.runs(&runs).unwrap(),
        some_runs: ledger.runs(&some_runs).unwrap(),
        counted_runs: ledger.count_runs(&running).unwrap(),
        run: run.unwrap(),
    }
}

/// An event whose id is one of a few, so that some replace each other, in any order, and some come twice.
fn event() -> impl Strategy<Value = Event> {
    let id = || 1_u8..17;
    let body = prop_oneof![
        Just(Body::RunStarted(RunStarted::default())),
        (1_u64..9).prop_map(|output_tokens| {
            let usage = Usage { output_tokens, ..Usage::default() };
            Body::ModelCall(ModelCall { usage, ..ModelCall::default() })
        }),
        Just(Body::RunFinished(RunFinished {
            status: RunStatus::Completed,
            ended_at: None,
            output: None,
            error: None,
            statistics: RunStatistics::default(),
            extra: Vec::new(),
        })),
    ];
    let names = (prop::sample::select(vec!["a", "b", "c"]), prop::option::of(Just("x".to_owned())));
    (id(), prop::option::of(id()), body, -3_i64..4, names).prop_map(
        |(id, supersedes, body, time, (run, agent_id))| Event {
            event_id: EventId::from_bytes([id; 16]),
            supersedes: supersedes.map(|id| EventId::from_bytes([id; 16])),
            agent_id,
            ..at(time, Event::new(body)).with_run(run)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_as_of_a_record_is_the_one_that_was_given_right_after_it(
        events in prop::collection::vec(event(), 1..25),
    ) {
        let place = Place::new();
        let ledger = place.open();
        let mut given = Vec::new();
        for event in events {
            // The same id with other content is refused: the log has each id once here.
            if let Ok(receipt) = ledger.append(event) && !receipt.duplicate {
                given.push((receipt.seq, answers(&ledger, None)));
            }
        }
        let reader = place.read();
        drop(ledger);
        std::fs::remove_dir_all(place.path().join("index")).unwrap();
        let rebuilt = place.open();
        for (seq, then) in &given {
            for ledger in [&reader, &rebuilt] {
                prop_assert_eq!(&answers(ledger, Some(AsOf::Seq(*seq))), then, "as of {}", seq);
            }
        }
    }
}

#[test]
fn a_moment_in_commit_time_knows_what_was_committed_by_then() {
    let place = Place::new();
    let ledger = place.open();
    for name in ["a", "b", "c"] {
        ledger.append(custom(name)).unwrap();
    }
    let committed = |seq| ledger.event_at(Seq::new(seq)).unwrap().unwrap().commit_time.as_nanoseconds();
    let count = |nanoseconds| {
        let as_of = Some(AsOf::CommitTime(Timestamp::from_nanoseconds(nanoseconds)));
        ledger.count(&EventFilter { as_of, ..EventFilter::default() }).unwrap()
    };
    assert_eq!([count(i64::MIN), count(committed(0) - 1), count(i64::MAX)], [0, 0, 3]);
    for seq in 0..3 {
        let known = (0..3).filter(|other| committed(*other) <= committed(seq)).count();
        assert_eq!(count(committed(seq)), known as u64);
    }
}

#[test]
fn a_moment_to_come_is_now() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a").with_run("r")).unwrap();
    let as_of = AsOf::Seq(Seq::new(u64::MAX));
    assert_eq!(ledger.count(&EventFilter { as_of: Some(as_of), ..EventFilter::default() }).unwrap(), 1);
    assert_eq!(ledger.run_as_of("r", as_of).unwrap(), ledger.run("r").unwrap());
}

#[test]
fn pages_keep_what_is_superseded_between_them_and_leave_out_its_newer_version() {
    for order in [Order::Ascending, Order::Descending] {
        let place = Place::new();
        let ledger = place.open();
        let events: Vec<Event> = (0..9).map(|time| at(time, custom("a").with_run("r"))).collect();
        for event in &events {
            ledger.append(event.clone()).unwrap();
        }
        let mut filter = EventFilter { run: Some("r".into()), order, limit: 2, ..EventFilter::default() };
        let mut found = Vec::new();
        loop {
            let page = ledger.events(&filter).unwrap();
            found.extend(page.items.iter().map(|stored| stored.seq.get()));
            filter.page = page.next;
            if filter.page.is_none() {
                break;
            }
            for old in [&events[4], &events[found.len() - 1]] {
                let newer = Event { supersedes: Some(old.event_id), ..at(4, custom("b").with_run("r")) };
                ledger.append(newer).unwrap();
            }
        }
        found.sort_unstable();
        assert_eq!(found, (0..9).collect::<Vec<_>>(), "{order:?}");
    }
}
