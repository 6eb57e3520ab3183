//! A failure is told to those whom it befell, and what comes after it is what the kind of failure allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runledger_wal::{Durability, DurableWait, Seq};

use super::answers::{appends, submits};
use crate::commit_model::stage::{Stage, choose, join, reopen};
use crate::commit_model::witness::{Refusal, payload};
use crate::commit_model::{Claim, meet};

const LONG_BYTES: usize = 1500;

pub(super) const A_FAILED_SYNC_IS_FINAL: Claim = Claim {
    name: "after_a_failed_sync_nothing_is_acknowledged_written_or_synced",
    program: a_failed_sync_is_final,
    meets: &["an unknown outcome", "a poisoned log", "a failed sync"],
};

fn a_failed_sync_is_final() {
    let stage = Stage::new();
    stage.storage.fail_sync(".wal", 1 + choose(4));
    let threads = [
        stage.caller(appends(0, &[Durability::Durable; 3], LONG_BYTES)),
        stage.caller(appends(1, &[Durability::Written, Durability::Durable], LONG_BYTES)),
        stage.caller(submits(2, &[Durability::Durable; 2])),
    ];
    join(threads);
    refused_from_the_failure_on(&stage);
    if stage.storage.syncs_after_failure().is_some() {
        assert!(stage.wal.clone().close().is_err(), "closing says that something is unknown");
        assert_eq!(stage.storage.syncs_after_failure(), Some(0), "after a failed sync nothing is synced");
    }
}

pub(super) const A_FAILED_SYNC_OF_THE_WATERMARK_IS_FINAL: Claim = Claim {
    name: "after_a_failed_sync_of_the_watermark_nothing_is_acknowledged",
    program: a_failed_sync_of_the_watermark_is_final,
    meets: &["a poisoned log", "an unknown outcome"],
};

fn a_failed_sync_of_the_watermark_is_final() {
    let stage = Stage::new();
    stage.storage.fail_sync("watermark", choose(2));
    let threads = [
        stage.caller(appends(0, &[Durability::Durable; 2], LONG_BYTES)),
        stage.caller(appends(1, &[Durability::Durable; 2], LONG_BYTES)),
        stage.tender(4),
    ];
    join(threads);
    refused_from_the_failure_on(&stage);
}

/// After the failure, if it came to it: whoever isn't told otherwise has a durable record, followers have heard that
/// nothing more comes, and a refused record isn't written.
fn refused_from_the_failure_on(stage: &Stage) {
    let allowed = |refusal: &Refusal| matches!(refusal, Refusal::OutcomeUnknown | Refusal::Poisoned);
    assert!(stage.witness.refusals().iter().all(allowed), "{:?}", stage.witness.refusals());
    if stage.storage.syncs_after_failure().is_some() {
        meet("a failed sync");
        let late = payload(9, 0, 0);
        assert_eq!(stage.witness.append(&stage.wal, &late, Durability::Durable), None);
        assert_eq!(stage.witness.refusals().last(), Some(&Refusal::Poisoned), "the log takes nothing more");
        assert!(matches!(stage.wal.wait_durable_past(Seq::new(1 << 20), None), DurableWait::Closed(_)));
    }
    stage.witness.holds_in_the_end();
    stage.witness.nothing_poisoned_was_written();
}

pub(super) const NUMBERS_OF_A_REFUSED_COMMIT_GO_TO_OTHERS: Claim = Claim {
    name: "the_numbers_of_a_refused_commit_go_to_others",
    program: numbers_of_a_refused_commit_go_to_others,
    meets: &["a full disk", "an acknowledged record"],
};

fn numbers_of_a_refused_commit_go_to_others() {
    let stage = Stage::new();
    stage.storage.fail_writes(choose(6), 1 + choose(2));
    let threads = [
        stage.caller(appends(0, &[Durability::Durable; 2], 0)),
        stage.caller(appends(1, &[Durability::Written, Durability::Durable], 0)),
        stage.caller(submits(2, &[Durability::Durable; 2])),
    ];
    join(threads);
    stage.storage.fail_writes(0, 0);
    stage.witness.append(&stage.wal, &payload(9, 0, 0), Durability::Durable).expect("there is space again");
    let refused = stage.witness.refusals();
    assert!(refused.iter().all(|refusal| *refusal == Refusal::Full), "{refused:?}");
    stage.witness.numbers_are_dense(7 - refused.len() as u64);
    stage.witness.holds_in_the_end();
}

pub(super) const WHAT_IS_GIVEN_UP_IS_TOLD: Claim = Claim {
    name: "every_record_is_in_the_log_or_its_loss_was_told",
    program: what_is_given_up_is_told,
    meets: &["a full disk", "a loss that nobody waited for"],
};

fn what_is_given_up_is_told() {
    let given_up = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&given_up);
    let stage = Stage::with(|options| {
        options.on_failure(move |failure| {
            count.fetch_add(failure.records(), Ordering::Relaxed);
        })
    });
    stage.storage.fail_writes(choose(4), 1 + choose(2));
    let threads = [
        stage.caller(appends(0, &[Durability::Buffered, Durability::Durable, Durability::Buffered], 0)),
        stage.caller(appends(1, &[Durability::Written, Durability::Buffered], 0)),
        stage.tender(3),
    ];
    join(threads);
    // The last commit may find the disk full, too.
    let _ = stage.wal.clone().close();
    let (wal, _) = reopen(&stage.storage.after_power_cut());
    let (kept, given_up) = (wal.placed_end().get(), given_up.load(Ordering::Relaxed));
    assert_eq!(kept + given_up, 5, "{kept} are there");
    if given_up > stage.witness.refusals().len() as u64 {
        meet("a loss that nobody waited for");
    }
}
