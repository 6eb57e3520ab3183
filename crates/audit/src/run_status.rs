//! The states of a run. Their numbers stand on disk and are never given to another state.

use std::fmt;
use std::str::FromStr;

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Accepted, not begun.
    Queued,
    /// At work.
    Running,
    /// Ended with a result.
    Completed,
    /// Ended by an error.
    Failed,
    /// Ended by somebody's wish.
    Canceled,
    /// Ended by its time limit.
    Timeout,
    /// Ended by its cost limit.
    BudgetExceeded,
    /// Planned only, nothing was done.
    DryRun,
    /// Its process died before it ended; said by recovery.
    Interrupted,
}

/// The text names no state of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown run status {text:?}, expected one of {}", RunStatus::names())]
pub struct UnknownRunStatus {
    text: String,
}

impl RunStatus {
    /// Every state, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Timeout,
        Self::BudgetExceeded,
        Self::DryRun,
        Self::Interrupted,
    ];

    /// The number of the state on disk.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Queued => 1,
            Self::Running => 2,
            Self::Completed => 3,
            Self::Failed => 4,
            Self::Canceled => 5,
            Self::Timeout => 6,
            Self::BudgetExceeded => 7,
            Self::DryRun => 8,
            Self::Interrupted => 9,
        }
    }

    /// The state with this number, if there is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// The name of the state in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::BudgetExceeded => "budget_exceeded",
            Self::DryRun => "dry_run",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether a run in this state may still do something.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    /// Whether a run in this state came to no good end.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Canceled | Self::Timeout | Self::BudgetExceeded | Self::Interrupted
        )
    }

    fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads the names above, and the synonyms of other systems: `ok`, `error`, `cancelled`.
impl FromStr for RunStatus {
    type Err = UnknownRunStatus;

    fn from_str(text: &str) -> Result<Self, UnknownRunStatus> {
        match text {
            "ok" => Ok(Self::Completed),
            "error" => Ok(Self::Failed),
            "cancelled" => Ok(Self::Canceled),
            _ => Self::ALL
                .into_iter()
                .find(|status| status.as_str() == text)
                .ok_or_else(|| UnknownRunStatus { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_round_trip_and_an_unknown_name_lists_the_known_ones() {
        for status in RunStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(RunStatus::from_code(status.code()), Some(status));
        }
        assert_eq!("cancelled".parse(), Ok(RunStatus::Canceled));
        assert!("done".parse::<RunStatus>().unwrap_err().to_string().contains("budget_exceeded"));
    }
}
