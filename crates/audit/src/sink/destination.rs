//! Where a sink's events go: a ledger, or a test's double.

use super::QueuedEvent;

/// Stores the events of a sink. Called by one thread.
///
/// ```
/// use runledger_audit::{AuditSink, Body, Custom, Destination, Event, QueuedEvent, SinkOptions, StoreError};
/// use std::time::{Duration, Instant};
///
/// /// Prints events, and keeps none.
/// struct Printer;
///
/// impl Destination for Printer {
///     fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
///         events.iter().for_each(|event| println!("{}", event.to_json(None)));
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sink = AuditSink::to(Printer, SinkOptions::new())?;
/// sink.record(Event::new(Body::Custom(Custom { type_name: "hello".into(), ..Custom::default() })))?;
/// sink.shutdown(Instant::now() + Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
pub trait Destination: Send + 'static {
    /// Stores events in this order, and returns when they are durable.
    ///
    /// None may be stored unless all before it are; and what was stored, also if nobody was told, must be recognised by
    /// its id when it comes again.
    ///
    /// # Errors
    ///
    /// Not all of them are durable. [`StoreError::failed`] has the rest tried again, [`StoreError::refused`] has the first of
    /// them given up.
    fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError>;
}

/// Why a batch was not stored to its end.
#[derive(Debug)]
pub struct StoreError {
    /// So many events, from the first on, are durable.
    pub stored: usize,
    /// What is wrong with the one behind them, or with all.
    pub failure: StoreFailure,
}

/// What is wrong.
#[derive(Debug)]
pub enum StoreFailure {
    /// This event can never be stored. Those behind it may be.
    Refused(Box<dyn std::error::Error + Send + Sync>),
    /// It can't be stored now. It is sent again, with those behind it.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// The event behind the first `stored` can never be stored.
    pub fn refused(stored: usize, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { stored, failure: StoreFailure::Refused(error.into()) }
    }

    /// The events behind the first `stored` can't be stored now.
    pub fn failed(stored: usize, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { stored, failure: StoreFailure::Failed(error.into()) }
    }
}
