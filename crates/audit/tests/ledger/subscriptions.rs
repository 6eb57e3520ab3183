//! What is stored from some record on, and then what comes: each event once, in order, and nobody is held up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runledger_audit::{
    AsOf, Durability, EventFilter, Ledger, Order, PAGE_ITEMS_DEFAULT, QueryError, Seq, StoredEvent,
    SubscribeFrom, Subscription, SubscriptionError, UnsupportedFilter,
};

use super::{Place, custom};

fn all() -> EventFilter {
    EventFilter::default()
}

fn of_run(run: &str) -> EventFilter {
    EventFilter { run: Some(run.into()), ..EventFilter::default() }
}

fn append(ledger: &Ledger, events: u64) {
    for _ in 0..events {
        ledger.append(custom("a").with_run("r")).unwrap();
    }
}

/// What is there already.
fn ready(subscription: &mut Subscription) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_next().unwrap()).map(|stored| stored.seq.get()).collect()
}

/// What comes until nothing more can.
fn rest(subscription: Subscription) -> Vec<u64> {
    subscription.map(|stored| stored.unwrap().seq.get()).collect()
}

#[test]
fn what_is_stored_comes_first_then_what_arrives_each_event_once_and_in_order() {
    const EVENTS: u64 = 600;
    let place = Place::new();
    let ledger = Ledger::options().recent_events_max(40).open(place.path()).unwrap();
    append(&ledger, EVENTS / 3);
    let starts = [0, 1, EVENTS / 3 - 1, EVENTS / 3, EVENTS / 2];
    let subscriptions = starts.map(|from| (from, ledger.subscribe(&all(), Seq::new(from)).unwrap()));
    let from_now = ledger.subscribe(&all(), SubscribeFrom::Now).unwrap();
    std::thread::scope(|scope| {
        let take = |from: u64, subscription: Subscription| {
            let seqs: Vec<u64> = subscription
                .take(usize::try_from(EVENTS - from).unwrap())
                .map(|stored| stored.unwrap().seq.get())
                .collect();
            assert_eq!(seqs, (from..EVENTS).collect::<Vec<_>>());
        };
        for (from, subscription) in subscriptions {
            scope.spawn(move || take(from, subscription));
        }
        scope.spawn(move || take(EVENTS / 3, from_now));
        for _ in 0..2 {
            scope.spawn(|| append(&ledger, EVENTS / 3));
        }
    });
}

#[test]
fn a_question_and_the_stream_behind_it_have_neither_a_gap_nor_an_event_twice() {
    let place = Place::new();
    let ledger = place.open();
    std::thread::scope(|scope| {
        scope.spawn(|| append(&ledger, 300));
        for _ in 0..10 {
            let end = ledger.durable_end().unwrap();
            let filter = EventFilter { as_of: Some(AsOf::Before(end)), limit: 1000, ..all() };
            let mut seqs: Vec<u64> =
                ledger.events(&filter).unwrap().items.iter().map(|stored| stored.seq.get()).collect();
            let mut coming = ledger.subscribe(&all(), end).unwrap();
            seqs.sort_unstable();
            assert_eq!(seqs.len() as u64, end.get());
            for _ in 0..10.min(300 - end.get()) {
                seqs.push(coming.next_until(None).unwrap().unwrap().seq.get());
            }
            assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>());
        }
    });
}

#[test]
fn only_what_matches_is_given_and_superseded_events_are() {
    let place = Place::new();
    let ledger = place.open();
    let mut subscription = ledger.subscribe(&of_run("r"), Seq::ZERO).unwrap();
    let old = custom("a").with_run("r");
    let new = runledger_audit::Event { supersedes: Some(old.event_id), ..custom("b").with_run("r") };
    for event in [custom("a").with_run("s"), old, custom("a"), new] {
        ledger.append(event).unwrap();
    }
    assert_eq!(ready(&mut subscription), [1, 3]);
    assert_eq!(subscription.next_seq(), Seq::new(4));
}

#[test]
fn a_paused_index_holds_no_subscription_up() {
    let place = Place::new();
    let ledger = place.open();
    let mut subscription = ledger.subscribe(&all(), SubscribeFrom::Now).unwrap();
    ledger.pause_index().unwrap();
    append(&ledger, 3);
    assert_eq!(subscription.next_until(None).unwrap().unwrap().seq, Seq::ZERO);
    assert_eq!(ready(&mut subscription), [1, 2]);
}

#[test]
fn a_deadline_ends_a_wait_and_nothing_else() {
    let place = Place::new();
    let ledger = place.open();
    let mut subscription = ledger.subscribe(&of_run("s"), SubscribeFrom::Now).unwrap();
    append(&ledger, 3);
    let started = Instant::now();
    let deadline = started + Duration::from_millis(20);
    assert!(subscription.next_until(Some(deadline)).unwrap().is_none());
    assert!(Instant::now() >= deadline && !subscription.has_ended());
    ledger.append(custom("a").with_run("s")).unwrap();
    // A deadline that passed costs no event.
    assert_eq!(subscription.next_until(Some(deadline)).unwrap().unwrap().seq, Seq::new(3));
}

#[test]
fn what_can_only_be_asked_of_the_past_is_refused() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 3);
    let page = ledger.events(&EventFilter { limit: 1, ..all() }).unwrap().next;
    let refused = |filter: EventFilter| match ledger.subscribe(&filter, SubscribeFrom::Now) {
        Err(QueryError::Unsupported(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(EventFilter { page, ..all() }), UnsupportedFilter::Page);
    assert_eq!(refused(EventFilter { as_of: Some(AsOf::Seq(Seq::ZERO)), ..all() }), UnsupportedFilter::AsOf);
    assert_eq!(refused(EventFilter { order: Order::Descending, ..all() }), UnsupportedFilter::Order);
    assert_eq!(refused(EventFilter { limit: PAGE_ITEMS_DEFAULT + 1, ..all() }), UnsupportedFilter::Limit);
}

#[test]
fn a_subscriber_that_lags_is_told_once_and_goes_on_or_skips_as_it_likes() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 20);
    let mut subscription = ledger.subscribe(&all(), Seq::ZERO).unwrap().with_lag_events_max(5);
    assert_eq!(subscription.lag().unwrap(), 20);
    // What was stored when it began is no lag of its own, and five more are allowed.
    append(&ledger, 5);
    assert_eq!(subscription.try_next().unwrap().unwrap().seq, Seq::ZERO);
    append(&ledger, 1);
    match subscription.try_next() {
        Err(SubscriptionError::Lagged { behind: 25, resume_at }) => assert_eq!(resume_at, Seq::new(1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(ready(&mut subscription), (1..26).collect::<Vec<_>>(), "told once, and nothing was lost");

    append(&ledger, 6);
    let Err(SubscriptionError::Lagged { behind: 6, .. }) = subscription.next_until(None) else {
        panic!("it had caught up, so that it is told again");
    };
    subscription.skip_to(Seq::new(30));
    assert_eq!(ready(&mut subscription), [30, 31]);
    subscription.skip_to(Seq::ZERO);
    assert!(ready(&mut subscription).is_empty(), "never back");
    subscription.skip_to(Seq::new(34));
    append(&ledger, 3);
    assert_eq!(ready(&mut subscription), [34]);
}

#[test]
fn a_slow_subscriber_holds_up_nobody_and_nothing_is_kept_for_it() {
    const EVENTS: u64 = 5000;
    let place = Place::new();
    let ledger = Ledger::options().recent_events_max(50).open(place.path()).unwrap();
    let mut slow = ledger.subscribe(&all(), SubscribeFrom::Now).unwrap();
    append(&ledger, 1);
    assert_eq!(slow.next_until(None).unwrap().unwrap().seq, Seq::ZERO);
    for _ in 1..EVENTS {
        let _ = ledger.submit(custom("a"), Durability::Buffered).unwrap();
    }
    ledger.sync().unwrap();
    let health = ledger.health().unwrap().live;
    assert_eq!((health.subscriptions, health.lag_events_max), (1, EVENTS - 1));
    assert!(health.recent_events <= 50, "{health:?}");
    assert_eq!(ready(&mut slow), (1..EVENTS).collect::<Vec<_>>());
    drop(slow);
    assert_eq!(ledger.health().unwrap().live.subscriptions, 0);
}

#[test]
fn a_subscription_goes_on_in_another_handle_where_one_ended() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 10);
    let mut first = place.read().subscribe(&all(), Seq::new(2)).unwrap();
    for expected in 2..6 {
        assert_eq!(first.try_next().unwrap().unwrap().seq, Seq::new(expected));
    }
    let resume_at = first.next_seq();
    drop(first);
    let reader = place.read();
    let mut second = reader.subscribe(&all(), resume_at).unwrap();
    assert_eq!(ready(&mut second), [6, 7, 8, 9]);
    append(&ledger, 1);
    assert_eq!(second.next_until(None).unwrap().unwrap().seq, Seq::new(10));
}

#[test]
fn a_hundred_subscriptions_share_each_event_that_was_decoded_once() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 1);
    let mut subscriptions: Vec<_> =
        (0..100).map(|_| ledger.subscribe(&all(), SubscribeFrom::Now).unwrap()).collect();
    for _ in 0..20 {
        append(&ledger, 1);
        let events: Vec<Arc<StoredEvent>> = subscriptions
            .iter_mut()
            .map(|subscription| subscription.next_until(None).unwrap().unwrap())
            .collect();
        let recent = ledger.recent(1).unwrap().events;
        assert!(events.iter().all(|event| Arc::ptr_eq(event, &recent[0])));
    }
    assert_eq!(ledger.health().unwrap().live.subscriptions, 100);
}

#[test]
fn subscriptions_in_threads_are_woken_by_every_event() {
    const EVENTS: u64 = 50;
    let place = Place::new();
    let ledger = place.open();
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (subscription, told) = (ledger.subscribe(&all(), SubscribeFrom::Now).unwrap(), told.clone());
            scope.spawn(move || {
                for stored in subscription.take(usize::try_from(EVENTS).unwrap()) {
                    told.send(stored.unwrap().seq.get()).unwrap();
                }
            });
        }
        for number in 0..EVENTS {
            append(&ledger, 1);
            // The next event comes only when all have this one: a wake-up that is lost would end the test.
            for _ in 0..8 {
                assert_eq!(heard.recv_timeout(Duration::from_secs(60)).unwrap(), number);
            }
        }
    });
}

#[test]
fn a_damaged_record_is_told_and_what_lies_behind_it_comes() {
    let place = Place::new();
    let ledger = place.open();
    let text = |number: u64| format!("the text of number {number}");
    for number in 0..40 {
        ledger.append(custom(&text(number))).unwrap();
    }
    ledger.close().unwrap();
    let segment = std::fs::read_dir(place.path().join("wal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| std::fs::read(path).is_ok_and(|bytes| find(&bytes, &text(20)).is_some()))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = find(&bytes, &text(20)).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    for events_max in [0, 10, 1000] {
        let ledger = Ledger::options().recent_events_max(events_max).open_read_only(place.path()).unwrap();
        let mut subscription = ledger.subscribe(&all(), Seq::ZERO).unwrap();
        let (mut seqs, mut errors) = (Vec::new(), 0);
        loop {
            match subscription.try_next() {
                Ok(Some(stored)) => {
                    assert_eq!(subscription.next_seq(), stored.seq.next());
                    seqs.push(stored.seq.get());
                }
                Ok(None) => break,
                Err(SubscriptionError::Query(QueryError::Log(_))) => errors += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(errors, 1);
        assert_eq!(seqs, (0..20).chain(21..40).collect::<Vec<_>>());
        let recent = ledger.recent(1000).unwrap();
        assert_eq!(recent.end, Seq::new(40));
        assert_eq!(recent.events.len(), events_max.min(39).min(1000));
    }
}

fn find(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text.as_bytes())
}

#[cfg(feature = "tokio")]
mod tasks {
    use std::future::{Future as _, poll_fn};
    use std::task::Poll;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[test]
    fn tasks_see_each_event_once_beside_appending_tasks_and_end_with_the_ledger() {
        const EVENTS: u64 = 200;
        let place = Place::new();
        let ledger = place.open();
        let seen = runtime().block_on(async {
            let follow = |mut subscription: Subscription| async move {
                let mut seqs = Vec::new();
                while let Some(stored) = subscription.next_async().await.unwrap() {
                    seqs.push(stored.seq.get());
                }
                assert!(subscription.has_ended());
                seqs
            };
            let followers: Vec<_> = (0..20)
                .map(|from| tokio::spawn(follow(ledger.subscribe(&all(), Seq::new(from)).unwrap())))
                .collect();
            for _ in 0..EVENTS {
                ledger.append_async(custom("a")).await.unwrap();
            }
            ledger.close().unwrap();
            let mut seen = Vec::new();
            for follower in followers {
                seen.push(follower.await.unwrap());
            }
            seen
        });
        for (from, seqs) in (0..).zip(seen) {
            assert_eq!(seqs, (from..EVENTS).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_call_that_is_dropped_loses_no_event() {
        let place = Place::new();
        let ledger = place.open();
        let mut subscription = ledger.subscribe(&all(), SubscribeFrom::Now).unwrap();
        runtime().block_on(async {
            for number in 0..20 {
                let mut dropped = Box::pin(subscription.next_async());
                poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context).is_pending())).await;
                drop(dropped);
                ledger.append_async(custom("a")).await.unwrap();
                assert_eq!(subscription.next_async().await.unwrap().unwrap().seq, Seq::new(number));
            }
        });
    }

    #[test]
    fn a_task_follows_the_writer_of_another_handle_and_ends_with_its_own() {
        let place = Place::new();
        let ledger = place.open();
        let reader = place.read();
        runtime().block_on(async {
            let mut subscription = reader.subscribe(&all(), SubscribeFrom::Now).unwrap();
            for number in 0..20 {
                let appended = ledger.append_async(custom("a"));
                let (seen, _) = (subscription.next_async(), appended.await.unwrap());
                assert_eq!(seen.await.unwrap().unwrap().seq, Seq::new(number));
            }
            let follower = tokio::spawn(async move { subscription.next_async().await.unwrap() });
            tokio::task::yield_now().await;
            reader.close().unwrap();
            assert!(follower.await.unwrap().is_none());
        });
    }
}

#[test]
fn the_stream_of_a_closed_ledger_is_what_it_holds_and_then_ends() {
    let place = Place::new();
    let ledger = place.open();
    append(&ledger, 3);
    let early = ledger.subscribe(&all(), Seq::ZERO).unwrap();
    let clone = ledger.clone();
    ledger.close().unwrap();
    let late = clone.subscribe(&all(), Seq::new(1)).unwrap();
    assert_eq!((rest(early), rest(late)), (vec![0, 1, 2], vec![1, 2]));
}
