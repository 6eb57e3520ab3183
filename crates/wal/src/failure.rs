//! What went wrong with records that perhaps nobody waited for.
//!
//! An append that waits is told by its error. One that doesn't (buffered, or its ticket dropped) is told here, so that
//! nothing that was accepted is ever given up in silence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::commit::batch::Batch;
use crate::commit::outcome::Settled;
use crate::error::{AppendError, CloseError};
use crate::log::Log;
use crate::seq::Seq;

/// Something that a log couldn't do, as [`Options::on_failure`](crate::Options::on_failure) is told.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Records that had their places were given up: those of a commit that failed, or of the one behind it.
    ///
    /// If the error is [`AppendError::OutcomeUnknown`] they may be in the log all the same, and those that were only
    /// written before, and not synced, are among them; there may then be none at all, and the log takes nothing more.
    /// After any other error they aren't in the log, and their numbers go to other records.
    #[error("{records} records from {first_seq} on were given up")]
    Records {
        /// The number of the first.
        first_seq: Seq,
        /// How many. Those whose callers waited, and were told by their own errors, are among them.
        records: u64,
        /// Why.
        #[source]
        error: AppendError,
    },
    /// The last handle was dropped without a close, and the close that this stands for failed.
    #[error("the log couldn't be closed when its last handle was dropped")]
    Close(#[source] CloseError),
}

impl Failure {
    /// How many records were given up.
    #[must_use]
    pub fn records(&self) -> u64 {
        match self {
            Failure::Records { records, .. } => *records,
            Failure::Close(_) => 0,
        }
    }

    /// Whether they may be in the log all the same.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Failure::Records { error, .. } if error.is_outcome_unknown())
    }

    /// What follows for records from how a commit was settled, and from giving up what was filled behind it.
    /// `durable_end` is how far the log is durable.
    pub(crate) fn of_commit(
        batch: &Batch,
        settled: &Settled,
        abandoned: Option<&(Batch, AppendError)>,
        durable_end: Seq,
    ) -> Vec<Failure> {
        let mut failures = Vec::new();
        if let Err(error) = settled {
            // A sync that failed leaves in doubt what had only been written, too.
            let first_seq = if error.is_outcome_unknown() { durable_end } else { batch.first_seq };
            let (records, error) = (batch.end_seq().since(first_seq), error.clone());
            failures.push(Failure::Records { first_seq, records, error });
        }
        if let Some((batch, error)) = abandoned {
            let (first_seq, records) = (batch.first_seq, u64::from(batch.records));
            failures.push(Failure::Records { first_seq, records, error: error.clone() });
        }
        failures.retain(|failure| failure.records() > 0 || failure.is_outcome_unknown());
        failures
    }
}

/// Who is told of failures.
pub(crate) type FailureListener = Arc<dyn Fn(&Failure) + Send + Sync>;

impl Log {
    /// Tells the listener, if there is one. Nothing may be locked: it is somebody else's code.
    pub(crate) fn tell(&self, failures: &[Failure]) {
        let Some(listener) = &self.on_failure else { return };
        for failure in failures {
            // One that panics has said so by it; it must not end a thread that others wait for.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(failure)));
        }
    }
}

#[cfg(test)]
mod tests;
