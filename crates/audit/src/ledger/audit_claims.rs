//! Query audits are put once: what an append does about a query id that is in the ledger already.
//!
//! INVARIANT: no append replaces an audit. The same audit again, whatever its event id and time, is where it was; another
//! under the same id is refused. Where the index can't say what it holds, it decides itself when it comes to the event.

use super::append::Writer;
use super::ask::Asker;
use super::read::StoredEvent;
use crate::{AppendError, Body, Event, QueryError, codec, key};

impl Asker {
    /// Where the audit that `event` holds was put before, if it was; a conflict if another has its query id. Called with
    /// the table of events in flight locked, so that two audits of one id can't both be new.
    pub(super) fn audit_put_before(
        &self,
        writer: &Writer,
        event: &Event,
    ) -> Result<Option<StoredEvent>, AppendError> {
        let Body::QueryAudit(audit) = &event.body else { return Ok(None) };
        let query_id = audit.query_id;
        let mut in_flight = writer.audits_in_flight.lock();
        in_flight.forget_before(self.index.indexed_end());
        let (known, forgotten_end) = (in_flight.get(query_id), in_flight.forgotten_end());
        drop(in_flight);
        let seq = match known {
            Some(known) => {
                // It may not be readable yet. Audits are seldom put twice, so that waiting for it here is no matter.
                Some(known.ticket.wait_durable()?.seq)
            }
            None => self
                .ask_if_following(forgotten_end, |view| {
                    let value = view.get(&key::query_id::key(query_id))?;
                    let decoded = value.map(|value| key::query_id::decode_value(&value)).transpose();
                    Ok(decoded.map_err(QueryError::from)?.map(|(seq, _)| seq))
                })?
                .flatten(),
        };
        let Some(seq) = seq else { return Ok(None) };
        let Some(first) = self.stored_event(seq)? else { return Ok(None) };
        if codec::audit_digest(&first.event) == codec::audit_digest(event) {
            Ok(Some(first))
        } else {
            Err(AppendError::QueryConflict { query_id, seq })
        }
    }
}
