//! Lists a file's lines while it is read.

use runledger_audit::Seq;

use super::{Item, Listed, Piece, SAVE_PART_LINES_MAX};
use crate::error::ImportError;
use crate::hash::RunningHash;
use crate::sink::{Known, Sink};

/// The lines of a file, or of a part of it, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct SaveBuilder {
    stretches: Vec<Stretch>,
    lines: u64,
    hash: RunningHash,
    ends_with_newline: bool,
}

#[derive(Debug)]
enum Stretch {
    /// Lines held by events that follow each other without a gap.
    Lines {
        first: Known,
        lines: u64,
    },
    Blank(String),
}

/// A finished list.
#[derive(Debug)]
pub(crate) struct SavePart {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) items: Vec<Item>,
    pub(crate) lines: u64,
    pub(crate) ends_with_newline: bool,
    /// SHA-256 of the listed bytes.
    pub(crate) hash: String,
}

impl SavePart {
    pub(crate) fn listed(&self) -> Listed<'_> {
        (&self.items, self.ends_with_newline)
    }
}

impl SaveBuilder {
    /// Adds a line that an event holds. Only lines in events without a gap between them become one stretch: then nothing
    /// that anybody else appends can come between.
    pub(crate) fn add_line(&mut self, line: Known, bytes: &[u8], ended: bool) {
        let next = line.seq.get();
        match self.stretches.last_mut() {
            Some(Stretch::Lines { first, lines }) if first.seq.get().checked_add(*lines) == Some(next) => {
                *lines += 1;
            }
            _ => self.stretches.push(Stretch::Lines { first: line, lines: 1 }),
        }
        self.count(bytes, ended);
    }

    /// Adds a line of white space.
    pub(crate) fn add_blank(&mut self, bytes: &[u8], ended: bool) {
        self.stretches.push(Stretch::Blank(String::from_utf8_lossy(bytes).into_owned()));
        self.count(bytes, ended);
    }

    fn count(&mut self, bytes: &[u8], ended: bool) {
        self.lines += 1;
        self.hash.add(bytes);
        if ended {
            self.hash.add(b"\n");
        }
        self.ends_with_newline = ended;
    }

    /// Whether the list is as long as an event can hold.
    pub(crate) const fn is_full(&self) -> bool {
        self.lines >= SAVE_PART_LINES_MAX
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// The finished list; another one begins.
    pub(crate) fn finish(&mut self, sink: &mut Sink<'_>) -> Result<SavePart, ImportError> {
        let built = std::mem::take(self);
        let (mut pieces, mut items) = (Vec::new(), Vec::new());
        for stretch in built.stretches {
            match stretch {
                Stretch::Blank(blank) => {
                    items.push(Item::Blank(blank.clone()));
                    pieces.push(Piece::Blank { blank });
                }
                Stretch::Lines { first, lines } => {
                    let start = first.seq.get();
                    items.extend((start..start + lines).map(|seq| Item::Line(Seq::new(seq))));
                    pieces.push(Piece::Lines { from: sink.event_id(first)?.to_string(), lines });
                }
            }
        }
        Ok(SavePart {
            pieces,
            items,
            lines: built.lines,
            ends_with_newline: built.ends_with_newline,
            hash: built.hash.finish().to_string(),
        })
    }
}
