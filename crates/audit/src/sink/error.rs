//! What a sink tells its callers, none of which ever loses an event: it is in the error, or in the queue.

use crate::Event;

/// Why there is no sink.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The ledger was opened for reading.
    #[error("the ledger is open for reading only")]
    ReadOnly,
    /// The thread that stores could not be started.
    #[error("cannot start the thread of the sink")]
    Thread(#[source] std::io::Error),
}

/// Why an event was not handed over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The sink was shut down. This is the event.
    #[error("the sink is closed")]
    Closed(Box<Event>),
}

/// Why an event was not handed over at once.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryRecordError {
    /// The queue is full. This is the event.
    #[error("the queue of the sink is full")]
    Full(Box<Event>),
    /// The sink was shut down. This is the event.
    #[error("the sink is closed")]
    Closed(Box<Event>),
}

/// Why an event is not known to be durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordDurableError {
    /// The sink was shut down. This is the event.
    #[error("the sink is closed")]
    Closed(Box<Event>),
    /// It can never be stored.
    #[error("the event is refused: {reason}")]
    Refused {
        /// Why, with the causes of that.
        reason: String,
    },
    /// The sink gave up before it was stored.
    #[error("the sink gave up before the event was stored")]
    GivenUp,
}

impl From<RecordError> for RecordDurableError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Closed(event) => Self::Closed(event),
        }
    }
}

/// A deadline passed before everything was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{left} events are not stored yet{}", last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
#[non_exhaustive]
pub struct FlushError {
    /// How many events are left.
    pub left: u64,
    /// Why storing fails, if it does.
    pub last_error: Option<String>,
}

/// An event that a sink gives up, as [`SinkOptions::on_undelivered`](crate::SinkOptions::on_undelivered) is told.
#[derive(Debug)]
#[non_exhaustive]
pub struct Undelivered {
    /// The event.
    pub event: Box<Event>,
    /// Why.
    pub reason: Unstored,
}

/// Why a sink gives up an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unstored {
    /// It can never be stored.
    #[error("it can never be stored")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The sink was shut down, or dropped, and the time for that passed. It may be stored all the same, if its last
    /// attempt had an unknown outcome.
    #[error("the sink was shut down before it could be stored")]
    LeftBehind,
}

/// An error and its causes, in one line.
pub(super) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}
