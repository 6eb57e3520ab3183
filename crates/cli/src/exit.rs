//! How the program ends: one number, and for an error one sentence with its causes on standard error.
//!
//! The number of an error is decided here alone, from the error's own type, so that the same trouble ends every
//! command in the same way.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use runledger::ErrorClass;
use runledger::import::{ImportError, TranscriptError};

use crate::output;

/// What the program's exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked was done.
    Fine = 0,
    /// What was asked for is not in the ledger.
    NotFound = 1,
    /// The command line, the input or the ledger's state does not allow it.
    Refused = 2,
    /// The ledger is damaged.
    Damage = 3,
    /// `recover` repaired something.
    Repaired = 4,
    /// Reading or writing failed.
    StorageFailed = 5,
    /// Another process writes to the ledger.
    Held = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<ErrorClass> for Exit {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Refused => Self::Refused,
            ErrorClass::Damage => Self::Damage,
            ErrorClass::Held => Self::Held,
            // What a later version adds is at worst a failure that nobody asked for.
            _ => Self::StorageFailed,
        }
    }
}

/// Something that was asked for and is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotFound(pub(crate) String);

/// Something that the program does not do as things stand.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// Reports what a command came to, and says with which code the program ends.
pub(crate) fn conclude(result: anyhow::Result<Exit>) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    if output_is_closed(&error) {
        return Exit::Fine;
    }
    output::remark(format_args!("error: {}", sentence(error.as_ref())));
    class(&error)
}

/// The reader of standard output has gone: it has what it wanted.
fn output_is_closed(error: &anyhow::Error) -> bool {
    let is_closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(is_closed)
}

/// The code for an error, by the first of its causes that has one.
fn class(error: &anyhow::Error) -> Exit {
    error.chain().find_map(class_of_cause).unwrap_or(Exit::StorageFailed)
}

fn class_of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    macro_rules! by_type {
        ($($error:ty => $exit:expr),* $(,)?) => {
            $(if let Some(error) = cause.downcast_ref::<$error>() {
                let exit: fn(&$error) -> Exit = $exit;
                return Some(exit(error));
            })*
        };
    }
    by_type! {
        NotFound => |_| Exit::NotFound,
        Refused => |_| Exit::Refused,
        crate::time_argument::InvalidTime => |_| Exit::Refused,
        crate::time_argument::InvalidSpan => |_| Exit::Refused,
        runledger::SubscriptionError => |error| error.class().into(),
        runledger::OpenError => |error| error.class().into(),
        runledger::AppendError => |error| error.class().into(),
        runledger::QueryError => |error| error.class().into(),
        runledger::CloseError => |error| error.class().into(),
        runledger::MaintenanceError => |error| error.class().into(),
        TranscriptError => |error| match error {
            TranscriptError::NotFound { .. } => Exit::NotFound,
            TranscriptError::Query(error) => error.class().into(),
            _ => Exit::StorageFailed,
        },
        ImportError => |error| match error {
            ImportError::Append(error) => error.class().into(),
            ImportError::Query(error) => error.class().into(),
            // The recordings, not the ledger: they are gone, or nobody may read them.
            ImportError::Missing { .. } | ImportError::Unreadable { .. } => Exit::Refused,
            _ => Exit::StorageFailed,
        },
    }
    None
}

/// The error and its causes in one sentence; a cause whose words its effect already repeats is left out.
pub(crate) fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    let mut sentence = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !sentence.contains(&words) {
            // Writing to a string does not fail.
            let _ = write!(sentence, ": {words}");
        }
        source = cause.source();
    }
    sentence
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_class_of_a_cause_decides_however_deep_it_lies() {
        let error = anyhow::Error::new(NotFound("no run r".to_owned())).context("cannot show it");
        assert_eq!(class(&error), Exit::NotFound);
        assert_eq!(sentence(error.as_ref()), "cannot show it: no run r");
    }

    #[test]
    fn a_closed_output_is_no_error_and_a_full_one_is_a_storage_failure() {
        let closed: anyhow::Result<Exit> = Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        assert_eq!(conclude(closed), Exit::Fine);
        let full = Err(io::Error::from(io::ErrorKind::StorageFull)).context("cannot write");
        assert_eq!(conclude(full), Exit::StorageFailed);
    }
}
