//! Chains of correlations.

use runledger_audit::{
    CHAIN_CORRELATIONS_MAX, CHAIN_EVENTS_MAX, CorrelationChain, Durability, Event, Json, Ledger,
};

use super::{Place, at, custom};

/// An event of a correlation at a time, which may name another as parent.
fn of(correlation: &str, nanoseconds: i64, parent: Option<&str>) -> Event {
    let metadata =
        parent.map(|parent| Json::parse(&format!(r#"{{"parentCorrelationId":"{parent}"}}"#)).unwrap());
    let event = Event { correlation_id: Some(correlation.to_owned()), metadata, ..custom("a") };
    at(nanoseconds, event)
}

fn ledger_of(place: &Place, events: &[(&str, i64, Option<&str>)]) -> Ledger {
    let ledger = place.open();
    for (correlation, nanoseconds, parent) in events {
        ledger.append(of(correlation, *nanoseconds, *parent)).unwrap();
    }
    ledger
}

fn seqs(chain: &CorrelationChain) -> Vec<u64> {
    chain.events.iter().map(|stored| stored.seq.get()).collect()
}

fn ids(chain: &CorrelationChain) -> Vec<&str> {
    chain.correlations.iter().map(|correlation| correlation.id.as_str()).collect()
}

#[test]
fn a_chain_has_all_events_of_the_correlation_and_of_its_ancestors_in_time_order() {
    let place = Place::new();
    let events = [
        ("fix", 30, Some("ticket")),
        ("ticket", 10, None),
        ("call", 20, None),
        ("fix", 20, None),
        ("ticket", 40, Some("call")),
        ("other", 15, Some("fix")),
        ("call", 5, None),
    ];
    let ledger = ledger_of(&place, &events);
    let chain = ledger.correlation_chain("fix").unwrap();
    assert_eq!(seqs(&chain), [6, 1, 2, 3, 0, 4], "by time, and by number where times tie");
    assert_eq!(ids(&chain), ["fix", "ticket", "call"]);
    assert_eq!(chain.correlations[0].parents, ["ticket"]);
    assert_eq!(chain.correlations[2].events, 2);
    assert!(chain.cycles.is_empty() && chain.gaps.is_empty() && chain.cut.is_none());
    assert_eq!(seqs(&ledger.correlation_chain("call").unwrap()), [6, 2]);
}

#[test]
fn a_cycle_of_correlations_is_reported_and_each_event_given_once() {
    let place = Place::new();
    let events = [("a", 1, Some("b")), ("b", 2, Some("c")), ("c", 3, Some("b")), ("own", 4, Some("own"))];
    let ledger = ledger_of(&place, &events);
    let chain = ledger.correlation_chain("a").unwrap();
    assert_eq!((seqs(&chain), &chain.cycles), (vec![0, 1, 2], &vec![vec!["b".to_owned(), "c".to_owned()]]));
    assert_eq!(ledger.correlation_chain("own").unwrap().cycles, [["own"]]);
}

#[test]
fn a_parent_correlation_without_events_is_reported_with_who_names_it() {
    let place = Place::new();
    let ledger = ledger_of(&place, &[("a", 1, Some("b")), ("b", 2, Some("gone")), ("a", 3, Some("lost"))]);
    let chain = ledger.correlation_chain("a").unwrap();
    let gaps: Vec<_> = chain.gaps.iter().map(|gap| (gap.id.as_str(), gap.named_by.as_deref())).collect();
    assert_eq!(gaps, [("lost", Some("a")), ("gone", Some("b"))]);
    assert_eq!(seqs(&chain), [0, 1, 2]);
    let unknown = ledger.correlation_chain("nobody").unwrap();
    assert_eq!((unknown.gaps[0].id.as_str(), &unknown.gaps[0].named_by), ("nobody", &None));
    assert!(unknown.events.is_empty() && unknown.correlations.is_empty());
}

#[test]
fn a_chain_as_json_says_what_it_has_and_lacks() {
    let place = Place::new();
    let ledger = ledger_of(&place, &[("a", 1, Some("b")), ("b", 2, Some("a")), ("b", 3, None)]);
    let ledger_line = r#"{"kind":"custom","correlationId":"b","metadata":{"parentCorrelationId":"g\"one"}}"#;
    ledger.append(Event::from_json(ledger_line).unwrap()).unwrap();
    let json = ledger.correlation_chain("a").unwrap().to_json();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["correlations"][1]["parents"], serde_json::json!(["a", "g\"one"]));
    assert_eq!(json["cycles"], serde_json::json!([["a", "b"]]));
    assert_eq!(json["gaps"], serde_json::json!([{"correlationId": "g\"one", "namedBy": "b"}]));
    assert_eq!((json["events"].as_array().unwrap().len(), json.get("cut")), (4, None));
}

#[test]
fn a_chain_that_is_too_long_says_what_it_leaves_out() {
    let place = Place::new();
    let ledger = place.open();
    let name = |number: usize| format!("c{number}");
    for number in 0..CHAIN_CORRELATIONS_MAX + 6 {
        let event = of(&name(number), 0, Some(&name(number + 1)));
        let _submitted = ledger.submit(event, Durability::Buffered).unwrap();
    }
    ledger.sync().unwrap();
    let chain = ledger.correlation_chain("c0").unwrap();
    assert_eq!(chain.correlations.len(), CHAIN_CORRELATIONS_MAX);
    assert_eq!(chain.cut.map(|cut| (cut.correlations, cut.events)), Some((1, 0)));

    let events_over = 5;
    for _ in 0..CHAIN_EVENTS_MAX + events_over {
        let _submitted = ledger.submit(of("long", 1, None), Durability::Buffered).unwrap();
    }
    ledger.append(of("short", 2, Some("long"))).unwrap();
    let chain = ledger.correlation_chain("short").unwrap();
    assert_eq!(chain.events.len(), CHAIN_EVENTS_MAX);
    assert_eq!(chain.cut.map(|cut| (cut.correlations, cut.events)), Some((0, events_over as u64 + 1)));
    assert!(chain.to_json().contains(r#""cut":{"correlations":0,"events":6}"#));
}
