//! What may be stored once: by many threads at the same time, in batches, and where it reached the log twice all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use runledger_audit::{
    AppendError, BatchError, Body, Durability, Event, EventFilter, EventId, EventLeaf, Ledger, QueryAudit,
    QueryId, QueryParams, Receipt, RunFinished, RunLog, RunStatus, RunStatusChanged, Seq,
};
use runledger_wal::{Options, Wal};

use super::{Place, at, custom};

fn audit(number: u8, subject: &str) -> Event {
    let params = QueryParams { subject: Some(subject.to_owned()), ..QueryParams::default() };
    let audit = QueryAudit { params, ..QueryAudit::with_id(QueryId::from_bytes([number; 32])) };
    Event { agent_id: Some("planner".to_owned()), ..Event::new(Body::QueryAudit(audit)) }
}

fn finished(run_id: &str, status: RunStatus) -> Event {
    Event::new(Body::RunFinished(RunFinished::new(status))).with_run(run_id)
}

fn logged(run_id: &str, sequence: u64, event_type: &str) -> Event {
    let event_type = event_type.to_owned();
    Event::new(Body::RunLog(RunLog { sequence, event_type, payload: None, extra: Vec::new() }))
        .with_run(run_id)
}

/// Has threads append at once what `event` gives for the number of each.
fn at_once(
    ledger: &Ledger,
    threads: usize,
    event: impl Fn(usize) -> Event + Sync,
) -> Vec<Result<Receipt, AppendError>> {
    let barrier = std::sync::Barrier::new(threads);
    let append = |number| {
        let event = event(number);
        barrier.wait();
        ledger.append(event)
    };
    std::thread::scope(|scope| {
        let append = &append;
        let threads: Vec<_> = (0..threads).map(|number| scope.spawn(move || append(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Runs a test with an index that follows the log, and with one that is paused.
fn following_and_paused(test: impl Fn(&Ledger)) {
    for is_paused in [false, true] {
        let place = Place::new();
        let ledger = place.open();
        if is_paused {
            ledger.pause_index().unwrap();
        }
        test(&ledger);
        ledger.resume_index().unwrap();
        assert_eq!(ledger.anomalies().unwrap(), []);
    }
}

#[test]
fn of_many_threads_that_put_one_audit_at_once_one_stores_it_and_all_get_its_receipt() {
    following_and_paused(|ledger| {
        for round in 0..10_u8 {
            let end = ledger.durable_end().unwrap();
            let results = at_once(ledger, 8, |_| audit(round, "tea"));
            let receipts: Vec<Receipt> = results.into_iter().collect::<Result<_, _>>().unwrap();
            let new: Vec<&Receipt> = receipts.iter().filter(|receipt| !receipt.duplicate).collect();
            assert_eq!((new.len(), new[0].seq), (1, end));
            let said = |receipt: &Receipt| (receipt.seq, receipt.event_id, receipt.leaf);
            assert!(receipts.iter().all(|receipt| said(receipt) == said(new[0])), "{receipts:?}");
            assert_eq!(ledger.durable_end().unwrap(), end.next());
        }
    });
}

#[test]
fn of_many_threads_that_put_other_audits_under_one_id_at_once_one_is_stored_and_the_rest_conflict_with_it() {
    following_and_paused(|ledger| {
        for round in 0..10_u8 {
            let end = ledger.durable_end().unwrap();
            let results = at_once(ledger, 8, |number| audit(round, &number.to_string()));
            assert_eq!(results.iter().flatten().count(), 1);
            for refused in results.into_iter().filter_map(Result::err) {
                let is_it = matches!(refused, AppendError::QueryConflict { query_id, seq }
                    if (query_id, seq) == (QueryId::from_bytes([round; 32]), end));
                assert!(is_it, "{refused:?}");
            }
            assert_eq!(ledger.durable_end().unwrap(), end.next());
        }
    });
}

#[test]
fn an_audit_stays_that_of_its_query_whatever_supersedes_its_event() {
    following_and_paused(|ledger| {
        let first = audit(1, "tea");
        let seq = ledger.append(first.clone()).unwrap().seq;
        let refused = |event: Event| {
            let error = ledger.append(Event { supersedes: Some(first.event_id), ..event }).unwrap_err();
            assert!(matches!(error, AppendError::QueryConflict { seq: by, .. } if by == seq), "{error:?}");
        };
        refused(audit(1, "coffee"));
        ledger.append(Event { supersedes: Some(first.event_id), ..custom("correction") }).unwrap();
        refused(audit(1, "coffee"));
        ledger.resume_index().unwrap();
        refused(audit(1, "coffee"));
        assert_eq!(ledger.audit(QueryId::from_bytes([1; 32])).unwrap().unwrap().event_id, first.event_id);
    });
}

/// An event as a record of another ledger holds it.
fn payload_of(event: Event) -> Vec<u8> {
    let place = Place::new();
    let (ledger, id) = (place.open(), event.event_id);
    ledger.append(event).unwrap();
    ledger.record(id).unwrap().unwrap().payload().to_vec()
}

/// Appends events past every check: as an earlier program did, or one whose index could not be asked.
fn append_below(place: &Place, events: impl IntoIterator<Item = Event>) {
    let options = Options::new().create(true).leaf_function(Arc::new(EventLeaf));
    let log = Wal::open(&place.path().join("wal"), options).unwrap().0;
    for event in events {
        log.append(&payload_of(event), Durability::Durable).unwrap();
    }
    log.close().unwrap();
}

#[test]
fn a_query_id_that_stands_twice_in_the_log_is_noted_and_the_first_audit_holds() {
    let place = Place::new();
    let ledger = place.open();
    let first = at(1, audit(1, "tea"));
    ledger.append(first.clone()).unwrap();
    ledger.close().unwrap();
    let superseding = Event { supersedes: Some(first.event_id), ..at(4, audit(1, "milk")) };
    append_below(
        &place,
        [at(2, audit(1, "tea")), at(3, audit(1, "coffee")), superseding, at(5, audit(2, "tea"))],
    );
    let check = |ledger: &Ledger| {
        let noted = [
            (1, "repeats the query id of Seq 0"),
            (2, "repeats the query id of Seq 0, with other content"),
            (3, "repeats the query id of Seq 0, with other content"),
        ];
        let noted = noted.map(|(seq, reason)| (Seq::new(seq), reason.to_owned()));
        assert_eq!(ledger.anomalies().unwrap(), noted);
        let found = ledger.audit(QueryId::from_bytes([1; 32])).unwrap().unwrap();
        assert_eq!((found.event_id, found.seq), (first.event_id, Seq::ZERO));
        let listed: Vec<u64> = ledger.recent_audits(9).unwrap().iter().map(|audit| audit.seq.get()).collect();
        assert_eq!(listed, [4, 0], "the others are in no list");
        assert_eq!(ledger.count(&EventFilter::default()).unwrap(), 2);
    };
    check(&place.read());
    let ledger = place.open();
    check(&ledger);
    assert_eq!(ledger.append(audit(1, "tea")).unwrap().seq, Seq::ZERO);
    assert!(ledger.append(audit(1, "coffee")).unwrap_err().is_conflict());
    ledger.close().unwrap();
    std::fs::remove_dir_all(place.path().join("index")).unwrap();
    check(&place.open());
}

#[test]
fn a_batch_that_says_something_twice_stores_it_once_and_ends_where_it_contradicts_itself() {
    following_and_paused(|ledger| {
        let batch = [
            finished("a", RunStatus::Completed),
            logged("a", 1, "x"),
            audit(1, "tea"),
            finished("b", RunStatus::Failed),
            finished("a", RunStatus::Completed),
            logged("a", 1, "x"),
            audit(1, "tea"),
            logged("a", 2, "x"),
            finished("b", RunStatus::Completed),
            logged("a", 3, "x"),
        ];
        let BatchError { receipts, error } = ledger.append_batch(&batch).unwrap_err();
        let seqs: Vec<u64> = receipts.iter().map(|receipt| receipt.seq.get()).collect();
        assert_eq!(seqs, [0, 1, 2, 3, 0, 1, 2, 4]);
        let duplicates: Vec<bool> = receipts.iter().map(|receipt| receipt.duplicate).collect();
        assert_eq!(duplicates, [false, false, false, false, true, true, true, false]);
        assert!(
            matches!(&error, AppendError::RunFinished { run_id, seq } if run_id == "b" && seq.get() == 3)
        );
        assert_eq!(ledger.durable_end().unwrap(), Seq::new(5), "nothing behind the conflict is stored");
    });
}

/// One of a few events, many of which claim the same, or replace each other.
fn event(number: u8, what: u8, variant: bool, supersedes: Option<u8>) -> Event {
    let id = |number: u8| EventId::from_bytes([number + 1; 16]);
    let run = if what.is_multiple_of(2) { "a" } else { "b" };
    let event = match what / 2 {
        0 => finished(run, if variant { RunStatus::Completed } else { RunStatus::Failed }),
        1 => logged(run, 1, if variant { "x" } else { "y" }),
        2 => audit(what, if variant { "x" } else { "y" }),
        3 => Event::new(Body::RunStatusChanged(RunStatusChanged::new(RunStatus::Running))).with_run(run),
        _ => custom("c"),
    };
    at(i64::from(number), Event { event_id: id(number), supersedes: supersedes.map(id), ..event })
}

/// What came of an append, told by the event that is stored.
#[derive(Debug, PartialEq)]
enum Outcome {
    New,
    Again(EventId),
    Conflict(Option<EventId>),
}

/// The outcomes of appends, in words that don't depend on when the index came to the events.
struct Outcomes {
    stored: BTreeMap<Seq, EventId>,
    all: Vec<Outcome>,
}

impl Outcomes {
    fn receipts(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            if receipt.duplicate {
                self.all.push(Outcome::Again(receipt.event_id));
            } else {
                self.stored.insert(receipt.seq, receipt.event_id);
                self.all.push(Outcome::New);
            }
        }
    }

    fn error(&mut self, error: &AppendError) {
        let seq = match error {
            AppendError::Conflict { seq, .. }
            | AppendError::QueryConflict { seq, .. }
            | AppendError::RunFinished { seq, .. }
            | AppendError::LogEntry { seq, .. } => *seq,
            other => panic!("{other:?}"),
        };
        self.all.push(Outcome::Conflict(self.stored.get(&seq).copied()));
    }
}

/// Appends all in batches of so many; a batch that ends early goes on behind the event that ended it.
fn append_in_batches(ledger: &Ledger, events: &[Event], batch_events: usize) -> Vec<Outcome> {
    let mut outcomes = Outcomes { stored: BTreeMap::new(), all: Vec::new() };
    for mut batch in events.chunks(batch_events) {
        while !batch.is_empty() {
            let settled = match ledger.append_batch(batch) {
                Ok(receipts) => {
                    outcomes.receipts(&receipts);
                    batch.len()
                }
                Err(BatchError { receipts, error }) => {
                    outcomes.receipts(&receipts);
                    outcomes.error(&error);
                    receipts.len() + 1
                }
            };
            batch = batch.get(settled..).unwrap_or_default();
        }
    }
    outcomes.all
}

fn log_of(ledger: &Ledger) -> Vec<EventId> {
    ledger.tail(Seq::ZERO).map(|stored| stored.unwrap().event.event_id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_decides_as_its_events_one_after_the_other_do(
        said in prop::collection::vec((0_u8..12, 0_u8..9, any::<bool>(), prop::option::weighted(0.3, 0_u8..12)), 1..24),
        batch_events in 1_usize..24,
    ) {
        let events: Vec<Event> =
            said.into_iter().map(|(number, what, variant, old)| event(number, what, variant, old)).collect();
        let (one, many) = (Place::new(), Place::new());
        let (one, many) = (one.open(), many.open());
        // So that what is in flight, and not how far the index is, decides in both.
        for ledger in [&one, &many] {
            ledger.pause_index().unwrap();
        }
        let mut expected = Outcomes { stored: BTreeMap::new(), all: Vec::new() };
        for event in &events {
            match one.append(event.clone()) {
                Ok(receipt) => expected.receipts(&[receipt]),
                Err(error) => expected.error(&error),
            }
        }
        let expected = expected.all;
        prop_assert_eq!(append_in_batches(&many, &events, batch_events), expected);
        prop_assert_eq!(log_of(&many), log_of(&one));
        for ledger in [&one, &many] {
            ledger.resume_index().unwrap();
        }
        prop_assert_eq!(many.anomalies().unwrap(), one.anomalies().unwrap());
        for run in ["a", "b"] {
            prop_assert_eq!(many.run(run).unwrap(), one.run(run).unwrap());
        }
    }
}
