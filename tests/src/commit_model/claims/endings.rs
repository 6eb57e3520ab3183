//! Closing beside everything else: what was placed is there, what came later is refused, and nobody hangs.

use runledger_wal::{Durability, Wal};

use super::answers::{appends, submits};
use crate::commit_model::Claim;
use crate::commit_model::stage::{Stage, choose, join, reopen};
use crate::commit_model::witness::{Refusal, Witness, payload};

/// So long that a segment is full after three.
const LONG_BYTES: usize = 1500;

pub(super) const APPENDS_BESIDE_A_CLOSE: Claim = Claim {
    name: "an_append_beside_a_close_is_durable_or_refused",
    program: appends_beside_a_close,
    meets: &["an acknowledged record", "a closed log"],
};

fn appends_beside_a_close() {
    let stage = if choose(2) == 0 { Stage::new() } else { Stage::with_background() };
    let threads = [
        stage.caller(appends(0, &[Durability::Durable, Durability::Buffered], 0)),
        stage.caller(submits(1, &[Durability::Durable, Durability::Written])),
        stage.caller(|wal, _| wal.close().expect("nothing fails")),
    ];
    // Nobody waits for this one.
    let bytes = payload(9, 0, 0);
    let placed = stage.wal.submit(&bytes, Durability::Buffered).is_ok();
    join(threads);
    assert!(stage.witness.refusals().iter().all(|refusal| *refusal == Refusal::Closed));
    closed_in_good_order(&stage);
    assert!(!placed || stage.storage.holds_durably(&bytes), "what was placed is in the log");
}

pub(super) const CLOSES_BESIDE_EACH_OTHER: Claim = Claim {
    name: "two_who_close_at_once_leave_a_closed_log",
    program: closes_beside_each_other,
    meets: &["a closed log"],
};

fn closes_beside_each_other() {
    let stage = Stage::with_background();
    stage.witness.append(&stage.wal, &payload(9, 0, 0), Durability::Buffered);
    // Whoever of them comes second may rely on it, too.
    let close = |wal: Wal, witness: Witness| {
        wal.close().expect("nothing fails");
        witness.everything_is_there();
    };
    join([stage.caller(close), stage.caller(close), stage.caller(appends(0, &[Durability::Durable], 0))]);
    closed_in_good_order(&stage);
}

pub(super) const THE_LAST_HANDLE_CLOSES: Claim = Claim {
    name: "the_last_handle_that_is_dropped_leaves_everything_durable",
    program: the_last_handle_closes,
    meets: &[],
};

fn the_last_handle_closes() {
    let Stage { storage, wal, witness } = Stage::with_background();
    let stage = Stage { storage: storage.clone(), wal, witness: witness.clone() };
    let threads = [
        stage.caller(appends(0, &[Durability::Buffered; 2], 0)),
        stage.caller(appends(1, &[Durability::Durable, Durability::Buffered], 0)),
    ];
    drop(stage);
    join(threads);
    witness.numbers_are_dense(4);
    witness.everything_is_there();
    assert!(reopen(&storage.after_power_cut()).1.clean, "the log was closed");
}

pub(super) const TENDING_ENDS_WITH_THE_LOG: Claim = Claim {
    name: "a_log_that_is_closed_while_somebody_tends_it_is_left_alone_afterwards",
    program: tending_ends_with_the_log,
    meets: &["an acknowledged record", "a closed log"],
};

fn tending_ends_with_the_log() {
    let stage = Stage::new();
    let threads = [
        stage.caller(appends(0, &[Durability::Durable; 5], LONG_BYTES)),
        stage.tender(6),
        stage.caller(|wal, _| {
            (0..choose(6)).for_each(|_| shuttle::thread::yield_now());
            wal.close().expect("nothing fails");
        }),
    ];
    join(threads);
    closed_in_good_order(&stage);
}

/// All numbers that were given out lead to their records, and the log says that it ends there.
fn closed_in_good_order(stage: &Stage) {
    assert_eq!(stage.storage.calls_after_giving_up(), 0, "another writer may be there already");
    stage.witness.everything_is_there();
    let (_, report) = reopen(&stage.storage.after_power_cut());
    assert!(report.clean && report.recovered_records == 0, "the log was closed: {report:?}");
}
