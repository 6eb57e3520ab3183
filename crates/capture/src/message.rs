//! A message of an event bus, as far as it has to be understood.

use runledger_audit::{EventId, Timestamp};

/// A message: what it is about, and JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusMessage {
    /// What it is about, such as `tool.finished`.
    pub topic: String,
    /// What it says. JSON; anything else is kept as a string.
    pub payload: String,
    /// When it was sent; the time of its capture when absent.
    pub time: Option<Timestamp>,
    /// Its identity. A message that is delivered twice with the same id is stored once.
    pub id: Option<EventId>,
}

impl BusMessage {
    /// A message without an identity, sent now.
    pub fn new(topic: impl Into<String>, payload: impl Into<String>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), time: None, id: None }
    }

    /// The same message with an identity.
    ///
    /// ```
    /// use runledger_audit::EventId;
    /// use runledger_capture::{BusMessage, Mapping};
    /// let id = EventId::new();
    /// let message = BusMessage::new("tool.called", "{}").with_id(id);
    /// assert_eq!(Mapping::standard().event(&message).event_id, id);
    /// ```
    #[must_use]
    pub fn with_id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// The same message, sent at this time.
    ///
    /// ```
    /// use runledger_audit::Timestamp;
    /// use runledger_capture::{BusMessage, Mapping};
    /// let time = Timestamp::from_nanoseconds(7);
    /// let message = BusMessage::new("tool.called", "{}").with_time(time);
    /// assert_eq!(Mapping::standard().event(&message).timestamp, time);
    /// ```
    #[must_use]
    pub fn with_time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }
}
