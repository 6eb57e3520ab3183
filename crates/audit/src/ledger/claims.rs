//! Claims at the time of an append: what was said before, in flight or stored, and whether an event may stand beside it.
//!
//! INVARIANT: what is refused here, the indexer would refuse. What passes here while the index does not follow the log,
//! the indexer decides.

use std::collections::{HashMap, VecDeque};

use runledger_store::View;
use runledger_wal::{Seq, Ticket};

use super::append::Submitted;
use super::ask::Asker;
use super::read::seq_of;
use crate::claim::{self, Claim};
use crate::{AppendError, Event, EventId, QueryError, key};

/// What the events in flight have claimed.
#[derive(Debug, Default)]
pub(super) struct ClaimsInFlight {
    /// By the keys of the claims.
    by_key: HashMap<Vec<u8>, Vec<Made>>,
    in_order: VecDeque<(Seq, Vec<u8>)>,
}

/// A claim that was made.
#[derive(Debug)]
struct Made {
    ticket: Ticket,
    event: EventId,
    /// The events that it replaced, one after the other. Who replaces any of them replaces this one.
    replaced: Vec<EventId>,
    /// Whether it was the contrary: a run that had ended was taken up again.
    is_given_back: bool,
}

impl Made {
    /// Whether the log gave the event up, so that nothing was claimed.
    fn is_void(&self) -> bool {
        self.ticket.failure().is_some_and(|error| !error.is_outcome_unknown())
    }
}

impl ClaimsInFlight {
    /// Remembers what an event claims that was handed to the log.
    pub(super) fn insert(
        &mut self,
        claim: Claim<'_>,
        event: EventId,
        replaced: Vec<EventId>,
        ticket: Ticket,
    ) {
        let is_given_back = matches!(claim, Claim::State { ends: false, .. });
        if is_given_back && replaced.is_empty() {
            // It ends nothing, and nothing that had ended goes on by it.
            return;
        }
        let key = claim.key();
        self.in_order.push_back((ticket.seq(), key.clone()));
        self.by_key.entry(key).or_default().push(Made { ticket, event, replaced, is_given_back });
    }

    /// Forgets what the index has.
    pub(super) fn forget_before(&mut self, indexed_end: Seq) {
        while let Some((seq, key)) = self.in_order.front()
            && *seq < indexed_end
        {
            if let Some(made) = self.by_key.get_mut(key) {
                made.retain(|made| made.ticket.seq() >= indexed_end);
                if made.is_empty() {
                    self.by_key.remove(key);
                }
            }
            self.in_order.pop_front();
        }
    }

    /// What was made of a claim, the last at the end.
    fn made(&self, claim: Claim<'_>) -> Vec<&Made> {
        let made = self.by_key.get(&claim.key());
        made.into_iter().flatten().filter(|made| !made.is_void()).collect()
    }

    /// How the claim of an event stands, beside what the index has of it.
    pub(super) fn standing(&self, event: &Event, claim: Claim<'_>, stored: &StoredClaim) -> Standing {
        let made = self.made(claim);
        if stored.is_replaced || made.iter().any(|made| made.replaced.contains(&event.event_id)) {
            return Standing::Replaced;
        }
        let mut replaced: Vec<EventId> =
            newer_than(event, claim).into_iter().chain(stored.newest.map(|(newest, _)| newest)).collect();
        let Some(last) = made.last() else {
            let replaced_seq = stored.newest.and_then(|(_, seq)| seq);
            return match stored.holder.filter(|holder| replaced_seq != Some(*holder)) {
                None => Standing::Free { replaced },
                Some(holder) => Standing::Taken(Earlier::Stored(holder)),
            };
        };
        if replaced.iter().any(|id| last.event == *id || last.replaced.contains(id)) {
            replaced.push(last.event);
            replaced.extend(&last.replaced);
        } else if !last.is_given_back {
            return Standing::Taken(Earlier::InFlight(last.ticket.clone()));
        }
        Standing::Free { replaced }
    }
}

/// The older version of an event, from which it takes over its claim.
fn newer_than(event: &Event, claim: Claim<'_>) -> Option<EventId> {
    event.supersedes.filter(|old| *old != event.event_id && claim.passes_to_newer_versions())
}

/// How a claim stands.
pub(super) enum Standing {
    /// The event may make it, and replaces these.
    Free { replaced: Vec<EventId> },
    /// The event is an old version, which comes after the one that replaced it: it claims nothing any more.
    Replaced,
    /// An event has made it before.
    Taken(Earlier),
}

/// An event that claimed before what another claims now.
pub(super) enum Earlier {
    Stored(Seq),
    InFlight(Ticket),
}

/// What the index knows of a claim, and of the event that makes it.
#[derive(Default)]
pub(super) struct StoredClaim {
    /// Who has made it.
    holder: Option<Seq>,
    /// Whether the event was replaced before it came.
    is_replaced: bool,
    /// The newest version of what the event supersedes, and where that is.
    newest: Option<(EventId, Option<Seq>)>,
}

impl StoredClaim {
    pub(super) fn find(view: &View, event: &Event, claim: Claim<'_>) -> Result<Self, QueryError> {
        let holder = match view.get_here(&claim.key())? {
            Some(value) => claim.holder(value)?.map(|holder| holder.seq),
            None => None,
        };
        let is_replaced = claim.passes_to_newer_versions()
            && view.get_here(&key::superseded::key(event.event_id))?.is_some();
        let newest = match newer_than(event, claim) {
            Some(old) => {
                let newest = newest_version(view, old)?;
                Some((newest, seq_of(view, newest)?))
            }
            None => None,
        };
        Ok(Self { holder, is_replaced, newest })
    }
}

impl Asker {
    /// What becomes of `event`, which claims what `earlier` did: nothing new if it says the same, a conflict otherwise.
    pub(super) fn claimed_before(&self, event: &Event, earlier: Earlier) -> Result<Submitted, AppendError> {
        let seq = match earlier {
            Earlier::Stored(seq) => seq,
            // Its record tells, once it can be read.
            Earlier::InFlight(ticket) => ticket.wait_durable()?.seq,
        };
        if let Some(stored) = self.stored_event(seq)?
            && claim::is_same(&stored.event, event)
        {
            return Ok(Submitted::stored(stored.event.event_id, seq, stored.leaf));
        }
        Err(match Claim::of(event).expect("only what claims something was claimed before") {
            Claim::State { run_id, .. } => AppendError::RunFinished { run_id: run_id.to_owned(), seq },
            Claim::LogEntry { run_id, sequence } => {
                AppendError::LogEntry { run_id: run_id.to_owned(), sequence, seq }
            }
            Claim::Audit { query_id } => AppendError::QueryConflict { query_id, seq },
        })
    }
}

/// The newest version of an event, itself if none replaced it.
fn newest_version(view: &View, id: EventId) -> Result<EventId, QueryError> {
    let mut newest = id;
    // Each version names one that came after it, so that this ends.
    while let Some(value) = view.get(&key::superseded::key(newest))? {
        newest = key::superseded::decode_value(&value)?.1;
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use runledger_wal::{Durability, Options, Wal};

    use super::*;

    const END: Claim<'static> = Claim::State { run_id: "r", ends: true };
    const GOING_ON: Claim<'static> = Claim::State { run_id: "r", ends: false };

    fn log() -> (Wal, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Wal::open(folder.path(), Options::new().create(true)).unwrap().0, folder)
    }

    #[test]
    fn a_claim_is_known_until_the_index_has_it() {
        let (log, _folder) = log();
        let submit = || log.submit(b"end", Durability::Durable).unwrap();
        let (mut claims, first, second) = (ClaimsInFlight::default(), EventId::new(), EventId::new());
        claims.insert(END, first, Vec::new(), submit());
        claims.insert(END, second, vec![first], submit());
        claims.forget_before(Seq::new(1));
        let made = claims.made(END);
        assert_eq!((made.len(), made[0].event, &made[0].replaced), (1, second, &vec![first]));
        claims.forget_before(Seq::new(2));
        assert!(claims.by_key.is_empty() && claims.in_order.is_empty());
    }

    #[test]
    fn a_change_that_ends_nothing_is_remembered_only_where_a_run_goes_on_by_it() {
        let (log, _folder) = log();
        let submit = || log.submit(b"change", Durability::Durable).unwrap();
        let mut claims = ClaimsInFlight::default();
        claims.insert(GOING_ON, EventId::new(), Vec::new(), submit());
        assert!(claims.made(END).is_empty());
        claims.insert(GOING_ON, EventId::new(), vec![EventId::new()], submit());
        assert!(claims.made(END)[0].is_given_back);
    }
}
