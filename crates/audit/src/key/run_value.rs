//! Tag 25: the runs that have a value in a dimension, by their start. Value: the run's id.
//!
//! Format: FORMAT.md#index-keys

use super::{Tag, push_text};
use crate::key::run::RunRecord;
use crate::rollup;

/// What runs are listed by. The numbers stand in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RunDimension {
    Status = 1,
    Agent = 2,
    Session = 3,
    Skill = 4,
    Caller = 5,
    Channel = 6,
    Parent = 7,
    /// Of the runs that no other run started. The value is the empty text.
    TopLevel = 8,
}

impl RunDimension {
    pub(crate) const ALL: [Self; 8] = [
        Self::Status,
        Self::Agent,
        Self::Session,
        Self::Skill,
        Self::Caller,
        Self::Channel,
        Self::Parent,
        Self::TopLevel,
    ];

    /// The value that a run has, if it has one.
    pub(crate) fn of(self, record: &RunRecord) -> Option<&str> {
        match self {
            Self::Status => Some(rollup::status(record).as_str()),
            Self::Agent => record.agent_id.as_deref(),
            Self::Session => record.session_id.as_deref(),
            Self::Skill => record.skill_id.as_deref(),
            Self::Caller => record.caller_id.as_deref(),
            Self::Channel => record.channel_id.as_deref(),
            Self::Parent => record.parent_run_id.as_deref(),
            Self::TopLevel => record.parent_run_id.is_none().then_some(""),
        }
    }
}

/// What the keys of all runs with this value start with; the run's place follows.
pub(crate) fn prefix(dimension: RunDimension, value: &str) -> Vec<u8> {
    let mut key = vec![Tag::RunValue.byte(), dimension as u8];
    push_text(&mut key, value);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_the_beginning_of_another() {
        let parent = |value| prefix(RunDimension::Parent, value);
        assert!(!parent("pp").starts_with(&parent("p")) && !parent("p\0").starts_with(&parent("p")));
        assert!(!prefix(RunDimension::Agent, "p").starts_with(&parent("p")));
    }
}
