//! Reads recordings of other agent tools, and Runledger's own event JSON, into a ledger.
//!
//! Every source line is kept byte for byte in exactly one event, and shows there what it means; model calls, tool calls
//! and runs that follow from the lines point into them. So a ledger is also the archive of what was imported:
//! [`transcript`] gives a session's file back. Importing the same again, or a later save of the same session, appends
//! only what is new; an import that was killed is completed by running it again. Nothing is ever refused for what a line
//! says: what can't be read is kept as it is, and counted.
//!
//! One importer at a time works on a ledger: two that import the same session at once could store its lines twice.
//!
//! The modules stand in the order in which data flows: files are found, their format is told, their lines are read;
//! each format makes events of them; the sink looks up which of those are new, and appends them.
//!
//! # Example
//!
//! ```
//! use runledger_audit::Ledger;
//! use runledger_import::{Format, Importer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let file = dir.path().join("session.jsonl");
//! let line = r#"{"type":"user","sessionId":"s","uuid":"1","message":{"role":"user","content":"hello"}}"#;
//! std::fs::write(&file, line)?;
//! let ledger = Ledger::open(dir.path().join("ledger"))?;
//! let report = Importer::new(&ledger).format(Format::ClaudeCode).run(&[&file])?;
//! assert_eq!((report.records_read, report.runs), (1, 1));
//!
//! let mut transcript = Vec::new();
//! runledger_import::transcript(&ledger, "s", &mut transcript)?;
//! assert_eq!(transcript, line.as_bytes());
//! # Ok(())
//! # }
//! ```

mod claude_code;
mod document;
mod error;
mod files;
mod format;
mod goal;
mod hash;
mod importer;
mod lines;
mod object;
mod offsets;
mod own_json;
mod report;
mod save;
mod sink;
mod source_file;
mod swe_agent;
mod tau_bench;
#[cfg(test)]
mod testing;
mod transcript;

pub use error::{ImportError, TranscriptError};
pub use format::{Format, UnknownFormat};
pub use importer::Importer;
pub use report::{ImportReport, Progress};
pub use transcript::transcript;
