//! The log in its own order, also where a part of it is lost.

use runledger_audit::Seq;

use crate::{Place, custom};

const EVENTS: u64 = 40;
const DAMAGED: u64 = 20;

#[test]
fn a_tail_names_a_damaged_record_and_goes_on_behind_it() {
    let place = Place::new();
    let ledger = place.open();
    for number in 0..EVENTS {
        ledger.append(custom(&format!("needle-{number}-"))).unwrap();
    }
    ledger.close().unwrap();
    damage(&place.path().join("wal").join("00000000000000000000.wal"), &format!("needle-{DAMAGED}-"));

    let reader = place.read();
    // Both ways of reading: many records in one go, and the few before the end one by one.
    for from in [0, DAMAGED, EVENTS - 3] {
        let mut tail = reader.tail(Seq::new(from));
        let (mut read, mut errors) = (Vec::new(), 0);
        for stored in tail.by_ref() {
            match stored {
                Ok(stored) => read.push(stored.seq.get()),
                Err(_) => errors += 1,
            }
        }
        let expected: Vec<u64> = (from..EVENTS).filter(|number| *number != DAMAGED).collect();
        assert_eq!((read, errors), (expected, u64::from(from <= DAMAGED)));
        assert_eq!(tail.next_seq(), Seq::new(EVENTS));
    }
}

#[test]
fn a_tail_that_came_to_the_end_goes_on_when_there_is_more() {
    let place = Place::new();
    let ledger = place.open();
    let mut tail = ledger.tail(Seq::ZERO);
    let mut seen = Vec::new();
    for round in 0..30_u64 {
        // Many at a time, then few, then many.
        for _ in 0..round * 7 % 20 {
            ledger.append(custom("r")).unwrap();
        }
        seen.extend(tail.by_ref().map(|stored| stored.unwrap().seq.get()));
    }
    assert_eq!(seen, (0..ledger.durable_end().unwrap().get()).collect::<Vec<_>>());
}

fn damage(file: &std::path::Path, text: &str) {
    let mut bytes = std::fs::read(file).unwrap();
    let place = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    *bytes.get_mut(place).unwrap() ^= 1;
    std::fs::write(file, bytes).unwrap();
}
