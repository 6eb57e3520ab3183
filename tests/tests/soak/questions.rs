//! The floors of questions that were promised elsewhere, on a ledger of agents that look things up and decide.
//!
//! They are hundreds of times what the questions take, so that a machine that is busy with other things keeps them too.

use std::time::{Duration, Instant};

use runledger_audit::{
    AnyOf, AsOf, AuditFilter, Body, ContributingAssertion, Digest, Durability, Event, EventFilter, EventId,
    Ledger, QueryAudit, QueryParams, Seq, Timestamp,
};

use super::{Latencies, call, scale};

/// Events of the short form.
const EVENTS: u64 = 40_000;
/// Every so manieth is a query audit, every other a call.
const AUDIT_EVERY: u64 = 10;
const AGENTS: u64 = 20;
const QUESTIONS: u64 = 50;
/// The floors, each for the 95th of 100.
const POINT_P95_MAX: Duration = Duration::from_millis(100);
const SESSION_SEEK_P95_MAX: Duration = Duration::from_millis(200);
const FILTERED_P95_MAX: Duration = Duration::from_millis(500);
const AS_OF_P95_MAX: Duration = Duration::from_millis(500);
const TRACE_P95_MAX: Duration = Duration::from_secs(2);
const PROVENANCE_P95_MAX: Duration = Duration::from_secs(5);
/// From memory, so that nothing waits for a disk. It is held by the middle one, which no busy neighbour delays.
const RECENT_P50_MAX: Duration = Duration::from_millis(1);

fn event(number: u64) -> Event {
    let agent = format!("agent-{}", number % AGENTS);
    let event = if number.is_multiple_of(AUDIT_EVERY) { audit(number) } else { call(number) };
    Event {
        timestamp: Timestamp::from_nanoseconds(i64::try_from(number).unwrap()),
        run_id: Some(format!("run-{}", number / 100)),
        session_id: Some(format!("session-{}", number % 7)),
        agent_id: Some(agent),
        ..event
    }
}

fn audit(number: u64) -> Event {
    let hash = |number: u64| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Digest::from_bytes(bytes)
    };
    let assertion = |which: u64| ContributingAssertion {
        assertion_hash: hash(number + which),
        weight: 0.5,
        source_hash: hash(which),
        source: Some(format!("page {which}")),
        lifecycle: "approved".to_owned(),
        extra: vec![],
    };
    let subject = Some(format!("auth/key-{}", number % 1_000));
    let params = QueryParams { subject, ..QueryParams::default() };
    let contributing_assertions = (0..5).map(assertion).collect();
    Event::new(Body::QueryAudit(QueryAudit { params, contributing_assertions, ..QueryAudit::new() }))
}

/// Asks many times, and holds the latencies against the floor.
fn hold(name: &str, per_cent: usize, max: Duration, mut ask: impl FnMut(u64)) {
    let latencies = (0..QUESTIONS).map(|number| {
        let before = Instant::now();
        ask(number);
        before.elapsed()
    });
    let latencies = Latencies(latencies.collect());
    println!("  {name}: {latencies}");
    assert!(latencies.at(per_cent) < max, "{name}: {latencies}, and may take {max:?}");
}

#[test]
fn questions_keep_their_floors() {
    let events = EVENTS * scale();
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path().join("ledger")).unwrap();
    let mut ids: Vec<EventId> = Vec::new();
    for number in 0..events {
        let event = event(number);
        ids.push(event.event_id);
        let _ = ledger.submit(event, Durability::Buffered).unwrap();
    }
    ledger.sync().unwrap();
    assert_eq!(ledger.count(&EventFilter::default()).unwrap(), events);
    println!("{events} events");

    // All over the ledger, in no order.
    let anywhere = |number: u64| number * 7_919 % events;
    let id = |number: u64| *ids.get(usize::try_from(anywhere(number)).unwrap()).unwrap();
    hold("an event by its id", 95, POINT_P95_MAX, |number| {
        assert_eq!(ledger.event(id(number)).unwrap().unwrap().seq, Seq::new(anywhere(number)));
    });
    hold("a place in a session", 95, SESSION_SEEK_P95_MAX, |number| {
        let from = Some(Timestamp::from_nanoseconds(i64::try_from(anywhere(number) / 2).unwrap()));
        let session = Some(format!("session-{}", number % 7).into());
        let page = ledger.events(&EventFilter { session, from, ..EventFilter::default() }).unwrap();
        assert_eq!(page.items.len(), 100);
    });
    hold("events of an agent and a tool", 95, FILTERED_P95_MAX, |number| {
        // Those that are no audits.
        let agent = Some(format!("agent-{}", number % AGENTS / 2 * 2 + 1).into());
        let filter = EventFilter { agent, tool: Some("shell".into()), ..EventFilter::default() };
        assert_eq!(ledger.events(&filter).unwrap().items.len(), 100);
    });
    hold("the same as of an earlier record", 95, AS_OF_P95_MAX, |number| {
        let as_of = Some(AsOf::Seq(Seq::new(events / 2 + number)));
        let filter = EventFilter { agent: Some("agent-1".into()), as_of, ..EventFilter::default() };
        let known = ledger.count(&filter).unwrap();
        assert_eq!(known, (events / 2 + number).div_ceil(AGENTS));
        assert_eq!(ledger.events(&filter).unwrap().items.len(), 100);
    });
    hold("what an agent looked up", 95, TRACE_P95_MAX, |number| {
        let subject = Some(AnyOf::glob("auth/*").unwrap());
        let agent = format!("agent-{}", number % 2 * 10).as_str().into();
        let trace = ledger.trace(&AuditFilter { agent, subject, ..AuditFilter::default() }).unwrap();
        assert_eq!((trace.queries.len(), trace.sources.len()), (100, 5));
    });
    hold("from an event back to its sources", 95, PROVENANCE_P95_MAX, |number| {
        let tree = ledger.provenance(id(number)).unwrap().unwrap();
        assert!(tree.to_json().contains("page 4"), "its run asked ten queries, each from five pages");
    });
    hold("the newest 10,000", 50, RECENT_P50_MAX * 5, |_| {
        assert_eq!(ledger.recent(10_000).unwrap().events.len(), 10_000);
    });
    hold("the newest 100", 50, RECENT_P50_MAX, |_| {
        assert_eq!(ledger.recent(100).unwrap().events.len(), 100);
    });
}
