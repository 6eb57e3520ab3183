//! Why a line is not an event. Each names the field by its path (`body.status`) and what is accepted there.

/// Why a line of JSON cannot be read as an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventJsonError {
    /// The line, or a name in it, is not JSON, or not an object.
    #[error("not an event: {0}")]
    NotAnObject(#[source] serde_json::Error),
    /// A field that cannot be made up is absent.
    #[error("{path}: missing, expected {expected}")]
    Missing {
        /// Which field.
        path: String,
        /// What it says.
        expected: &'static str,
    },
    /// A field holds another type of JSON, or a number or string out of its range.
    #[error("{path}: expected {expected}, found {found}")]
    Unexpected {
        /// Which field.
        path: String,
        /// What it should hold.
        expected: &'static str,
        /// What it holds, or the beginning of that.
        found: String,
    },
    /// A field's string is none of those that it may be.
    #[error("{path}: unknown value {found}, expected one of {accepted}")]
    UnknownValue {
        /// Which field.
        path: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        accepted: String,
    },
    /// A field's string cannot be read as what it stands for.
    #[error("{path}: {problem}")]
    Invalid {
        /// Which field.
        path: String,
        /// What is wrong with it, and what is accepted.
        problem: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A field is given twice, or two fields that exclude each other.
    #[error("{path}: {problem}")]
    Twice {
        /// Which field.
        path: String,
        /// How.
        problem: String,
    },
}
