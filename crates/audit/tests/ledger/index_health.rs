//! The index lags, is paused, can't be written, is built anew: it is told, appends go on, and answers are right or late.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use runledger_audit::{
    Durability, ErrorClass, EventFilter, Health, IndexError, IndexStatus, Ledger, Progress, QueryError, Seq,
};
use runledger_ingest::WaitError;

use super::{Place, custom};

fn count(ledger: &Ledger) -> u64 {
    ledger.count(&EventFilter::default()).unwrap()
}

fn append(ledger: &Ledger, events: u64) {
    for _ in 0..events {
        ledger.append(custom("a").with_run("r")).unwrap();
    }
}

/// Asks until the answer is as wanted, for as long as a slow machine may take.
pub(super) fn wait_for(ledger: &Ledger, mut wanted: impl FnMut(&Health) -> bool) -> Health {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let health = ledger.health().unwrap();
        if wanted(&health) {
            return health;
        }
        assert!(Instant::now() < deadline, "{health:?}");
        std::thread::yield_now();
    }
}

/// The folder of a ledger's index, which can be taken away so that nothing can be written there.
pub(super) struct IndexFolder {
    there: PathBuf,
    away: PathBuf,
}

impl IndexFolder {
    pub(super) fn of(place: &Place) -> Self {
        Self { there: place.path().join("index"), away: place.path().join("away") }
    }

    pub(super) fn take_away(&self) {
        std::fs::rename(&self.there, &self.away).unwrap();
    }

    pub(super) fn give_back(&self) {
        std::fs::rename(&self.away, &self.there).unwrap();
    }
}

#[test]
fn a_paused_index_lags_and_nothing_else_waits() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 3);
    assert_eq!(count(&ledger), 3);
    assert!(ledger.health().unwrap().is_well());
    ledger.pause_index().unwrap();
    append(&ledger, 4);
    let health = ledger.health().unwrap();
    assert_eq!(health.index.status, IndexStatus::Paused);
    assert_eq!((health.durable_end, health.unsafe_events), (Seq::new(7), 0));
    assert_eq!((health.index.indexed_end, health.index.lag_events), (Seq::new(3), 4));
    assert!(health.index.lag.is_some() && health.is_well(), "{health:?}");

    let hurried = ledger.with_query_wait(Duration::from_millis(20));
    let started = Instant::now();
    let error = hurried.count(&EventFilter::default()).unwrap_err();
    assert!(started.elapsed() >= Duration::from_millis(20));
    let timeout = WaitError::Timeout { indexed_end: Seq::new(3), wanted: Seq::new(7) };
    assert!(matches!(&error, QueryError::Behind(why) if *why == timeout), "{error:?}");

    ledger.resume_index().unwrap();
    assert_eq!(count(&ledger), 7);
    assert_eq!(hurried.with_query_wait(Duration::from_secs(30)).count(&EventFilter::default()).unwrap(), 7);
    let health = ledger.health().unwrap();
    assert_eq!((health.index.status, health.index.lag_events), (IndexStatus::Following, 0));
    drop(hurried);
    // A pause is no reason not to close.
    ledger.pause_index().unwrap();
    append(&ledger, 1);
    ledger.close().unwrap();
    assert_eq!(count(&place.open()), 8);
}

#[test]
fn an_event_that_is_sent_again_while_the_index_is_paused_counts_once() {
    let place = Place::new();
    let ledger = place.open();
    let (indexed, in_flight) = (custom("a").with_run("r"), custom("b").with_run("r"));
    ledger.append(indexed.clone()).unwrap();
    assert_eq!(count(&ledger), 1);
    ledger.pause_index().unwrap();
    // What is in flight is known without the index, and so is what it has indexed.
    assert!(!ledger.append(in_flight.clone()).unwrap().duplicate);
    assert!(ledger.append(in_flight).unwrap().duplicate);
    assert!(ledger.append(indexed.clone()).unwrap().duplicate);
    // A new process does not know of the first what the index does not tell it.
    let killed = place.killed();
    let reopened = killed.open();
    reopened.pause_index().unwrap();
    let again = reopened.append(indexed).unwrap();
    reopened.resume_index().unwrap();
    // The two, and that their run was interrupted.
    assert_eq!(count(&reopened), 3);
    let anomalies = reopened.anomalies().unwrap();
    assert_eq!(
        again.duplicate,
        anomalies.is_empty(),
        "known before the pause, or noted after it: {anomalies:?}"
    );
}

#[test]
fn an_index_that_cannot_be_written_never_stops_appends_and_heals_without_reopening() {
    let place = Place::new();
    let ledger = Ledger::options().index_tail_events_max(20).open(place.path()).unwrap();
    append(&ledger, 10);
    assert_eq!(count(&ledger), 10);
    let folder = IndexFolder::of(&place);
    folder.take_away();
    let mut appended = 10;
    let failed = wait_for(&ledger, |health| {
        append(&ledger, 10);
        appended += 10;
        matches!(health.index.status, IndexStatus::Failed { attempts, .. } if attempts >= 3)
    });
    assert!(!failed.is_well() && failed.log_failure.is_none(), "{failed:?}");
    let IndexStatus::Failed { reason, .. } = failed.index.status else { unreachable!() };
    assert_eq!(failed.index.last_failure, Some(reason));
    // Appends don't wait for it, however many, and questions are told.
    let before = ledger.health().unwrap();
    append(&ledger, 200);
    appended += 200;
    let after = ledger.health().unwrap();
    assert_eq!(after.index.indexed_end, before.index.indexed_end, "nothing piles up in memory");
    assert_eq!(after.index.lag_events, before.index.lag_events + 200);
    let error = ledger.count(&EventFilter::default()).unwrap_err();
    assert!(matches!(&error, QueryError::Behind(WaitError::Failed { .. })), "{error:?}");
    assert_eq!(error.class(), ErrorClass::Storage);

    folder.give_back();
    let healed = wait_for(&ledger, |health| health.index.lag_events == 0);
    assert!(healed.is_well() && healed.index.last_failure.is_some(), "{healed:?}");
    assert_eq!(count(&ledger), appended);
    ledger.close().unwrap();
    assert_eq!(count(&place.open()), appended);
}

#[test]
fn a_reader_sees_that_the_writers_index_is_far_behind_and_answers_all_the_same() {
    let place = Place::new();
    let ledger = Ledger::options().index_tail_events_max(20).open(place.path()).unwrap();
    append(&ledger, 30);
    let options = || Ledger::options().index_tail_events_max(20);
    ledger.pause_index().unwrap();
    append(&ledger, 41);
    let reader = options().open_read_only(place.path()).unwrap();
    let health = reader.health().unwrap();
    assert_eq!(health.index.status, IndexStatus::FarBehind { tail_events_max: 20 });
    assert!(!health.is_well() && health.index.lag_events > 40);
    assert_eq!(count(&reader), 71);
    ledger.close().unwrap();
    assert_eq!(count(&place.open()), 71);
    let health = reader.health().unwrap();
    assert_eq!((health.index.status, health.index.lag_events), (IndexStatus::BesideWriter, 0));
}

#[test]
fn rebuilding_shows_its_progress_gives_the_same_and_is_for_writers() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 50);
    let before = ledger.events(&EventFilter::default()).unwrap();
    let mut seen = Vec::new();
    ledger.rebuild_index(|progress| seen.push(progress)).unwrap();
    assert_eq!(seen.last(), Some(&Progress { done: 50, total: 50 }));
    assert_eq!(ledger.events(&EventFilter::default()).unwrap(), before);
    let reader = place.read();
    for refused in [reader.rebuild_index(|_| ()), reader.pause_index(), reader.resume_index()] {
        assert!(matches!(refused, Err(IndexError::ReadOnly)), "{refused:?}");
    }
}

#[test]
fn a_reader_without_an_index_answers_within_its_deadline_or_goes_on_where_it_was() {
    let place = Place::new();
    let ledger = place.open();
    for _ in 0..20_000 {
        let _ = ledger.submit(custom("a").with_run("r"), Durability::Buffered).unwrap();
    }
    ledger.close().unwrap();
    std::fs::remove_dir_all(place.path().join("index")).unwrap();
    let reader = place.read();
    let health = reader.health().unwrap();
    assert!(matches!(health.index.status, IndexStatus::Unusable { .. }), "{health:?}");
    let hurried = reader.with_query_wait(Duration::ZERO);
    let (mut answers, mut reached) = (0, Seq::ZERO);
    for _ in 0..10 {
        match hurried.count(&EventFilter::default()) {
            Ok(found) => {
                assert_eq!(found, 20_000);
                answers += 1;
            }
            Err(QueryError::Behind(WaitError::Timeout { indexed_end, wanted })) => {
                assert!(indexed_end > reached && wanted == Seq::new(20_000), "{indexed_end} after {reached}");
                reached = indexed_end;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(answers > 0 && reached > Seq::ZERO, "late at first, and then there: {answers}, {reached}");
}

#[test]
fn what_is_indexed_again_after_a_crash_is_bounded() {
    const TAIL_EVENTS_MAX: u64 = 25;
    let place = Place::new();
    let ledger = Ledger::options().index_tail_events_max(TAIL_EVENTS_MAX).open(place.path()).unwrap();
    for number in 1..=200 {
        append(&ledger, 1);
        // So that no batch has more than this one.
        assert_eq!(count(&ledger), number);
        let lag = place.read().health().unwrap().index.lag_events;
        assert!(lag <= TAIL_EVENTS_MAX + 1, "{lag} of {number} would be indexed again");
    }
}

#[test]
fn what_is_not_durable_yet_is_told_in_events_bytes_and_time() {
    let place = Place::new();
    let ledger = place.open();
    let idle = ledger.health().unwrap();
    assert_eq!((idle.unsafe_events, idle.unsafe_for, idle.queue.events, idle.queue.bytes), (0, None, 0, 0));
    assert!(idle.queue.bytes_max > 0 && idle.log_last_failure.is_none());
    append(&ledger, 1);
    let written = ledger.health().unwrap().log_bytes_written;
    assert!(written > idle.log_bytes_written);
    // What nobody waits for is synced in the background, some time later.
    let queued = wait_for(&ledger, |health| {
        if health.queue.events == 0 {
            let _ = ledger.submit(custom("b"), Durability::Buffered).unwrap();
        }
        health.queue.events > 0
    });
    assert!(queued.unsafe_events >= queued.queue.events && queued.queue.bytes > 0, "{queued:?}");
    assert!(queued.unsafe_for.is_some(), "{queued:?}");
    ledger.sync().unwrap();
    let synced = ledger.health().unwrap();
    assert_eq!((synced.unsafe_events, synced.unsafe_for, synced.queue.events), (0, None, 0));
    assert!(synced.log_bytes_written > written);
}
