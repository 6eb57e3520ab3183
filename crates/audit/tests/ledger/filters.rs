//! Each part of a filter of events by itself: what it keeps, and that it keeps nothing else.

use runledger_audit::{
    AnyOf, Body, Durability, Event, EventFilter, Kind, Ledger, Message, ModelCall, Order, PAGE_ITEMS_DEFAULT,
    QueryAudit, QueryParams, Seq, Timestamp, ToolCall,
};

use super::{Place, at, custom};

fn seqs(ledger: &Ledger, filter: &EventFilter) -> Vec<u64> {
    let found: Vec<_> =
        ledger.events(filter).unwrap().items.into_iter().map(|stored| stored.seq.get()).collect();
    assert_eq!(ledger.count(filter).unwrap(), found.len() as u64, "{filter:?}");
    found
}

/// One field: an event that has a value in it, and the filter that asks for it.
struct Field {
    name: &'static str,
    with: fn(String) -> Event,
    asked: fn(AnyOf) -> EventFilter,
}

fn all() -> EventFilter {
    EventFilter::default()
}

fn tool_call(tool_id: String) -> Event {
    Event::new(Body::ToolCall(ToolCall { tool_id, ..ToolCall::default() }))
}

fn model_call(model_id: String) -> Event {
    Event::new(Body::ModelCall(ModelCall { model_id, ..ModelCall::default() }))
}

fn query_about(subject: String) -> Event {
    let params = QueryParams { subject: Some(subject), ..QueryParams::default() };
    Event::new(Body::QueryAudit(QueryAudit { params, ..QueryAudit::new() }))
}

fn fields() -> [Field; 12] {
    let field = |name, with, asked| Field { name, with, asked };
    [
        field(
            "workspace",
            |value| Event { workspace_id: Some(value), ..custom("a") },
            |wanted| EventFilter { workspace: Some(wanted), ..all() },
        ),
        field(
            "lane",
            |value| Event { lane_id: Some(value), ..custom("a") },
            |wanted| EventFilter { lane: Some(wanted), ..all() },
        ),
        field(
            "session",
            |value| Event { session_id: Some(value), ..custom("a") },
            |wanted| EventFilter { session: Some(wanted), ..all() },
        ),
        field(
            "run",
            |value| Event { run_id: Some(value), ..custom("a") },
            |wanted| EventFilter { run: Some(wanted), ..all() },
        ),
        field(
            "agent",
            |value| Event { agent_id: Some(value), ..custom("a") },
            |wanted| EventFilter { agent: Some(wanted), ..all() },
        ),
        field(
            "actor",
            |value| Event { actor: Some(value), ..custom("a") },
            |wanted| EventFilter { actor: Some(wanted), ..all() },
        ),
        field(
            "action",
            |value| Event { action: Some(value), ..custom("a") },
            |wanted| EventFilter { action: Some(wanted), ..all() },
        ),
        field(
            "outcome",
            |value| Event { outcome: Some(value), ..custom("a") },
            |wanted| EventFilter { outcome: Some(wanted), ..all() },
        ),
        field(
            "correlation",
            |value| Event { correlation_id: Some(value), ..custom("a") },
            |wanted| EventFilter { correlation: Some(wanted), ..all() },
        ),
        field("tool", tool_call, |wanted| EventFilter { tool: Some(wanted), ..all() }),
        field("model", model_call, |wanted| EventFilter { model: Some(wanted), ..all() }),
        field("subject", query_about, |wanted| EventFilter { subject: Some(wanted), ..all() }),
    ]
}

#[test]
fn each_field_keeps_the_events_that_have_its_value_and_no_others() {
    let place = Place::new();
    let ledger = place.open();
    // The same two values in every field, so that a filter that looks at another one, or at none, finds too much.
    for field in fields() {
        for value in ["tea/green", "coffee"] {
            ledger.append((field.with)(value.to_owned())).unwrap();
        }
    }
    let reader = place.read();
    for (field, first) in fields().into_iter().zip((0..).step_by(2)) {
        for ledger in [&ledger, &reader] {
            let found = |wanted: AnyOf| seqs(ledger, &(field.asked)(wanted));
            assert_eq!(found("tea/green".into()), [first], "{}", field.name);
            assert_eq!(found("coffee".into()), [first + 1], "{}", field.name);
            assert_eq!(found(AnyOf::glob("tea/*").unwrap()), [first], "{}", field.name);
            assert_eq!(found(AnyOf::texts(["coffee", "tea/green"])), [first, first + 1], "{}", field.name);
            assert_eq!(found("tea".into()), [0; 0], "{}", field.name);
        }
    }
}

#[test]
fn all_fields_of_a_filter_hold_together() {
    let place = Place::new();
    let ledger = place.open();
    let (run, agent) = (Some("r".to_owned()), Some("a".to_owned()));
    for event in [
        Event { run_id: run.clone(), ..custom("a") },
        Event { agent_id: agent.clone(), ..custom("a") },
        Event { run_id: run, agent_id: agent, ..custom("a") },
    ] {
        ledger.append(event).unwrap();
    }
    assert_eq!(seqs(&ledger, &EventFilter { run: Some("r".into()), agent: Some("a".into()), ..all() }), [2]);
}

#[test]
fn each_kind_of_a_filter_counts_and_not_the_first_alone() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("a")).unwrap();
    ledger.append(tool_call("shell".into())).unwrap();
    ledger.append(model_call("m".into())).unwrap();
    ledger.append(Event::new(Body::Message(Message::default()))).unwrap();
    let of = |kinds: &[Kind]| seqs(&ledger, &EventFilter { kinds: kinds.to_vec(), ..all() });
    assert_eq!(of(&[Kind::ToolCall, Kind::Message]), [1, 3]);
    assert_eq!(of(&[Kind::Message, Kind::Custom, Kind::RunLog]), [0, 3]);
    assert_eq!(of(&[Kind::RunLog]), [0; 0]);
    assert_eq!(of(&[]), [0, 1, 2, 3]);
}

#[test]
fn a_time_range_has_its_start_and_not_its_end() {
    let place = Place::new();
    let ledger = place.open();
    // Two neighbours in nanoseconds, so that no rounding goes unnoticed.
    for time in [-1, 0, 1, 1_000_000_000, 1_000_000_001] {
        ledger.append(at(time, custom("a"))).unwrap();
    }
    let time = |nanoseconds| Some(Timestamp::from_nanoseconds(nanoseconds));
    let between = |from, to| seqs(&ledger, &EventFilter { from, to, ..all() });
    assert_eq!(between(time(0), time(1)), [1]);
    assert_eq!(between(time(0), time(1_000_000_001)), [1, 2, 3]);
    assert_eq!(between(time(1), time(1)), [0; 0]);
    assert_eq!(between(time(1_000_000_000), None), [3, 4]);
    assert_eq!(between(None, time(0)), [0]);
}

#[test]
fn events_of_one_time_come_in_the_order_of_the_log_in_both_directions_and_over_pages() {
    const EVENTS: u64 = 30;
    let place = Place::new();
    let ledger = place.open();
    for _ in 0..EVENTS {
        ledger.append(at(7, custom("a").with_run("r"))).unwrap();
    }
    let paged = |order| {
        let mut filter = EventFilter { run: Some("r".into()), order, limit: 7, ..all() };
        let mut found = Vec::new();
        loop {
            let page = ledger.events(&filter).unwrap();
            found.extend(page.items.into_iter().map(|stored| stored.seq.get()));
            filter.page = page.next;
            if filter.page.is_none() {
                return found;
            }
        }
    };
    assert_eq!(paged(Order::Ascending), (0..EVENTS).collect::<Vec<_>>());
    assert_eq!(paged(Order::Descending), (0..EVENTS).rev().collect::<Vec<_>>());
}

#[test]
fn a_filter_gives_100_events_unless_told_otherwise() {
    let place = Place::new();
    let ledger = place.open();
    let events: Vec<_> = (0..130).map(|_| custom("a")).collect();
    ledger.append_batch(&events).unwrap();
    assert_eq!(PAGE_ITEMS_DEFAULT, 100);
    let page = ledger.events(&all()).unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (100, true));
    let rest = ledger.events(&EventFilter { page: page.next, ..all() }).unwrap();
    assert_eq!((rest.items.len(), rest.next), (30, None));
    assert_eq!(ledger.events(&EventFilter { limit: 3, ..all() }).unwrap().items.len(), 3);
    assert_eq!(ledger.events(&EventFilter { limit: usize::MAX, ..all() }).unwrap().items.len(), 130);
    assert!(ledger.events(&EventFilter { limit: 0, ..all() }).unwrap().items.is_empty());
}

#[test]
fn an_event_counts_once_while_it_is_buffered_when_it_is_durable_and_when_it_is_sent_again() {
    let place = Place::new();
    let ledger = place.open();
    let of_run = EventFilter { run: Some("r".into()), ..all() };
    let count = |ledger: &Ledger| ledger.count(&of_run).unwrap();
    let mut sent = Vec::new();
    for number in 1..=50 {
        sent.push(custom("a").with_run("r"));
        drop(ledger.submit(sent.last().unwrap().clone(), Durability::Buffered).unwrap());
        assert!(count(&ledger) <= number, "some are not durable yet, and none counts twice");
    }
    ledger.sync().unwrap();
    assert_eq!(count(&ledger), 50);
    for event in sent {
        assert!(ledger.append(event).unwrap().duplicate);
    }
    assert_eq!(count(&ledger), 50);
    ledger.close().unwrap();
    assert_eq!(count(&place.open()), 50);
    assert_eq!(count(&place.read()), 50);
}

#[test]
fn event_100_000_and_those_around_it_are_read_by_number_by_id_and_in_order() {
    const EVENTS: u64 = 100_010;
    let place = Place::new();
    let ledger = place.open();
    let mut ids = Vec::new();
    for number in 0..EVENTS {
        let event = at(i64::try_from(number).unwrap(), custom("a"));
        ids.push(event.event_id);
        drop(ledger.submit(event, Durability::Buffered).unwrap());
    }
    ledger.sync().unwrap();
    ledger.close().unwrap();
    let reader = place.read();
    for (number, id) in (0..EVENTS).zip(ids).skip(99_990) {
        let stored = reader.event_at(Seq::new(number)).unwrap().unwrap();
        assert_eq!(stored.event.event_id, id);
        assert_eq!(reader.event(id).unwrap().unwrap().seq, stored.seq);
    }
    let from = Some(Timestamp::from_nanoseconds(99_995));
    assert_eq!(seqs(&reader, &EventFilter { from, ..all() }), (99_995..EVENTS).collect::<Vec<_>>());
    assert_eq!(reader.count(&all()).unwrap(), EVENTS);
}
