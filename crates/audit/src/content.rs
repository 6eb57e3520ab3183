//! The bulky part of a body, and the imported line that it may lie in.
//!
//! An imported line is held byte for byte by exactly one event, its [`SourceLine`]. Whatever else says something that
//! stands in that line (a message's content, a tool's input) points into it with a [`SourceRange`] and repeats nothing.

use crate::{EventId, Json};

/// A JSON value that an event carries itself, or that stands in an imported line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Carried by the event itself.
    Inline(Json),
    /// Stands in an imported line.
    At(SourceRange),
}

/// Bytes of an imported line that are one JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRange {
    /// The event that holds the line; `None` when it is the event that this range belongs to.
    pub event: Option<EventId>,
    /// Where the value starts in the line, in bytes.
    pub offset: u32,
    /// How long it is, in bytes.
    pub length: u32,
}

/// A line of an imported file, byte for byte, without its line break.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// The bytes of the line. They need not be UTF-8.
    pub bytes: Vec<u8>,
    /// Whether the line was longer than a record can be, and the next source line of the same session continues it.
    pub continues: bool,
}

impl SourceLine {
    /// A whole line.
    #[must_use]
    pub fn whole(bytes: Vec<u8>) -> Self {
        Self { bytes, continues: false }
    }

    /// The text that `range` names; `None` if it lies outside the line or is not UTF-8.
    #[must_use]
    pub fn text(&self, range: SourceRange) -> Option<&str> {
        let start = usize::try_from(range.offset).ok()?;
        let end = start.checked_add(usize::try_from(range.length).ok()?)?;
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }
}

impl std::fmt::Debug for SourceLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let continues = if self.continues { ", continues" } else { "" };
        write!(f, "SourceLine({} bytes{continues})", self.bytes.len())
    }
}
