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
//! # What to call
//!
//! What an audit store is asked to do, by the names that other stores have for it, and what does it here. An operation that
//! lists or counts is a filter where others have a function each; what is stored once may be sent again, and gives the
//! receipt of the first time.
//!
//! | to | call |
//! |---|---|
//! | *runs* | |
//! | save a run whole, new or known (`save_task_run`) | [`Ledger::save_run`] with a [`TaskRun`] |
//! | start a run, change its state, finish it once | [`Ledger::start_run`], [`Ledger::update_run_status`], [`Ledger::finish_run`] |
//! | get a run, now or as it was | [`Ledger::run`], [`Ledger::run_as_of`] |
//! | list runs: by state, skill, caller, channel, agent, parent, time (`list_runs_by_skill`, `list_runs_by_caller`, `list_finished_before`, `list_interrupted`) | [`Ledger::runs`] with a [`RunFilter`]; [`Ledger::run_page`] in pages |
//! | count runs | [`Ledger::count_runs`] with a [`RunFilter`] |
//! | list the runs that a run started; walk up to those that led to it | [`Ledger::children`]; [`Ledger::ancestors`], which says where the chain ends |
//! | find the newest run of each skill | [`Ledger::last_run_by_skills`] |
//! | find out which runs died with their process | [`Ledger::interrupted_runs`] |
//! | *logs of runs* | |
//! | append an entry once; list them in their order | [`Ledger::append_log`]; [`Ledger::run_logs`] |
//! | *events* | |
//! | record one event, of any kind (`save_tool_event`, `save_model_event`, `save_workspace_event`) | [`Ledger::append`], [`Ledger::submit`]; [`Ledger::append_async`] for tasks |
//! | record many in their order (`record_batch`) | [`Ledger::append_batch`] |
//! | record without waiting for the disk | [`AuditSink::record`], [`AuditSink::try_record`] |
//! | get an event by its id, by its number, by what it was imported from | [`Ledger::event`], [`Ledger::event_at`], [`Ledger::find_source`] |
//! | list and count events by any of their names, a subject's pattern, time | [`Ledger::events`], [`Ledger::count`], [`Ledger::count_by`] with an [`EventFilter`] |
//! | list the newest, from memory | [`Ledger::recent`] |
//! | *correlations* | |
//! | follow a correlation and those that it came from | [`Ledger::correlation_chain`] |
//! | *query audits* | |
//! | put an audit once; get it | [`Ledger::put_audit`]; [`Ledger::audit`] |
//! | list those of an agent, the newest, the anonymous ones | [`Ledger::audits_for_agent`], [`Ledger::recent_audits`], [`Ledger::audits`] with an [`AuditFilter`] |
//! | find out whether an agent has any | [`Ledger::has_audits_for_agent`] |
//! | *provenance* | |
//! | trace what an agent looked up, what came back, and from which assertions | [`Ledger::trace`] with an [`AuditFilter`] |
//! | go from a decision back to the sources | [`Ledger::provenance`] |
//! | *what is used* | |
//! | sum up tokens, cost, calls and failures | [`Ledger::usage`] |
//! | *upkeep* | |
//! | check everything; repair what a crash left; save what is intact of a damaged ledger | [`verify`]; [`recover`]; [`salvage`] |
//! | copy the ledger while it is written to; make a ledger of such a copy; delete one for good | [`Ledger::backup`], [`backup()`]; [`restore`]; [`reset()`] with what [`plan_reset`] tells |
//! | build the index anew | [`Ledger::rebuild_index`], or [`rebuild_index`] where nobody has the ledger open |
//! | see how it fares, how much it holds, what counts for nothing | [`Ledger::health`], [`Ledger::stats`], [`Ledger::anomalies`] |
//! | *live* | |
//! | get events as they become durable, without a gap behind a question | [`Ledger::subscribe`]; [`Ledger::tail`] in the order of the log |
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
