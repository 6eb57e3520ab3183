//! Sums of usage against sums that are made the plain way, over random calls.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use runledger_audit::{
    Body, Custom, Days, Durability, Event, EventFilter, EventId, Kind, Ledger, ModelCall, Timestamp,
    ToolCall, Usage, UsageBy, UsageFigures, UsageReport, is_failure,
};

use super::{Place, at, custom};

fn name() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::sample::select(vec!["a", "b", ""]).prop_map(str::to_owned))
}

fn body() -> impl Strategy<Value = Body> {
    let model = prop::sample::select(vec!["big", "small"]);
    let cost = prop::option::of((0_u32..3_000_000).prop_map(|cost| f64::from(cost) / 1e7));
    prop_oneof![
        4 => (model, prop::array::uniform5(0_u64..1_000), cost).prop_map(|(model, tokens, cost_usd)| {
            let [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, thinking_tokens] = tokens;
            let usage =
                Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, thinking_tokens };
            Body::ModelCall(ModelCall { model_id: model.into(), usage, cost_usd, ..ModelCall::default() })
        }),
        2 => prop::sample::select(vec!["shell", "search"])
            .prop_map(|tool| Body::ToolCall(ToolCall { tool_id: tool.into(), ..ToolCall::default() })),
        1 => Just(Body::Custom(Custom::default())),
    ]
}

/// Events of four days, of which some replace an earlier one.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let outcome = prop::option::of(prop::sample::select(vec!["success", "failure", "error", "unknown"]));
    let event = (
        body(),
        0_i64..96,
        name(),
        name(),
        outcome,
        prop::option::weighted(0.2, any::<prop::sample::Index>()),
    );
    prop::collection::vec(event, 1..40).prop_map(|drawn| {
        let mut events = Vec::<Event>::new();
        let mut replaced = Vec::new();
        for (body, hour, agent_id, run_id, outcome, earlier) in drawn {
            let mut event = Event {
                agent_id,
                run_id,
                outcome: outcome.map(str::to_owned),
                ..at(hour * HOUR, Event::new(body))
            };
            if let Some(earlier) = earlier.filter(|_| !events.is_empty()) {
                let id = earlier.get(&events).event_id;
                if !replaced.contains(&id) {
                    replaced.push(id);
                    event.supersedes = Some(id);
                }
            }
            events.push(event);
        }
        events
    })
}

fn append_all(ledger: &Ledger, events: impl IntoIterator<Item = Event>) {
    let submitted: Vec<_> =
        events.into_iter().map(|event| ledger.submit(event, Durability::Durable).unwrap()).collect();
    for submitted in submitted {
        submitted.wait().unwrap();
    }
}

const HOUR: i64 = 3_600_000_000_000;

fn groupings() -> [UsageBy; 6] {
    [
        UsageBy::Model,
        UsageBy::Agent,
        UsageBy::Tool,
        UsageBy::Run,
        UsageBy::Session,
        UsageBy::Day(Days::at_offset(7_200)),
    ]
}

/// What a report says of a group, as a list.
fn listed(figures: &UsageFigures) -> [i64; 10] {
    let UsageFigures { model_calls, tool_calls, failures, input_tokens, output_tokens, .. } = *figures;
    let UsageFigures { cache_read_tokens, cache_write_tokens, thinking_tokens, priced_calls, .. } = *figures;
    let counts = [
        model_calls,
        tool_calls,
        failures,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        thinking_tokens,
        priced_calls,
    ];
    let mut listed = [figures.cost_usd_millionths; 10];
    for (figure, count) in listed.iter_mut().zip(counts) {
        *figure = i64::try_from(count).unwrap();
    }
    listed
}

fn naive(event: &Event) -> Option<[i64; 10]> {
    let failures = i64::from(event.outcome.as_deref().is_some_and(is_failure));
    match &event.body {
        Body::ModelCall(call) => {
            let Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, thinking_tokens } =
                call.usage;
            let tokens =
                [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, thinking_tokens]
                    .map(|tokens| i64::try_from(tokens).unwrap());
            #[expect(clippy::cast_possible_truncation, reason = "a few dollars")]
            let cost = (call.cost_usd.unwrap_or(0.0) * 1e6).round() as i64;
            let [input, output, read, write, thinking] = tokens;
            Some([
                1,
                0,
                failures,
                input,
                output,
                read,
                write,
                thinking,
                i64::from(call.cost_usd.is_some()),
                cost,
            ])
        }
        Body::ToolCall(_) => Some([0, 1, failures, 0, 0, 0, 0, 0, 0, 0]),
        _ => None,
    }
}

fn naive_value(by: &UsageBy, event: &Event) -> Option<String> {
    match (by, &event.body) {
        (UsageBy::Model, Body::ModelCall(call)) => Some(call.model_id.clone()),
        (UsageBy::Tool, Body::ToolCall(call)) => Some(call.tool_id.clone()),
        (UsageBy::Agent, _) => event.agent_id.clone(),
        (UsageBy::Run, _) => event.run_id.clone(),
        (UsageBy::Day(_), _) => {
            Some(format!("1970-01-0{}", (event.timestamp.as_nanoseconds() + 2 * HOUR) / (24 * HOUR) + 1))
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_grouping_has_the_sums_of_its_calls_and_adds_up_to_the_same_total(
        events in events(),
        agent in name(),
        from in prop::option::of(0_i64..96),
    ) {
        let place = Place::new();
        let ledger = place.open();
        append_all(&ledger, events);
        let from = from.map(|hour| Timestamp::from_nanoseconds(hour * HOUR));
        // Neither order nor limit decides what is summed up.
        let filter = EventFilter { agent: agent.map(Into::into), from, limit: 1, ..EventFilter::default() };
        let matching = ledger.events(&EventFilter { limit: usize::MAX, ..filter.clone() }).unwrap().items;
        for by in groupings() {
            let mut expected = BTreeMap::<(bool, Option<String>), [i64; 10]>::new();
            let mut total = [0; 10];
            for event in matching.iter().map(|stored| &stored.event) {
                let Some(figures) = naive(event) else { continue };
                let value = naive_value(&by, event);
                let group = expected.entry((value.is_none(), value)).or_default();
                for ((group, total), figure) in group.iter_mut().zip(&mut total).zip(figures) {
                    *group += figure;
                    *total += figure;
                }
            }
            let report = ledger.usage(&by, &filter).unwrap();
            let groups: Vec<_> =
                report.groups.iter().map(|group| (group.value.clone(), listed(&group.figures))).collect();
            let expected: Vec<_> = expected.into_iter().map(|((_, value), figures)| (value, figures)).collect();
            prop_assert_eq!(groups, expected, "{}", by.as_str());
            prop_assert_eq!(listed(&report.total), total, "{}", by.as_str());
        }
    }
}

#[test]
fn only_calls_are_summed_up_whatever_kinds_are_asked_for() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(custom("note")).unwrap();
    ledger.append(Event::new(Body::ToolCall(ToolCall::default()))).unwrap();
    let of = |kinds: &[Kind]| {
        let filter = EventFilter { kinds: kinds.to_vec(), ..EventFilter::default() };
        ledger.usage(&UsageBy::Agent, &filter).unwrap()
    };
    assert_eq!(of(&[]).total.tool_calls, 1);
    assert_eq!(of(&[Kind::Custom, Kind::ToolCall]).total.tool_calls, 1);
    assert_eq!(of(&[Kind::Custom]), UsageReport::default());
    assert_eq!(of(&[Kind::ModelCall]), UsageReport::default());
}

#[test]
fn progress_ends_at_the_number_of_calls() {
    let place = Place::new();
    let ledger = place.open();
    let call = || Event { event_id: EventId::new(), ..Event::new(Body::ToolCall(ToolCall::default())) };
    append_all(&ledger, (0..5_000).map(|_| call()));
    let (last, told) = (Cell::new(None), Cell::new(0));
    let report = ledger.usage_with_progress(&UsageBy::Tool, &EventFilter::default(), |progress| {
        told.set(told.get() + 1);
        last.set(Some((progress.done, progress.total)));
    });
    assert_eq!(report.unwrap().total.tool_calls, 5_000);
    assert_eq!((last.get(), told.get()), (Some((5_000, 5_000)), 2));
}
