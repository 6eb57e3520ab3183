//! Recent events come from memory, and are those of the log all the same, whatever the index does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runledger_audit::{
    AsOf, ErrorClass, Event, EventFilter, IndexStatus, Ledger, Order, QueryError, Recent, Seq,
    UnsupportedFilter,
};

use super::index_health::{IndexFolder, wait_for};
use super::{Place, custom};

/// Their numbers, and that they are the events which the log has there.
fn seqs(ledger: &Ledger, recent: &Recent) -> Vec<u64> {
    for stored in &recent.events {
        assert_eq!(Some(stored.as_ref()), ledger.event_at(stored.seq).unwrap().as_ref());
    }
    recent.events.iter().map(|stored| stored.seq.get()).collect()
}

fn append(ledger: &Ledger, events: u64) {
    for _ in 0..events {
        ledger.append(custom("a").with_run("r")).unwrap();
    }
}

fn newest(ledger: &Ledger, limit: usize) -> Vec<u64> {
    let recent = ledger.recent(limit).unwrap();
    assert_eq!(recent.end, ledger.durable_end().unwrap(), "all that was acknowledged");
    seqs(ledger, &recent)
}

#[test]
fn recent_events_are_the_newest_of_the_log_each_once_and_in_its_order() {
    let place = Place::new();
    let ledger = place.open();
    assert!(newest(&ledger, 5).is_empty());
    append(&ledger, 3);
    assert_eq!(newest(&ledger, 5), [0, 1, 2]);
    append(&ledger, 4);
    assert_eq!(newest(&ledger, 2), [5, 6]);
    assert_eq!(newest(&ledger, 5), [2, 3, 4, 5, 6], "older ones are read when somebody wants them");
    assert!(newest(&ledger, 0).is_empty());
    let recent = ledger.recent(3).unwrap();
    assert_eq!((recent.from, recent.end), (Seq::new(4), Seq::new(7)));
}

#[test]
fn recent_events_are_there_while_the_index_is_paused_or_built_anew_and_after_opening() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 3);
    assert_eq!(newest(&ledger, 2), [1, 2]);
    ledger.pause_index().unwrap();
    append(&ledger, 3);
    assert_eq!(newest(&ledger, 4), [2, 3, 4, 5]);
    ledger.resume_index().unwrap();
    let mut asked = 0;
    ledger
        .rebuild_index(|_| {
            append(&ledger, 1);
            asked += 1;
            assert_eq!(newest(&ledger, 2), [4 + asked, 5 + asked]);
        })
        .unwrap();
    assert!(asked > 0);
    append(&ledger, 1);
    let end = 7 + asked;
    assert_eq!(newest(&ledger, 2), [end - 2, end - 1]);
    ledger.close().unwrap();

    std::fs::remove_dir_all(place.path().join("index")).unwrap();
    assert_eq!(newest(&place.read(), 1), [end - 1]);
    assert_eq!(newest(&place.open(), 2), [end - 2, end - 1]);
}

#[test]
fn recent_events_stay_right_while_the_index_cannot_be_written_and_when_it_has_healed() {
    let place = Place::new();
    let options = Ledger::options().index_tail_events_max(20).recent_events_max(50);
    let ledger = options.open(place.path()).unwrap();
    append(&ledger, 10);
    assert_eq!(newest(&ledger, 3), [7, 8, 9]);
    ledger.count(&EventFilter::default()).unwrap();
    let folder = IndexFolder::of(&place);
    folder.take_away();
    let mut end = 10;
    // It fails while the ring is asked, and again and again after that.
    wait_for(&ledger, |health| {
        append(&ledger, 7);
        end += 7;
        assert_eq!(newest(&ledger, 4), (end - 4..end).collect::<Vec<_>>());
        matches!(health.index.status, IndexStatus::Failed { attempts, .. } if attempts >= 3)
    });
    // More than the ring holds goes by, of which the index takes nothing.
    append(&ledger, 120);
    end += 120;
    assert_eq!(newest(&ledger, 100), (end - 50..end).collect::<Vec<_>>());
    let of_run = EventFilter { run: Some("r".into()), limit: 5, ..EventFilter::default() };
    let matching = ledger.recent_matching(&of_run).unwrap();
    assert_eq!(seqs(&ledger, &matching), (end - 5..end).collect::<Vec<_>>());
    folder.give_back();
    // The index goes over all of it once more, which the ring must not take for new events.
    wait_for(&ledger, |health| {
        assert_eq!(newest(&ledger, 100), (end - 50..end).collect::<Vec<_>>());
        health.index.lag_events == 0
    });
    append(&ledger, 1);
    assert_eq!(newest(&ledger, 2), [end - 1, end]);
}

#[test]
fn a_reader_beside_the_writer_shows_what_was_acknowledged_just_now() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 1);
    let reader = place.read();
    for number in 1..200 {
        append(&ledger, 1);
        let first = u64::saturating_sub(number, 3);
        assert_eq!(newest(&reader, 4), (first..=number).collect::<Vec<_>>());
    }
}

#[test]
fn no_more_is_kept_than_the_bounds_say() {
    let place = Place::new();
    let open = |events, bytes| {
        let options = Ledger::options().leave_runs_open(true).recent_events_max(events);
        options.recent_bytes_max(bytes).open(place.path()).unwrap()
    };
    let ledger = open(10, 1 << 20);
    append(&ledger, 25);
    let recent = ledger.recent(usize::MAX).unwrap();
    assert_eq!((recent.from, seqs(&ledger, &recent)), (Seq::new(15), (15..25).collect()));
    let kept = ledger.health().unwrap().live;
    assert_eq!(kept.recent_events, 10);
    let bytes_each = kept.recent_bytes / 10;
    ledger.close().unwrap();

    let bytes = usize::try_from(bytes_each * 4 + bytes_each / 2).unwrap();
    let ledger = open(1000, bytes);
    for _ in 0..3 {
        let end = ledger.durable_end().unwrap().get();
        assert_eq!(newest(&ledger, 100), (end - 4..end).collect::<Vec<_>>());
        assert!(ledger.health().unwrap().live.recent_bytes <= bytes as u64);
        append(&ledger, 1);
    }
    ledger.close().unwrap();

    let ledger = open(0, 1 << 20);
    append(&ledger, 1);
    assert!(newest(&ledger, 100).is_empty());
    ledger.close().unwrap();
    let ledger = open(5, 0);
    append(&ledger, 1);
    assert!(newest(&ledger, 100).is_empty());
    assert_eq!(ledger.health().unwrap().live.recent_events, 0);
}

#[test]
fn a_ring_that_nobody_asks_gives_its_memory_up_and_answers_again_when_somebody_does() {
    let place = Place::new();
    let ledger = Ledger::options().recent_events_max(10).open(place.path()).unwrap();
    append(&ledger, 30);
    assert_eq!(ledger.health().unwrap().live.recent_events, 0, "nobody asked yet");
    assert_eq!(newest(&ledger, 3).len(), 3);
    append(&ledger, 5);
    // A question to the index waits until it has them all.
    ledger.count(&EventFilter::default()).unwrap();
    assert_eq!(ledger.health().unwrap().live.recent_events, 8, "they came on their way into the index");
    append(&ledger, 30);
    ledger.count(&EventFilter::default()).unwrap();
    assert_eq!(ledger.health().unwrap().live.recent_events, 0);
    assert_eq!(newest(&ledger, 4), [61, 62, 63, 64]);
}

#[test]
fn superseded_events_are_shown_with_what_replaced_them() {
    let place = Place::new();
    let ledger = place.open();
    let old = custom("old");
    let new = Event { supersedes: Some(old.event_id), ..custom("new") };
    ledger.append(old).unwrap();
    ledger.append(new).unwrap();
    assert_eq!(newest(&ledger, 10), [0, 1]);
    assert_eq!(ledger.events(&EventFilter::default()).unwrap().items.len(), 1);
}

#[test]
fn a_filter_gives_the_newest_that_match_however_far_back_they_are_kept() {
    let place = Place::new();
    let ledger = Ledger::options().recent_events_max(4000).open(place.path()).unwrap();
    let of = |run: &str| EventFilter { run: Some(run.into()), limit: 3, ..EventFilter::default() };
    let submit = |run: &str| ledger.submit(custom("a").with_run(run), runledger_audit::Durability::Buffered);
    for _ in 0..5 {
        let _ = submit("early").unwrap();
    }
    for _ in 0..3000 {
        let _ = submit("late").unwrap();
    }
    ledger.sync().unwrap();
    let recent = ledger.recent_matching(&of("early")).unwrap();
    assert_eq!(seqs(&ledger, &recent), [2, 3, 4]);
    assert_eq!((recent.from, recent.end), (Seq::new(2), Seq::new(3005)));
    let newest_first = EventFilter { order: Order::Descending, ..of("late") };
    assert_eq!(seqs(&ledger, &ledger.recent_matching(&newest_first).unwrap()), [3004, 3003, 3002]);
    let none = ledger.recent_matching(&of("nobody")).unwrap();
    assert_eq!((none.events.len(), none.from), (0, Seq::new(0)));
    // Three thousand more, and the early ones are not kept any more.
    for _ in 0..3000 {
        let _ = submit("late").unwrap();
    }
    ledger.sync().unwrap();
    let gone = ledger.recent_matching(&of("early")).unwrap();
    assert_eq!((gone.events.len(), gone.from), (0, Seq::new(2005)));
}

#[test]
fn recent_events_have_no_pages_and_no_past() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 3);
    let filter = EventFilter { limit: 1, ..EventFilter::default() };
    let page = ledger.events(&filter).unwrap().next;
    assert!(page.is_some());
    let refused = |filter: &EventFilter| {
        let error = ledger.recent_matching(filter).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Refused);
        match error {
            QueryError::Unsupported(why) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&EventFilter { page, ..filter.clone() }), UnsupportedFilter::Page);
    let as_of = Some(AsOf::Seq(Seq::new(1)));
    assert_eq!(refused(&EventFilter { as_of, ..filter }), UnsupportedFilter::AsOf);
}

#[test]
fn beside_busy_writers_every_answer_is_a_piece_of_the_log_that_reaches_what_was_acknowledged() {
    const EVENTS: u64 = 600;
    let place = Place::new();
    let ledger = Ledger::options().recent_events_max(50).open(place.path()).unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..EVENTS / 3 {
                    let seq = ledger.append(custom("a")).unwrap().seq.get();
                    acknowledged.fetch_max(seq + 1, Ordering::SeqCst);
                }
            });
        }
        for limit in [1, 7, 100] {
            let (ledger, acknowledged) = (&ledger, &acknowledged);
            scope.spawn(move || {
                let mut last_end = 0;
                while last_end < EVENTS {
                    let due = acknowledged.load(Ordering::SeqCst);
                    let recent = ledger.recent(limit).unwrap();
                    let (from, end) = (recent.from.get(), recent.end.get());
                    assert!(end >= due && end >= last_end, "{end} after {due} and {last_end}");
                    let wanted = (limit as u64).min(50).min(end);
                    assert!(end - from >= wanted.min(1), "limit {limit}: {from}..{end}");
                    assert_eq!(seqs(ledger, &recent), (from..end).collect::<Vec<_>>());
                    last_end = end;
                }
                assert_eq!(ledger.recent(limit).unwrap().events.len(), limit.min(50));
            });
        }
    });
}
