//! Records that nobody waited for, on storage that fails.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::segment::name::segment_name;
use crate::testing::faulty::{Call, Fault, FaultyStorage};
use crate::testing::{append, payload, payloads, place, small};
use crate::{AppendError, Background, CloseError, Durability, Failure, Options, Seq, Wal};

const INPUT_OUTPUT_ERROR: i32 = 5;
const NO_SPACE: i32 = 28;

/// What a listener was told.
type Told = Arc<Mutex<Vec<Failure>>>;

/// Storage that can be told to fail, a log on it whose background the test is, and what that log's listener is told.
fn listened() -> (FaultyStorage, Options, Told) {
    let (storage, told) = (FaultyStorage::default(), Told::default());
    let listener = Arc::clone(&told);
    let options = small()
        .storage(Arc::new(storage.clone()))
        .background(Background::Caller)
        .sync_delay_max(Duration::from_secs(3600))
        .on_failure(move |failure| listener.lock().push(failure.clone()));
    (storage, options, told)
}

fn fault(call: Call, path_end: &'static str, errno: i32) -> Fault {
    Fault { call, path_end, after: 0, times: u32::MAX, errno }
}

fn tend(wal: &Wal) {
    while wal.tend() {}
}

#[test]
fn buffered_records_that_are_given_up_for_lack_of_space_are_told_once() {
    let (_directory, path) = place();
    let (storage, options, told) = listened();
    let (wal, _) = Wal::open(&path, options).unwrap();
    append(&wal, 0);
    for number in 1..4 {
        wal.append(&payload(number), Durability::Buffered).unwrap();
    }
    drop(wal.submit(&payload(4), Durability::Durable).unwrap());
    storage.fail(fault(Call::Write, "00.wal", NO_SPACE));
    tend(&wal);
    match told.lock().as_slice() {
        [failure @ Failure::Records { first_seq, records: 4, error }] => {
            assert_eq!((*first_seq, failure.is_outcome_unknown()), (Seq::new(1), false));
            assert!(error.is_storage_full(), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((wal.counters().records, wal.counters().records_failed), (1, 4));
    storage.heal();
    append(&wal, 1);
    tend(&wal);
    assert_eq!((payloads(&wal.reader()), told.lock().len()), (vec![payload(0), payload(1)], 1));
}

#[test]
fn a_failed_sync_leaves_in_doubt_what_was_written_before_it_too() {
    let (_directory, path) = place();
    let (storage, options, told) = listened();
    let (wal, _) = Wal::open(&path, options).unwrap();
    append(&wal, 0);
    wal.append(&payload(1), Durability::Written).unwrap();
    wal.append(&payload(2), Durability::Written).unwrap();
    wal.append(&payload(3), Durability::Buffered).unwrap();
    storage.fail(Fault { times: 1, ..fault(Call::Sync, "00.wal", INPUT_OUTPUT_ERROR) });
    tend(&wal);
    match told.lock().as_slice() {
        [failure @ Failure::Records { first_seq, records: 3, .. }] => {
            assert_eq!((*first_seq, failure.is_outcome_unknown()), (Seq::new(1), true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(wal.counters().records_failed, 3);
    drop(wal);
    assert!(matches!(told.lock().last(), Some(Failure::Close(CloseError::Append(_)))), "{told:?}");
}

#[test]
fn a_log_that_is_given_up_for_its_watermark_refuses_what_was_placed_at_once() {
    let (_directory, path) = place();
    let (storage, options, told) = listened();
    let (wal, _) = Wal::open(&path, options).unwrap();
    append(&wal, 0);
    wal.append(&payload(1), Durability::Written).unwrap();
    tend(&wal);
    append(&wal, 2);
    wal.append(&payload(3), Durability::Written).unwrap();
    storage.fail(fault(Call::Sync, "watermark", INPUT_OUTPUT_ERROR));
    wal.log.sync_watermark();
    let ticket = wal.submit(&payload(4), Durability::Durable);
    assert!(matches!(ticket, Err(AppendError::Poisoned(_))), "{ticket:?}");
    match told.lock().as_slice() {
        [failure @ Failure::Records { first_seq, records: 1, .. }] => {
            assert_eq!((*first_seq, failure.is_outcome_unknown()), (Seq::new(3), true));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_being_filled_when_the_log_was_given_up_is_settled_without_a_caller() {
    let (_directory, path) = place();
    let (storage, options, told) = listened();
    let (wal, _) = Wal::open(&path, options.background(Background::Threads)).unwrap();
    append(&wal, 0);
    for number in 1..3 {
        wal.append(&payload(number), Durability::Buffered).unwrap();
    }
    storage.fail(fault(Call::Sync, "watermark", INPUT_OUTPUT_ERROR));
    wal.log.sync_watermark();
    // By two threads, in any order.
    while told.lock().len() < 2 {
        std::thread::yield_now();
    }
    let mut told = told.lock();
    told.sort_by_key(Failure::records);
    let [Failure::Records { records: 0, .. }, Failure::Records { first_seq, records: 2, error }] =
        told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert!(*first_seq == Seq::new(1) && matches!(error, AppendError::Poisoned(_)), "{error:?}");
}

#[test]
fn dropping_the_last_handle_makes_everything_placed_durable() {
    let (_directory, path) = place();
    let (_, options, told) = listened();
    let (wal, _) = Wal::open(&path, options.clone()).unwrap();
    append(&wal, 0);
    wal.append(&payload(1), Durability::Written).unwrap();
    wal.append(&payload(2), Durability::Buffered).unwrap();
    drop(wal.submit(&payload(3), Durability::Durable).unwrap());
    drop(wal.clone());
    assert_eq!(wal.durable_end(), Seq::new(1), "there is another handle");
    drop(wal);
    let (wal, report) = Wal::open(&path, options).unwrap();
    assert_eq!((report.clean, report.next_seq, told.lock().len()), (true, Seq::new(4), 0));
    assert_eq!(payloads(&wal.reader()), (0..4).map(payload).collect::<Vec<_>>());
}

#[test]
fn a_close_that_fails_for_a_dropped_handle_is_told() {
    let (_directory, path) = place();
    let (storage, options, told) = listened();
    let (wal, _) = Wal::open(&path, options).unwrap();
    append(&wal, 0);
    wal.append(&payload(1), Durability::Buffered).unwrap();
    storage.fail(fault(Call::Write, "00.wal", NO_SPACE));
    drop(wal);
    let told = told.lock();
    let [Failure::Records { records: 1, .. }, Failure::Close(CloseError::Append(error))] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert!(error.is_storage_full());
}

#[test]
fn a_listener_that_panics_or_uses_the_storage_does_not_hold_up_the_log() {
    let (_directory, path) = place();
    let (storage, options, _) = listened();
    let options = options.background(Background::Threads).on_failure(|_| panic!("a listener's own bug"));
    let (wal, _) = Wal::open(&path, options).unwrap();
    append(&wal, 0);
    storage.fail(fault(Call::Write, "00.wal", NO_SPACE));
    let failed = wal.append(&payload(1), Durability::Durable);
    assert!(failed.is_err_and(|error| error.is_storage_full()));
    storage.heal();
    append(&wal, 1);
    assert!(path.join(segment_name(Seq::new(1))).exists());
}
