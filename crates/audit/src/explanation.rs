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
    /// Whether the histories of superseded events were walked too, because the question was asked as of a moment before
    /// they were superseded.
    pub with_history: bool,
    /// The conditions that streams of the index answered, in the order in which they were asked at the end: whichever
    /// refuses most candidates comes to be the first.
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
    /// How often a key was searched for.
    pub seeks: u64,
    /// How many keys were looked at.
    pub rows: u64,
    /// How many candidates of the other conditions it refused.
    pub refused: u64,
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
    /// By the number of keys in ranges of the index.
    KeyRanges,
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
            Self::KeyRanges => "key_ranges",
            Self::Join => "join",
            Self::Events => "events",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let history =
            if self.with_history { ", with the histories of what was superseded since" } else { "" };
        writeln!(f, "as of the records before {}{history}", self.known_end)?;
        writeln!(f, "joined, the most selective first:")?;
        for joined in &self.joined {
            let JoinedCondition { condition, streams, seeks, rows, refused, values_looked_at } = joined;
            write!(f, "  {condition}: {streams} streams, {seeks} seeks, {rows} rows, {refused} refused")?;
            match values_looked_at {
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
            CountMethod::KeyRanges => "the number of keys in its streams",
            CountMethod::Join => "the join alone, no event read",
            CountMethod::Events => "events that are read and checked",
        };
        write!(f, "a count takes {count}\ntook {:?}", self.took)
    }
}
