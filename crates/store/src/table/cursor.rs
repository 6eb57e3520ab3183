//! A place in one table: a cursor per level of its block tree, from the root to a leaf.
//!
//! Invariant: while the leaf stands somewhere, every branch above stands on the entry that leads to it. Each child lies
//! before its parent in the file, so that no table, however hostile, leads in a circle.

use std::sync::Arc;

use super::block::{Block, BlockCursor, Encoding, Handle};
use super::reader::Table;
use crate::error::{Damage, ReadError};

#[derive(Debug)]
pub(crate) struct TableCursor {
    table: Arc<Table>,
    /// Root first. Shorter than the tree is high until the cursor is first placed.
    levels: Vec<BlockCursor>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    First,
    Last,
}

impl TableCursor {
    pub(crate) fn new(table: Arc<Table>) -> Self {
        Self { table, levels: Vec::new() }
    }

    pub(crate) fn first(&mut self) -> Result<(), ReadError> {
        self.enter_root()?;
        self.place(0, End::First)?;
        self.descend(1, End::First)
    }

    pub(crate) fn last(&mut self) -> Result<(), ReadError> {
        self.enter_root()?;
        self.place(0, End::Last)?;
        self.descend(1, End::Last)
    }

    /// To the first entry at or behind `target`.
    pub(crate) fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        if self.leaf_covers(target) {
            return self.leaf_mut().map_or(Ok(()), |leaf| Ok(leaf.seek(target)?));
        }
        self.enter_root()?;
        for depth in 0..self.table.levels() {
            let Some(level) = self.levels.get_mut(depth) else { break };
            level.seek(target)?;
            if level.key().is_none() {
                // Only the root can lack an entry at or behind the target: then the table has none.
                return Ok(());
            }
            if depth + 1 < self.table.levels() {
                self.enter_child(depth)?;
            }
        }
        Ok(())
    }

    /// To the last entry at or before `target`.
    pub(crate) fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.seek(target)?;
        match self.key() {
            Some(key) if key == target => Ok(()),
            Some(_) => self.prev(),
            None => self.last(),
        }
    }

    pub(crate) fn next(&mut self) -> Result<(), ReadError> {
        self.step(BlockCursor::next, End::First)
    }

    pub(crate) fn prev(&mut self) -> Result<(), ReadError> {
        self.step(BlockCursor::prev, End::Last)
    }

    #[inline]
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.leaf().and_then(BlockCursor::key)
    }

    /// The value at this place; `None` also when the key was deleted.
    #[inline]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.leaf().and_then(BlockCursor::value)
    }

    #[inline]
    fn leaf(&self) -> Option<&BlockCursor> {
        self.levels.get(self.table.levels() - 1)
    }

    fn leaf_mut(&mut self) -> Option<&mut BlockCursor> {
        self.levels.get_mut(self.table.levels() - 1)
    }

    /// Whether `target`, if it is in the table, is in the leaf that the cursor stands in, at or behind its place. Then
    /// a seek, as joins do them, need not start from the root.
    fn leaf_covers(&self, target: &[u8]) -> bool {
        let Some(key) = self.key() else { return false };
        let parent = self.table.levels().checked_sub(2).and_then(|depth| self.levels.get(depth));
        key <= target && parent.and_then(BlockCursor::key).is_some_and(|last| target <= last)
    }

    /// Moves the leaf one entry; where it ends, the nearest branch that goes on leads to the next leaf.
    fn step(
        &mut self,
        step: fn(&mut BlockCursor) -> Result<(), Damage>,
        enter_at: End,
    ) -> Result<(), ReadError> {
        if self.key().is_none() {
            return Ok(());
        }
        for depth in (0..self.table.levels()).rev() {
            let Some(level) = self.levels.get_mut(depth) else { continue };
            step(level)?;
            if level.key().is_some() {
                return self.descend(depth + 1, enter_at);
            }
        }
        Ok(())
    }

    fn enter_root(&mut self) -> Result<(), ReadError> {
        let root = self.table.root();
        self.enter(0, root)
    }

    /// Enters the blocks from `depth` down to the leaf, each at one end. The level above stands on an entry.
    fn descend(&mut self, depth: usize, end: End) -> Result<(), ReadError> {
        for depth in depth..self.table.levels() {
            self.enter_child(depth - 1)?;
            self.place(depth, end)?;
        }
        Ok(())
    }

    fn place(&mut self, depth: usize, end: End) -> Result<(), ReadError> {
        match (self.levels.get_mut(depth), end) {
            (Some(level), End::First) => level.first()?,
            (Some(level), End::Last) => level.last()?,
            (None, _) => {}
        }
        Ok(())
    }

    /// Enters the block that the branch at `depth` stands on.
    fn enter_child(&mut self, depth: usize) -> Result<(), ReadError> {
        let Some(branch) = self.levels.get(depth) else { return Ok(()) };
        let source = branch.block().source();
        let parent = branch.block().offset();
        let handle = branch.value().and_then(Handle::decode);
        if let Some(handle) = handle.filter(|handle| handle.offset < parent) {
            return self.enter(depth + 1, handle);
        }
        let found = handle.map_or_else(|| "no handle".to_owned(), |handle| handle.offset.to_string());
        let problem = "a branch that leads nowhere";
        Err(Damage::new(&source.name, parent, problem, format_args!("an offset below {parent}"), found)
            .into())
    }

    /// Enters the block at `handle` at `depth`, at no place in it. So the cursor stands nowhere until the leaf is
    /// placed again, also if an error comes between.
    fn enter(&mut self, depth: usize, handle: Handle) -> Result<(), ReadError> {
        if let Some(leaf) = self.leaf_mut() {
            leaf.leave();
        }
        let encoding = if depth + 1 == self.table.levels() { Encoding::Leaf } else { Encoding::Branch };
        let block = Block::open(self.table.source(), handle, encoding)?;
        if let Some(level) = self.levels.get_mut(depth) {
            level.enter(block);
        } else {
            self.levels.push(BlockCursor::new(block));
        }
        Ok(())
    }
}
