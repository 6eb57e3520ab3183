//! From a decision back to the sources.

use runledger_audit::{
    Body, ContributingAssertion, Digest, Event, EventId, Ledger, PROVENANCE_AGENT_AGE_MAX,
    PROVENANCE_QUERIES_MAX, Provenance, ProvenanceFinding, ProvenanceNode, QueryAudit, QueryId, RunStarted,
};

use super::{Place, at, custom};

fn event_id(number: u8) -> EventId {
    EventId::from_bytes([number; 16])
}

fn decision(number: u8, nanoseconds: i64) -> Event {
    at(nanoseconds, Event { event_id: event_id(number), ..custom("decided") })
}

/// A query at a time whose answer was made of one assertion.
fn query(number: u8, nanoseconds: i64) -> Event {
    let assertion = ContributingAssertion {
        assertion_hash: Digest::from_bytes([number; 32]),
        weight: 1.0,
        source_hash: Digest::from_bytes([0xAB; 32]),
        source: Some("the manual".to_owned()),
        lifecycle: "approved".to_owned(),
        extra: vec![],
    };
    let audit = QueryAudit {
        contributing_assertions: vec![assertion],
        ..QueryAudit::with_id(QueryId::from_bytes([number; 32]))
    };
    at(nanoseconds, Event::new(Body::QueryAudit(audit)))
}

fn start(run_id: &str, parent: Option<&str>) -> Event {
    let started = RunStarted { parent_run_id: parent.map(str::to_owned), ..RunStarted::default() };
    at(0, Event::new(Body::RunStarted(started)).with_run(run_id))
}

fn append(ledger: &Ledger, events: impl IntoIterator<Item = Event>) {
    for event in events {
        ledger.append(event).unwrap();
    }
}

/// Each place of the tree on a line of its own, as deep as it stands.
fn outline(provenance: &Provenance) -> Vec<String> {
    let mut lines = Vec::new();
    provenance.each(|node, depth| {
        let what = match &node.finding {
            ProvenanceFinding::Event(stored) => format!("event {}", stored.seq),
            ProvenanceFinding::Run(run) => run.run_id.clone(),
            ProvenanceFinding::Query(query) => format!("{}", query.audit.query_id.to_bytes()[0]),
            ProvenanceFinding::Assertion(assertion) => format!("weight {}", assertion.weight),
            ProvenanceFinding::Source { source, .. } => source.clone().unwrap_or_default(),
            ProvenanceFinding::MissingEvent(_) => "missing".to_owned(),
            ProvenanceFinding::MissingRun(run_id) => format!("missing {run_id}"),
            ProvenanceFinding::EventAgain(_) => "again".to_owned(),
            ProvenanceFinding::RunAgain(run_id) => format!("again {run_id}"),
            ProvenanceFinding::RunShown(run_id) => format!("shown {run_id}"),
            ProvenanceFinding::LeftOut(count) => format!("{count} left out"),
            ProvenanceFinding::TooOld(count) => format!("{count} too old"),
            other => format!("{other:?}"),
        };
        lines.push(format!("{}{}: {what}", " ".repeat(depth), node.relation.as_str()));
    });
    lines
}

fn tree(ledger: &Ledger, number: u8) -> Vec<String> {
    outline(&ledger.provenance(event_id(number)).unwrap().unwrap())
}

#[test]
fn a_decision_leads_back_through_its_run_and_queries_to_the_sources() {
    let place = Place::new();
    let ledger = place.open();
    append(
        &ledger,
        [
            start("deploy", None),
            start("fix", Some("deploy")),
            query(1, 10).with_run("deploy"),
            query(2, 20).with_run("fix"),
            decision(100, 5).with_run("deploy"),
            Event { parent_event_id: Some(event_id(100)), ..decision(101, 30).with_run("fix") },
            // Later, or of another run: these led to nothing.
            query(3, 31).with_run("fix"),
            query(4, 15).with_run("other"),
        ],
    );
    let expected = [
        "decision: event 5",
        " run: fix",
        "  query_of_run: 2",
        "   assertion: weight 1",
        "    source: the manual",
        "  parent_run: deploy",
        "   query_of_run: 1",
        "    assertion: weight 1",
        "     source: the manual",
        " parent_event: event 4",
        "  run: shown deploy",
    ];
    assert_eq!(tree(&ledger, 101), expected);
    assert_eq!(ledger.provenance(event_id(99)).unwrap(), None);
}

#[test]
fn a_query_itself_leads_to_its_assertions() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, [Event { event_id: event_id(100), ..query(1, 10) }]);
    assert_eq!(tree(&ledger, 100), ["decision: event 0", " assertion: weight 1", "  source: the manual"]);
}

#[test]
fn without_a_run_that_asked_the_queries_are_those_of_the_correlation_and_else_of_the_agent() {
    let place = Place::new();
    let ledger = place.open();
    let by = |agent: &str, correlation: Option<&str>, event: Event| Event {
        agent_id: Some(agent.to_owned()),
        correlation_id: correlation.map(str::to_owned),
        ..event
    };
    append(
        &ledger,
        [
            by("planner", None, query(1, 10)),
            by("tester", Some("ticket"), query(2, 20)),
            by("planner", Some("ticket"), decision(100, 30)).with_run("asks nothing"),
            by("planner", Some("another"), decision(101, 30)),
            by("nobody", None, decision(102, 30)),
        ],
    );
    let lines = |number| {
        let lines = tree(&ledger, number);
        lines.into_iter().filter(|line| line.contains("query_of")).collect::<Vec<_>>()
    };
    assert_eq!(lines(100), [" query_of_correlation: 2"]);
    assert_eq!(lines(101), [" query_of_agent: 1"]);
    assert!(lines(102).is_empty());
}

#[test]
fn queries_of_the_agent_lead_to_a_decision_for_a_day_and_older_ones_are_counted() {
    let place = Place::new();
    let ledger = place.open();
    let day = i64::try_from(PROVENANCE_AGENT_AGE_MAX.as_nanos()).unwrap();
    let by_planner = |event: Event| Event { agent_id: Some("planner".into()), ..event };
    // Two days before the first decision, a day and a moment, a day, and less.
    for (number, time) in [(1, -day), (2, -1), (3, 0), (4, 1)] {
        append(&ledger, [by_planner(query(number, time))]);
    }
    append(&ledger, [query(5, -1), by_planner(decision(100, day)), by_planner(decision(101, 3 * day))]);
    let lines = |number| {
        let lines = tree(&ledger, number);
        lines.into_iter().filter(|line| line.contains("query_of")).collect::<Vec<_>>()
    };
    let expected = [" query_of_agent: 2 too old", " query_of_agent: 3", " query_of_agent: 4"];
    assert_eq!(lines(100), expected);
    assert_eq!(lines(101), [" query_of_agent: 4 too old"], "told also where nothing is left");
    let provenance = ledger.provenance(event_id(100)).unwrap().unwrap();
    assert_eq!((provenance.too_old, provenance.left_out, provenance.gaps), (2, 0, 0));
    let json: serde_json::Value = serde_json::from_str(&provenance.to_json()).unwrap();
    assert_eq!((&json["tooOld"], &json["decision"]["cameFrom"][0]["tooOld"]), (&2.into(), &2.into()));
}

#[test]
fn what_is_named_and_missing_is_a_place_in_the_tree() {
    let place = Place::new();
    let ledger = place.open();
    append(
        &ledger,
        [
            start("fix", Some("gone")),
            Event { parent_event_id: Some(event_id(7)), ..decision(100, 30).with_run("fix") },
        ],
    );
    let expected = ["decision: event 1", " run: fix", "  parent_run: missing gone", " parent_event: missing"];
    assert_eq!(tree(&ledger, 100), expected);
    let provenance = ledger.provenance(event_id(100)).unwrap().unwrap();
    assert_eq!((provenance.gaps, provenance.cycles, provenance.left_out), (2, 0, 0));
    let json: serde_json::Value = serde_json::from_str(&provenance.to_json()).unwrap();
    assert_eq!(json["decision"]["cameFrom"][0]["cameFrom"][0]["missingRun"], "gone");
    assert_eq!(json["decision"]["cameFrom"][1]["missingEvent"], event_id(7).to_string());
    assert_eq!((&json["gaps"], &json["decision"]["event"]["seq"]), (&2.into(), &1.into()));
}

#[test]
fn what_came_from_itself_is_a_place_in_the_tree() {
    let place = Place::new();
    let ledger = place.open();
    append(
        &ledger,
        [
            start("a", Some("b")),
            start("b", Some("a")),
            Event { parent_event_id: Some(event_id(101)), ..decision(100, 1).with_run("a") },
            Event { parent_event_id: Some(event_id(100)), ..decision(101, 2) },
        ],
    );
    let expected = [
        "decision: event 2",
        " run: a",
        "  parent_run: b",
        "   parent_run: again a",
        " parent_event: event 3",
        "  parent_event: again",
    ];
    assert_eq!(tree(&ledger, 100), expected);
    assert_eq!(ledger.provenance(event_id(100)).unwrap().unwrap().cycles, 2);
}

#[test]
fn of_many_queries_the_last_before_the_decision_are_shown_and_the_rest_counted() {
    let place = Place::new();
    let ledger = place.open();
    let queries = (0..).take(PROVENANCE_QUERIES_MAX + 20).map(|time| {
        let audit = QueryAudit::new();
        at(time, Event::new(Body::QueryAudit(audit)).with_run("busy"))
    });
    append(&ledger, queries);
    append(&ledger, [decision(100, 1_000).with_run("busy")]);
    let provenance = ledger.provenance(event_id(100)).unwrap().unwrap();
    let run = &provenance.decision.came_from[0];
    assert_eq!(run.came_from.len(), PROVENANCE_QUERIES_MAX + 1);
    assert_eq!((&run.came_from[0].finding, provenance.left_out), (&ProvenanceFinding::LeftOut(20), 20));
    let time = |node: &ProvenanceNode| match &node.finding {
        ProvenanceFinding::Query(query) => query.timestamp.as_nanoseconds(),
        other => panic!("{other:?}"),
    };
    assert_eq!((time(&run.came_from[1]), time(run.came_from.last().unwrap())), (20, 119), "oldest first");
}

#[test]
fn a_tree_of_too_many_assertions_is_cut_and_says_so() {
    let place = Place::new();
    let ledger = place.open();
    let Body::QueryAudit(one) = query(1, 0).body else { unreachable!() };
    let assertions = vec![one.contributing_assertions[0].clone(); 6_000];
    let audit = QueryAudit { contributing_assertions: assertions, ..QueryAudit::new() };
    append(&ledger, [at(1, Event::new(Body::QueryAudit(audit)).with_run("wide"))]);
    append(&ledger, [decision(100, 2).with_run("wide")]);
    let provenance = ledger.provenance(event_id(100)).unwrap().unwrap();
    let mut places = 0;
    provenance.each(|_, _| places += 1);
    assert!(places <= runledger_audit::PROVENANCE_NODES_MAX + 2, "{places}");
    assert!(provenance.left_out > 1_000, "{}", provenance.left_out);
}
