//! Writes one tree of blocks, from sorted entries: leaves as they fill, and branches over them.
//!
//! Invariant: memory is bounded by one block per level. Each child lies before its parent in the file.

use super::block::{BlockBuilder, Encoding, Handle};
use super::output::TableOutput;
use crate::error::WriteError;

/// With fewer children than this the tree would not get narrower upwards.
const BRANCH_CHILDREN_MIN: usize = 2;

/// Where a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) root: Handle,
    /// 1: the root is a leaf. 0: there is no tree, as nothing is in it.
    pub(crate) levels: u32,
}

#[derive(Debug)]
pub(crate) struct TreeWriter {
    block_bytes: usize,
    /// Leaves first.
    levels: Vec<BlockBuilder>,
}

impl TreeWriter {
    /// A block is closed when it has reached `block_bytes`.
    pub(crate) fn new(block_bytes: usize) -> Self {
        Self { block_bytes, levels: Vec::new() }
    }

    /// Adds an entry behind all others; `None` is a deletion.
    pub(crate) fn add(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        output: &mut TableOutput<'_>,
    ) -> Result<(), WriteError> {
        if self.levels.is_empty() {
            self.levels.push(BlockBuilder::default());
        }
        let full = |leaf: &BlockBuilder| leaf.entries() > 0 && leaf.length() >= self.block_bytes;
        if self.levels.first().is_some_and(full) {
            self.close_block(0, output)?;
        }
        if let Some(leaf) = self.levels.first_mut() {
            leaf.add(key, value);
        }
        Ok(())
    }

    /// Closes the open block of every level, from the leaves up. The last one is the root.
    pub(crate) fn finish(mut self, output: &mut TableOutput<'_>) -> Result<Tree, WriteError> {
        if self.levels.is_empty() {
            return Ok(Tree { root: Handle { offset: 0, length: 0 }, levels: 0 });
        }
        let mut depth = 0;
        // Closing a block can add a level, but each level has at most half the blocks of the one below.
        while depth + 1 < self.levels.len() {
            self.close_block(depth, output)?;
            depth += 1;
        }
        let root = self.write_block(depth, output)?;
        let levels = u32::try_from(self.levels.len()).expect("a tree of blocks is never that high");
        Ok(Tree { root, levels })
    }

    /// Closes the open block of the level `depth` (0: leaves) and tells the level above.
    fn close_block(&mut self, depth: usize, output: &mut TableOutput<'_>) -> Result<(), WriteError> {
        let handle = self.write_block(depth, output)?;
        let above = depth + 1;
        if above == self.levels.len() {
            self.levels.push(BlockBuilder::default());
        }
        let full = self.levels.get(above).is_some_and(|branch| {
            branch.length() >= self.block_bytes && branch.entries() >= BRANCH_CHILDREN_MIN
        });
        if full {
            self.close_block(above, output)?;
        }
        let mut value = Vec::new();
        handle.encode(&mut value);
        if let Some([closed, branch]) = self.levels.get_mut(depth..).and_then(<[_]>::first_chunk_mut::<2>) {
            branch.add(closed.last_key(), Some(&value));
        }
        Ok(())
    }

    fn write_block(&mut self, depth: usize, output: &mut TableOutput<'_>) -> Result<Handle, WriteError> {
        let offset = output.offset();
        let encoding = if depth == 0 { Encoding::Leaf } else { Encoding::Branch };
        let mut length = 0;
        if let Some(block) = self.levels.get_mut(depth) {
            output.append(|out| {
                let start = out.len();
                block.finish(encoding, out);
                length = out.len() - start;
            })?;
        }
        let length = u32::try_from(length).expect("keys and values are limited to far below 4 GiB");
        Ok(Handle { offset, length })
    }
}
