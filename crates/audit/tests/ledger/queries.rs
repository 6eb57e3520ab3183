//! Queries against a filter written the plain way, over random events.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use runledger_audit::{
    AnyOf, AsOf, Body, Custom, Dimension, Durability, Event, EventFilter, EventId, Kind, Ledger, Message,
    ModelCall, Order, PageTokenError, QueryAudit, QueryError, QueryParams, Seq, StoredEvent, Timestamp,
    ToolCall,
};

use super::{Place, at, custom};

fn name() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop::sample::select(vec!["a", "b", "a\0", "", "ab"]).prop_map(str::to_owned))
}

/// What a filter wants: one value, several, or what a pattern covers.
fn wanted() -> impl Strategy<Value = Option<AnyOf>> {
    let pattern = prop::sample::select(vec!["*", "a*", "?", "[!a]", "a?", "*b", "x*", "\\a"]);
    prop::option::of(prop_oneof![
        3 => name().prop_map(|name| name.map_or_else(AnyOf::default, AnyOf::from)),
        1 => prop::collection::vec(name(), 0..4).prop_map(|names| names.into_iter().flatten().collect()),
        1 => (pattern, name()).prop_map(|(pattern, name)| {
            AnyOf::glob(pattern).unwrap().or(name.map_or_else(AnyOf::default, AnyOf::from))
        }),
    ])
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        Just(Body::Custom(Custom::default())),
        Just(Body::Message(Message::default())),
        prop::sample::select(vec!["a", "b"])
            .prop_map(|tool| Body::ToolCall(ToolCall { tool_id: tool.into(), ..ToolCall::default() })),
        prop::sample::select(vec!["a", "b"])
            .prop_map(|model| Body::ModelCall(ModelCall { model_id: model.into(), ..ModelCall::default() })),
        name().prop_map(|subject| {
            let params = QueryParams { subject, ..QueryParams::default() };
            Body::QueryAudit(QueryAudit { params, ..QueryAudit::new() })
        }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let names = (name(), name(), name(), name(), name(), name(), name());
    (body(), -3_i64..4, names, (name(), name())).prop_map(
        |(body, time, (workspace, session, run, agent, actor, correlation, outcome), (lane, action))| Event {
            workspace_id: workspace,
            lane_id: lane,
            action,
            session_id: session,
            run_id: run,
            agent_id: agent,
            actor,
            correlation_id: correlation,
            outcome,
            ..at(time, Event::new(body))
        },
    )
}

fn filter() -> impl Strategy<Value = EventFilter> {
    let names = (wanted(), wanted(), wanted(), wanted(), wanted(), wanted(), wanted());
    let kinds = prop::collection::vec(
        prop::sample::select(vec![
            Kind::Custom,
            Kind::Message,
            Kind::ToolCall,
            Kind::ModelCall,
            Kind::QueryAudit,
            Kind::RunLog,
        ]),
        0..3,
    );
    let time = || proptest::option::of((-3_i64..4).prop_map(Timestamp::from_nanoseconds));
    let rare = |weight| prop::option::weighted(weight, wanted()).prop_map(Option::flatten);
    (
        names,
        kinds,
        (rare(0.3), rare(0.3), rare(0.15), rare(0.15), rare(0.15)),
        time(),
        time(),
        any::<bool>(),
        1_usize..4,
    )
        .prop_map(
            |(
                (workspace, session, run, agent, actor, correlation, outcome),
                kinds,
                (tool, model, subject, lane, action),
                from,
                to,
                back,
                limit,
            )| {
                EventFilter {
                    workspace: workspace.filter(|_| limit > 1),
                    session: session.filter(|_| limit > 2),
                    run,
                    agent: agent.filter(|_| limit == 1),
                    actor: actor.filter(|_| limit == 3),
                    kinds,
                    tool,
                    model,
                    subject,
                    lane,
                    action,
                    outcome: outcome.filter(|_| limit == 2),
                    correlation: correlation.filter(|_| limit == 1),
                    from,
                    to,
                    order: if back { Order::Descending } else { Order::Ascending },
                    limit,
                    ..EventFilter::default()
                }
            },
        )
}

/// What the filter means, without an index.
fn matches(filter: &EventFilter, event: &Event) -> bool {
    let same = |wanted: &Option<AnyOf>, found: Option<&str>| {
        wanted.as_ref().is_none_or(|wanted| found.is_some_and(|found| wanted.matches(found)))
    };
    let tool = if let Body::ToolCall(call) = &event.body { Some(call.tool_id.as_str()) } else { None };
    let model = if let Body::ModelCall(call) = &event.body { Some(call.model_id.as_str()) } else { None };
    let subject =
        if let Body::QueryAudit(audit) = &event.body { audit.params.subject.as_deref() } else { None };
    same(&filter.workspace, event.workspace_id.as_deref())
        && same(&filter.lane, event.lane_id.as_deref())
        && same(&filter.action, event.action.as_deref())
        && same(&filter.subject, subject)
        && same(&filter.session, event.session_id.as_deref())
        && same(&filter.run, event.run_id.as_deref())
        && same(&filter.agent, event.agent_id.as_deref())
        && same(&filter.actor, event.actor.as_deref())
        && same(&filter.outcome, event.outcome.as_deref())
        && same(&filter.correlation, event.correlation_id.as_deref())
        && same(&filter.tool, tool)
        && same(&filter.model, model)
        && (filter.kinds.is_empty() || filter.kinds.contains(&event.kind()))
        && filter.from.is_none_or(|from| event.timestamp >= from)
        && filter.to.is_none_or(|to| event.timestamp < to)
}

/// The events that match, of those that were known and not superseded by then.
fn plain_answer(filter: &EventFilter, events: &[Event]) -> Vec<Seq> {
    let known_end = match filter.as_of {
        Some(AsOf::Seq(seq)) => usize::try_from(seq.get()).unwrap() + 1,
        _ => events.len(),
    };
    let known = events.get(..known_end).unwrap_or(events);
    let is_superseded = |event: &Event| known.iter().any(|newer| newer.supersedes == Some(event.event_id));
    let mut found: Vec<_> = (0..)
        .zip(known)
        .filter(|(_, event)| matches(filter, event) && !is_superseded(event))
        .map(|(seq, event)| (event.timestamp, Seq::new(seq)))
        .collect();
    found.sort_unstable();
    if filter.order == Order::Descending {
        found.reverse();
    }
    found.into_iter().map(|(_, seq)| seq).collect()
}

fn plain_counts(dimension: Dimension, answer: &[Seq], events: &[Event]) -> (BTreeMap<String, u64>, u64) {
    let (mut by_value, mut without_value) = (BTreeMap::new(), 0);
    for seq in answer {
        match dimension.of(events.get(usize::try_from(seq.get()).unwrap()).unwrap()) {
            Some(value) => *by_value.entry(value.into_owned()).or_default() += 1,
            None => without_value += 1,
        }
    }
    (by_value, without_value)
}

/// All pages of an answer, and what `between` does between them.
fn paged(ledger: &Ledger, filter: &EventFilter, mut between: impl FnMut()) -> Vec<StoredEvent> {
    let (mut filter, mut all) = (filter.clone(), Vec::new());
    loop {
        let page = ledger.events(&filter).unwrap();
        assert!(page.items.len() <= filter.limit);
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        filter.page = Some(next.to_string().parse().unwrap());
        between();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_filter_answers_as_a_plain_scan_does(
        mut events in prop::collection::vec(event(), 1..60),
        superseding in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..20),
        filters in prop::collection::vec((filter(), prop::option::of(0_u64..60)), 30),
        reopened_after in any::<prop::sample::Index>(),
    ) {
        // Each event replaces one before it at most, and is replaced once at most.
        let mut replaced = BTreeSet::new();
        for (newer, older) in superseding {
            let newer = newer.index(events.len());
            if newer > 0 && events[newer].supersedes.is_none() && replaced.insert(older.index(newer)) {
                events[newer].supersedes = Some(events[older.index(newer)].event_id);
            }
        }
        let place = Place::new();
        let mut ledger = place.open();
        for (number, event) in events.iter().enumerate() {
            let _ = ledger.submit(event.clone(), Durability::Buffered).unwrap();
            if number == reopened_after.index(events.len()) {
                ledger.sync().unwrap();
                drop(ledger);
                ledger = place.open();
            }
        }
        ledger.sync().unwrap();
        let reader = place.read();
        for (filter, as_of) in filters {
            let filter = &EventFilter { as_of: as_of.map(|seq| AsOf::Seq(Seq::new(seq))), ..filter };
            let expected = plain_answer(filter, &events);
            for ledger in [&ledger, &reader] {
                let seqs: Vec<_> = paged(ledger, filter, || ()).iter().map(|stored| stored.seq).collect();
                prop_assert_eq!(&seqs, &expected);
                prop_assert_eq!(ledger.count(filter).unwrap(), expected.len() as u64);
                for dimension in [Dimension::Kind, Dimension::Outcome] {
                    let counts = ledger.count_by(dimension, filter).unwrap();
                    let counts = (counts.by_value.into_iter().collect(), counts.without_value);
                    prop_assert_eq!(counts, plain_counts(dimension, &expected, &events), "{:?}", filter);
                }
                let explained = ledger.explain(filter).unwrap();
                prop_assert_eq!(explained.matches, expected.len().min(filter.limit) as u64);
                prop_assert_eq!(explained.ended_at_limit, expected.len() > filter.limit);
            }
        }
    }
}

/// What happens between two pages.
#[derive(Debug, Clone)]
enum Between {
    Append(Box<Event>),
    /// A newer version of one of the events that were there at first.
    Supersede(Box<Event>, prop::sample::Index),
    Reopen,
    LoseTheIndex,
}

fn between() -> impl Strategy<Value = Vec<Between>> {
    let step = prop_oneof![
        8 => event().prop_map(|event| Between::Append(Box::new(event))),
        8 => (event(), any::<prop::sample::Index>()).prop_map(|(event, old)| Between::Supersede(Box::new(event), old)),
        1 => Just(Between::Reopen),
        1 => Just(Between::LoseTheIndex),
    ];
    prop::collection::vec(step, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pages_rest_on_what_the_first_one_rested_on_whatever_happens_between_them(
        events in prop::collection::vec(event(), 10..50),
        filter in filter(),
        loose in any::<bool>(),
        steps in prop::collection::vec(between(), 1..20),
    ) {
        // Half of the filters keep only their order and their pages, so that the answers are long.
        let (order, limit) = (filter.order, filter.limit);
        let filter = if loose { EventFilter { order, limit, ..EventFilter::default() } } else { filter };
        let place = Place::new();
        let mut ledger = Some(place.open());
        for event in &events {
            let _ = ledger.as_ref().unwrap().submit(event.clone(), Durability::Buffered).unwrap();
        }
        ledger.as_ref().unwrap().sync().unwrap();
        let expected = plain_answer(&filter, &events);
        let (mut found, mut page, mut steps) = (Vec::new(), None, steps.into_iter().cycle());
        loop {
            let answer = ledger.as_ref().unwrap().events(&EventFilter { page, ..filter.clone() }).unwrap();
            found.extend(answer.items.iter().map(|stored| stored.seq));
            page = answer.next;
            if page.is_none() {
                break;
            }
            for step in steps.next().into_iter().flatten() {
                happen(step, &events, &place, &mut ledger);
            }
        }
        prop_assert_eq!(found, expected);
    }
}

fn happen(step: Between, events: &[Event], place: &Place, ledger: &mut Option<Ledger>) {
    let append = |event| {
        let _ = ledger.as_ref().unwrap().append(event).unwrap();
    };
    match step {
        // Steps come round again: each time as another event.
        Between::Append(event) => append(Event { event_id: EventId::new(), ..*event }),
        Between::Supersede(event, old) => {
            let supersedes = Some(old.get(events).event_id);
            append(Event { event_id: EventId::new(), supersedes, ..*event });
        }
        Between::Reopen | Between::LoseTheIndex => {
            ledger.take().unwrap().close().unwrap();
            if matches!(step, Between::LoseTheIndex) {
                std::fs::remove_dir_all(place.path().join("index")).unwrap();
            }
            *ledger = Some(place.open());
        }
    }
}

#[test]
fn pages_neither_repeat_nor_skip_while_data_of_any_time_arrives() {
    for order in [Order::Ascending, Order::Descending] {
        let place = Place::new();
        let ledger = place.open();
        for time in 0..20 {
            ledger.append(at(time, custom("a"))).unwrap();
        }
        let filter = EventFilter { order, limit: 3, ..EventFilter::default() };
        let mut times = (-5..).step_by(3);
        let found = paged(&ledger, &filter, || {
            for time in times.by_ref().take(2) {
                ledger.append(at(time, custom("late"))).unwrap();
            }
        });
        let seqs: BTreeSet<_> = found.iter().map(|stored| stored.seq.get()).collect();
        assert_eq!((found.len(), seqs), (20, (0..20).collect()), "{order:?}");
    }
}

#[test]
fn a_token_of_another_question_is_refused() {
    let place = Place::new();
    let ledger = place.open();
    for _ in 0..3 {
        ledger.append(custom("a").with_run("r")).unwrap();
    }
    let filter = EventFilter { run: Some("r".into()), limit: 1, ..EventFilter::default() };
    let page = ledger.events(&filter).unwrap().next;
    let error = ledger.events(&EventFilter { page, run: None, ..filter }).unwrap_err();
    assert!(matches!(error, QueryError::Page(PageTokenError::OtherFilter)));
}
