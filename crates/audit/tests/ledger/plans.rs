//! Which way a question is answered, as its explanation tells; and that each way gives the same answer.

use runledger_audit::{
    AnyOf, AsOf, Body, CountMethod, Dimension, Durability, Event, EventFilter, Explanation, Ledger, Order,
    Seq, ToolCall,
};

use super::{Place, at, custom};

/// A ledger of uses of tools: each tool has a share of `count` of its own, agents take turns.
fn uses(place: &Place, count: i64, tool_of: impl Fn(i64) -> String) -> Ledger {
    let ledger = place.open();
    for number in 0..count {
        let call = ToolCall { tool_id: tool_of(number), ..ToolCall::default() };
        let agent_id = Some(format!("agent-{}", number % 10));
        let event = Event { agent_id, ..at(number, Event::new(Body::ToolCall(call))).with_run("r") };
        let _ = ledger.submit(event, Durability::Buffered).unwrap();
    }
    ledger.sync().unwrap();
    ledger
}

fn conditions(explained: &Explanation) -> Vec<&str> {
    explained.joined.iter().map(|joined| joined.condition.as_str()).collect()
}

#[test]
fn without_a_condition_all_events_are_walked_up_to_the_limit() {
    let place = Place::new();
    let ledger = uses(&place, 50, |_| "Bash".into());
    let explained = ledger.explain(&EventFilter { limit: 5, ..EventFilter::default() }).unwrap();
    assert!(explained.joined.is_empty());
    assert_eq!((explained.matches, explained.events_read, explained.ended_at_limit), (5, 5, true));
    assert_eq!(explained.candidates, 6);
    assert_eq!(explained.count_method, CountMethod::ListLengths);
}

#[test]
fn a_join_starts_at_the_sparsest_stream_and_steps_over_the_rest() {
    let place = Place::new();
    let ledger =
        uses(&place, 4_000, |number| if number % 1_000 == 7 { "rare".into() } else { "Bash".into() });
    let filter = EventFilter {
        run: Some("r".into()),
        agent: Some("agent-7".into()),
        tool: Some("rare".into()),
        ..EventFilter::default()
    };
    for order in [Order::Ascending, Order::Descending] {
        let explained = ledger.explain(&EventFilter { order, ..filter.clone() }).unwrap();
        assert_eq!(explained.joined[0].condition, "tool = \"rare\"", "{explained}");
        assert_eq!((explained.matches, explained.candidates), (4, 4));
        let seeks: u64 = explained.joined.iter().map(|joined| joined.seeks).sum();
        assert!(seeks < 60, "{explained}");
        assert_eq!(explained.count_method, CountMethod::Join);
    }
}

#[test]
fn a_condition_that_nothing_fulfils_ends_the_join_at_once() {
    let place = Place::new();
    let ledger = uses(&place, 500, |_| "Bash".into());
    let nothing = [Some("unused".into()), Some(AnyOf::default()), Some(AnyOf::glob("x*").unwrap())];
    for tool in nothing {
        let filter = EventFilter { agent: Some("agent-1".into()), tool, ..EventFilter::default() };
        let explained = ledger.explain(&filter).unwrap();
        assert_eq!((explained.matches, explained.candidates, explained.events_read), (0, 0, 0));
        assert!(explained.joined.iter().map(|joined| joined.blocks_read).sum::<u64>() <= 2, "{explained}");
    }
}

#[test]
fn a_pattern_looks_only_at_the_values_that_start_with_its_literal_part() {
    let place = Place::new();
    let ledger =
        uses(&place, 300, |number| format!("{}-{}", if number % 3 == 0 { "a" } else { "b" }, number % 30));
    let filter = EventFilter { tool: Some(AnyOf::glob("a-1*").unwrap()), ..EventFilter::default() };
    let explained = ledger.explain(&filter).unwrap();
    let joined = &explained.joined[0];
    // a-12, a-15 and a-18.
    assert_eq!((joined.streams, joined.values_looked_at, explained.matches), (3, 3, 30), "{explained}");
    assert_eq!(explained.count_method, CountMethod::ListLengths);
    assert_eq!(ledger.count(&filter).unwrap(), 30);
}

#[test]
fn a_condition_with_too_many_values_is_checked_on_the_events_and_answers_the_same() {
    let place = Place::new();
    let ledger = uses(&place, 600, |number| format!("tool-{number}"));
    let of_all =
        AnyOf::texts((0..600).filter(|number| number % 2 == 0).map(|number| format!("tool-{number}")));
    let patterns = AnyOf::glob("tool-*[02468]").unwrap();
    for tool in [of_all, patterns] {
        let filter = EventFilter {
            agent: Some(AnyOf::texts(["agent-1", "agent-2"])),
            tool: Some(tool),
            limit: usize::MAX,
            ..EventFilter::default()
        };
        let explained = ledger.explain(&filter).unwrap();
        assert_eq!((explained.joined.len(), explained.checked.len()), (1, 1), "{explained}");
        assert_eq!((explained.candidates, explained.events_read, explained.matches), (120, 120, 60));
        assert_eq!(explained.count_method, CountMethod::Events);
        assert_eq!(ledger.count(&filter).unwrap(), 60);
        assert_eq!(ledger.events(&filter).unwrap().items.len(), 60);
        let by_agent = ledger.count_by(Dimension::Agent, &filter).unwrap();
        assert_eq!(by_agent.by_value, [("agent-2".to_owned(), 60)]);
    }
}

#[test]
fn several_conditions_are_checked_together_and_also_without_any_to_join() {
    let place = Place::new();
    let ledger = place.open();
    for number in 0..900 {
        let call = ToolCall { tool_id: format!("tool-{number}"), ..ToolCall::default() };
        let correlation_id = Some(format!("correlation-{number}"));
        let event = Event { correlation_id, ..at(number, Event::new(Body::ToolCall(call))) };
        let _ = ledger.submit(event, Durability::Buffered).unwrap();
    }
    ledger.sync().unwrap();
    let tool = Some(AnyOf::glob("tool-*[02468]").unwrap());
    let correlation = Some(AnyOf::glob("correlation-?*[!4]").unwrap());
    let one = EventFilter { tool, limit: usize::MAX, ..EventFilter::default() };
    let both = EventFilter { correlation, ..one.clone() };
    for (filter, checked, count) in [(one, 1, 450), (both, 2, 356)] {
        let explained = ledger.explain(&filter).unwrap();
        assert_eq!((conditions(&explained), explained.checked.len()), (Vec::new(), checked));
        assert_eq!(ledger.count(&filter).unwrap(), count);
        assert_eq!(ledger.events(&filter).unwrap().items.len() as u64, count);
    }
}

#[test]
fn a_value_that_only_superseded_events_had_is_found_and_counted_as_of_then() {
    let place = Place::new();
    let ledger = place.open();
    let draft = Event { agent_id: Some("drafter".into()), ..custom("a") };
    ledger.append(draft.clone()).unwrap();
    let newer = Event { agent_id: Some("editor".into()), ..custom("b") };
    ledger.append(Event { supersedes: Some(draft.event_id), ..newer }).unwrap();
    let agent = Some(AnyOf::glob("d*").unwrap());
    let now = EventFilter { agent, ..EventFilter::default() };
    let then = EventFilter { as_of: Some(AsOf::Seq(Seq::new(0))), ..now.clone() };
    assert_eq!([&now, &then].map(|filter| ledger.count(filter).unwrap()), [0, 1]);
    let everything = EventFilter { as_of: then.as_of, ..EventFilter::default() };
    let by_agent = ledger.count_by(Dimension::Agent, &everything).unwrap();
    assert_eq!(by_agent.by_value, [("drafter".to_owned(), 1)]);
}

#[test]
fn values_are_counted_whether_they_are_few_or_many() {
    let place = Place::new();
    let ledger = uses(&place, 600, |number| format!("tool-{:02}", number % 60));
    ledger.append(custom("without a tool").with_run("r")).unwrap();
    let filters = [
        EventFilter::default(),
        EventFilter { run: Some("r".into()), ..EventFilter::default() },
        EventFilter { as_of: Some(AsOf::Seq(Seq::new(600))), ..EventFilter::default() },
    ];
    for filter in filters {
        let by_tool = ledger.count_by(Dimension::Tool, &filter).unwrap();
        assert_eq!((by_tool.by_value.len(), by_tool.without_value), (60, 1));
        assert!(by_tool.by_value.is_sorted() && by_tool.by_value.iter().all(|(_, count)| *count == 10));
        let by_agent = ledger.count_by(Dimension::Agent, &filter).unwrap();
        assert_eq!((by_agent.by_value.len(), by_agent.without_value), (10, 1));
    }
}

#[test]
fn a_record_is_the_event_without_its_decoding() {
    let place = Place::new();
    let ledger = uses(&place, 20, |_| "Bash".into());
    let filter = EventFilter { agent: Some("agent-3".into()), ..EventFilter::default() };
    let (records, events) = (ledger.records(&filter).unwrap(), ledger.events(&filter).unwrap());
    assert_eq!(records.items.len(), 2);
    for (record, stored) in records.items.iter().zip(&events.items) {
        assert_eq!((record.seq(), record.leaf()), (stored.seq, stored.leaf));
        assert_eq!((record.commit_time(), &record.decode().unwrap()), (stored.commit_time, &stored.event));
        assert!(!record.payload().is_empty());
    }
}
