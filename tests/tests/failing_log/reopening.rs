//! The same process opens the ledger again after its log failed.

use runledger_audit::{Body, Event, Ledger, RunStarted, RunStatus, RunStatusChanged};

use super::{Place, custom, ids};

fn started(run_id: &str) -> Event {
    Event::new(Body::RunStarted(RunStarted::default())).with_run(run_id)
}

/// A ledger whose log has just failed; `event` is of unknown outcome.
fn failed(place: &Place, event: Event) -> Ledger {
    let ledger = place.open();
    ledger.append(started("mine")).unwrap();
    place.disk.fail_syncs(1);
    assert!(ledger.append(event).unwrap_err().is_outcome_unknown());
    place.disk.fail_syncs(0);
    assert!(ledger.health().unwrap().log_failure.is_some());
    ledger
}

#[test]
fn after_a_failed_sync_the_same_process_can_close_open_and_send_again_and_each_is_stored_once() {
    let place = Place::new();
    let event = custom("a");
    let ledger = failed(&place, event.clone());
    let kept = ledger.clone();
    assert!(ledger.append(custom("b")).is_err(), "nothing is accepted until it is opened again");
    assert!(ledger.close().is_err(), "what failed is told");
    let again = place.options().continuing(&kept).open(place.path()).unwrap();
    again.append(event.clone()).unwrap();
    let found = ids(&again);
    assert_eq!(found.iter().filter(|id| **id == event.event_id).count(), 1);
    let writer = |id| again.event(id).unwrap().unwrap().event.writer_instance;
    assert_eq!(writer(event.event_id), writer(found[0]), "it is still the same process");
    // The handle of before neither writes nor keeps anybody out.
    assert!(kept.append(custom("c")).is_err());
}

#[test]
fn runs_of_a_process_that_opens_its_ledger_again_are_not_interrupted() {
    let place = Place::new();
    let ledger = failed(&place, custom("a"));
    let options = place.options().continuing(&ledger);
    assert!(ledger.close().is_err());
    let again = options.open(place.path()).unwrap();
    assert_eq!(again.interrupted_runs().unwrap(), [] as [String; 0]);
    assert_eq!(again.run("mine").unwrap().unwrap().status, RunStatus::Running);
    again
        .append(Event {
            run_id: Some("mine".into()),
            ..Event::new(Body::RunStatusChanged(RunStatusChanged {
                status: RunStatus::Completed,
                ended_at: None,
                reason: None,
                extra: Vec::new(),
            }))
        })
        .unwrap();
}

#[test]
fn runs_of_a_process_that_died_are_interrupted_also_by_one_that_opens_twice() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(started("theirs")).unwrap();
    ledger.close().unwrap();
    // Its own log fails before it could mark them.
    place.disk.fail_syncs(1);
    let ledger = place.open();
    assert!(ledger.append(started("mine")).is_err());
    place.disk.fail_syncs(0);
    let options = place.options().continuing(&ledger);
    assert!(ledger.close().is_err());
    let again = options.open(place.path()).unwrap();
    again.interrupted_runs().unwrap();
    assert_eq!(again.run("theirs").unwrap().unwrap().status, RunStatus::Interrupted);
}
