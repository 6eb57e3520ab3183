//! The newest events, from memory.

use std::sync::Arc;

use runledger_wal::Seq;

use super::super::Ledger;
use super::super::read::StoredEvent;
use crate::ledger_read::Question;
use crate::query::matching::Matcher;
use crate::{EventFilter, Order, QueryError, UnsupportedFilter};

/// How many events are looked at in one go, where the newest are not enough.
const LOOKED_AT_ONCE: u64 = 1024;

/// The newest events that match, and the part of the log that this says something about.
#[derive(Debug, Clone, PartialEq)]
pub struct Recent {
    /// The events.
    pub events: Vec<Arc<StoredEvent>>,
    /// No event from here on is missing. Whether older ones match is not said.
    pub from: Seq,
    /// The first event that was not looked at: where to go on with [`Ledger::subscribe`].
    pub end: Seq,
}

impl Ledger {
    /// The newest events of the log, at most this many, oldest first. Superseded events are among them, as in
    /// [`Ledger::tail`]; records that are no readable event are left out.
    ///
    /// They come from memory, which holds as many as [`LedgerOptions::recent_events_max`] says: nobody is given older ones.
    /// Every event that was acknowledged before the call is there. It does not wait for the index, and works while that is
    /// paused, fails or is built anew. The first call reads from the log; from then on events are kept as they come,
    /// until none was asked for while as many came as are kept.
    ///
    /// [`LedgerOptions::recent_events_max`]: crate::LedgerOptions::recent_events_max
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for run in ["a", "b", "c"] {
    ///     ledger.append(Event::new(Body::Custom(Custom::default())).with_run(run))?;
    /// }
    /// let recent = ledger.recent(2)?;
    /// assert_eq!(recent.events[0].event.run_id.as_deref(), Some("b"));
    /// assert_eq!((recent.from.get(), recent.end.get()), (1, 3));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The log can't be read.
    pub fn recent(&self, limit: usize) -> Result<Recent, QueryError> {
        self.recorded(
            || Question::new("recent").number("limit", limit as u64),
            |ledger| ledger.search_recent(None, limit),
        )
    }

    /// The newest of the events in memory that match `filter`, at most as many as its limit, in its order, which goes by
    /// `Seq` here. Otherwise as [`Ledger::recent`].
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for run in ["a", "b", "a"] {
    ///     ledger.append(Event::new(Body::Custom(Custom::default())).with_run(run))?;
    /// }
    /// let of_a = EventFilter { run: Some("a".into()), ..EventFilter::default() };
    /// assert_eq!(ledger.recent_matching(&of_a)?.events.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The filter asks for a page, or as of a moment; the log can't be read.
    pub fn recent_matching(&self, filter: &EventFilter) -> Result<Recent, QueryError> {
        self.recorded(
            || Question::new("recent").events(filter),
            |ledger| {
                UnsupportedFilter::refuse_past(filter)?;
                let mut recent = ledger.search_recent(Some(&Matcher::new(filter)), filter.limit)?;
                if filter.order == Order::Descending {
                    recent.events.reverse();
                }
                Ok(recent)
            },
        )
    }

    /// Goes back from the newest event until enough match, or no more are kept.
    fn search_recent(&self, wanted: Option<&Matcher>, limit: usize) -> Result<Recent, QueryError> {
        let (log, ring) = (&self.core.log, &self.core.live.ring);
        let durable_end = log.durable_end()?;
        let kept_from = Seq::new(durable_end.get().saturating_sub(ring.events_max()));
        let before = |seq: Seq, events: u64| Seq::new(seq.get().saturating_sub(events)).max(kept_from);
        if limit == 0 || ring.events_max() == 0 {
            return Ok(Recent { events: Vec::new(), from: durable_end, end: durable_end });
        }
        ring.cover(log, before(durable_end, limit as u64), durable_end)?;
        let mut piece = ring.newest(limit as u64);
        let (mut events, mut from, end) = (Vec::new(), piece.end(), piece.end());
        loop {
            for slot in piece.slots.iter().rev() {
                from = Seq::new(from.get().saturating_sub(1));
                let event = slot
                    .event
                    .as_ref()
                    .filter(|stored| wanted.is_none_or(|wanted| wanted.accepts(&stored.event)));
                events.extend(event.map(Arc::clone));
                if events.len() == limit {
                    break;
                }
            }
            let piece_from = before(from, LOOKED_AT_ONCE);
            if events.len() == limit || piece_from >= from {
                break;
            }
            ring.cover(log, piece_from, from)?;
            piece = ring.piece(piece_from, from, usize::MAX);
            // Older ones are not kept, for their size or because newer ones came meanwhile.
            if piece.end() != from || piece.slots.is_empty() {
                break;
            }
        }
        events.reverse();
        Ok(Recent { events, from, end })
    }
}
