//! How a question was answered, for people who wonder why it took so long.

use std::fmt;
use std::time::Duration;

use crate::Seq;

/// What answering a filter took. The figures are those of the answer up to its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The answer rests on the records before this one.
    pub known_end: Seq,
    /// The conditions that streams of the index answered, the one with the fewest events first: so they are joined. None
    /// if all events are candidates.
    pub joined: Vec<JoinedCondition>,
    /// The conditions that were checked on the events themselves.
    pub checked: Vec<CheckedCondition>,
    /// How many positions all joined conditions had.
    pub candidates: u64,
    /// How many events were read from the log.
    pub events_read: u64,
    /// How many events the answer holds.
    pub matches: u64,
    /// Whether the answer ended at its limit.
    pub ended_at_limit: bool,
    /// How [`crate::Ledger::count`] answers the same filter.
    pub count_method: CountMethod,
    /// How long it took.
    pub took: Duration,
}

/// A condition that streams of the index answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinedCondition {
    /// The condition.
    pub condition: String,
    /// How many streams were united for it.
    pub streams: usize,
    /// How many values were looked at to find those that a pattern matches.
    pub values_looked_at: usize,
    /// How many events these have, in the parts of the index that were looked into.
    pub positions: u64,
    /// How often an event was sought among them.
    pub seeks: u64,
    /// How often it was not there.
    pub refused: u64,
    /// How many blocks of up to 128 events were read for that.
    pub blocks_read: u64,
}

/// A condition that was checked on the events, because it accepts too many values for a union of streams.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedCondition {
    /// The condition.
    pub condition: String,
    /// How many values were looked at before it was clear that they are too many.
    pub values_looked_at: usize,
}

/// How a filter is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CountMethod {
    /// By the lengths of lists in the index.
    ListLengths,
    /// By walking the join, without reading an event.
    Join,
    /// By reading events, since a condition has to be checked on them.
    Events,
}

impl CountMethod {
    /// The name of the method.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ListLengths => "list_lengths",
            Self::Join => "join",
            Self::Events => "events",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "as of the records before {}", self.known_end)?;
        let joined = if self.joined.is_empty() {
            "joined: nothing, all events"
        } else {
            "joined, the fewest events first:"
        };
        writeln!(f, "{joined}")?;
        for joined in &self.joined {
            let JoinedCondition { condition, streams, positions, seeks, refused, blocks_read, .. } = joined;
            write!(f, "  {condition}: {streams} streams with {positions} events, ")?;
            write!(f, "{seeks} seeks, {refused} refused, {blocks_read} blocks read")?;
            match joined.values_looked_at {
                0 => writeln!(f)?,
                looked_at => writeln!(f, ", {looked_at} values held against the pattern")?,
            }
        }
        for CheckedCondition { condition, values_looked_at } in &self.checked {
            write!(f, "  {condition}: checked on each event, since it accepts too many values to join")?;
            match values_looked_at {
                0 => writeln!(f)?,
                looked_at => writeln!(f, " ({looked_at} looked at)")?,
            }
        }
        let limit = if self.ended_at_limit { ", where the limit ended it" } else { "" };
        writeln!(
            f,
            "{} candidates, {} events read, {} in the answer{limit}",
            self.candidates, self.events_read, self.matches
        )?;
        let count = match self.count_method {
            CountMethod::ListLengths => "the lengths of lists",
            CountMethod::Join => "the join alone, no event read",
            CountMethod::Events => "events that are read and checked",
        };
        write!(f, "a count takes {count}\ntook {:?}", self.took)
    }
}
