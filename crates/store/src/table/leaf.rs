//! A place in one leaf: at an entry with a key of its own, or at one key of a posting list.
//!
//! Invariant: while the cursor stands in a list, `ordinals` holds all of it, `index` is within, and `key` is the list's
//! prefix followed by the position of that ordinal. Keys of lists are put together in one buffer that is used again.
//!
//! Within a list no key is compared with a target: the target's position is looked up once, as an ordinal.
//!
//! Format: FORMAT.md#postings

use super::block::{Block, BlockCursor, Content};
use super::positions::Positions;
use super::postings::Postings;
use crate::error::Damage;

#[derive(Debug)]
pub(crate) struct LeafCursor {
    entries: BlockCursor,
    /// The list that the cursor stands in. Empty when it stands at an entry of one key, or nowhere.
    ordinals: Vec<u32>,
    index: usize,
    key: Vec<u8>,
    prefix_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
enum End {
    First,
    Last,
}

impl LeafCursor {
    pub(crate) fn new(block: Block) -> Self {
        Self {
            entries: BlockCursor::new(block),
            ordinals: Vec::new(),
            index: 0,
            key: Vec::new(),
            prefix_bytes: 0,
        }
    }

    /// Goes to another block, to no place in it.
    pub(crate) fn enter(&mut self, block: Block) {
        self.ordinals.clear();
        self.entries.enter(block);
    }

    /// To no place.
    pub(crate) fn leave(&mut self) {
        self.ordinals.clear();
        self.entries.leave();
    }

    pub(crate) fn first(&mut self, positions: &Positions) -> Result<(), Damage> {
        self.ordinals.clear();
        self.entries.first()?;
        self.arrive(positions, End::First)
    }

    pub(crate) fn last(&mut self, positions: &Positions) -> Result<(), Damage> {
        self.ordinals.clear();
        self.entries.last()?;
        self.arrive(positions, End::Last)
    }

    /// To the first key at or behind `target`.
    pub(crate) fn seek(&mut self, target: &[u8], positions: &Positions) -> Result<(), Damage> {
        let mut target = Target { key: target, positions, found: None };
        if let Some(index) = self.place_in_list(&mut target)? {
            return self.show(index, positions);
        }
        self.ordinals.clear();
        let block = self.entries.block().offset();
        self.entries.seek(|key, content| match content {
            Content::Postings(bytes) if target.key.starts_with(key) => {
                let Some(list) = Postings::decode(bytes, positions.count()) else {
                    return Err(positions.damage(block, "a malformed posting list in this block"));
                };
                Ok(target.ordinals_before(key)?.is_some_and(|before| list.last() < before))
            }
            // Where a list's prefix and the target part, its keys and the target do.
            Content::Postings(_) | Content::Deleted | Content::Value(_) => Ok(key < target.key),
        })?;
        self.arrive(positions, End::First)?;
        if !self.ordinals.is_empty() {
            let prefix = self.key.get(..self.prefix_bytes).unwrap_or_default();
            if let Some(before) = target.ordinals_before(prefix)? {
                let index = self.ordinals.partition_point(|ordinal| *ordinal < before);
                return self.show(index, positions);
            }
        }
        Ok(())
    }

    /// Where in the list that the cursor stands in `target` leads, if it leads there: joins seek in short steps.
    fn place_in_list(&self, target: &mut Target<'_>) -> Result<Option<usize>, Damage> {
        let (Some(first), Some(last)) = (self.ordinals.first(), self.ordinals.last()) else {
            return Ok(None);
        };
        let prefix = self.key.get(..self.prefix_bytes).unwrap_or_default();
        let Some(before) = target.ordinals_before(prefix)? else { return Ok(None) };
        // With the first ordinal behind the target, the sought one may be in a list before.
        if *first >= before || *last < before {
            return Ok(None);
        }
        Ok(Some(self.ordinals.partition_point(|ordinal| *ordinal < before)))
    }

    pub(crate) fn next(&mut self, positions: &Positions) -> Result<(), Damage> {
        if self.index + 1 < self.ordinals.len() {
            return self.show(self.index + 1, positions);
        }
        self.ordinals.clear();
        self.entries.next()?;
        self.arrive(positions, End::First)
    }

    pub(crate) fn prev(&mut self, positions: &Positions) -> Result<(), Damage> {
        if let Some(before) = self.index.checked_sub(1).filter(|_| !self.ordinals.is_empty()) {
            return self.show(before, positions);
        }
        self.ordinals.clear();
        self.entries.prev()?;
        self.arrive(positions, End::Last)
    }

    #[inline]
    pub(crate) fn key(&self) -> Option<&[u8]> {
        if self.ordinals.is_empty() { self.entries.key() } else { Some(&self.key) }
    }

    /// The value at this place; `None` also when the key was deleted.
    #[inline]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        if self.ordinals.is_empty() { self.entries.value() } else { Some(&[]) }
    }

    /// After the entries moved: where they stand on a list, to one end of it.
    fn arrive(&mut self, positions: &Positions, end: End) -> Result<(), Damage> {
        let Some(Content::Postings(bytes)) = self.entries.content() else { return Ok(()) };
        let list = Postings::decode(bytes, positions.count());
        if list.and_then(|list| list.decode_all(&mut self.ordinals)).is_none() {
            let block = self.entries.block().offset();
            self.leave();
            return Err(positions.damage(block, "a malformed posting list in this block"));
        }
        self.key.clear();
        self.key.extend_from_slice(self.entries.key().unwrap_or_default());
        self.prefix_bytes = self.key.len();
        let index = match end {
            End::First => 0,
            End::Last => self.ordinals.len() - 1,
        };
        self.show(index, positions)
    }

    /// Puts together the key of the ordinal `index`.
    fn show(&mut self, index: usize, positions: &Positions) -> Result<(), Damage> {
        let Some(&ordinal) = self.ordinals.get(index) else {
            self.leave();
            return Ok(());
        };
        let position = positions.get(ordinal);
        match position {
            Ok(position) => {
                self.index = index;
                self.key.truncate(self.prefix_bytes);
                self.key.extend_from_slice(&position.to_bytes());
                Ok(())
            }
            Err(damage) => {
                self.leave();
                Err(damage)
            }
        }
    }
}

/// What is sought, and its ordinal once that was asked for.
struct Target<'t> {
    key: &'t [u8],
    positions: &'t Positions,
    /// The length of the prefix that was taken off the key, and the number of positions before the rest.
    found: Option<(usize, u32)>,
}

impl Target<'_> {
    /// How many ordinals make a key before the target with this prefix. `None` when all do, or none, as the prefix is
    /// not the target's.
    fn ordinals_before(&mut self, prefix: &[u8]) -> Result<Option<u32>, Damage> {
        let Some(rest) = self.key.strip_prefix(prefix) else { return Ok(None) };
        if let Some((_, before)) = self.found.filter(|(bytes, _)| *bytes == prefix.len()) {
            return Ok(Some(before));
        }
        let before = self.positions.count_before(rest)?;
        self.found = Some((prefix.len(), before));
        Ok(Some(before))
    }
}
