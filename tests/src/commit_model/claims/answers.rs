//! Everybody who waits is answered, with what became of the own commit.

use runledger_wal::{Background, COMMIT_QUEUE_BYTES_MIN, Durability, DurableWait, Receipt, Wal};

use crate::commit_model::Claim;
use crate::commit_model::stage::{Stage, join};
use crate::commit_model::witness::{Refusal, Witness, payload};

/// So long that a segment is full after three, and a queue of the least size after two.
const LONG_BYTES: usize = 1500;

pub(super) const WHO_WAITS_IS_ANSWERED: Claim = Claim {
    name: "callers_who_wait_are_answered_once_their_record_is_durable",
    program: who_waits_is_answered,
    meets: &["a shared commit"],
};

fn who_waits_is_answered() {
    let stage = Stage::new();
    let callers: Vec<_> =
        (0..3).map(|caller| stage.caller(appends(caller, &[Durability::Durable; 2], 0))).collect();
    let cut = power_cut(&stage);
    join(callers);
    join([cut]);
    Witness::meet_counters(&stage.wal);
    stage.witness.numbers_are_dense(6);
    stage.witness.holds_in_the_end();
}

pub(super) const ANY_MIX_IS_ANSWERED: Claim = Claim {
    name: "any_mix_of_ways_to_append_is_answered",
    program: any_mix_is_answered,
    meets: &["a shared commit"],
};

fn any_mix_is_answered() {
    let stage = Stage::new();
    let threads = [
        stage.caller(appends(0, &[Durability::Written, Durability::Durable], 0)),
        stage.caller(appends(1, &[Durability::Buffered, Durability::Written], 0)),
        stage.caller(submits(2, &[Durability::Durable, Durability::Written, Durability::Durable])),
        stage.tender(3),
    ];
    join(threads);
    Witness::meet_counters(&stage.wal);
    stage.witness.numbers_are_dense(7);
    stage.witness.holds_in_the_end();
}

pub(super) const SYNC_COVERS_WHAT_WAS_PLACED: Claim = Claim {
    name: "a_sync_makes_durable_what_was_placed_before_it",
    program: sync_covers_what_was_placed,
    meets: &[],
};

fn sync_covers_what_was_placed() {
    let stage = Stage::new();
    let buffered = |caller| {
        stage.caller(move |wal, witness| {
            let bytes = payload(caller, 0, 0);
            let seq = witness.append(&wal, &bytes, Durability::Buffered).expect("nothing is refused");
            let end = wal.sync().expect("nothing fails");
            assert!(end > seq && wal.durable_end() >= end, "a sync says how far it reaches");
            let record = wal.reader().read(seq).expect("a durable record can be read");
            assert_eq!(record.expect("a durable record is there").payload(), bytes);
        })
    };
    let threads =
        [buffered(0), buffered(1), stage.caller(appends(2, &[Durability::Durable], 0)), stage.tender(2)];
    join(threads);
    Witness::meet_counters(&stage.wal);
    stage.witness.numbers_are_dense(3);
    // Each was synced by its own caller, whatever it had asked for.
    stage.witness.everything_is_there();
}

pub(super) const BATCHES_ARE_WHOLE: Claim = Claim {
    name: "a_batch_is_whole_or_not_there_whenever_the_power_fails",
    program: batches_are_whole,
    meets: &[],
};

fn batches_are_whole() {
    let stage = Stage::new();
    let batch = |caller| -> Vec<_> { (0..3).map(|number| payload(caller, number, 0)).collect() };
    let callers = [0, 1].map(|caller| {
        stage.caller(move |wal, _| {
            let receipt = wal.append_batch(&batch(caller), Durability::Durable).expect("nothing fails");
            assert_eq!(receipt.leaves.len(), 3);
        })
    });
    let storage = stage.storage.clone();
    let cut = stage.caller(move |_, _| {
        let left = storage.after_power_cut();
        for caller in [0, 1] {
            let found = batch(caller).iter().filter(|bytes| left.holds_durably(bytes)).count();
            assert!(found == 0 || found == 3, "a batch became durable in parts");
        }
    });
    join(callers);
    join([cut]);
}

pub(super) const A_FULL_QUEUE_LETS_CALLERS_PROCEED: Claim = Claim {
    name: "callers_who_wait_for_room_proceed",
    program: a_full_queue_lets_callers_proceed,
    meets: &["a full queue", "a shared commit"],
};

fn a_full_queue_lets_callers_proceed() {
    let stage = Stage::with(|options| options.commit_queue_bytes_max(COMMIT_QUEUE_BYTES_MIN));
    let threads = [
        stage.caller(appends(0, &[Durability::Durable; 2], LONG_BYTES)),
        stage.caller(appends(1, &[Durability::Buffered; 3], LONG_BYTES)),
        stage.caller(appends(
            2,
            &[Durability::Buffered, Durability::Written, Durability::Buffered],
            LONG_BYTES,
        )),
        stage.caller(|wal, witness| {
            let (bytes, called_at) = (payload(3, 0, LONG_BYTES), witness.event());
            witness.hear(&wal, &bytes, called_at, wal.try_append(&bytes, Durability::Durable));
        }),
    ];
    join(threads);
    let refused = stage.witness.refusals();
    assert!(refused.iter().all(|refusal| *refusal == Refusal::NoRoom), "{refused:?}");
    Witness::meet_counters(&stage.wal);
    stage.witness.numbers_are_dense(9 - refused.len() as u64);
    stage.witness.holds_in_the_end();
}

pub(super) const TASKS_ARE_ANSWERED: Claim = Claim {
    name: "tasks_of_a_runtime_are_answered",
    program: tasks_are_answered,
    meets: &["a shared commit"],
};

fn tasks_are_answered() {
    let stage = Stage::with(|options| {
        options.background(Background::Threads).commit_queue_bytes_max(COMMIT_QUEUE_BYTES_MIN)
    });
    let task = |caller| {
        stage.caller(move |wal: Wal, witness: Witness| {
            for number in 0..2 {
                let (bytes, called_at) = (payload(caller, number, LONG_BYTES), witness.event());
                let answer = shuttle::future::block_on(wal.append_async(&bytes, Durability::Durable));
                witness.hear(&wal, &bytes, called_at, answer);
            }
        })
    };
    join([task(0), task(1), stage.caller(appends(2, &[Durability::Durable], LONG_BYTES))]);
    Witness::meet_counters(&stage.wal);
    stage.witness.numbers_are_dense(5);
    stage.witness.holds_in_the_end();
}

pub(super) const ROTATION_BESIDE_UPKEEP: Claim = Claim {
    name: "segments_follow_each_other_beside_sealing_and_spares",
    program: rotation_beside_upkeep,
    meets: &["a sealed segment"],
};

fn rotation_beside_upkeep() {
    let stage = Stage::new();
    let callers = [
        stage.caller(appends(0, &[Durability::Durable; 3], LONG_BYTES)),
        stage.caller(appends(
            1,
            &[Durability::Written, Durability::Durable, Durability::Written],
            LONG_BYTES,
        )),
    ];
    let others = [stage.tender(6), power_cut(&stage)];
    join(callers);
    join(others);
    Witness::meet_counters(&stage.wal);
    stage.witness.numbers_are_dense(6);
    stage.witness.holds_in_the_end();
}

pub(super) const THE_BACKGROUND_COMES_ROUND: Claim = Claim {
    name: "the_background_makes_durable_what_nobody_waits_for",
    program: the_background_comes_round,
    meets: &[],
};

fn the_background_comes_round() {
    let stage = Stage::with_background();
    let buffered = |caller| {
        stage.caller(move |wal, witness| {
            let bytes = payload(caller, 0, LONG_BYTES);
            let seq = witness.append(&wal, &bytes, Durability::Buffered).expect("nothing is refused");
            assert!(matches!(wal.wait_durable_past(seq, None), DurableWait::Durable(_)), "the log goes on");
        })
    };
    let threads = [buffered(0), buffered(1), stage.caller(submits(2, &[Durability::Durable; 2]))];
    join(threads);
    Witness::meet_counters(&stage.wal);
    stage.witness.numbers_are_dense(4);
    stage.witness.everything_is_there();
}

/// Appends records one after the other.
pub(super) fn appends(
    caller: u8,
    durabilities: &'static [Durability],
    bytes: usize,
) -> impl FnOnce(Wal, Witness) + Send + 'static {
    move |wal, witness| {
        for (number, durability) in (0..).zip(durabilities) {
            witness.append(&wal, &payload(caller, number, bytes), *durability);
        }
    }
}

/// Submits records, and waits for the last one first.
pub(super) fn submits(
    caller: u8,
    durabilities: &'static [Durability],
) -> impl FnOnce(Wal, Witness) + Send + 'static {
    move |wal, witness| {
        let mut tickets = Vec::new();
        for (number, durability) in (0..).zip(durabilities) {
            let (bytes, called_at) = (payload(caller, number, 0), witness.event());
            match wal.submit(&bytes, *durability) {
                Ok(ticket) => tickets.push((bytes, called_at, ticket)),
                Err(error) => drop(witness.hear(&wal, &bytes, called_at, Err(error))),
            }
        }
        while let Some((bytes, called_at, ticket)) = tickets.pop() {
            let (seq, leaf) = (ticket.seq(), ticket.leaf());
            let answer = ticket.wait();
            assert!(
                answer
                    .as_ref()
                    .map_or(true, |Receipt { seq: told, leaf: of, .. }| (*told, *of) == (seq, leaf))
            );
            witness.hear(&wal, &bytes, called_at, answer);
        }
    }
}

/// A thread that at some moment looks at what a power cut would leave, and holds it against what callers were told
/// until then.
pub(super) fn power_cut(stage: &Stage) -> shuttle::thread::JoinHandle<()> {
    stage.caller(|wal, witness| {
        drop(wal);
        let (storage, told) = witness.cut_power();
        told.holds_after_power_cut(&storage);
    })
}
