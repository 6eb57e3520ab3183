//! As of when a question is answered.
//!
//! INVARIANT: an answer as of a `Seq` is what the ledger would have answered right after that record, whatever came
//! later: later events are left out, and what they superseded is there.

use runledger_store::View;
use runledger_wal::Seq;

use crate::checkpoint::Checkpoint;

/// The records that an answer rests on: all before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    end: Seq,
    is_now: bool,
}

impl Moment {
    /// As of everything that the view has, and it has every record before `durable_end`. The view may have more: those
    /// count too.
    pub(crate) fn now(view: &View, durable_end: Seq) -> Self {
        let checkpoint = view.checkpoint().and_then(|bytes| Checkpoint::decode(bytes).ok());
        let indexed_end = checkpoint.map_or(durable_end, |checkpoint| checkpoint.seq.next());
        Self { end: durable_end.max(indexed_end), is_now: true }
    }

    /// As of when there were only the records before `end`.
    pub(crate) fn past(end: Seq) -> Self {
        Self { end, is_now: false }
    }

    /// The first record that does not count.
    pub(crate) fn end(self) -> Seq {
        self.end
    }

    /// Whether everything in the view counts.
    pub(crate) fn is_now(self) -> bool {
        self.is_now
    }

    /// What the index is asked as of.
    pub(crate) fn as_of(self) -> Option<u64> {
        (!self.is_now).then_some(self.end.get())
    }
}
