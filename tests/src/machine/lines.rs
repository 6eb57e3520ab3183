//! What the writing program says, line by line, and how its threads write.
//!
//! INVARIANT: each thread answers for its records in the order of their numbers, and has sent nothing beyond the group
//! that holds the first unanswered one. So a test that has read the lines of a killed writer knows of each record
//! whether it was acknowledged, whether nobody can know, or whether it was never sent.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How a thread writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One append after the other.
    Single,
    /// Several records in one commit: all of them are there, or none.
    Batch,
    /// Several records are placed, and then waited for.
    Window,
    /// Several records are only written, and the last one made durable, and all before it with it.
    Trail,
}

/// How many records are sent together, but for single ones.
pub const GROUP_RECORDS: u64 = 8;

impl Style {
    /// The style of this thread.
    #[must_use]
    pub fn of_thread(thread: u32) -> Style {
        match thread % 4 {
            0 => Style::Single,
            1 => Style::Batch,
            2 => Style::Window,
            _ => Style::Trail,
        }
    }

    /// The records that are sent together with this one.
    #[must_use]
    pub fn group_of(self, number: u64) -> Range<u64> {
        let records = if self == Style::Single { 1 } else { GROUP_RECORDS };
        let first = number / records * records;
        first..first + records
    }
}

/// One line of the writer's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The log is open.
    Opened {
        /// The number that the next record gets.
        next_seq: u64,
        /// How many records were found behind the watermark.
        recovered: u64,
        /// How many bytes were cut off and set aside.
        torn_bytes: u64,
        /// Whether these may have been acknowledged.
        ambiguous: bool,
    },
    /// A record is durable.
    Acknowledged {
        /// Who sent it.
        thread: u32,
        /// Which of the thread's.
        number: u64,
        /// Its place in the log.
        seq: u64,
    },
    /// A record is not in the log and won't be.
    Refused {
        /// Who sent it.
        thread: u32,
        /// Which of the thread's.
        number: u64,
        /// In one word.
        why: String,
    },
    /// Nobody knows whether a record is in the log.
    Unknown {
        /// Who sent it.
        thread: u32,
        /// Which of the thread's.
        number: u64,
    },
    /// All threads have ended, and the log was closed without an error, or with one.
    Closed {
        /// What closing came to.
        result: String,
    },
    /// The log couldn't be opened.
    NotOpened {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Opened { next_seq, recovered, torn_bytes, ambiguous } => {
                write!(f, "opened {next_seq} {recovered} {torn_bytes} {ambiguous}")
            }
            Line::Acknowledged { thread, number, seq } => write!(f, "acknowledged {thread} {number} {seq}"),
            Line::Refused { thread, number, why } => write!(f, "refused {thread} {number} {why}"),
            Line::Unknown { thread, number } => write!(f, "unknown {thread} {number}"),
            Line::Closed { result } => write!(f, "closed {result}"),
            Line::NotOpened { why } => write!(f, "not-opened {why}"),
        }
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Line, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut fields = rest.splitn(4, ' ');
        let mut number = || {
            let field = fields.next().unwrap_or_default();
            field.parse::<u64>().map_err(|_| format!("no number where one belongs in {text:?}"))
        };
        let thread = |number: u64| u32::try_from(number).map_err(|error| error.to_string());
        Ok(match word {
            "opened" => Line::Opened {
                next_seq: number()?,
                recovered: number()?,
                torn_bytes: number()?,
                ambiguous: fields.next() == Some("true"),
            },
            "acknowledged" => {
                Line::Acknowledged { thread: thread(number()?)?, number: number()?, seq: number()? }
            }
            "refused" => Line::Refused {
                thread: thread(number()?)?,
                number: number()?,
                why: fields.next().unwrap_or_default().to_owned(),
            },
            "unknown" => Line::Unknown { thread: thread(number()?)?, number: number()? },
            "closed" => Line::Closed { result: rest.to_owned() },
            "not-opened" => Line::NotOpened { why: rest.to_owned() },
            _ => return Err(format!("no line of the writer: {text:?}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_read_as_it_was_said() {
        let lines = [
            Line::Opened { next_seq: 1, recovered: 2, torn_bytes: 3, ambiguous: true },
            Line::Acknowledged { thread: 1, number: 2, seq: 3 },
            Line::Refused { thread: 1, number: 2, why: "full".to_owned() },
            Line::Unknown { thread: 1, number: 2 },
            Line::Closed { result: "well".to_owned() },
            Line::NotOpened { why: "held by another writer".to_owned() },
        ];
        for line in lines {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
    }

    #[test]
    fn half_a_line_is_an_error() {
        for text in ["", "open", "acknowledged 1 2", "unknown 1", "opened 1 2"] {
            assert!(text.parse::<Line>().is_err(), "{text:?}");
        }
    }
}
