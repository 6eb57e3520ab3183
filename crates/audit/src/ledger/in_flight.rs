//! Which event ids were handed to the log and may not be in the index yet.
//!
//! The index answers for what it has passed; this table for the rest. INVARIANT: an id leaves the table only after the
//! index has it, so whoever looks here first and then in the index misses none. Only while the index does not follow
//! the log (it is paused, or can't be written) for longer than [`EVENTS_MAX`] events, the oldest are forgotten: memory is
//! bounded, and the index decides about them when it meets them.

use std::collections::{HashMap, VecDeque};

use runledger_wal::{Leaf, Seq};

use crate::EventId;

/// At most so many events are remembered.
const EVENTS_MAX: usize = 1 << 18;

/// Place, leaf and content digest of an event that was handed to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: Seq,
    pub(crate) leaf: Leaf,
    pub(crate) digest: [u8; 16],
}

/// The events in flight, oldest first.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    by_id: HashMap<EventId, Entry>,
    in_order: VecDeque<(Seq, EventId)>,
    forgotten_end: Seq,
}

impl InFlight {
    /// The table of a log whose first records, before `end`, are for the index to answer for.
    pub(crate) fn behind(end: Seq) -> Self {
        Self { forgotten_end: end, ..Self::default() }
    }

    pub(crate) fn get(&self, id: EventId) -> Option<Entry> {
        self.by_id.get(&id).copied()
    }

    /// Remembers an event. Events come in the order of their `Seq`.
    pub(crate) fn insert(&mut self, id: EventId, entry: Entry) {
        self.by_id.insert(id, entry);
        self.in_order.push_back((entry.seq, id));
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
            self.by_id.remove(id);
            self.in_order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_bounded_and_says_what_it_forgot() {
        let mut table = InFlight::default();
        let entry = |seq| Entry { seq: Seq::new(seq), leaf: Leaf::from_bytes([2; 32]), digest: [1; 16] };
        let first = EventId::new();
        table.insert(first, entry(0));
        for seq in 1..EVENTS_MAX as u64 {
            table.insert(EventId::new(), entry(seq));
        }
        assert_eq!((table.get(first), table.forgotten_end()), (Some(entry(0)), Seq::ZERO));
        table.insert(EventId::new(), entry(EVENTS_MAX as u64));
        assert_eq!((table.get(first), table.forgotten_end()), (None, Seq::new(1)));
        assert_eq!(table.by_id.len(), EVENTS_MAX);
    }

    #[test]
    fn an_id_is_known_until_the_index_has_it() {
        let (mut table, id) = (InFlight::default(), EventId::new());
        let entry = Entry { seq: Seq::new(4), leaf: Leaf::from_bytes([2; 32]), digest: [1; 16] };
        table.insert(id, entry);
        table.forget_before(Seq::new(4));
        assert_eq!(table.get(id), Some(entry));
        table.forget_before(Seq::new(5));
        assert_eq!((table.get(id), table.forgotten_end()), (None, Seq::new(5)));
        table.forget_before(Seq::new(0));
        assert_eq!(table.forgotten_end(), Seq::new(5), "an index that is built again has to come back to it");
    }
}
