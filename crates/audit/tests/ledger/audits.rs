//! Query audits: put once, found by their id, and listed by who asked, about what and when.

use runledger_audit::{
    AnyOf, AppendError, AuditAgent, AuditFilter, AuditedQuery, Body, ContributingAssertion, Digest,
    Durability, ErrorClass, Event, Json, Ledger, Order, PageTokenError, QueryAudit, QueryError, QueryId,
    QueryParams, Timestamp,
};

use super::{Place, at, custom};

fn query(number: u8) -> QueryId {
    QueryId::from_bytes([number; 32])
}

fn audit(number: u8) -> QueryAudit {
    QueryAudit::with_id(query(number))
}

fn about(number: u8, subject: &str) -> QueryAudit {
    let params = QueryParams { subject: Some(subject.to_owned()), ..QueryParams::default() };
    QueryAudit { params, ..audit(number) }
}

/// An audit of an agent at a time.
fn asked(nanoseconds: i64, agent: Option<&str>, audit: QueryAudit) -> Event {
    let event = Event::new(Body::QueryAudit(audit));
    at(nanoseconds, Event { agent_id: agent.map(str::to_owned), ..event })
}

fn from_source(number: u8, source: Option<&str>) -> ContributingAssertion {
    ContributingAssertion {
        assertion_hash: Digest::from_bytes([number; 32]),
        weight: 0.5,
        source_hash: Digest::from_bytes([number % 2; 32]),
        source: source.map(str::to_owned),
        lifecycle: "approved".to_owned(),
        extra: vec![],
    }
}

fn ids(found: &[AuditedQuery]) -> Vec<u8> {
    found.iter().map(|found| found.audit.query_id.to_bytes()[0]).collect()
}

fn listed(ledger: &Ledger, filter: &AuditFilter) -> Vec<u8> {
    ids(&ledger.audits(filter).unwrap().items)
}

#[test]
fn an_audit_that_was_put_is_found_by_its_query_id_with_who_asked_and_what_it_said() {
    let place = Place::new();
    let ledger = place.open();
    let said = QueryAudit { result_confidence: Some(0.25), ..about(1, "tea") };
    assert_eq!(ledger.put_audit(said.clone(), Some("planner")).unwrap(), query(1));
    assert_eq!(ledger.audit(query(2)).unwrap(), None);
    ledger.close().unwrap();
    let found = place.read().audit(query(1)).unwrap().unwrap();
    assert_eq!((found.agent_id.as_deref(), found.audit), (Some("planner"), said));
    let line = place.read().event_at(found.seq).unwrap().unwrap().event.to_json(None);
    assert_eq!(Event::from_json(&line).unwrap().event_id, found.event_id);
}

#[test]
fn an_answer_that_stands_in_an_imported_line_is_shown() {
    let place = Place::new();
    let ledger = place.open();
    let line = r#"{"kind":"query_audit","body":{"resultValueAt":{"offset":10,"length":4}},"source":{"text":"{\"said\": \"hi\"}"}}"#;
    ledger.append(Event::from_json(&line.replace("\"offset\":10", "\"offset\":9")).unwrap()).unwrap();
    let found = ledger.recent_audits(1).unwrap().remove(0);
    assert_eq!(found.result_value.as_ref().map(Json::as_str), Some("\"hi\""));
    assert!(found.to_json().contains(r#""resultValue":"hi""#), "{}", found.to_json());
}

#[test]
fn audits_of_an_agent_come_oldest_first_with_both_ends_inclusive() {
    let place = Place::new();
    let ledger = place.open();
    for (time, number) in [(30, 3), (10, 1), (20, 2), (40, 4), (20, 5)] {
        ledger.append(asked(time, Some("planner"), audit(number))).unwrap();
        ledger.append(asked(time, Some("tester"), audit(number + 100))).unwrap();
    }
    let time = Timestamp::from_nanoseconds;
    let of_planner =
        |from, to, limit| ids(&ledger.audits_for_agent("planner", time(from), to, limit).unwrap());
    assert_eq!(of_planner(20, Some(time(30)), 10), [2, 5, 3], "ties in the order of the log");
    assert!(of_planner(21, Some(time(29)), 10).is_empty());
    assert_eq!(of_planner(30, None, 10), [3, 4]);
    assert_eq!(of_planner(i64::MIN, Some(time(i64::MAX)), 2), [1, 2]);
    assert!(of_planner(0, None, 0).is_empty());
}

#[test]
fn whether_an_agent_has_audits_is_told_apart_from_its_other_events() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(Event { agent_id: Some("silent".into()), ..custom("a") }).unwrap();
    ledger.put_audit(audit(1), Some("planner")).unwrap();
    assert!(ledger.has_audits_for_agent("planner").unwrap());
    assert!(!ledger.has_audits_for_agent("silent").unwrap() && !ledger.has_audits_for_agent("").unwrap());
}

#[test]
fn recent_audits_come_newest_first_whoever_asked() {
    let place = Place::new();
    let ledger = place.open();
    for (time, agent, number) in [(30, Some("a"), 3), (10, None, 1), (20, Some("b"), 2)] {
        ledger.append(asked(time, agent, audit(number))).unwrap();
        ledger.append(at(time, custom("noise"))).unwrap();
    }
    assert_eq!(ids(&ledger.recent_audits(2).unwrap()), [3, 2]);
    assert_eq!(ids(&ledger.recent_audits(9).unwrap()), [3, 2, 1]);
}

#[test]
fn anonymous_audits_are_found_and_told_from_those_of_agents() {
    let place = Place::new();
    let ledger = place.open();
    ledger.put_audit(audit(1), None).unwrap();
    ledger.put_audit(audit(2), Some("planner")).unwrap();
    ledger.put_audit(about(3, "tea"), None).unwrap();
    ledger.append(custom("no audit")).unwrap();
    let of = |agent| AuditFilter { agent, ..AuditFilter::default() };
    assert_eq!(listed(&ledger, &of(AuditAgent::Anonymous)), [1, 3]);
    assert_eq!(listed(&ledger, &of(AuditAgent::Any)), [1, 2, 3]);
    assert_eq!(listed(&ledger, &of("planner".into())), [2]);
    assert_eq!(listed(&ledger, &of(AnyOf::glob("*").unwrap().into())), [2]);
    let tea = AuditFilter { subject: Some("tea".into()), ..of(AuditAgent::Anonymous) };
    assert_eq!(listed(&ledger, &tea), [3]);
    ledger.close().unwrap();
    assert_eq!(listed(&place.read(), &tea), [3]);
}

#[test]
fn audits_are_listed_by_subject_pattern_time_and_order() {
    let place = Place::new();
    let ledger = place.open();
    for (time, number, subject) in
        [(1, 1, "auth/token"), (2, 2, "tea"), (3, 3, "auth/key"), (4, 4, "auth/key")]
    {
        ledger.append(asked(time, Some("planner"), about(number, subject))).unwrap();
    }
    let subject = Some(AnyOf::glob("auth/*").unwrap());
    let filter = AuditFilter { subject, ..AuditFilter::default() };
    assert_eq!(listed(&ledger, &filter), [1, 3, 4]);
    let to = Some(Timestamp::from_nanoseconds(3));
    let newest_first = AuditFilter { to, order: Order::Descending, ..filter };
    assert_eq!(listed(&ledger, &newest_first), [3, 1]);
}

#[test]
fn pages_of_audits_cover_each_once_while_more_are_put() {
    let place = Place::new();
    let ledger = place.open();
    for number in 0..10 {
        ledger.put_audit(audit(number), (number % 2 == 0).then_some("planner")).unwrap();
    }
    let mut filter = AuditFilter { agent: AuditAgent::Anonymous, limit: 2, ..AuditFilter::default() };
    let mut found = Vec::new();
    loop {
        let page = ledger.audits(&filter).unwrap();
        found.extend(ids(&page.items));
        ledger.append(asked(0, None, QueryAudit::new())).unwrap();
        filter.page = page.next;
        if filter.page.is_none() {
            break;
        }
    }
    assert_eq!(found, [1, 3, 5, 7, 9]);
    filter.page = ledger.audits(&filter).unwrap().next;
    let other = AuditFilter { agent: AuditAgent::Any, ..filter };
    let refused = ledger.audits(&other).unwrap_err();
    assert!(matches!(refused, QueryError::Page(PageTokenError::OtherFilter)), "{refused}");
}

#[test]
fn an_audit_is_never_overwritten_by_another_of_its_query_id() {
    let place = Place::new();
    let ledger = place.open();
    ledger.pause_index().unwrap();
    let first = ledger.submit(asked(1, Some("planner"), about(1, "tea")), Durability::Buffered).unwrap();
    let refused = |ledger: &Ledger, event: Event| {
        let error = ledger.append(event).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Refused);
        assert!(
            matches!(error, AppendError::QueryConflict { query_id, seq } if (query_id, seq.get()) == (query(1), 0)),
            "{error}"
        );
    };
    // In flight, in the index, and in another process; about something else, and of someone else.
    refused(&ledger, asked(1, Some("planner"), about(1, "coffee")));
    first.wait().unwrap();
    ledger.resume_index().unwrap();
    refused(&ledger, asked(1, Some("tester"), about(1, "tea")));
    ledger.close().unwrap();
    let ledger = place.open();
    refused(&ledger, asked(1, None, audit(1)));
    assert_eq!(ledger.audit(query(1)).unwrap().unwrap().audit, about(1, "tea"));
    assert_eq!(ledger.recent_audits(10).unwrap().len(), 1);
}

#[test]
fn the_same_audit_again_is_the_one_that_is_there_whatever_its_event_and_time() {
    let place = Place::new();
    let ledger = place.open();
    let first = ledger.append(asked(1, Some("planner"), about(1, "tea"))).unwrap();
    let in_flight = ledger.append(asked(2, Some("planner"), about(1, "tea"))).unwrap();
    assert_eq!((in_flight.seq, in_flight.event_id, in_flight.duplicate), (first.seq, first.event_id, true));
    assert_eq!(ledger.put_audit(about(1, "tea"), Some("planner")).unwrap(), query(1));
    ledger.close().unwrap();
    let ledger = place.open();
    let stored = ledger.append(asked(3, Some("planner"), about(1, "tea"))).unwrap();
    assert_eq!((stored.seq, stored.leaf, stored.duplicate), (first.seq, first.leaf, true));
    assert_eq!(ledger.recent_audits(10).unwrap().len(), 1);
}

#[test]
fn a_batch_stores_each_audit_once_and_ends_before_another_of_a_query_id() {
    let place = Place::new();
    let ledger = place.open();
    let batch = [
        asked(1, None, about(1, "tea")),
        asked(2, None, about(2, "tea")),
        asked(3, None, about(1, "tea")),
        asked(4, None, about(3, "tea")),
    ];
    let receipts = ledger.append_batch(&batch).unwrap();
    assert_eq!(receipts.iter().map(|receipt| receipt.seq.get()).collect::<Vec<_>>(), [0, 1, 0, 2]);
    let error =
        ledger.append_batch(&[asked(5, None, about(4, "tea")), asked(6, None, audit(2))]).unwrap_err();
    assert_eq!(error.receipts.len(), 1);
    assert!(matches!(error.error, AppendError::QueryConflict { .. }), "{:?}", error.error);
    assert_eq!(ledger.recent_audits(9).unwrap().len(), 4);
}

#[test]
fn of_many_threads_that_put_another_audit_under_one_id_one_wins() {
    let place = Place::new();
    let ledger = place.open();
    for round in 0..20 {
        let put =
            |number: usize| ledger.put_audit(about(round, &number.to_string()), Some("planner")).is_ok();
        let won = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|number| scope.spawn(move || put(number))).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
        });
        assert_eq!(won, 1);
    }
    assert_eq!(ledger.recent_audits(100).unwrap().len(), 20);
}

#[test]
fn a_trace_tells_what_was_asked_what_came_back_and_from_which_assertions() {
    let place = Place::new();
    let ledger = place.open();
    let answered = QueryAudit {
        result_hash: Some(Digest::from_bytes([9; 32])),
        result_value: Some(runledger_audit::Content::Inline(Json::parse("[1.50]").unwrap())),
        result_confidence: Some(0.5),
        contributing_assertions: vec![from_source(2, None), from_source(4, Some("the manual"))],
        ..about(1, "auth/token")
    };
    let other_source = vec![from_source(3, Some("a rumour")), from_source(2, Some("page 12"))];
    let again = QueryAudit { contributing_assertions: other_source, ..about(2, "auth/key") };
    ledger.append(asked(10, Some("planner"), answered.clone())).unwrap();
    ledger.append(asked(20, Some("planner"), again)).unwrap();
    ledger.append(asked(15, Some("planner"), about(3, "tea"))).unwrap();
    ledger.append(asked(15, Some("tester"), about(4, "auth/key"))).unwrap();
    let filter = AuditFilter {
        agent: "planner".into(),
        subject: Some(AnyOf::glob("auth/*").unwrap()),
        ..AuditFilter::around(Timestamp::from_nanoseconds(15), std::time::Duration::from_nanos(5))
    };
    let trace = ledger.trace(&filter).unwrap();
    assert_eq!(ids(&trace.queries), [1, 2]);
    assert_eq!(trace.queries[0].audit, answered);
    let sources: Vec<_> =
        trace.sources.iter().map(|it| (it.source.as_deref(), it.queries, it.assertions)).collect();
    assert_eq!(sources, [(Some("the manual"), 2, 3), (Some("a rumour"), 1, 1)]);
    let json: serde_json::Value = serde_json::from_str(&trace.to_json()).unwrap();
    assert_eq!(json["queries"][0]["agentId"], "planner");
    assert_eq!(json["queries"][0]["resultValue"][0], 1.5);
    assert_eq!(json["queries"][0]["contributingAssertions"][1]["source"], "the manual");
    assert_eq!(
        (&json["sources"][1]["source"], &json["sources"][1]["queries"]),
        (&"a rumour".into(), &1.into())
    );
    assert!(json.get("nextPage").is_none());

    let newest_first = ledger.trace(&AuditFilter { order: Order::Descending, ..filter.clone() }).unwrap();
    assert_eq!(ids(&newest_first.queries), [2, 1]);
    let mut paged = AuditFilter { limit: 1, ..filter };
    let first = ledger.trace(&paged).unwrap();
    assert!(first.to_json().contains("nextPage"));
    paged.page = first.next;
    assert_eq!(ids(&ledger.trace(&paged).unwrap().queries), [2]);
}
