//! An embedded, append-only, tamper-evident ledger of what AI agents did.
//!
//! An agent runtime links this crate in and appends what happens: runs, tool calls, model calls, messages. An append
//! returns once the event is on stable storage; what was acknowledged survives a crash, and the ledger can be asked
//! about it at once, by this process or another.
//!
//! ```
//! use runledger::{Body, Event, EventFilter, Ledger, RunStarted};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("ledger");
//! let ledger = Ledger::open(&path)?;
//! ledger.append(Event::new(Body::RunStarted(RunStarted::default())).with_run("run-1"))?; // on stable storage now
//! let of_the_run = EventFilter { run: Some("run-1".into()), ..EventFilter::default() };
//! assert_eq!(ledger.events(&of_the_run)?.items.len(), 1);
//! ledger.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # A tour
//!
//! - [`Ledger`] is the one handle: cheap to clone, usable from any thread. [`Ledger::open`] makes this process the
//!   ledger's one writer; [`Ledger::open_read_only`] reads beside a writer, or without one.
//! - [`Event`] is an envelope (who, when, in which run and session) around a [`Body`], one type per [`Kind`].
//!   [`Event::from_json`] and [`Event::to_json`] are the same in JSON, as the program reads and prints it.
//! - [`Ledger::append`] waits until the event is durable. [`Ledger::submit`] does not: many can be in flight and share
//!   a sync, and [`Submitted::wait`] gives each one's [`Receipt`].
//! - [`AuditSink`] takes events without waiting for the disk, and loses none in silence; [`capture`] feeds it from an event
//!   bus or from tracing.
//! - [`Ledger::events`] and [`Ledger::runs`] answer an [`EventFilter`] and a [`RunFilter`], of now or as of an earlier
//!   moment ([`AsOf`]); [`Ledger::count_by`] counts; [`Ledger::explain`] says what an answer takes. [`Ledger::tail`] gives
//!   the log in its own order and follows it.
//! - [`verify`] re-hashes everything and names what is damaged; [`recover`] repairs what a crash left behind;
//!   [`salvage`] copies every intact record of a damaged ledger into a new one;
//!   [`rebuild_index`] makes the index anew, which is derived from the log and may be deleted at any time.
//! - [`import`] reads what other agent tools recorded.
//!
//! The promises, the words and the format are in the repository's ARCHITECTURE and FORMAT pages.

pub use runledger_audit::*;

/// Keeps what a runtime says anyway: the messages of its event bus, and tracing's spans and events.
pub mod capture {
    pub use runledger_capture::*;
}

/// Reads recordings of other agent tools into a ledger, and gives them back byte for byte.
pub mod import {
    pub use runledger_import::*;
}

/// The example of the README, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
