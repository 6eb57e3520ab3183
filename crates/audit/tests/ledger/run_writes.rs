//! What can be said only once: the end of a run, an entry of its log. And runs written as their callers think of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use runledger_audit::{
    AppendError, AsOf, Body, Content, Durability, ErrorClass, Event, EventFilter, EventId, EventLeaf, Json,
    Kind, Ledger, NewRun, RunFinished, RunLog, RunStatistics, RunStatus, RunStatusChanged, Seq, TaskRun,
    Timestamp,
};

use runledger_wal::{Options, Wal};

use super::{Place, at, started};

fn finished(run_id: &str, status: RunStatus) -> Event {
    Event::new(Body::RunFinished(RunFinished::new(status))).with_run(run_id)
}

fn changed(run_id: &str, status: RunStatus) -> Event {
    Event::new(Body::RunStatusChanged(RunStatusChanged::new(status))).with_run(run_id)
}

fn logged(run_id: &str, sequence: u64, text: &str) -> Event {
    let payload = Some(Content::Inline(Json::from_value(text).unwrap()));
    let (event_type, extra) = ("progress".to_owned(), Vec::new());
    Event::new(Body::RunLog(RunLog { sequence, event_type, payload, extra })).with_run(run_id)
}

fn status(ledger: &Ledger, run_id: &str) -> RunStatus {
    ledger.run(run_id).unwrap().unwrap().status
}

fn is_finished_by(error: &AppendError, by: Seq) -> bool {
    matches!(error, AppendError::RunFinished { run_id, seq } if run_id == "r" && *seq == by)
}

/// Asks three times: with the first in flight, stored by this process, and stored by an earlier one.
fn in_flight_stored_and_opened_again(ask: impl Fn(&Ledger, Seq)) {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(started("r")).unwrap();
    ledger.pause_index().unwrap();
    let first = ledger.submit(finished("r", RunStatus::Completed), Durability::Buffered).unwrap();
    let seq = first.seq();
    ask(&ledger, seq);
    first.wait().unwrap();
    ledger.resume_index().unwrap();
    assert_eq!(status(&ledger, "r"), RunStatus::Completed);
    ask(&ledger, seq);
    ledger.close().unwrap();
    let ledger = place.open();
    ask(&ledger, seq);
    assert_eq!(ledger.durable_end().unwrap(), Seq::new(2), "nothing was appended");
    assert_eq!(ledger.anomalies().unwrap(), []);
}

#[test]
fn a_finished_run_is_not_finished_again_with_another_result() {
    in_flight_stored_and_opened_again(|ledger, first| {
        let error = ledger.append(finished("r", RunStatus::Failed)).unwrap_err();
        assert!(is_finished_by(&error, first), "{error}");
        assert_eq!((error.class(), error.is_conflict()), (ErrorClass::Refused, true));
    });
}

#[test]
fn the_same_finish_again_is_a_no_op_that_gives_the_earlier_receipt() {
    in_flight_stored_and_opened_again(|ledger, first| {
        let again = ledger.append(finished("r", RunStatus::Completed)).unwrap();
        assert_eq!((again.seq, again.duplicate), (first, true));
        assert_eq!(ledger.event_at(first).unwrap().unwrap().event.event_id, again.event_id);
    });
}

#[test]
fn the_state_of_a_finished_run_is_not_changed() {
    in_flight_stored_and_opened_again(|ledger, first| {
        for status in [RunStatus::Running, RunStatus::Interrupted, RunStatus::Failed] {
            let error = ledger.append(changed("r", status)).unwrap_err();
            assert!(is_finished_by(&error, first), "{error}");
        }
    });
}

#[test]
fn a_change_into_a_last_state_ends_a_run_as_a_finish_does() {
    let place = Place::new();
    let ledger = place.open();
    let end = ledger.append(changed("r", RunStatus::Canceled)).unwrap();
    let error = ledger.append(finished("r", RunStatus::Completed)).unwrap_err();
    assert!(is_finished_by(&error, end.seq), "{error}");
    assert!(ledger.append(finished("r", RunStatus::Canceled)).unwrap().duplicate);
}

#[test]
fn an_interrupted_run_may_go_on_and_be_finished() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(started("r")).unwrap();
    ledger.close().unwrap();
    let ledger = Ledger::open(place.path()).unwrap();
    assert_eq!(ledger.interrupted_runs().unwrap(), ["r"]);
    ledger.append(changed("r", RunStatus::Running)).unwrap();
    let run = ledger.run("r").unwrap().unwrap();
    assert_eq!((run.status, run.ended_at), (RunStatus::Running, None));
    ledger.append(finished("r", RunStatus::Completed)).unwrap();
    assert_eq!(status(&ledger, "r"), RunStatus::Completed);
    assert!(ledger.append(finished("r", RunStatus::Failed)).is_err());
}

#[test]
fn a_finish_that_supersedes_the_earlier_one_is_a_new_version() {
    let place = Place::new();
    let ledger = place.open();
    let first = finished("r", RunStatus::Completed);
    let newer = |old: &Event, status| Event { supersedes: Some(old.event_id), ..finished("r", status) };
    let second = newer(&first, RunStatus::Failed);
    let third = newer(&second, RunStatus::Timeout);
    // A late replacement of an old version replaces the newest: in flight one after the other, then stored.
    let late = newer(&first, RunStatus::Completed);
    ledger.pause_index().unwrap();
    for event in [&first, &second, &third, &late] {
        drop(ledger.submit(event.clone(), Durability::Buffered).unwrap());
    }
    ledger.sync().unwrap();
    ledger.resume_index().unwrap();
    assert_eq!(status(&ledger, "r"), RunStatus::Completed);
    ledger.append(newer(&second, RunStatus::Timeout)).unwrap();
    assert_eq!(status(&ledger, "r"), RunStatus::Timeout);
    let unrelated = started("other");
    ledger.append(unrelated.clone()).unwrap();
    assert!(ledger.append(newer(&unrelated, RunStatus::Failed)).is_err());
    assert_eq!(ledger.run("r").unwrap().unwrap().events, 1);
    assert_eq!(ledger.anomalies().unwrap(), []);
}

#[test]
fn a_run_goes_on_after_an_event_that_supersedes_its_end_and_says_so() {
    for is_paused in [true, false] {
        let place = Place::new();
        let ledger = place.open();
        if is_paused {
            ledger.pause_index().unwrap();
        }
        let end = finished("r", RunStatus::Completed);
        ledger.append(end.clone()).unwrap();
        let reopened = Event { supersedes: Some(end.event_id), ..changed("r", RunStatus::Running) };
        ledger.append(reopened).unwrap();
        ledger.append(finished("r", RunStatus::Failed)).unwrap();
        assert!(ledger.append(finished("r", RunStatus::Completed)).is_err());
        ledger.resume_index().unwrap();
        assert_eq!(status(&ledger, "r"), RunStatus::Failed);
        assert_eq!(ledger.anomalies().unwrap(), []);
    }
}

#[test]
fn of_many_threads_that_finish_a_run_one_does() {
    let place = Place::new();
    let ledger = place.open();
    let ends = [RunStatus::Completed, RunStatus::Failed, RunStatus::Canceled, RunStatus::Timeout];
    let results = std::thread::scope(|scope| {
        let finish = |status| ledger.append(finished("r", status));
        let threads: Vec<_> =
            ends.into_iter().cycle().take(12).map(|status| scope.spawn(move || finish(status))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(ledger.durable_end().unwrap(), Seq::new(1));
    assert_eq!(results.iter().flatten().filter(|receipt| !receipt.duplicate).count(), 1);
    assert_eq!(results.iter().flatten().count(), 3, "the others said something else");
    assert!(results.iter().flatten().all(|receipt| receipt.seq == Seq::new(0)));
}

/// A ledger in whose log conflicting events stand, past every check: as an earlier program wrote them, or one whose index
/// could not be asked.
fn with_conflicts(place: &Place) -> Ledger {
    let ledger = place.open();
    ledger.append(at(1, started("r"))).unwrap();
    ledger.append(at(2, finished("r", RunStatus::Completed))).unwrap();
    ledger.append(at(3, logged("r", 1, "a"))).unwrap();
    ledger.close().unwrap();
    let log =
        Wal::open(&place.path().join("wal"), Options::new().leaf_function(Arc::new(EventLeaf))).unwrap().0;
    for event in [
        at(4, finished("r", RunStatus::Failed)),
        at(5, finished("r", RunStatus::Completed)),
        at(6, logged("r", 1, "b")),
    ] {
        log.append(&payload_of(event), Durability::Durable).unwrap();
    }
    log.close().unwrap();
    place.open()
}

/// The event as a record of another ledger holds it.
fn payload_of(event: Event) -> Vec<u8> {
    let place = Place::new();
    let (ledger, id) = (place.open(), event.event_id);
    ledger.append(event).unwrap();
    ledger.record(id).unwrap().unwrap().payload().to_vec()
}

#[test]
fn a_conflict_that_reached_the_log_is_noted_and_changes_nothing() {
    let place = Place::new();
    let check = |ledger: &Ledger| {
        let run = ledger.run("r").unwrap().unwrap();
        assert_eq!((run.status, run.events), (RunStatus::Completed, 3));
        assert_eq!(run.ended_at, Some(Timestamp::from_nanoseconds(2)));
        let noted: Vec<Seq> = ledger.anomalies().unwrap().into_iter().map(|(seq, _)| seq).collect();
        assert_eq!(noted, [Seq::new(3), Seq::new(4), Seq::new(5)]);
        let filter = EventFilter { run: Some("r".into()), ..EventFilter::default() };
        assert_eq!(ledger.count(&filter).unwrap(), 3);
        assert_eq!(ledger.run_as_of("r", AsOf::Seq(Seq::new(4))).unwrap().unwrap(), run);
        assert_eq!(
            ledger.run_logs("r", 0, 9).unwrap().entries[0].payload.as_ref().unwrap().as_str(),
            "\"a\""
        );
    };
    let ledger = with_conflicts(&place);
    check(&ledger);
    check(&place.read());
    ledger.close().unwrap();
    std::fs::remove_dir_all(place.path().join("index")).unwrap();
    check(&place.open());
}

#[test]
fn what_replaces_a_conflict_takes_nothing_out_of_the_figures() {
    let place = Place::new();
    let ledger = with_conflicts(&place);
    let conflict = ledger.event_at(Seq::new(5)).unwrap().unwrap().event;
    let newer = Event { supersedes: Some(conflict.event_id), ..logged("r", 2, "c") };
    ledger.append(newer).unwrap();
    assert_eq!(ledger.run("r").unwrap().unwrap().events, 4);
    let sequences: Vec<u64> =
        ledger.run_logs("r", 0, 9).unwrap().entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [1, 2]);
}

#[test]
fn a_log_entry_again_is_a_no_op_and_another_of_its_number_an_error() {
    let place = Place::new();
    let ledger = place.open();
    let check = |ledger: &Ledger, first: Seq| {
        let again = ledger.append(logged("r", 7, "a")).unwrap();
        assert_eq!((again.seq, again.duplicate), (first, true));
        let error = ledger.append(logged("r", 7, "b")).unwrap_err();
        let is_it = matches!(&error, AppendError::LogEntry { run_id, sequence: 7, seq } if run_id == "r" && *seq == first);
        assert!(is_it && error.is_conflict(), "{error}");
    };
    ledger.pause_index().unwrap();
    let first = ledger.append(logged("r", 7, "a")).unwrap();
    check(&ledger, first.seq);
    ledger.resume_index().unwrap();
    check(&ledger, first.seq);
    ledger.append(logged("other", 7, "b")).unwrap();
    ledger.close().unwrap();
    check(&place.open(), first.seq);
}

#[test]
fn the_log_of_a_run_is_listed_in_sequence_order_in_pages_with_the_newest_versions() {
    let place = Place::new();
    let ledger = place.open();
    for sequence in [300, 2, 1, u64::MAX] {
        ledger.append(logged("r", sequence, "a")).unwrap();
    }
    ledger.append(logged("rr", 5, "another run's")).unwrap();
    let old = logged("r", 4, "old");
    ledger.append(old.clone()).unwrap();
    ledger.append(Event { supersedes: Some(old.event_id), ..logged("r", 4, "new") }).unwrap();
    let gone = logged("r", 9, "gone");
    ledger.append(gone.clone()).unwrap();
    ledger.append(Event { supersedes: Some(gone.event_id), ..logged("r", 10, "moved") }).unwrap();
    let (mut found, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let page = ledger.run_logs("r", from, 2).unwrap();
        found.extend(
            page.entries.into_iter().map(|entry| (entry.sequence, entry.payload.unwrap().to_string())),
        );
        next = page.next_sequence;
    }
    let expected = [(1, "a"), (2, "a"), (4, "new"), (10, "moved"), (300, "a"), (u64::MAX, "a")];
    assert_eq!(found, expected.map(|(sequence, text)| (sequence, format!("{text:?}"))));
    assert_eq!(ledger.anomalies().unwrap(), []);
}

#[test]
fn a_run_is_saved_from_nothing_and_from_any_state_and_not_overwritten_once_finished() {
    let place = Place::new();
    let ledger = place.open();
    let mut run = TaskRun::new("r", RunStatus::Queued);
    run.start.goal = Some("find it".into());
    run.start.session_id = Some("s".into());
    run.start.inputs = Some(Json::parse("[1]").unwrap());
    let save = |run: &TaskRun| ledger.save_run(run.clone()).unwrap().len();
    assert_eq!((save(&run), save(&run)), (1, 0));
    assert_eq!(status(&ledger, "r"), RunStatus::Queued);
    run.status = RunStatus::Running;
    assert_eq!((save(&run), save(&run)), (1, 0));
    run.start.goal = Some("find it now".into());
    assert_eq!((save(&run), save(&run)), (1, 0));
    run.status = RunStatus::Interrupted;
    assert_eq!((save(&run), save(&run)), (1, 0));
    run.status = RunStatus::Failed;
    run.error = Some("not there".into());
    run.ended_at = Some(Timestamp::MAX);
    run.statistics = RunStatistics { tool_calls: Some(7), ..RunStatistics::default() };
    assert_eq!((save(&run), save(&run)), (1, 0));

    let end = ledger.durable_end().unwrap();
    let others = [
        TaskRun { status: RunStatus::Running, ..run.clone() },
        TaskRun { error: None, ..run.clone() },
        TaskRun { start: NewRun { goal: None, ..run.start.clone() }, ..run.clone() },
    ];
    for other in others {
        let error = ledger.save_run(other).unwrap_err();
        assert!(matches!(error, AppendError::RunFinished { .. }), "{error}");
    }
    assert_eq!(ledger.durable_end().unwrap(), end, "nothing was appended");
    let saved = ledger.run("r").unwrap().unwrap();
    assert_eq!((saved.goal.as_str(), saved.status, saved.tool_calls), ("find it now", RunStatus::Failed, 7));
    assert_eq!((saved.error.as_deref(), saved.ended_at), (Some("not there"), Some(Timestamp::MAX)));
    assert_eq!(saved.inputs.unwrap().as_str(), "[1]");
    let starts = EventFilter { kinds: vec![Kind::RunStarted], ..EventFilter::default() };
    assert_eq!(ledger.count(&starts).unwrap(), 1, "another start takes the place of the first");
}

#[test]
fn a_run_that_is_saved_finished_is_started_and_finished() {
    let place = Place::new();
    let ledger = place.open();
    let run = TaskRun::new("r", RunStatus::Completed);
    assert_eq!(ledger.save_run(run.clone()).unwrap().len(), 2);
    assert_eq!(ledger.save_run(run).unwrap().len(), 0);
    assert_eq!(status(&ledger, "r"), RunStatus::Completed);
    let error = ledger.start_run(NewRun { goal: Some("another".into()), ..NewRun::new("r") }).unwrap_err();
    assert!(matches!(error, AppendError::RunFinished { .. }), "{error}");
}

#[test]
fn events_that_claim_nothing_go_on_in_a_run_that_has_ended() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(finished("r", RunStatus::Completed)).unwrap();
    let late = Event::new(Body::Custom(runledger_audit::Custom::default())).with_run("r");
    ledger.append(late).unwrap();
    let run = ledger.run("r").unwrap().unwrap();
    assert_eq!((run.events, run.status), (2, RunStatus::Completed));
}

/// What is said of one run: by which event, superseding which, and what.
#[derive(Debug, Clone)]
struct Said {
    status: RunStatus,
    supersedes: Option<usize>,
    /// Whether the index is paused, or goes on, before it is said.
    pauses: bool,
}

fn said() -> impl Strategy<Value = Said> {
    let status = prop::sample::select(vec![RunStatus::Completed, RunStatus::Failed, RunStatus::Running]);
    (status, prop::option::of(0_usize..8), any::<bool>()).prop_map(|(status, supersedes, pauses)| Said {
        status,
        supersedes,
        pauses,
    })
}

/// The rule, plainly: who has ended the run, and which event replaced which.
#[derive(Debug, Default)]
struct Rule {
    replaced_by: BTreeMap<usize, usize>,
    ended_by: Option<(usize, RunStatus)>,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Stored,
    Again(usize),
    Conflict(usize),
}

impl Rule {
    fn newest(&self, of: usize) -> usize {
        self.replaced_by.get(&of).map_or(of, |newer| self.newest(*newer))
    }

    fn judge(&mut self, number: usize, said: &Said) -> Verdict {
        let Said { status, supersedes, .. } = *said;
        if self.replaced_by.contains_key(&number) {
            return Verdict::Stored;
        }
        let old = supersedes.filter(|old| *old != number);
        let newest = old.map(|old| self.newest(old));
        if let Some((end, end_status)) = self.ended_by.filter(|(end, _)| newest != Some(*end)) {
            return if end_status == status { Verdict::Again(end) } else { Verdict::Conflict(end) };
        }
        if let (Some(old), Some(newest)) = (old, newest) {
            self.replaced_by.insert(old, number);
            self.replaced_by.insert(newest, number);
            self.ended_by = None;
        }
        if status != RunStatus::Running {
            self.ended_by = Some((number, status));
        }
        Verdict::Stored
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_said_of_a_run_the_rule_decides_in_flight_and_stored(all in prop::collection::vec(said(), 1..9)) {
        let place = Place::new();
        let ledger = place.open();
        let ids: Vec<EventId> = (0..8_u8).map(|number| EventId::from_bytes([number + 1; 16])).collect();
        let (mut rule, mut seqs, mut is_paused) = (Rule::default(), BTreeMap::new(), false);
        for (number, said) in all.iter().enumerate() {
            if said.pauses {
                if is_paused { ledger.resume_index() } else { ledger.pause_index() }.unwrap();
                is_paused = !is_paused;
            }
            let supersedes = said.supersedes.map(|old| ids[old]);
            let event = Event { event_id: ids[number], supersedes, ..changed("r", said.status) };
            let verdict = match ledger.append(event) {
                Ok(receipt) if receipt.duplicate => Verdict::Again(seqs[&receipt.seq]),
                Ok(receipt) => {
                    seqs.insert(receipt.seq, number);
                    Verdict::Stored
                }
                Err(AppendError::RunFinished { seq, .. }) => Verdict::Conflict(seqs[&seq]),
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            };
            prop_assert_eq!(verdict, rule.judge(number, said), "of {}", number);
        }
        ledger.resume_index().unwrap();
        let run = ledger.run("r").unwrap();
        if let Some((_, status)) = rule.ended_by {
            prop_assert_eq!(run.map(|run| run.status), Some(status));
        }
        prop_assert_eq!(ledger.anomalies().unwrap(), []);
    }
}
