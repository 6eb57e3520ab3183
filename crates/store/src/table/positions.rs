//! The positions of a table: what its lists count.
//!
//! ```text
//! positions = group… directory           behind the filter
//! directory = entry…                     one of 24 bytes for each group
//! entry     = time u64, number u64 of the first position, offset u48, length u16 of the group
//! ```
//!
//! A position has an *ordinal*: its place in the ascending list of all positions of the table. So a stream can be a list of
//! ordinals, and the 16 bytes stand here, once for all streams.
//!
//! Format: FORMAT.md#positions

use std::sync::Arc;

use super::output::TableOutput;
use super::pages::TableFile;
use super::position_group::{self, GROUP_POSITIONS, Group};
use crate::error::{Damage, WriteError};
use crate::position::Position;

/// The length of an entry of the directory.
pub(crate) const DIRECTORY_ENTRY_BYTES: usize = 24;
/// More positions than this are in several tables: an ordinal fits 32 bits.
pub(crate) const POSITIONS_MAX: u64 = u32::MAX as u64;
/// Groups are at most this far into a file, and their lengths take the rest of 64 bits.
const OFFSET_BITS: u32 = 48;

/// What the directory says of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DirectoryEntry {
    first: Position,
    offset: u64,
    length: u16,
}

impl DirectoryEntry {
    fn encode(self, out: &mut Vec<u8>) {
        let place = self.offset | u64::from(self.length) << OFFSET_BITS;
        for field in [self.first.time, self.first.number, place] {
            out.extend_from_slice(&field.to_le_bytes());
        }
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Self {
        let field = |at: usize| {
            bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |field| u64::from_le_bytes(*field))
        };
        let place = field(16);
        Self {
            first: Position { time: field(0), number: field(8) },
            offset: place & ((1 << OFFSET_BITS) - 1),
            length: u16::try_from(place >> OFFSET_BITS).unwrap_or(u16::MAX),
        }
    }
}

/// Writes positions in ascending order, a group at a time.
#[derive(Debug, Default)]
pub(crate) struct PositionsWriter {
    open: Vec<Position>,
    directory: Vec<u8>,
}

impl PositionsWriter {
    pub(crate) fn push(
        &mut self,
        position: Position,
        output: &mut TableOutput<'_>,
    ) -> Result<(), WriteError> {
        self.open.push(position);
        if self.open.len() == GROUP_POSITIONS { self.close_group(output) } else { Ok(()) }
    }

    fn close_group(&mut self, output: &mut TableOutput<'_>) -> Result<(), WriteError> {
        if let Some(&first) = self.open.first() {
            let offset = output.offset();
            let mut length = 0;
            output.append(|out| {
                let start = out.len();
                position_group::encode(&self.open, out);
                length = out.len() - start;
            })?;
            let length = u16::try_from(length).expect("a group is at most about two thousand bytes");
            DirectoryEntry { first, offset, length }.encode(&mut self.directory);
            self.open.clear();
        }
        Ok(())
    }

    /// Writes the directory. Returns where it starts.
    pub(crate) fn finish(mut self, output: &mut TableOutput<'_>) -> Result<u64, WriteError> {
        self.close_group(output)?;
        let start = output.offset();
        output.append(|out| out.append(&mut self.directory))?;
        Ok(start)
    }
}

/// The positions of an open table.
#[derive(Debug)]
pub(crate) struct Positions {
    file: Arc<TableFile>,
    count: u32,
    directory: usize,
}

impl Positions {
    /// The `count` positions whose directory is at `directory`; the footer's decoder made sure that it lies in the file.
    pub(crate) fn new(file: &Arc<TableFile>, count: u32, directory: usize) -> Self {
        Self { file: Arc::clone(file), count, directory }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    fn group_count(&self) -> usize {
        (self.count as usize).div_ceil(GROUP_POSITIONS)
    }

    /// The position with this ordinal.
    #[inline]
    pub(crate) fn get(&self, ordinal: u32) -> Result<Position, Damage> {
        let (index, place) = (ordinal as usize / GROUP_POSITIONS, ordinal as usize % GROUP_POSITIONS);
        let position = self.group(index)?.get(place);
        position.ok_or_else(|| self.malformed(index))
    }

    /// How many positions are before `target`.
    pub(crate) fn count_before(&self, target: Position) -> Result<u32, Damage> {
        let (mut low, mut high) = (0, self.group_count());
        while low < high {
            let middle = low.midpoint(high);
            if self.entry(middle)?.first < target { low = middle + 1 } else { high = middle }
        }
        let Some(index) = low.checked_sub(1) else { return Ok(0) };
        let before = self.group(index)?.count_before(target);
        let before = before.and_then(|place| u32::try_from(index * GROUP_POSITIONS + place).ok());
        before.ok_or_else(|| self.malformed(index))
    }

    #[inline]
    fn group(&self, index: usize) -> Result<Group<'_>, Damage> {
        let entry = self.entry(index)?;
        let start = usize::try_from(entry.offset).unwrap_or(usize::MAX);
        let bytes = self.file.bytes(start..start.saturating_add(usize::from(entry.length)))?;
        let count = (self.count as usize).saturating_sub(index * GROUP_POSITIONS).min(GROUP_POSITIONS);
        Group::decode(entry.first, count, bytes).ok_or_else(|| self.malformed(index))
    }

    fn entry_offset(&self, index: usize) -> usize {
        self.directory.saturating_add(index.saturating_mul(DIRECTORY_ENTRY_BYTES))
    }

    #[inline]
    fn entry(&self, index: usize) -> Result<DirectoryEntry, Damage> {
        let start = self.entry_offset(index);
        Ok(DirectoryEntry::decode(self.file.bytes(start..start.saturating_add(DIRECTORY_ENTRY_BYTES))?))
    }

    #[cold]
    fn malformed(&self, index: usize) -> Damage {
        self.file.malformed(self.entry_offset(index), "a malformed group of positions")
    }
}
