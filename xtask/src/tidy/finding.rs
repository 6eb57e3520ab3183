//! What a rule reports: a place, a sentence, and whether it fails the build.

use std::fmt;

/// Whether a finding fails the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Shown only.
    Warning,
    /// Fails.
    Error,
}

/// One broken rule at one place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    path: String,
    /// Counted from 1. Nothing where the whole file is meant.
    line: Option<usize>,
    message: String,
}

impl Finding {
    /// A finding that fails the build.
    pub(crate) fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, path: path.into(), line: None, message: message.into() }
    }

    /// A finding that is only shown.
    pub(crate) fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, message) }
    }

    /// The same finding, at a line counted from 1.
    pub(crate) fn at_line(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        match self.line {
            Some(line) => write!(formatter, "{severity}: {}:{line}: {}", self.path, self.message),
            None => write!(formatter, "{severity}: {}: {}", self.path, self.message),
        }
    }
}
