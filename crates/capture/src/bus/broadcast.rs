//! Following a tokio broadcast channel.
//!
//! Such a channel overwrites what a slow receiver has not read. Capture is slow only when the sink's queue is full; what
//! was overwritten then is recorded as a number, in its place.

use runledger_audit::{AuditSink, RecordError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{CaptureStats, Received};
use crate::{BusMessage, Mapping};

/// Hands what a channel has to a sink, until all of its senders are gone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use runledger_audit::{AuditSink, Ledger, SinkOptions};
/// use runledger_capture::{BusMessage, Mapping, follow_broadcast};
///
/// let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (bus, receiver) = tokio::sync::broadcast::channel(16);
/// let capture = tokio::spawn(follow_broadcast(receiver, Mapping::standard(), sink.clone()));
/// bus.send(BusMessage::new("tool.finished", r#"{"tool": "grep", "success": true}"#))?;
/// drop(bus);
/// assert_eq!(capture.await??.messages, 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The sink was shut down; the error holds the event that it didn't take.
pub async fn follow_broadcast<M>(
    mut receiver: Receiver<M>,
    mapping: Mapping,
    sink: AuditSink,
) -> Result<CaptureStats, RecordError>
where
    M: Clone + Into<BusMessage>,
{
    let mut stats = CaptureStats::default();
    loop {
        let next = match receiver.recv().await {
            Ok(message) => Received::Message(message.into()),
            Err(RecvError::Lagged(lost)) => Received::Lagged(lost),
            Err(RecvError::Closed) => Received::Closed,
        };
        let Some(event) = stats.event(next, &mapping) else { return Ok(stats) };
        sink.record_async(event).await?;
    }
}

#[cfg(test)]
mod tests {
    use runledger_audit::{Body, Custom, Destination, Kind, QueuedEvent, SinkOptions, StoreError};

    use super::*;
    use crate::bus::LAGGED_TYPE;

    /// Names of the kinds and custom types that came.
    #[derive(Clone, Default)]
    struct Kept(std::sync::Arc<parking_lot::Mutex<Vec<String>>>);

    impl Destination for Kept {
        fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
            let name = |event: &QueuedEvent| match &event.body {
                Body::Custom(Custom { type_name, data, .. }) => format!("{type_name} {data:?}"),
                body => body.kind().to_string(),
            };
            self.0.lock().extend(events.iter().map(name));
            Ok(())
        }
    }

    #[test]
    fn messages_that_the_channel_lost_are_recorded_as_lost_in_their_place() {
        let kept = Kept::default();
        let sink = AuditSink::to(kept.clone(), SinkOptions::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let stats = runtime.block_on(async {
            let (bus, receiver) = tokio::sync::broadcast::channel(4);
            // Nobody reads yet: of ten messages four are left.
            for number in 0..10 {
                bus.send(BusMessage::new(format!("topic.{number}"), "{}")).unwrap();
            }
            drop(bus);
            follow_broadcast(receiver, Mapping::standard(), sink.clone()).await.unwrap()
        });
        drop(sink);
        assert_eq!(stats, CaptureStats { messages: 4, custom: 4, lost: 6 });
        let kept = kept.0.lock();
        assert!(kept[0].starts_with(LAGGED_TYPE) && kept[0].contains(r#"{"messagesLost":6}"#), "{kept:?}");
        assert!(kept.len() == 5 && kept[4].starts_with("topic.9"), "{kept:?}");
        assert_eq!(Kind::Custom.to_string(), "custom");
    }
}
