//! Following an event bus.

#[cfg(feature = "tokio")]
pub(crate) mod broadcast;

use runledger_audit::{AuditSink, Body, Content, Custom, Event, Json, Kind, RecordError};

use crate::{BusMessage, Mapping};

/// The type of the `custom` event that says how many messages the bus had lost before they came here.
pub(crate) const LAGGED_TYPE: &str = "capture.lagged";

/// A source of messages.
pub trait EventBus {
    /// Waits for the next message.
    fn next(&mut self) -> Received;
}

/// What an event bus has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A message.
    Message(BusMessage),
    /// So many messages were lost before they came here.
    Lagged(u64),
    /// There will be no more.
    Closed,
}

/// What was captured from a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CaptureStats {
    /// Messages that were handed to the sink.
    pub messages: u64,
    /// Of these, messages that became `custom` events.
    pub custom: u64,
    /// Messages that the bus lost before.
    pub lost: u64,
}

/// Hands what a bus has to a sink, until there is no more. Blocks the calling thread.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use std::sync::mpsc;
/// use runledger_audit::{AuditSink, Ledger, SinkOptions};
/// use runledger_capture::{BusMessage, EventBus, Mapping, Received, follow};
///
/// struct Channel(mpsc::Receiver<BusMessage>);
///
/// impl EventBus for Channel {
///     fn next(&mut self) -> Received {
///         self.0.recv().map_or(Received::Closed, Received::Message)
///     }
/// }
///
/// let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
/// let (sender, receiver) = mpsc::channel();
/// sender.send(BusMessage::new("run.started", r#"{"runId": "r1"}"#))?;
/// drop(sender);
/// assert_eq!(follow(&mut Channel(receiver), &Mapping::standard(), &sink)?.messages, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The sink was shut down; the error holds the event that it didn't take.
pub fn follow(
    bus: &mut impl EventBus,
    mapping: &Mapping,
    sink: &AuditSink,
) -> Result<CaptureStats, RecordError> {
    let mut stats = CaptureStats::default();
    while let Some(event) = stats.event(bus.next(), mapping) {
        sink.record(event)?;
    }
    Ok(stats)
}

impl CaptureStats {
    /// The event of what was received, counted. Nothing when there will be no more.
    pub(crate) fn event(&mut self, received: Received, mapping: &Mapping) -> Option<Event> {
        match received {
            Received::Message(message) => {
                let event = mapping.event(&message);
                self.messages += 1;
                self.custom += u64::from(event.kind() == Kind::Custom);
                Some(event)
            }
            Received::Lagged(lost) => {
                self.lost += lost;
                Some(lagged(lost))
            }
            Received::Closed => None,
        }
    }
}

/// The event that says how many messages were lost. Silence would look like nothing having happened.
fn lagged(lost: u64) -> Event {
    let data = Json::parse(&format!(r#"{{"messagesLost":{lost}}}"#)).expect("it is JSON");
    Event::new(Body::Custom(Custom {
        type_name: LAGGED_TYPE.to_owned(),
        data: Some(Content::Inline(data)),
        ..Custom::default()
    }))
}
