//! Readers and followers: nothing before it is durable, and the end when it comes.

use runledger_wal::{Durability, DurableWait, Reader, Seq};

use super::answers::appends;
use crate::commit_model::stage::{Stage, choose, join, outside_reader};
use crate::commit_model::storage::MemoryStorage;
use crate::commit_model::{Claim, meet};

pub(super) const NOTHING_IS_SHOWN_BEFORE_IT_IS_DURABLE: Claim = Claim {
    name: "nothing_is_shown_before_it_is_durable",
    program: nothing_is_shown_before_it_is_durable,
    meets: &[],
};

fn nothing_is_shown_before_it_is_durable() {
    let stage = Stage::new();
    let (storage, outside) = (stage.storage.clone(), outside_reader(&stage.storage));
    let follower = stage.caller(move |wal, _| {
        let (reader, mut next) = (wal.reader(), Seq::ZERO);
        while next < Seq::new(4) {
            let DurableWait::Durable(end) = wal.wait_durable_past(next, None) else {
                panic!("the log goes on")
            };
            next = show(&reader, &storage, next);
            assert!(next >= end, "what is durable is shown");
        }
    });
    let storage = stage.storage.clone();
    let other_process = stage.caller(move |_, _| {
        let next = show(&outside, &storage, Seq::ZERO);
        show(&outside, &storage, next);
    });
    let callers = [
        stage.caller(appends(0, &[Durability::Durable, Durability::Durable], 0)),
        stage.caller(appends(1, &[Durability::Written, Durability::Durable], 0)),
    ];
    join(callers);
    join([follower, other_process]);
}

/// Reads from a record on to the end, each record of which must be durable when it is shown.
fn show(reader: &Reader, storage: &MemoryStorage, from: Seq) -> Seq {
    let mut next = from;
    for record in reader.scan(from) {
        let record = record.expect("what is shown is sound");
        assert!(storage.holds_durably(record.payload()), "shown, and not durable");
        next = Seq::new(record.seq().get() + 1);
    }
    next
}

pub(super) const FOLLOWERS_HEAR_OF_THE_END: Claim = Claim {
    name: "who_follows_hears_of_the_end",
    program: followers_hear_of_the_end,
    meets: &["a failed sync", "an acknowledged record"],
};

fn followers_hear_of_the_end() {
    let stage = Stage::new();
    let fails = choose(2) == 0;
    if fails {
        meet("a failed sync");
        stage.storage.fail_sync(".wal", 0);
    }
    let follow = |reader: Reader| {
        move |_, _| {
            let waited = reader.wait_durable_past(Seq::new(1 << 20), None).expect("it is in this process");
            assert!(matches!(waited, DurableWait::Closed(_)), "{waited:?}");
        }
    };
    let threads = [
        stage.caller(follow(stage.wal.reader())),
        stage.caller(follow(stage.wal.reader())),
        stage.caller(appends(0, &[Durability::Durable], 0)),
        stage.caller(move |wal, _| {
            if !fails {
                wal.close().expect("nothing fails");
            }
        }),
    ];
    join(threads);
}
