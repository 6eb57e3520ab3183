//! Recording from the tasks of an async runtime.

use super::{AuditSink, RecordError, TryRecordError};
use crate::{Event, EventId};

impl AuditSink {
    /// As [`AuditSink::record`], for the tasks of an async runtime: waiting for room blocks no thread.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # use runledger_audit::{AuditSink, Body, Custom, Event, Ledger, SinkOptions};
    /// # let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// sink.record_async(Event::new(Body::Custom(Custom { type_name: "tick".into(), ..Custom::default() }))).await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Durability
    ///
    /// As [`AuditSink::record`]. A future that is dropped before it is ready has not handed the event over.
    ///
    /// # Errors
    ///
    /// As [`AuditSink::record`].
    pub async fn record_async(&self, event: Event) -> Result<EventId, RecordError> {
        let queue = &self.inner.queue;
        let id = event.event_id;
        let mut event = match queue.try_add(Box::new(event), |stats| stats.waited += 1) {
            Ok(()) => return Ok(id),
            Err(TryRecordError::Closed(event)) => return Err(RecordError::Closed(event)),
            Err(TryRecordError::Full(event)) => event,
        };
        loop {
            let mut room = std::pin::pin!(queue.room_for_tasks.notified());
            // Before it is tried: what is settled in between is heard of.
            room.as_mut().enable();
            event = match queue.try_add(event, |_| ()) {
                Ok(()) => return Ok(id),
                Err(TryRecordError::Closed(event)) => return Err(RecordError::Closed(event)),
                Err(TryRecordError::Full(event)) => event,
            };
            room.await;
        }
    }
}
