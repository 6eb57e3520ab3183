//! A walk over one list of ordinals, in blocks of 128: forwards, backwards, and by rank.
//!
//! Invariant: `buffer` is one block of the list, whole, and `start` its rank; or it is empty.

use std::sync::Arc;

use super::run::StreamRun;
use crate::error::Damage;
use crate::table::TableList;

/// All blocks of a list but the last hold this many ordinals.
pub(crate) const BLOCK_ORDINALS: usize = 128;

/// Where the blocks of a list are.
#[derive(Debug)]
pub(crate) enum ListBlocks {
    /// In memory: this part of the run's ordinals.
    Run(Arc<StreamRun>, std::ops::Range<usize>),
    /// In a table.
    Table(TableList),
}

impl ListBlocks {
    fn count(&self) -> usize {
        match self {
            Self::Run(_, range) => range.len(),
            Self::Table(list) => list.count(),
        }
    }

    /// The last ordinal of a block.
    fn last_of(&self, block: usize) -> Result<u32, Damage> {
        match self {
            Self::Run(run, range) => {
                let end = ((block + 1) * BLOCK_ORDINALS).min(range.len());
                Ok(run.ordinals(range.clone()).get(end.saturating_sub(1)).copied().unwrap_or(u32::MAX))
            }
            Self::Table(list) => list.last_of(block),
        }
    }

    fn read(&self, block: usize, into: &mut Vec<u32>) -> Result<(), Damage> {
        match self {
            Self::Run(run, range) => {
                let start = block * BLOCK_ORDINALS;
                let end = (start + BLOCK_ORDINALS).min(range.len());
                into.clear();
                into.extend_from_slice(run.ordinals(range.clone()).get(start..end).unwrap_or_default());
                Ok(())
            }
            Self::Table(list) => list.read(block, into),
        }
    }
}

/// A place in a list.
#[derive(Debug)]
pub(crate) struct List {
    blocks: ListBlocks,
    count: usize,
    block: usize,
    buffer: Vec<u32>,
    /// The place in `buffer` that was found last.
    at: usize,
    /// How many blocks were read.
    blocks_read: u64,
}

impl List {
    pub(crate) fn new(blocks: ListBlocks) -> Self {
        let count = blocks.count();
        Self { blocks, count, block: 0, buffer: Vec::new(), at: 0, blocks_read: 0 }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn blocks_read(&self) -> u64 {
        self.blocks_read
    }

    fn block_count(&self) -> usize {
        self.count.div_ceil(BLOCK_ORDINALS)
    }

    fn load(&mut self, block: usize) -> Result<(), Damage> {
        if self.block != block || self.buffer.is_empty() {
            self.buffer.clear();
            self.blocks.read(block, &mut self.buffer)?;
            self.blocks_read += 1;
            self.block = block;
            self.at = 0;
        }
        Ok(())
    }

    /// The ordinals of one block, for those who want all.
    pub(super) fn block(&mut self, block: usize) -> Result<Option<&[u32]>, Damage> {
        if block >= self.block_count() {
            return Ok(None);
        }
        self.load(block)?;
        Ok(Some(&self.buffer))
    }

    /// How many ordinals of the list are below `ordinal`: the rank of the first that is not.
    pub(crate) fn rank(&mut self, ordinal: u32) -> Result<usize, Damage> {
        let here = match (self.buffer.first(), self.buffer.last()) {
            (Some(first), Some(last)) => *last >= ordinal && (*first < ordinal || self.block == 0),
            _ => false,
        };
        if !here {
            let block = self.block_of(ordinal)?;
            if block >= self.block_count() {
                return Ok(self.count);
            }
            self.load(block)?;
        }
        // Joins seek in short steps: look near the last place first.
        let from = if self.buffer.get(self.at).is_some_and(|at| *at < ordinal) { self.at + 1 } else { 0 };
        let rest = self.buffer.get(from..).unwrap_or_default();
        let near = rest.iter().take(4).take_while(|other| **other < ordinal).count();
        self.at = if near < 4 {
            from + near
        } else {
            from + 4 + rest.get(4..).unwrap_or_default().partition_point(|other| *other < ordinal)
        };
        Ok(self.block * BLOCK_ORDINALS + self.at)
    }

    /// The first block whose last ordinal is not below `ordinal`, from the current one in steps that double.
    fn block_of(&self, ordinal: u32) -> Result<usize, Damage> {
        let count = self.block_count();
        let is_before = |block: usize| Ok::<_, Damage>(self.blocks.last_of(block)? < ordinal);
        let (mut low, mut high) = (0, count);
        if self.block < count {
            let mut step = 1;
            if is_before(self.block)? {
                low = self.block + 1;
                while low + step < count && is_before(low + step - 1)? {
                    low += step;
                    step *= 2;
                }
                high = count.min(low + step);
            } else {
                high = self.block;
                while high > step && !is_before(high - step)? {
                    high -= step;
                    step *= 2;
                }
                low = high.saturating_sub(step);
            }
        }
        while low < high {
            let middle = low.midpoint(high);
            if is_before(middle)? { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// The first ordinal at or above `ordinal`.
    #[inline]
    pub(crate) fn seek(&mut self, ordinal: u32) -> Result<Option<u32>, Damage> {
        let rank = self.rank(ordinal)?;
        if rank == self.count { Ok(None) } else { Ok(self.buffer.get(self.at).copied()) }
    }

    /// The last ordinal at or below `ordinal`.
    pub(crate) fn seek_back(&mut self, ordinal: u32) -> Result<Option<u32>, Damage> {
        let behind = match ordinal.checked_add(1) {
            Some(above) => self.rank(above)?,
            None => self.count,
        };
        let Some(rank) = behind.checked_sub(1) else { return Ok(None) };
        self.load(rank / BLOCK_ORDINALS)?;
        self.at = rank % BLOCK_ORDINALS;
        Ok(self.buffer.get(self.at).copied())
    }

    /// Whether the list has `ordinal`.
    pub(crate) fn contains(&mut self, ordinal: u32) -> Result<bool, Damage> {
        Ok(self.seek(ordinal)? == Some(ordinal))
    }
}
