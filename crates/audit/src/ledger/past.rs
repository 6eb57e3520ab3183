//! The past of events that are to be appended: whether their ids were used, and who made their claims before.
//!
//! The index answers for what it has passed, the table of what is in flight for the rest. INVARIANT: both are asked about
//! the same moment, and it lasts until what is new has its number: the index is asked first, and its answer holds as long as
//! the table has forgotten nothing that came behind that.
//!
//! Nothing is waited for with the table locked but room in the log's queue: neither the index, nor a sync, nor the disk.

use parking_lot::MutexGuard;
use runledger_store::View;
use runledger_wal::Seq;

use super::append::Writer;
use super::ask::Asker;
use super::claims::{Earlier, Standing, StoredClaim};
use super::in_flight::{Entry, InFlight};
use super::read::seq_of;
use crate::claim::Claim;
use crate::planted::{Bug, planted};
use crate::{AppendError, Event, EventId, QueryError};

/// What the index has of an event before it is appended.
#[derive(Default)]
pub(super) struct Past {
    /// Where its id is stored.
    seq: Option<Seq>,
    /// How it stands with what it claims.
    claim: StoredClaim,
}

impl Past {
    pub(super) fn find(view: &View, event: &Event) -> Result<Self, QueryError> {
        let seq = if planted(Bug::NeverLookUpIds) { None } else { seq_of(view, event.event_id)? };
        let claim = match Claim::of(event) {
            Some(claim) => StoredClaim::find(view, event, claim)?,
            None => StoredClaim::default(),
        };
        Ok(Self { seq, claim })
    }
}

/// What becomes of an event that is to be appended.
pub(super) enum Verdict {
    /// It is given a number. If it claims something, it replaces these there.
    New { replaced: Option<Vec<EventId>> },
    /// It is not given one.
    Known(Known),
}

/// What was said before an event said it.
pub(super) enum Known {
    /// Its id was handed to the log, and may not be in the index.
    Pending(Entry),
    /// Its id is stored.
    Stored(Seq),
    /// What it claims was claimed.
    Claimed(Earlier),
}

impl Verdict {
    pub(super) fn of(event: &Event, past: &Past, in_flight: &InFlight) -> Self {
        if let Some(entry) = in_flight.get(event.event_id) {
            return Self::Known(Known::Pending(entry));
        }
        if let Some(seq) = past.seq {
            return Self::Known(Known::Stored(seq));
        }
        match Claim::of(event).map(|claim| in_flight.claims.standing(event, claim, &past.claim)) {
            None | Some(Standing::Replaced) => Self::New { replaced: None },
            Some(Standing::Free { replaced }) => Self::New { replaced: Some(replaced) },
            Some(Standing::Taken(earlier)) => Self::Known(Known::Claimed(earlier)),
        }
    }

    /// What was said before, unless the event is new.
    pub(super) fn known(self) -> Option<Known> {
        match self {
            Self::New { .. } => None,
            Self::Known(known) => Some(known),
        }
    }
}

impl Asker {
    /// Locks the table of what is in flight, and gives what `find` finds in the index for all that the table does not have.
    /// Nobody is held up by an index that can't answer: it decides itself when it comes to the events.
    pub(super) fn lock_with_past<'w, T: Default>(
        &self,
        writer: &'w Writer,
        find: impl Fn(&View) -> Result<T, QueryError>,
    ) -> Result<(MutexGuard<'w, InFlight>, T), AppendError> {
        loop {
            let end = writer.in_flight.lock().forgotten_end().max(self.index.indexed_end());
            let found = self.ask_if_following(end, &find)?;
            let mut in_flight = writer.in_flight.lock();
            let Some(found) = found else { return Ok((in_flight, T::default())) };
            if in_flight.forgotten_end() <= end {
                in_flight.forget_before(end);
                return Ok((in_flight, found));
            }
            // Another thread asked an index that was further, and made the table forget that much: each round that is lost
            // here is one that another has won.
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{Body, Custom, EventFilter, Ledger};

    #[test]
    fn an_index_that_went_on_while_it_was_asked_and_of_which_the_table_forgot_as_much_is_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("ledger")).unwrap();
        let append = || ledger.append(Event::new(Body::Custom(Custom::default()))).unwrap().seq;
        let ask = |events_in_between: u64| {
            let asked = Cell::new(0);
            let find = |_: &View| {
                asked.set(asked.get() + 1);
                for _ in 0..if asked.get() == 1 { events_in_between } else { 0 } {
                    append();
                    // Answered once the index has the event; the next append makes the table forget it.
                    ledger.count(&EventFilter::default())?;
                }
                Ok(())
            };
            let writer = ledger.core.writer.as_ref().unwrap();
            let (in_flight, ()) = ledger.core.lock_with_past(writer, find).unwrap();
            drop(in_flight);
            asked.get()
        };
        append();
        assert_eq!((ask(0), ask(1), ask(2)), (1, 1, 2));
    }
}
