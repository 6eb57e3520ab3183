//! The ring by itself: what it takes, reads, keeps and gives up.

use runledger_wal::{Durability, Options, Wal};

use super::*;
use crate::{Body, Custom, Event, codec, salt};

/// A log of events, and a ring for it.
struct Place {
    _folder: tempfile::TempDir,
    log: Wal,
    ring: Ring,
}

impl Place {
    fn new(events: u64, events_max: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (log, _) = Wal::open(&folder.path().join("wal"), Options::new().create(true)).unwrap();
        let ring = Ring::new(Bounds { events_max, bytes_max: usize::MAX });
        let place = Self { _folder: folder, log, ring };
        place.append(events);
        place
    }

    fn append(&self, events: u64) {
        for _ in 0..events {
            let event = Event::new(Body::Custom(Custom::default()));
            let payload = codec::encode(&event, salt::next()).unwrap();
            self.log.append(&payload, Durability::Buffered).unwrap();
        }
        self.log.sync().unwrap();
    }

    fn slots(&self, from: u64, to: u64) -> Vec<(Seq, Slot)> {
        let slots = slot::read(&self.log.reader(), Seq::new(from), Seq::new(to), usize::MAX).unwrap();
        (from..).map(Seq::new).zip(slots).collect()
    }

    fn cover(&self, from: u64, to: u64) {
        self.ring.cover(&self.log.reader(), Seq::new(from), Seq::new(to)).unwrap();
    }

    /// What the ring holds; each slot is that of its number.
    fn held(&self) -> (u64, u64) {
        let piece = self.ring.newest(u64::MAX);
        for (seq, slot) in (piece.first.get()..).zip(&piece.slots) {
            assert_eq!(slot.event.as_ref().unwrap().seq.get(), seq);
        }
        let bytes: usize = piece.slots.iter().map(|slot| slot.bytes).sum();
        assert_eq!(self.ring.size(), (piece.slots.len() as u64, bytes as u64));
        (piece.first.get(), piece.end().get())
    }
}

#[test]
fn what_is_handed_over_is_taken_only_where_it_comes_next() {
    let place = Place::new(40, 10);
    place.cover(5, 8);
    assert_eq!(place.held(), (5, 8));
    place.ring.offer(place.slots(9, 12).into_iter());
    assert_eq!(place.held(), (5, 8), "with a gap nothing is taken");
    place.ring.offer(place.slots(0, 10).into_iter());
    assert_eq!(place.held(), (5, 10), "what it has is not taken again");
    place.ring.offer(place.slots(10, 17).into_iter());
    assert_eq!(place.held(), (7, 17), "the oldest go");
}

#[test]
fn what_is_missing_is_read_behind_and_in_front_as_far_as_there_is_room() {
    let place = Place::new(600, 500);
    place.cover(590, 600);
    assert_eq!(place.held(), (590, 600));
    place.cover(300, 595);
    assert_eq!(place.held(), (300, 600));
    place.cover(0, 600);
    assert_eq!(place.held(), (100, 600));
    place.append(BRIDGED_EVENTS_MAX);
    place.cover(600 + BRIDGED_EVENTS_MAX - 1, 600 + BRIDGED_EVENTS_MAX);
    assert_eq!(place.held(), (164, 664), "a short gap is read too");
    place.append(BRIDGED_EVENTS_MAX + 2);
    place.cover(729, 730);
    assert_eq!(place.held(), (729, 730), "a long one is not");
}

#[test]
fn a_rebuild_that_hands_everything_over_again_does_not_put_it_to_sleep() {
    let place = Place::new(50, 10);
    place.cover(40, 50);
    place.ring.offer(place.slots(0, 50).into_iter());
    assert!(place.ring.is_awake());
    assert_eq!(place.held(), (40, 50));
    place.append(11);
    place.ring.offer(place.slots(50, 61).into_iter());
    assert!(!place.ring.is_awake());
    assert_eq!(place.held(), (61, 61));
}

#[test]
fn who_follows_gets_every_record_from_wherever_it_is_and_leaves_the_newest_in_place() {
    let place = Place::new(700, 100);
    let (log, end) = (place.log.reader(), Seq::new(700));
    place.cover(650, 700);
    let mut next = Seq::ZERO;
    while next < end {
        for slot in place.ring.follow(&log, next, end).unwrap() {
            assert_eq!(slot.event.unwrap().seq, next);
            next = next.next();
        }
    }
    assert_eq!(place.held(), (650, 700));
}

#[test]
fn a_piece_is_bounded_by_bytes_and_never_empty() {
    let place = Place::new(10, 10);
    place.cover(0, 10);
    let piece = |bytes_max| place.ring.piece(Seq::ZERO, Seq::new(10), bytes_max).slots.len();
    let one = usize::try_from(place.ring.size().1 / 10).unwrap();
    assert_eq!((piece(1), piece(one + 1), piece(usize::MAX)), (1, 2, 10));
}
