//! Calls that fail, or do less than they were asked for.
//!
//! A plan names the call by its number from now on, so that every call of a run can be made to fail in turn, whichever
//! place in the code it comes from.

use std::io;

/// What a program asks a disk for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Opening a file that exists.
    Open,
    /// Making a file.
    Create,
    /// Listing a directory.
    List,
    /// Making a directory.
    CreateDirectory,
    /// Syncing a directory.
    SyncDirectory,
    /// Renaming.
    Rename,
    /// Removing a name.
    Remove,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Asking for a length.
    Length,
    /// Setting a length.
    SetLength,
    /// Syncing a file.
    Sync,
    /// Locking.
    Lock,
    /// Mapping into memory.
    Map,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// With this error number.
    Errno(i32),
    /// A write that takes nothing and says so.
    NoProgress,
}

const INTERRUPTED: Failure = Failure::Errno(4);
const INPUT_OUTPUT: Failure = Failure::Errno(5);
const NO_MEMORY: Failure = Failure::Errno(12);
const FILES_OF_SYSTEM: Failure = Failure::Errno(23);
const FILES_OF_PROCESS: Failure = Failure::Errno(24);
const NO_SPACE: Failure = Failure::Errno(28);
const READ_ONLY: Failure = Failure::Errno(30);
const NO_LOCKS: Failure = Failure::Errno(37);
const OVER_QUOTA: Failure = Failure::Errno(122);

impl Call {
    /// All the ways in which this call can fail on Linux that a log has to expect (the manual pages of the calls, less
    /// what only a wrong argument gives).
    #[must_use]
    pub fn failures(self) -> &'static [Failure] {
        match self {
            Call::Open => &[INPUT_OUTPUT, FILES_OF_PROCESS, FILES_OF_SYSTEM, INTERRUPTED],
            Call::Create => &[INPUT_OUTPUT, FILES_OF_PROCESS, NO_SPACE, OVER_QUOTA, READ_ONLY, INTERRUPTED],
            Call::List => &[INPUT_OUTPUT, FILES_OF_PROCESS],
            Call::CreateDirectory | Call::Rename => &[INPUT_OUTPUT, NO_SPACE, READ_ONLY],
            Call::SyncDirectory => &[INPUT_OUTPUT, FILES_OF_PROCESS, NO_SPACE],
            Call::Remove => &[INPUT_OUTPUT, READ_ONLY],
            Call::Read => &[INPUT_OUTPUT, INTERRUPTED],
            Call::Write => &[INPUT_OUTPUT, NO_SPACE, OVER_QUOTA, INTERRUPTED, Failure::NoProgress],
            Call::Length => &[INPUT_OUTPUT],
            Call::SetLength => &[INPUT_OUTPUT, NO_SPACE, INTERRUPTED],
            Call::Sync => &[INPUT_OUTPUT, NO_SPACE, OVER_QUOTA, INTERRUPTED],
            Call::Lock => &[NO_LOCKS, INPUT_OUTPUT],
            Call::Map => &[NO_MEMORY, FILES_OF_SYSTEM],
        }
    }
}

impl Failure {
    /// Whether a write that fails so may have written something.
    pub(crate) fn is_for_lack_of_space(self) -> bool {
        self == NO_SPACE || self == OVER_QUOTA
    }

    /// Whether it is over by itself: the same call succeeds when it is made again.
    fn passes(self) -> bool {
        self == INTERRUPTED
    }

    /// The same as a system call's result.
    pub(crate) fn error(self) -> Option<io::Error> {
        match self {
            Failure::Errno(number) => Some(io::Error::from_raw_os_error(number)),
            Failure::NoProgress => None,
        }
    }
}

/// Which calls fail, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// So many calls succeed first.
    pub after: u64,
    /// Which of the call's possible failures it is; beyond their number, nothing fails.
    pub failure: usize,
    /// Whether all later calls of the same kind fail the same way, until the disk is healed.
    pub persists: bool,
}

/// A plan under way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    plan: Option<Plan>,
    failing: Option<(Call, Failure)>,
    /// Whether a call failed since the plan was made.
    pub(crate) struck: bool,
    /// Nothing fails, and no call counts.
    pub(crate) suspended: bool,
}

impl Faults {
    pub(crate) fn plan(&mut self, plan: Plan) {
        *self = Faults { plan: Some(plan), ..Faults::default() };
    }

    /// A write that was to fail like this wrote a part, and said so: the rest of it fails.
    pub(crate) fn fail_next(&mut self, failure: Failure) {
        let at = Call::Write.failures().iter().position(|possible| *possible == failure);
        if self.failing.is_none() {
            self.plan = at.map(|failure| Plan { after: 0, failure, persists: false });
        }
    }

    /// How this call fails, if it does.
    pub(crate) fn strike(&mut self, call: Call) -> Option<Failure> {
        if self.suspended {
            return None;
        }
        if let Some((failing, failure)) = self.failing {
            return (failing == call).then_some(failure);
        }
        let plan = self.plan.as_mut()?;
        if plan.after > 0 {
            plan.after -= 1;
            return None;
        }
        let (persists, chosen) = (plan.persists, plan.failure);
        self.plan = None;
        let failure = *call.failures().get(chosen)?;
        // One that passes can't persist: nobody could make any progress.
        self.failing = (persists && !failure.passes()).then_some((call, failure));
        self.struck = true;
        Some(failure)
    }
}
