//! Reading that is recorded.

use runledger_audit::{
    AuditFilter, Content, ErrorClass, Event, EventFilter, EventId, LEDGER_READ, Ledger, LedgerReader,
    OpenError, PageToken, QueryAudit, QueryError, RunFilter, Seq, SubscribeFrom, Timestamp, UsageBy,
};

use super::{Place, custom, started};

fn ada() -> LedgerReader {
    LedgerReader { actor: "ada".into(), reason: Some("incident 7".into()), ..LedgerReader::default() }
}

/// What was recorded: who asked and the data, oldest first.
fn recorded(ledger: &Ledger) -> Vec<(Event, serde_json::Value)> {
    let of_readers = EventFilter { action: Some("read".into()), limit: 1_000, ..EventFilter::default() };
    let found = ledger.events(&of_readers).unwrap().items;
    let data = |event: Event| {
        let runledger_audit::Body::Custom(body) = &event.body else { panic!("{event:?}") };
        assert_eq!(body.type_name, LEDGER_READ);
        let Some(Content::Inline(data)) = &body.data else { panic!("{body:?}") };
        let data = data.read().unwrap();
        (event, data)
    };
    found.into_iter().map(|stored| data(stored.event)).collect()
}

#[test]
fn a_question_is_recorded_with_who_asked_what_and_how_much_was_answered() {
    let place = Place::new();
    let ledger = Ledger::options().audit_reads(ada()).open(place.path()).unwrap();
    ledger.append(started("a")).unwrap();
    ledger.append(started("b")).unwrap();
    let filter = EventFilter { run: Some("a".into()), from: Some(Timestamp::MIN), ..EventFilter::default() };
    assert_eq!(ledger.events(&filter).unwrap().items.len(), 1);
    ledger.close().unwrap();
    let found = recorded(&place.read());
    let [(event, data)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((event.actor.as_deref(), event.outcome.as_deref()), (Some("ada"), Some("success")));
    assert_eq!((&data["operation"], &data["answered"]), (&"events".into(), &1.into()));
    assert_eq!((&data["filter"]["run"][0], &data["filter"]["limit"]), (&"a".into(), &100.into()));
    assert_eq!(data["reason"], "incident 7");
}

#[test]
fn every_question_is_recorded_once_and_recording_is_not_recorded() {
    let place = Place::new();
    let ledger = place.open();
    let decision = ledger.append(Event { correlation_id: Some("c".into()), ..started("a") }).unwrap();
    let query = ledger.put_audit(QueryAudit::new(), Some("planner")).unwrap();
    let asked = ledger.read_by(ada());
    let (events, runs) = (EventFilter::default(), RunFilter::default());
    let questions: [(&str, &dyn Fn()); 22] = [
        ("events", &|| drop(asked.events(&events).unwrap())),
        ("records", &|| drop(asked.records(&events).unwrap())),
        ("explain", &|| drop(asked.explain(&events).unwrap())),
        ("count", &|| assert!(asked.count(&events).unwrap() > 0)),
        ("count_by", &|| drop(asked.count_by(runledger_audit::Dimension::Run, &events).unwrap())),
        ("event_at", &|| drop(asked.event_at(Seq::ZERO).unwrap())),
        ("event", &|| drop(asked.event(decision.event_id).unwrap())),
        ("record", &|| drop(asked.record(decision.event_id).unwrap())),
        ("run", &|| drop(asked.run("a").unwrap())),
        ("runs", &|| drop(asked.runs(&runs).unwrap())),
        ("count_runs", &|| assert!(asked.count_runs(&runs).unwrap() > 0)),
        ("children", &|| drop(asked.children("a").unwrap())),
        ("ancestors", &|| drop(asked.ancestors("a").unwrap())),
        ("usage", &|| drop(asked.usage(&UsageBy::Model, &events).unwrap())),
        ("recent", &|| drop(asked.recent(3).unwrap())),
        ("subscribe", &|| drop(asked.subscribe(&events, SubscribeFrom::Now).unwrap())),
        ("audit", &|| drop(asked.audit(query).unwrap())),
        ("audits", &|| drop(asked.recent_audits(3).unwrap())),
        ("trace", &|| drop(asked.trace(&AuditFilter::default()).unwrap())),
        ("provenance", &|| drop(asked.provenance(decision.event_id).unwrap())),
        ("correlation_chain", &|| drop(asked.correlation_chain("c").unwrap())),
        ("tail", &|| assert!(asked.tail(Seq::ZERO).count() > 2)),
    ];
    for (count, (name, ask)) in questions.iter().enumerate() {
        ask();
        let found = recorded(&ledger);
        assert_eq!(found.len(), count + 1, "{name}");
        assert_eq!(found.last().unwrap().1["operation"], *name);
    }
}

#[test]
fn recording_does_not_change_the_answer_that_it_is_about() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a")).unwrap();
    let asked = ledger.read_by(ada());
    assert_eq!(asked.events(&EventFilter::default()).unwrap().items.len(), 1);
    assert_eq!(asked.count(&EventFilter::default()).unwrap(), 2, "the first question, not this one");
    assert_eq!(ledger.count(&EventFilter::default()).unwrap(), 3);
    assert_eq!(
        asked.with_query_wait(std::time::Duration::from_secs(9)).count(&EventFilter::default()).unwrap(),
        3
    );
    assert_eq!(recorded(&ledger).len(), 3);
}

#[test]
fn a_question_that_fails_is_recorded_as_a_failure_and_gives_its_own_error() {
    let place = Place::new();
    let ledger = place.open();
    for number in 0..3 {
        ledger.append(custom(&number.to_string())).unwrap();
    }
    let page: PageToken =
        ledger.events(&EventFilter { limit: 1, ..EventFilter::default() }).unwrap().next.unwrap();
    let other = AuditFilter { page: Some(page), ..AuditFilter::default() };
    let error = ledger.read_by(ada()).audits(&other).unwrap_err();
    assert!(matches!(error, QueryError::Page(_)), "{error}");
    let (event, data) = recorded(&ledger).remove(0);
    assert_eq!(event.outcome.as_deref(), Some("failure"));
    assert_eq!(data["error"], error.to_string());
}

#[test]
fn an_answer_that_cannot_be_recorded_is_withheld() {
    let place = Place::new();
    let ledger = place.open();
    let event = ledger.append(custom("a")).unwrap();
    let asked = place.read().read_by(ada());
    let error = asked.event(event.event_id).unwrap_err();
    assert!(matches!(error, QueryError::Unrecorded(_)), "{error}");
    assert_eq!(error.class(), ErrorClass::Refused);
    assert!(asked.event(EventId::new()).is_err(), "also when the answer is nothing");
}

#[test]
fn a_ledger_that_is_open_for_reading_only_can_not_record_its_questions() {
    let place = Place::new();
    place.open().close().unwrap();
    let refused = Ledger::options().audit_reads(ada()).open_read_only(place.path()).unwrap_err();
    assert!(matches!(refused, OpenError::ReadsUnrecorded), "{refused}");
    assert_eq!(refused.class(), ErrorClass::Refused);
}
