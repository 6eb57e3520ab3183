//! Newer versions of events.

use runledger_audit::{Body, Event, EventFilter, Ledger, ModelCall, Seq, Usage};

use super::{Place, at};

fn answer(output_tokens: u64, supersedes: Option<&Event>) -> Event {
    let usage = Usage { output_tokens, ..Usage::default() };
    let body = Body::ModelCall(ModelCall { usage, ..ModelCall::default() });
    Event { supersedes: supersedes.map(|event| event.event_id), ..at(7, Event::new(body)).with_run("r") }
}

fn live(ledger: &Ledger) -> (Vec<u64>, u64, u64) {
    let events = ledger.events(&EventFilter { run: Some("r".into()), ..EventFilter::default() }).unwrap();
    let run = ledger.run("r").unwrap().unwrap();
    (events.items.iter().map(|stored| stored.seq.get()).collect(), run.events, run.output_tokens)
}

#[test]
fn queries_and_figures_use_the_newest_version_and_the_tail_shows_both() {
    let place = Place::new();
    let ledger = place.open();
    let first = answer(1, None);
    let second = answer(20, Some(&first));
    let third = answer(300, Some(&second));
    for event in [&first, &second, &third] {
        ledger.append(event.clone()).unwrap();
    }
    assert_eq!(live(&ledger), (vec![2], 1, 300));
    assert_eq!(ledger.tail(Seq::new(0)).count(), 3);
    assert!(ledger.event(first.event_id).unwrap().is_some(), "an old version is still found by its id");
    drop(ledger);
    std::fs::remove_dir_all(place.path().join("index")).unwrap();
    assert_eq!(live(&place.open()), (vec![2], 1, 300), "a rebuild gives the same");
}

#[test]
fn two_versions_that_replace_the_same_event_do_not_count_twice() {
    let place = Place::new();
    let ledger = place.open();
    let first = answer(1, None);
    for event in [&first, &answer(20, Some(&first)), &answer(300, Some(&first))] {
        ledger.append(event.clone()).unwrap();
    }
    assert_eq!(live(&ledger), (vec![2], 1, 300));
}

#[test]
fn a_late_replacement_of_an_old_version_replaces_the_newest_one() {
    let place = Place::new();
    let ledger = place.open();
    let other = answer(5000, None);
    let first = answer(1, None);
    let second = answer(20, Some(&first));
    let third = answer(300, Some(&second));
    let late = answer(4, Some(&first));
    for event in [&other, &first, &second, &third, &late] {
        ledger.append(event.clone()).unwrap();
    }
    assert_eq!(live(&ledger), (vec![0, 4], 2, 5004));
}

#[test]
fn a_version_that_comes_before_what_it_replaces_stays_the_newest() {
    let place = Place::new();
    let ledger = place.open();
    let first = answer(1, None);
    ledger.append(answer(20, Some(&first))).unwrap();
    ledger.append(first).unwrap();
    assert_eq!(live(&ledger), (vec![0], 1, 20));
}

#[test]
fn an_event_that_claims_to_replace_itself_counts_once() {
    let place = Place::new();
    let ledger = place.open();
    let mut event = answer(1, None);
    event.supersedes = Some(event.event_id);
    ledger.append(event).unwrap();
    assert_eq!(live(&ledger), (vec![0], 1, 1));
}
