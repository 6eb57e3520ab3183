//! How an outcome and a state look: what went well is green, what failed red, and what says neither is plain.

use anstyle::Style;
use runledger::{RunStatus, is_failure};

use crate::output::{BAD, GOOD};

/// The style of an event's outcome.
pub(crate) fn outcome_style(outcome: &str) -> Style {
    match outcome {
        "success" | "ok" | "completed" | "approved" => GOOD,
        _ if is_failure(outcome) => BAD,
        _ => Style::new(),
    }
}

/// The style of a run's state.
pub(crate) fn status_style(status: RunStatus) -> Style {
    match status {
        RunStatus::Completed => GOOD,
        RunStatus::Queued | RunStatus::Running | RunStatus::DryRun => Style::new(),
        _ => BAD,
    }
}
