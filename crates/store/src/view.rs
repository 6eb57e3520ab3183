//! What a reader holds: one consistent state, and cursors over it.
//!
//! Invariant: a view shows the batches up to one checkpoint, whole, for as long as it is held, whatever is written,
//! merged or removed meanwhile. It holds no lock; it keeps the memory and the (unlinked) tables that it looks at.

use std::ops::Bound;
use std::sync::Arc;

use crate::error::ReadError;
use crate::key_range::KeyRange;
use crate::merge::MergeCursor;
use crate::position::Position;
use crate::streams::{Matches, Selection, StreamNames};
use crate::version::Version;

/// A consistent view of the store. Cheap to make and to clone.
#[derive(Debug, Clone)]
pub struct View {
    version: Arc<Version>,
}

impl View {
    pub(crate) fn new(version: Arc<Version>) -> Self {
        Self { version }
    }

    /// The checkpoint that came with the last batch in this view.
    pub fn checkpoint(&self) -> Option<&[u8]> {
        self.version.checkpoint.as_deref()
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.get_here(key)?.map(<[u8]>::to_vec))
    }

    /// The value of `key`, where it lies.
    pub fn get_here(&self, key: &[u8]) -> Result<Option<&[u8]>, ReadError> {
        self.version.get(key)
    }

    /// A cursor over the keys in `range`, which stands nowhere yet.
    pub fn cursor(&self, range: KeyRange) -> Cursor {
        Cursor { merged: self.version.merged(), range, placed: false }
    }

    /// Iterates over the keys in `range`, ascending; `rev()` for descending.
    pub fn range(&self, range: KeyRange) -> Range {
        Range { view: self.clone(), left: range, front: None, back: None }
    }

    /// The positions that `selection` selects, in its order.
    pub fn select(&self, selection: &Selection) -> Result<Matches, ReadError> {
        Matches::new(self.version.layers()?.clone(), selection)
    }

    /// How many positions `selection` selects. Of one stream, within any bounds of time, they are counted without walking
    /// through them.
    pub fn count(&self, selection: &Selection) -> Result<u64, ReadError> {
        self.version.layers()?.count(selection)
    }

    /// At which number a position ended; nothing if it has not, or is not there.
    pub fn end_of(&self, position: Position) -> Result<Option<u64>, ReadError> {
        self.version.layers()?.end_of(position)
    }

    /// The names of streams that start with `prefix`.
    pub fn streams(&self, prefix: &[u8]) -> Result<StreamNames, ReadError> {
        Ok(StreamNames::new(self.version.layers()?.as_slice(), prefix))
    }

    /// Iterates over the keys that start with `prefix`.
    pub fn prefix(&self, prefix: &[u8]) -> Range {
        self.range(KeyRange::prefix(prefix))
    }
}

/// A place among the keys of a range, or none. Owns what it needs; shows keys and values without copying them.
///
/// A cursor that left the range, or met an error, stands nowhere until it is placed again.
///
/// ```
/// # use runledger_store::*;
/// # let dir = tempfile::tempdir()?;
/// let store = Store::open(dir.path(), Options::new().create(true))?;
/// let mut batch = Batch::new();
/// for key in ["a/1", "a/3", "b/2"] {
///     batch.put(key.as_bytes(), b"");
/// }
/// store.apply(&batch, b"checkpoint")?;
///
/// let mut cursor = store.view().cursor(KeyRange::prefix(b"a/"));
/// cursor.seek(b"a/2")?;
/// assert_eq!(cursor.key(), Some(&b"a/3"[..]));
/// cursor.move_prev()?;
/// assert_eq!(cursor.key(), Some(&b"a/1"[..]));
/// cursor.move_prev()?;
/// assert_eq!(cursor.key(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Cursor {
    merged: MergeCursor,
    range: KeyRange,
    placed: bool,
}

impl Cursor {
    /// To the first key of the range.
    pub fn seek_to_first(&mut self) -> Result<(), ReadError> {
        self.placed = false;
        match &self.range.lower {
            Bound::Included(lower) => self.merged.seek(lower)?,
            Bound::Unbounded => self.merged.first()?,
            Bound::Excluded(lower) => {
                self.merged.seek(lower)?;
                if self.merged.key() == Some(lower) {
                    self.merged.next()?;
                }
            }
        }
        self.settle_forward()
    }

    /// To the last key of the range.
    pub fn seek_to_last(&mut self) -> Result<(), ReadError> {
        self.placed = false;
        match &self.range.upper {
            Bound::Included(upper) => self.merged.seek_for_prev(upper)?,
            Bound::Unbounded => self.merged.last()?,
            Bound::Excluded(upper) => {
                self.merged.seek_for_prev(upper)?;
                if self.merged.key() == Some(upper) {
                    self.merged.prev()?;
                }
            }
        }
        self.settle_backward()
    }

    /// To the first key of the range at or behind `key`.
    pub fn seek(&mut self, key: &[u8]) -> Result<(), ReadError> {
        if self.range.is_before(key) {
            return self.seek_to_first();
        }
        self.placed = false;
        self.merged.seek(key)?;
        self.settle_forward()
    }

    /// To the last key of the range at or before `key`.
    pub fn seek_for_prev(&mut self, key: &[u8]) -> Result<(), ReadError> {
        if self.range.is_behind(key) {
            return self.seek_to_last();
        }
        self.placed = false;
        self.merged.seek_for_prev(key)?;
        self.settle_backward()
    }

    /// To the next key.
    pub fn move_next(&mut self) -> Result<(), ReadError> {
        if std::mem::take(&mut self.placed) {
            self.merged.next()?;
            self.settle_forward()?;
        }
        Ok(())
    }

    /// To the previous key.
    pub fn move_prev(&mut self) -> Result<(), ReadError> {
        if std::mem::take(&mut self.placed) {
            self.merged.prev()?;
            self.settle_backward()?;
        }
        Ok(())
    }

    /// Key and value at this place.
    #[inline]
    pub fn entry(&self) -> Option<(&[u8], &[u8])> {
        let (key, value) = self.merged.entry().filter(|_| self.placed)?;
        Some((key, value?))
    }

    /// The key at this place.
    #[inline]
    pub fn key(&self) -> Option<&[u8]> {
        self.merged.key().filter(|_| self.placed)
    }

    /// The value at this place.
    pub fn value(&self) -> Option<&[u8]> {
        self.entry().map(|(_, value)| value)
    }

    /// Skips deletions.
    fn settle_forward(&mut self) -> Result<(), ReadError> {
        while let Some((key, value)) = self.merged.entry() {
            if self.range.is_behind(key) {
                break;
            }
            if value.is_some() {
                self.placed = true;
                break;
            }
            self.merged.next()?;
        }
        Ok(())
    }

    fn settle_backward(&mut self) -> Result<(), ReadError> {
        while let Some((key, value)) = self.merged.entry() {
            if self.range.is_before(key) {
                break;
            }
            if value.is_some() {
                self.placed = true;
                break;
            }
            self.merged.prev()?;
        }
        Ok(())
    }
}

/// Iterates over keys and values of a range, from either end. Ends after an error.
#[derive(Debug)]
pub struct Range {
    view: View,
    /// What was not yet shown.
    left: KeyRange,
    front: Option<Cursor>,
    back: Option<Cursor>,
}

/// A key and its value.
type Entry = (Vec<u8>, Vec<u8>);

impl Range {
    fn advance(&mut self) -> Result<Option<Entry>, ReadError> {
        let cursor = if let Some(cursor) = &mut self.front {
            cursor.move_next()?;
            cursor
        } else {
            let cursor = self.front.insert(self.view.cursor(self.left.clone()));
            cursor.seek_to_first()?;
            cursor
        };
        let entry = cursor.entry().filter(|(key, _)| self.left.contains(key));
        let entry = entry.map(|(key, value)| (key.to_vec(), value.to_vec()));
        if let Some((key, _)) = &entry {
            self.left.lower = Bound::Excluded(key.clone());
        }
        Ok(entry)
    }

    fn retreat(&mut self) -> Result<Option<Entry>, ReadError> {
        let cursor = if let Some(cursor) = &mut self.back {
            cursor.move_prev()?;
            cursor
        } else {
            let cursor = self.back.insert(self.view.cursor(self.left.clone()));
            cursor.seek_to_last()?;
            cursor
        };
        let entry = cursor.entry().filter(|(key, _)| self.left.contains(key));
        let entry = entry.map(|(key, value)| (key.to_vec(), value.to_vec()));
        if let Some((key, _)) = &entry {
            self.left.upper = Bound::Excluded(key.clone());
        }
        Ok(entry)
    }

    /// After the end, or an error, nothing is left to show.
    fn show(&mut self, entry: Result<Option<Entry>, ReadError>) -> Option<Result<Entry, ReadError>> {
        if !matches!(entry, Ok(Some(_))) {
            self.left = KeyRange::none();
        }
        entry.transpose()
    }
}

impl Iterator for Range {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.advance();
        self.show(entry)
    }
}

impl DoubleEndedIterator for Range {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.retreat();
        self.show(entry)
    }
}

impl std::iter::FusedIterator for Range {}
