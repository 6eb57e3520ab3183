//! Which event ids were handed to the log and may not be in the index yet.
//!
//! The index answers for what it has passed; this table for the rest. INVARIANT: an id leaves the table only after the
//! index has it, so whoever looks here first and then in the index misses none. Only while the index does not follow
//! the log (it is paused, or can't be written) for longer than [`EVENTS_MAX`] events, the oldest are forgotten: memory is
//! bounded, and the index decides about them when it meets them.

use std::collections::VecDeque;

use foldhash::HashMap;
use runledger_wal::{Seq, Ticket};

use super::claims::ClaimsInFlight;
use crate::EventId;

/// At most so many events are remembered.
const EVENTS_MAX: usize = 1 << 18;

/// An event that was handed to the log: its place there, and the salt of its leaf. With that salt a retry has the same leaf,
/// and another event of its id has not; so no event needs another hash than its leaf.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) ticket: Ticket,
    pub(crate) salt: [u8; 16],
}

impl Entry {
    fn seq(&self) -> Seq {
        self.ticket.seq()
    }

    /// Whether the log gave the event up, so that it isn't there and its number goes to another.
    pub(crate) fn was_given_up(&self) -> bool {
        self.ticket.failure().is_some_and(|error| !error.is_outcome_unknown())
    }
}

/// What is in flight, oldest first, by id; and what it has claimed.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    by_id: HashMap<EventId, Entry>,
    in_order: VecDeque<(Seq, EventId)>,
    forgotten_end: Seq,
    pub(super) claims: ClaimsInFlight,
}

impl InFlight {
    /// The table of a log whose first records, before `end`, are for the index to answer for.
    pub(crate) fn behind(end: Seq) -> Self {
        Self { forgotten_end: end, ..Self::default() }
    }

    /// The event of this id, unless the log gave it up: who sends it again sends it for the first time.
    pub(crate) fn get(&self, id: EventId) -> Option<Entry> {
        self.by_id.get(&id).filter(|entry| !entry.was_given_up()).cloned()
    }

    /// Remembers an event. Events come in the order of their `Seq`; only after the log gave some up, their numbers come
    /// again.
    pub(crate) fn insert(&mut self, id: EventId, entry: Entry) {
        self.in_order.push_back((entry.seq(), id));
        self.by_id.insert(id, entry);
        if self.in_order.len() > EVENTS_MAX
            && let Some((seq, _)) = self.in_order.front()
        {
            self.forget_before(seq.next());
        }
    }

    /// Every event before this is for the index to answer for.
    pub(crate) fn forgotten_end(&self) -> Seq {
        self.forgotten_end
    }

    /// Forgets what the index has.
    pub(crate) fn forget_before(&mut self, indexed_end: Seq) {
        self.forgotten_end = self.forgotten_end.max(indexed_end);
        while let Some((seq, id)) = self.in_order.front()
            && *seq < indexed_end
        {
            // The id may have come again since, at a later place.
            if self.by_id.get(id).is_some_and(|entry| entry.seq() == *seq) {
                self.by_id.remove(id);
            }
            self.in_order.pop_front();
        }
        self.claims.forget_before(self.forgotten_end);
    }
}

#[cfg(test)]
mod tests {
    use runledger_wal::{Durability, Options, Wal};

    use super::*;

    /// Entries of a real log, in the order of their numbers.
    struct Log {
        wal: Wal,
        _folder: tempfile::TempDir,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (wal, _) = Wal::open(&folder.path().join("wal"), Options::new().create(true)).unwrap();
            Self { wal, _folder: folder }
        }

        fn entry(&self) -> Entry {
            let ticket = self.wal.submit(b"x", Durability::Buffered).unwrap();
            Entry { ticket, salt: [1; 16] }
        }
    }

    fn seq_of(table: &InFlight, id: EventId) -> Option<u64> {
        table.get(id).map(|entry| entry.seq().get())
    }

    #[test]
    fn the_table_is_bounded_and_says_what_it_forgot() {
        let (mut table, log) = (InFlight::default(), Log::new());
        let first = EventId::new();
        table.insert(first, log.entry());
        for _ in 1..EVENTS_MAX {
            table.insert(EventId::new(), log.entry());
        }
        assert_eq!((seq_of(&table, first), table.forgotten_end()), (Some(0), Seq::ZERO));
        table.insert(EventId::new(), log.entry());
        assert_eq!((seq_of(&table, first), table.forgotten_end()), (None, Seq::new(1)));
        assert_eq!(table.by_id.len(), EVENTS_MAX);
    }

    #[test]
    fn an_id_is_known_until_the_index_has_it() {
        let (mut table, log, id) = (InFlight::default(), Log::new(), EventId::new());
        let entries: Vec<_> = (0..5).map(|_| log.entry()).collect();
        table.insert(id, entries.into_iter().next_back().unwrap());
        table.forget_before(Seq::new(4));
        assert_eq!(seq_of(&table, id), Some(4));
        table.forget_before(Seq::new(5));
        assert_eq!((seq_of(&table, id), table.forgotten_end()), (None, Seq::new(5)));
        table.forget_before(Seq::new(0));
        assert_eq!(table.forgotten_end(), Seq::new(5), "an index that is built again has to come back to it");
    }

    #[test]
    fn an_id_that_came_again_is_known_until_the_index_has_its_later_place() {
        let (mut table, log, id) = (InFlight::default(), Log::new(), EventId::new());
        table.insert(id, log.entry());
        table.insert(id, log.entry());
        table.forget_before(Seq::new(1));
        assert_eq!(seq_of(&table, id), Some(1));
        table.forget_before(Seq::new(2));
        assert_eq!(seq_of(&table, id), None);
    }
}
