//! Runs that an earlier writer left at work, and the events that mark them as interrupted.
//!
//! Their writer is gone, since its lock is ours, and nobody else will end them. Which they are is known to the index, and
//! opening a ledger does not wait for that: they are looked up and marked before the first append, question or close.
//!
//! INVARIANT: no event of this writer stands in the log before these marks, unless the index could not be asked.

use std::sync::OnceLock;

use parking_lot::Mutex;
use runledger_store::View;
use runledger_wal::Durability;

use super::Ledger;
use super::ask::Asker;
use crate::body::RunStatusChanged;
use crate::{AppendError, Body, Event, QueryError, RunStatus, key};

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Interruptions {
    /// Held by who looks them up and marks them.
    working: Mutex<()>,
    marked: OnceLock<Vec<String>>,
}

impl Interruptions {
    /// Whether runs at work are to be marked at all.
    pub(super) fn wanted(wanted: bool) -> Self {
        let marked = if wanted { OnceLock::new() } else { OnceLock::from(Vec::new()) };
        Self { working: Mutex::new(()), marked }
    }

    /// Whether nothing is left to be marked.
    pub(super) fn are_settled(&self) -> bool {
        self.marked.get().is_some()
    }
}

impl Ledger {
    /// Runs whose process died before they ended, and which were marked as interrupted since this handle's ledger was
    /// opened. Waits for the index.
    ///
    /// ```
    /// use runledger_audit::{Ledger, NewRun, RunStatus};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ledger");
    /// let ledger = Ledger::open(&path)?;
    /// ledger.start_run(NewRun::new("nightly"))?;
    /// drop(ledger); // and nobody ended it
    ///
    /// let ledger = Ledger::open(&path)?;
    /// assert_eq!(ledger.interrupted_runs()?, ["nightly"]);
    /// assert_eq!(ledger.run("nightly")?.expect("it was started").status, RunStatus::Interrupted);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index can't be asked now, or the marks can't be appended. It is tried again with the next append or question.
    pub fn interrupted_runs(&self) -> Result<&[String], AppendError> {
        self.core.interrupted_runs()
    }
}

impl Asker {
    /// Marks them unless that was done. What keeps it from being done keeps nobody from going on.
    pub(super) fn settle_interruptions(&self) {
        let _ = self.interrupted_runs();
    }

    fn interrupted_runs(&self) -> Result<&[String], AppendError> {
        let Some(writer) = &self.writer else { return Ok(&[]) };
        if let Some(marked) = writer.interruptions.marked.get() {
            return Ok(marked);
        }
        let _working = writer.interruptions.working.lock();
        if let Some(marked) = writer.interruptions.marked.get() {
            return Ok(marked);
        }
        let end = self.log.durable_end().map_err(QueryError::from)?;
        let runs = self.ask_if_following(end, |view| self.live_runs(view))?;
        // Nobody looked them up: the index is paused, fails or is built anew.
        let Some(runs) = runs else { return Ok(&[]) };
        // All of them share a sync.
        let marks: Result<Vec<_>, _> =
            runs.iter().map(|run_id| self.submit(interruption(run_id), Durability::Durable)).collect();
        for mark in marks? {
            mark.wait()?;
        }
        Ok(writer.interruptions.marked.get_or_init(|| runs))
    }

    /// The runs that are at work by the index, though their writer can't be: we have its lock.
    fn live_runs(&self, view: &View) -> Result<Vec<String>, QueryError> {
        let own = self.writer.as_ref().map(|writer| writer.instance);
        let mut runs = Vec::new();
        for entry in view.prefix(&key::live_run::prefix()) {
            let (live_key, writer) = entry?;
            if key::live_run::decode_value(&writer) != own {
                runs.push(key::live_run::decode(&live_key)?.to_owned());
            }
        }
        Ok(runs)
    }
}

fn interruption(run_id: &str) -> Event {
    let reason = Some("its process ended before the run did".to_owned());
    let change = RunStatusChanged { reason, ..RunStatusChanged::new(RunStatus::Interrupted) };
    Event::new(Body::RunStatusChanged(change)).with_run(run_id)
}
