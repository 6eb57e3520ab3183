//! When a question is asked as of.

use runledger_wal::Seq;

use crate::Timestamp;

/// As of when to answer: what did the ledger know then?
///
/// The answer is the one that the ledger would have given at that moment: events that came later are left out, whatever
/// their own time says, and those that were superseded later are there in the place of their newer versions. So an
/// answer as of a fixed moment never changes again.
///
/// ```
/// use runledger_audit::{AsOf, Body, Custom, Event, EventFilter, Ledger};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let ledger = Ledger::open(folder.path().join("ledger"))?;
/// let draft = ledger.append(Event::new(Body::Custom(Custom::default())))?;
/// let supersedes = Some(draft.event_id);
/// ledger.append(Event { supersedes, ..Event::new(Body::Custom(Custom::default())) })?;
///
/// let then = EventFilter { as_of: Some(AsOf::Seq(draft.seq)), ..EventFilter::default() };
/// assert_eq!(ledger.events(&then)?.items[0].seq, draft.seq);
/// assert_ne!(ledger.events(&EventFilter::default())?.items[0].seq, draft.seq);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AsOf {
    /// Right after this record became known.
    Seq(Seq),
    /// Right before this record became known. So as of a durable end are the events to which a subscription from there
    /// ([`Ledger::subscribe`](crate::Ledger::subscribe)) adds those that came later, and no other.
    Before(Seq),
    /// At this time by the writer's clock: with every record that was committed then or before.
    CommitTime(Timestamp),
}
