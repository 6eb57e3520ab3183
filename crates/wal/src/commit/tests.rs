//! What appends come to when the storage fails.

use std::sync::Arc;
use std::time::Duration;

use crate::segment::name::segment_name;
use crate::testing::faulty::{Call, Fault, FaultyStorage};
use crate::testing::{append, kill, payload, payloads, place, small};
use crate::{
    AppendError, Background, CloseError, Durability, DurableWait, Options, Seq, VerifyOptions, Wal, verify,
};

const INPUT_OUTPUT_ERROR: i32 = 5;
const TOO_MANY_FILES: i32 = 24;
const NO_SPACE: i32 = 28;
const INTERRUPTED: i32 = 4;

fn faulty() -> (FaultyStorage, Options) {
    let storage = FaultyStorage::default();
    let options = small().storage(Arc::new(storage.clone())).sync_delay_max(Duration::from_secs(3600));
    (storage, options)
}

fn fault(call: Call, path_end: &'static str, errno: i32) -> Fault {
    Fault { call, path_end, after: 0, times: u32::MAX, errno }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_the_log_is_opened_again() {
    let (_directory, path) = place();
    let (storage, options) = faulty();
    // Without threads, so that nobody but this one syncs.
    let options = options.background(Background::Caller);
    let (wal, _) = Wal::open(&path, options.clone()).unwrap();
    append(&wal, 0);
    storage.fail(Fault { times: 1, ..fault(Call::Sync, ".wal", INPUT_OUTPUT_ERROR) });
    let failed = wal.append(&payload(1), Durability::Durable);
    assert!(matches!(failed, Err(AppendError::OutcomeUnknown(_))), "{failed:?}");
    let syncs = storage.syncs();
    for durability in [Durability::Durable, Durability::Written, Durability::Buffered] {
        let refused = wal.append(&payload(2), durability);
        assert!(matches!(refused, Err(AppendError::Poisoned(_))), "{refused:?}");
    }
    assert!(matches!(wal.sync(), Err(AppendError::Poisoned(_))));
    assert_eq!(storage.syncs(), syncs, "a failed sync is never tried again");
    assert_eq!(wal.durable_end(), Seq::new(1));
    assert_eq!(wal.wait_durable_past(Seq::new(1), None), DurableWait::Closed(Seq::new(1)));
    assert_eq!(payloads(&wal.reader()), [payload(0)]);
    assert!(matches!(wal.close(), Err(CloseError::Append(_))));

    // What was written and not acknowledged may be there; it is written and synced again before anybody sees it.
    let (wal, report) = Wal::open(&path, options).unwrap();
    assert!(!report.clean);
    assert_eq!(report.next_seq, Seq::new(1 + report.recovered_records));
    append(&wal, report.next_seq.get());
    assert_eq!(payloads(&wal.reader()), (0..=report.next_seq.get()).map(payload).collect::<Vec<_>>());
}

#[test]
fn a_failed_write_is_an_unknown_outcome_for_all_who_waited() {
    let (_directory, path) = place();
    let (storage, options) = faulty();
    let (wal, _) = Wal::open(&path, options).unwrap();
    append(&wal, 0);
    storage.fail(fault(Call::Write, "00.wal", INPUT_OUTPUT_ERROR));
    let submitted: Vec<_> = (1..5).map(|number| wal.submit(&payload(number), Durability::Durable)).collect();
    // The background may already have tried the first of them, and then the others are refused at once.
    for ticket in submitted {
        let failed = ticket.and_then(crate::Ticket::wait);
        assert!(
            matches!(failed, Err(AppendError::OutcomeUnknown(_) | AppendError::Poisoned(_))),
            "{failed:?}"
        );
    }
    assert!(wal.close().is_err());
}

#[test]
fn interrupted_and_short_calls_are_repeated() {
    let (_directory, path) = place();
    let (storage, options) = faulty();
    let (wal, _) = Wal::open(&path, options).unwrap();
    for call in [Call::Write, Call::Read, Call::SetLength] {
        storage.fail(Fault { after: 1, times: 3, ..fault(call, "", INTERRUPTED) });
    }
    for number in 0..50 {
        append(&wal, number);
    }
    assert_eq!(payloads(&wal.reader()), (0..50).map(payload).collect::<Vec<_>>());
    wal.close().unwrap();
    assert!(verify(&path, &VerifyOptions::new()).unwrap().is_sound());
}

/// Appends until the storage refuses, heals it, and goes on: nothing is lost, doubled or out of place.
fn fills_up_and_resumes(call: Call, path_end: &'static str, errno: i32) {
    let (_directory, path) = place();
    let (storage, options) = faulty();
    let (wal, _) = Wal::open(&path, options.clone()).unwrap();
    append(&wal, 0);
    storage.fail(Fault { after: 1, ..fault(call, path_end, errno) });
    let mut number = 1;
    let error = loop {
        match wal.append(&payload(number), Durability::Durable) {
            Ok(receipt) => assert_eq!(receipt.seq, Seq::new(number)),
            Err(error) => break error,
        }
        number += 1;
        assert!(number < 1000, "{call:?} of {path_end} never happened");
    };
    let expected =
        if errno == NO_SPACE { error.is_storage_full() } else { matches!(error, AppendError::NotWritten(_)) };
    assert!(expected && !error.is_outcome_unknown(), "{error:?}");
    assert_eq!(wal.placed_end(), Seq::new(number));

    // What is submitted behind a commit that fails fails too, and its numbers are given out again.
    let tickets: Vec<_> = (0..3).filter_map(|_| wal.submit(&[1; 1000], Durability::Durable).ok()).collect();
    assert!(!tickets.is_empty());
    for ticket in tickets {
        let failed = ticket.wait();
        assert!(failed.as_ref().is_err_and(|error| !error.is_outcome_unknown()), "{failed:?}");
    }
    assert_eq!(payloads(&wal.reader()), (0..number).map(payload).collect::<Vec<_>>(), "reads go on");

    storage.heal();
    for number in number..number + 60 {
        append(&wal, number);
    }
    let new_segment = path.join(segment_name(Seq::new(number)));
    assert!(
        new_segment.exists(),
        "no offset that was written, or may have been, is written with other bytes"
    );
    let all: Vec<_> = (0..number + 60).map(payload).collect();
    assert_eq!(payloads(&wal.reader()), all);
    kill(wal);
    let (wal, report) = Wal::open(&path, options).unwrap();
    assert_eq!((report.torn_tail_bytes, payloads(&wal.reader())), (0, all));
    wal.close().unwrap();
    let report = verify(&path, &VerifyOptions::new()).unwrap();
    assert!(report.is_sound() && report.torn_tail_bytes == 0, "{report:?}");
}

#[test]
fn a_full_disk_at_the_making_of_a_spare_is_a_clean_error_and_appends_resume() {
    fills_up_and_resumes(Call::Write, "spare.wal", NO_SPACE);
}

#[test]
fn a_full_disk_at_the_sync_of_a_spare_is_a_clean_error_and_appends_resume() {
    fills_up_and_resumes(Call::Sync, "spare.wal", NO_SPACE);
}

#[test]
fn a_full_disk_in_the_middle_of_a_segment_ends_it_there_and_appends_resume() {
    fills_up_and_resumes(Call::Write, ".wal", NO_SPACE);
}

#[test]
fn what_was_refused_for_lack_of_space_never_turns_up() {
    let (_directory, path) = place();
    let (storage, options) = faulty();
    let (wal, _) = Wal::open(&path, options.clone()).unwrap();
    append(&wal, 0);
    // The first call writes all of the commit but zeroes, which stand in the file already. The process dies before the
    // background has sealed the segment.
    storage.fail(fault(Call::Open, "00.wal", TOO_MANY_FILES));
    storage.fail(Fault { after: 1, times: 1, ..fault(Call::Write, "00.wal", NO_SPACE) });
    let refused = wal.append(&[0; 920], Durability::Durable);
    assert!(matches!(refused, Err(AppendError::StorageFull(_))), "{refused:?}");
    kill(wal);
    storage.heal();
    let (wal, report) = Wal::open(&path, options).unwrap();
    assert_eq!((report.recovered_records, payloads(&wal.reader())), (0, vec![payload(0)]));
}

#[test]
fn too_many_open_files_is_a_clean_error_and_appends_resume() {
    fills_up_and_resumes(Call::Open, "spare.wal", TOO_MANY_FILES);
}

#[test]
fn a_rotation_that_fails_behind_the_rename_poisons() {
    for call in [Call::Rename, Call::SyncDirectory] {
        let (_directory, path) = place();
        let (storage, options) = faulty();
        let (wal, _) = Wal::open(&path, options.clone()).unwrap();
        append(&wal, 0);
        storage.fail(fault(call, "", INPUT_OUTPUT_ERROR));
        let acknowledged =
            (1..1000).take_while(|number| wal.append(&payload(*number), Durability::Durable).is_ok());
        let acknowledged = 1 + acknowledged.count() as u64;
        assert!(matches!(wal.append(b"late", Durability::Durable), Err(AppendError::Poisoned(_))));
        storage.heal();
        assert!(wal.close().is_err());
        let (wal, report) = Wal::open(&path, options).unwrap();
        assert!(
            report.next_seq.get() == acknowledged || report.next_seq.get() == acknowledged + 1,
            "{report:?}"
        );
        assert_eq!(payloads(&wal.reader()), (0..report.next_seq.get()).map(payload).collect::<Vec<_>>());
    }
}

#[test]
fn a_failed_sync_of_the_watermark_poisons_too() {
    let (_directory, path) = place();
    let (storage, options) = faulty();
    let (wal, _) = Wal::open(&path, options).unwrap();
    append(&wal, 0);
    storage.fail(fault(Call::Sync, "watermark", INPUT_OUTPUT_ERROR));
    // The background syncs it when the log is idle: then a wait for more ends.
    assert_eq!(wal.wait_durable_past(Seq::new(1), None), DurableWait::Closed(Seq::new(1)));
    assert!(matches!(wal.append(b"late", Durability::Durable), Err(AppendError::Poisoned(_))));
}

#[test]
fn closing_says_when_what_was_buffered_could_not_be_kept() {
    let (_directory, path) = place();
    let (storage, options) = faulty();
    let (wal, _) = Wal::open(&path, options.clone()).unwrap();
    append(&wal, 0);
    wal.append(&payload(1), Durability::Buffered).unwrap();
    storage.fail(fault(Call::Write, "00.wal", NO_SPACE));
    assert!(matches!(wal.close(), Err(CloseError::Append(AppendError::StorageFull(_)))));
    storage.heal();
    let (_, report) = Wal::open(&path, options).unwrap();
    assert_eq!((report.clean, report.next_seq), (true, Seq::new(1)));
}
