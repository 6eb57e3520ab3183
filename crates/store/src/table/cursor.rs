//! A place in one tree of a table: a cursor per level, from the root to a leaf.
//!
//! Invariant: while the leaf stands somewhere, every branch above stands on the entry that leads to it. Each child lies
//! before its parent in the file, so that no table, however hostile, leads in a circle.

use std::sync::Arc;

use super::block::{Block, BlockCursor, Encoding, Handle};
use super::pages::TableFile;
use super::tree::Tree;
use crate::error::{Damage, ReadError};

#[derive(Debug)]
pub(crate) struct TreeCursor {
    file: Arc<TableFile>,
    tree: Tree,
    /// Root first; none when the root is the leaf. Fewer than the tree has until the cursor is first placed.
    branches: Vec<BlockCursor>,
    /// `None` until the cursor is first placed.
    leaf: Option<BlockCursor>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    First,
    Last,
}

impl TreeCursor {
    /// A cursor that stands nowhere.
    pub(crate) fn new(file: &Arc<TableFile>, tree: Tree) -> Self {
        Self { file: Arc::clone(file), tree, branches: Vec::new(), leaf: None }
    }

    /// Where the leaf starts in the file.
    pub(crate) fn offset(&self) -> usize {
        let offset = self.leaf.as_ref().map_or(0, |leaf| leaf.block().offset());
        usize::try_from(offset).unwrap_or(usize::MAX)
    }

    pub(crate) fn first(&mut self) -> Result<(), ReadError> {
        self.enter_root()?;
        self.descend(0, End::First)
    }

    pub(crate) fn last(&mut self) -> Result<(), ReadError> {
        self.enter_root()?;
        self.descend(0, End::Last)
    }

    /// To the first entry at or behind `target`.
    pub(crate) fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        if !self.leaf_covers(target) {
            self.enter_root()?;
            for depth in 0..self.branch_levels() {
                let Some(branch) = self.branches.get_mut(depth) else { break };
                branch.seek(target)?;
                if branch.key().is_none() {
                    // Only the root can lack an entry at or behind the target: then the table has none.
                    return Ok(());
                }
                self.enter_child(depth)?;
            }
        }
        self.in_leaf(|leaf| leaf.seek(target))
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
        self.step(BlockCursor::next, BlockCursor::next, End::First)
    }

    pub(crate) fn prev(&mut self) -> Result<(), ReadError> {
        self.step(BlockCursor::prev, BlockCursor::prev, End::Last)
    }

    #[inline]
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.leaf.as_ref().and_then(BlockCursor::key)
    }

    /// The value at this place; `None` also when the key was deleted.
    #[inline]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.leaf.as_ref().and_then(BlockCursor::value)
    }

    fn branch_levels(&self) -> usize {
        (self.tree.levels as usize).saturating_sub(1)
    }

    fn in_leaf(
        &mut self,
        place: impl FnOnce(&mut BlockCursor) -> Result<(), Damage>,
    ) -> Result<(), ReadError> {
        match &mut self.leaf {
            Some(leaf) => Ok(place(leaf)?),
            None => Ok(()),
        }
    }

    /// Whether `target`, if it is in the table, is in the leaf that the cursor stands in, at or behind its place. Then
    /// a seek, as joins do them, need not start from the root.
    fn leaf_covers(&self, target: &[u8]) -> bool {
        let Some(key) = self.key() else { return false };
        let parent = self.branch_levels().checked_sub(1).and_then(|depth| self.branches.get(depth));
        key <= target && parent.and_then(BlockCursor::key).is_some_and(|last| target <= last)
    }

    /// Moves the leaf one entry; where it ends, the nearest branch that goes on leads to the next leaf.
    fn step(
        &mut self,
        step_leaf: fn(&mut BlockCursor) -> Result<(), Damage>,
        step_branch: fn(&mut BlockCursor) -> Result<(), Damage>,
        enter_at: End,
    ) -> Result<(), ReadError> {
        if self.key().is_none() {
            return Ok(());
        }
        self.in_leaf(step_leaf)?;
        if self.key().is_some() {
            return Ok(());
        }
        for depth in (0..self.branch_levels()).rev() {
            let Some(branch) = self.branches.get_mut(depth) else { continue };
            step_branch(branch)?;
            if branch.key().is_some() {
                self.enter_child(depth)?;
                return self.descend(depth + 1, enter_at);
            }
        }
        Ok(())
    }

    fn enter_root(&mut self) -> Result<(), ReadError> {
        // Without a tree there is nothing to stand on.
        if self.tree.levels == 0 { Ok(()) } else { self.enter(0, self.tree.root) }
    }

    /// Goes to one end of the block at `depth`, which was entered, and of those below it down to the leaf.
    fn descend(&mut self, depth: usize, end: End) -> Result<(), ReadError> {
        for depth in depth..self.branch_levels() {
            match (self.branches.get_mut(depth), end) {
                (Some(branch), End::First) => branch.first()?,
                (Some(branch), End::Last) => branch.last()?,
                (None, _) => {}
            }
            self.enter_child(depth)?;
        }
        match end {
            End::First => self.in_leaf(BlockCursor::first),
            End::Last => self.in_leaf(BlockCursor::last),
        }
    }

    /// Enters the block that the branch at `depth` stands on.
    fn enter_child(&mut self, depth: usize) -> Result<(), ReadError> {
        let Some(branch) = self.branches.get(depth) else { return Ok(()) };
        let file = branch.block().file();
        let parent = branch.block().offset();
        let handle = branch.value().and_then(Handle::decode);
        if let Some(handle) = handle.filter(|handle| handle.offset < parent) {
            return self.enter(depth + 1, handle);
        }
        let found = handle.map_or_else(|| "no handle".to_owned(), |handle| handle.offset.to_string());
        let problem = "a branch that leads nowhere";
        Err(Damage::new(file.name(), parent, problem, format_args!("an offset below {parent}"), found).into())
    }

    /// Enters the block at `handle` at `depth`, at no place in it. So the cursor stands nowhere until the leaf is
    /// placed again, also if an error comes between.
    fn enter(&mut self, depth: usize, handle: Handle) -> Result<(), ReadError> {
        if let Some(leaf) = &mut self.leaf {
            leaf.leave();
        }
        let is_leaf = depth == self.branch_levels();
        let encoding = if is_leaf { Encoding::Leaf } else { Encoding::Branch };
        let block = Block::open(&self.file, handle, encoding)?;
        match (&mut self.leaf, self.branches.get_mut(depth)) {
            (Some(leaf), _) if is_leaf => leaf.enter(block),
            (None, _) if is_leaf => self.leaf = Some(BlockCursor::new(block)),
            (_, Some(branch)) => branch.enter(block),
            (_, None) => self.branches.push(BlockCursor::new(block)),
        }
        Ok(())
    }
}
