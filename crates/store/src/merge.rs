//! Many sorted sources as one, forwards and backwards.
//!
//! Invariant: of several entries with the same key, the newest source's is shown and the others are skipped; deletions
//! are shown as such (a view hides them, a merge of tables keeps them). A cursor that met an error stands nowhere.

use std::cmp::Ordering;

use crate::error::ReadError;
use crate::memtable::RunCursor;
use crate::table::TreeCursor;

/// One sorted source.
#[derive(Debug)]
pub(crate) enum Source {
    Run(RunCursor),
    Table(Box<TreeCursor>),
}

impl Source {
    fn first(&mut self) -> Result<(), ReadError> {
        match self {
            Self::Run(cursor) => cursor.first(),
            Self::Table(cursor) => cursor.first()?,
        }
        Ok(())
    }

    fn last(&mut self) -> Result<(), ReadError> {
        match self {
            Self::Run(cursor) => cursor.last(),
            Self::Table(cursor) => cursor.last()?,
        }
        Ok(())
    }

    fn seek(&mut self, key: &[u8]) -> Result<(), ReadError> {
        match self {
            Self::Run(cursor) => cursor.seek(key),
            Self::Table(cursor) => cursor.seek(key)?,
        }
        Ok(())
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<(), ReadError> {
        match self {
            Self::Run(cursor) => cursor.seek_for_prev(key),
            Self::Table(cursor) => cursor.seek_for_prev(key)?,
        }
        Ok(())
    }

    fn step(&mut self, direction: Direction) -> Result<(), ReadError> {
        match (self, direction) {
            (Self::Run(cursor), Direction::Forward) => cursor.next(),
            (Self::Run(cursor), Direction::Backward) => cursor.prev(),
            (Self::Table(cursor), Direction::Forward) => cursor.next()?,
            (Self::Table(cursor), Direction::Backward) => cursor.prev()?,
        }
        Ok(())
    }

    #[inline]
    fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Run(cursor) => cursor.key(),
            Self::Table(cursor) => cursor.key(),
        }
    }

    fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Run(cursor) => cursor.value(),
            Self::Table(cursor) => cursor.value(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// A place in the merged sequence, or none.
#[derive(Debug)]
pub(crate) struct MergeCursor {
    /// Newest first, so that of equal keys the lowest index wins.
    sources: Vec<Source>,
    /// Indices of the sources that stand somewhere: a binary heap whose root is the current entry.
    heap: Vec<usize>,
    direction: Direction,
    /// The key that is being left: the sources may forget theirs while they move.
    leaving: Vec<u8>,
}

impl MergeCursor {
    /// A cursor that stands nowhere yet. `sources` from the newest to the oldest.
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        Self {
            heap: Vec::with_capacity(sources.len()),
            sources,
            direction: Direction::Forward,
            leaving: Vec::new(),
        }
    }

    pub(crate) fn first(&mut self) -> Result<(), ReadError> {
        self.place_all(Direction::Forward, Source::first)
    }

    pub(crate) fn last(&mut self) -> Result<(), ReadError> {
        self.place_all(Direction::Backward, Source::last)
    }

    /// To the first entry at or behind `key`.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<(), ReadError> {
        self.place_all(Direction::Forward, |source| source.seek(key))
    }

    /// To the last entry at or before `key`.
    pub(crate) fn seek_for_prev(&mut self, key: &[u8]) -> Result<(), ReadError> {
        self.place_all(Direction::Backward, |source| source.seek_for_prev(key))
    }

    /// To the next entry. A cursor that stands nowhere stays there.
    pub(crate) fn next(&mut self) -> Result<(), ReadError> {
        self.leave(Direction::Forward)
    }

    /// To the previous entry. A cursor that stands nowhere stays there.
    pub(crate) fn prev(&mut self) -> Result<(), ReadError> {
        self.leave(Direction::Backward)
    }

    #[inline]
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.source(*self.heap.first()?)?.key()
    }

    /// The key, and its value unless it was deleted.
    #[inline]
    pub(crate) fn entry(&self) -> Option<(&[u8], Option<&[u8]>)> {
        let source = self.source(*self.heap.first()?)?;
        Some((source.key()?, source.value()))
    }

    fn source(&self, index: usize) -> Option<&Source> {
        self.sources.get(index)
    }

    fn place_all(
        &mut self,
        direction: Direction,
        mut place: impl FnMut(&mut Source) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.heap.clear();
        self.direction = direction;
        for source in &mut self.sources {
            place(source)?;
        }
        let placed = self.sources.iter().enumerate().filter(|(_, source)| source.key().is_some());
        self.heap.extend(placed.map(|(index, _)| index));
        for position in (0..self.heap.len() / 2).rev() {
            self.sift_down(position);
        }
        Ok(())
    }

    fn leave(&mut self, direction: Direction) -> Result<(), ReadError> {
        let Some(key) = self.heap.first().and_then(|index| self.sources.get(*index)).and_then(Source::key)
        else {
            return Ok(());
        };
        self.leaving.clear();
        self.leaving.extend_from_slice(key);
        let turned = self.direction != direction;
        let left = if turned { self.turn(direction) } else { self.step_over_leaving() };
        if left.is_err() {
            self.heap.clear();
        }
        left
    }

    /// Moves every source that stands on the key being left.
    fn step_over_leaving(&mut self) -> Result<(), ReadError> {
        while let Some(&root) = self.heap.first() {
            let Some(source) = self.sources.get_mut(root) else { break };
            if source.key() != Some(self.leaving.as_slice()) {
                break;
            }
            source.step(self.direction)?;
            if source.key().is_none() {
                self.heap.swap_remove(0);
            }
            self.sift_down(0);
        }
        Ok(())
    }

    /// Changes direction: the other sources stand on the wrong side of the key being left.
    fn turn(&mut self, direction: Direction) -> Result<(), ReadError> {
        let leaving = std::mem::take(&mut self.leaving);
        let placed = self.place_all(direction, |source| {
            match direction {
                Direction::Forward => source.seek(&leaving)?,
                Direction::Backward => source.seek_for_prev(&leaving)?,
            }
            if source.key() == Some(leaving.as_slice()) { source.step(direction) } else { Ok(()) }
        });
        self.leaving = leaving;
        placed
    }

    fn sift_down(&mut self, mut position: usize) {
        loop {
            let mut first = position;
            for child in [2 * position + 1, 2 * position + 2] {
                if child < self.heap.len() && self.comes_before(child, first) {
                    first = child;
                }
            }
            if first == position {
                return;
            }
            self.heap.swap(position, first);
            position = first;
        }
    }

    /// Whether the source at heap position `a` is to be shown before that at `b`.
    fn comes_before(&self, a: usize, b: usize) -> bool {
        let (Some(&a), Some(&b)) = (self.heap.get(a), self.heap.get(b)) else { return false };
        let (key_a, key_b) = (self.source(a).and_then(Source::key), self.source(b).and_then(Source::key));
        let by_key = match self.direction {
            Direction::Forward => key_a.cmp(&key_b),
            Direction::Backward => key_b.cmp(&key_a),
        };
        by_key.then(a.cmp(&b)) == Ordering::Less
    }
}
