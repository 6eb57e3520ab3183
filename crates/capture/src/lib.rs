//! What a runtime says anyway, kept as events of a ledger: the messages of its event bus, and tracing's spans and events.
//!
//! Both end in an [`AuditSink`](runledger_audit::AuditSink), which never drops anything; what was lost before it (a channel
//! that lagged) is itself recorded. Nothing here decides how something went: an outcome is what the message or the span
//! said, and absent where they said nothing.
//!
//! - [`BusMessage`], [`Mapping`] and [`EventBus`]: known topics become events of their kinds, every other one a `custom`
//!   event of that name. `follow_broadcast` (feature `tokio`) follows a tokio channel.
//! - `SpanLayer` (feature `tracing`): spans and events that carry fields of agents, by OpenTelemetry's GenAI names or ours.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use runledger_audit::{Kind, RunStatus, Body};
//! use runledger_capture::{BusMessage, Mapping};
//!
//! let message = BusMessage::new("run.failed", r#"{"runId": "r1", "error": "out of tokens"}"#);
//! let event = Mapping::standard().event(&message);
//! assert_eq!((event.kind(), event.outcome.as_deref()), (Kind::RunFinished, Some("failure")));
//! # Ok(())
//! # }
//! ```

// Whoever calls this has to know what can go wrong.
#![warn(clippy::missing_errors_doc)]

mod bus;
mod mapping;
mod message;
#[cfg(feature = "tracing")]
mod spans;

#[cfg(feature = "tokio")]
pub use bus::broadcast::follow_broadcast;
pub use bus::{CaptureStats, EventBus, Received, follow};
pub use mapping::Mapping;
pub use message::BusMessage;
#[cfg(feature = "tracing")]
pub use spans::{SpanLayer, TraceRefused};
