//! The positions of a table: what its posting lists count.
//!
//! ```text
//! positions = group… directory           behind the filter, up to the footer
//! directory = entry…                     one of 32 bytes for each group
//! ```
//!
//! A position has an *ordinal*: its place in the ascending list of all positions of the table. So a stream of keys that
//! end in positions can be a list of ordinals, and the 16 bytes stand here, once for all streams.
//!
//! Invariant: an entry and its group are believed only after their checksums. They are checked once for each table that
//! is opened, at their first use: a walk through a stream touches a group for nearly each of its keys.
//!
//! Format: FORMAT.md#positions

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::BlockSource;
use super::position_group::{self, GROUP_POSITIONS, Group, POSITION_BYTES, Position};
use crate::checksum;
use crate::error::Damage;

/// The length of an entry of the directory.
pub(crate) const DIRECTORY_ENTRY_BYTES: usize = 32;
const ENTRY_CHECKED_BYTES: usize = 28;
/// More positions than this have no ordinal: one fits 32 bits.
pub(crate) const POSITIONS_MAX: u64 = 1 << 32;
/// Groups are at most this far into a file, and this long.
const OFFSET_BITS: u32 = 48;

/// Groups are handed over this much at a time.
const PIECE_BYTES: usize = 1 << 20;

/// What the directory says of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DirectoryEntry {
    first: Position,
    offset: u64,
    length: u16,
    crc: u32,
}

impl DirectoryEntry {
    fn encode(self, nonce: u64, offset: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let place = self.offset | u64::from(self.length) << OFFSET_BITS;
        for field in [self.first.time, self.first.number, place] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&self.crc.to_le_bytes());
        let crc = checksum::seeded(nonce, offset, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
    }

    #[inline]
    fn decode(bytes: &[u8; DIRECTORY_ENTRY_BYTES]) -> Self {
        let field = |at: usize| {
            bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |field| u64::from_le_bytes(*field))
        };
        let (place, crcs) = (field(16), field(24));
        Self {
            first: Position { time: field(0), number: field(8) },
            offset: place & ((1 << OFFSET_BITS) - 1),
            length: u16::try_from(place >> OFFSET_BITS).unwrap_or(u16::MAX),
            crc: u32::try_from(crcs & u64::from(u32::MAX)).unwrap_or(0),
        }
    }
}

/// Collects positions in ascending order, and keeps them as small as they will be in the file.
#[derive(Debug)]
pub(crate) struct PositionsBuilder {
    /// Complete groups, one after the other.
    groups: Vec<u8>,
    heads: Vec<Head>,
    open: Vec<Position>,
    /// The group that was found last: streams ascend as well, so the next is often there, or near.
    finger: usize,
    bytes_max: usize,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    first: Position,
    /// Where in `groups` it starts.
    start: usize,
}

impl PositionsBuilder {
    /// Takes positions until they hold about `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { groups: Vec::new(), heads: Vec::new(), open: Vec::new(), finger: 0, bytes_max }
    }

    /// Adds a position above all others, and gives its ordinal. `None`: there is no room, and it was not added.
    pub(crate) fn push(&mut self, position: Position) -> Option<u32> {
        let held = self.groups.len() + self.heads.len() * DIRECTORY_ENTRY_BYTES;
        if held >= self.bytes_max || self.last().is_some_and(|last| last >= position) {
            return None;
        }
        let ordinal = u32::try_from(self.count()).ok()?;
        self.open.push(position);
        if self.open.len() == GROUP_POSITIONS {
            self.close_group();
        }
        Some(ordinal)
    }

    pub(crate) fn count(&self) -> u64 {
        (self.heads.len() * GROUP_POSITIONS + self.open.len()) as u64
    }

    fn last(&self) -> Option<Position> {
        let closed = || self.group(self.heads.len().checked_sub(1)?)?.get(GROUP_POSITIONS - 1);
        self.open.last().copied().or_else(closed)
    }

    fn close_group(&mut self) {
        if let Some(&first) = self.open.first() {
            self.heads.push(Head { first, start: self.groups.len() });
            position_group::encode(&self.open, &mut self.groups);
            self.open.clear();
        }
    }

    fn group(&self, index: usize) -> Option<Group<'_>> {
        let head = self.heads.get(index)?;
        let end = self.heads.get(index + 1).map_or(self.groups.len(), |next| next.start);
        Group::decode(head.first, GROUP_POSITIONS, self.groups.get(head.start..end)?)
    }

    /// The ordinal of `position`. `None` if it was never added.
    pub(crate) fn ordinal(&mut self, position: Position) -> Option<u32> {
        if self.open.first().is_some_and(|first| *first <= position) {
            let index = self.open.binary_search(&position).ok()?;
            return u32::try_from(self.heads.len() * GROUP_POSITIONS + index).ok();
        }
        let starts_in = |heads: &[Head]| heads.partition_point(|head| head.first <= position);
        // From the last place on in steps that double, then within the last of them.
        let (mut low, mut step) = (self.finger, 1);
        if self.heads.get(low).is_none_or(|head| head.first > position) {
            low = 0;
        }
        while self.heads.get(low + step).is_some_and(|head| head.first <= position) {
            low += step;
            step *= 2;
        }
        let end = self.heads.len().min(low + step);
        self.finger = (low + starts_in(self.heads.get(low..end)?)).checked_sub(1)?;
        let group = self.group(self.finger)?;
        let index = group.count_before(position)?;
        (group.get(index)? == position).then_some(())?;
        u32::try_from(self.finger * GROUP_POSITIONS + index).ok()
    }

    /// The area's bytes, for a place at `offset` of the table with this `nonce`, handed to `write` in pieces.
    pub(crate) fn finish<E>(
        mut self,
        nonce: u64,
        offset: u64,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.close_group();
        for piece in self.groups.chunks(PIECE_BYTES) {
            write(piece)?;
        }
        let directory = offset + self.groups.len() as u64;
        let mut entry_bytes = Vec::with_capacity(DIRECTORY_ENTRY_BYTES);
        for (index, head) in self.heads.iter().enumerate() {
            let end = self.heads.get(index + 1).map_or(self.groups.len(), |next| next.start);
            let bytes = self.groups.get(head.start..end).unwrap_or_default();
            let group_offset = offset + head.start as u64;
            let entry = DirectoryEntry {
                first: head.first,
                offset: group_offset,
                length: u16::try_from(bytes.len()).expect("a group is at most about two thousand bytes"),
                crc: checksum::seeded(nonce, group_offset, bytes),
            };
            entry_bytes.clear();
            entry.encode(nonce, directory + (index * DIRECTORY_ENTRY_BYTES) as u64, &mut entry_bytes);
            write(&entry_bytes)?;
        }
        Ok(())
    }
}

/// The positions of an open table.
#[derive(Debug)]
pub(crate) struct Positions {
    source: Arc<BlockSource>,
    count: u32,
    /// Groups lie from the first to before the second, where the directory starts.
    groups_start: u64,
    directory: u64,
    /// A bit for each group: it and its entry were found sound.
    checked: Box<[AtomicU64]>,
}

impl Positions {
    /// The `count` positions whose groups start at `groups_start` and whose directory is at `directory`; the footer's
    /// decoder made sure that it lies in the file.
    pub(crate) fn new(source: &Arc<BlockSource>, count: u32, groups_start: u64, directory: u64) -> Self {
        let words = (count as usize).div_ceil(GROUP_POSITIONS).div_ceil(64);
        let checked = (0..words).map(|_| AtomicU64::new(0)).collect();
        Self { source: Arc::clone(source), count, groups_start, directory, checked }
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
        match self.group(index).and_then(|group| group.get(place)) {
            Some(position) => Ok(position),
            None => self.get_first_time(index, place),
        }
    }

    #[cold]
    fn get_first_time(&self, index: usize, place: usize) -> Result<Position, Damage> {
        self.check(index)?;
        let position = self.group(index).and_then(|group| group.get(place));
        position.ok_or_else(|| self.malformed(index))
    }

    /// How many positions are before `target` when their 16 bytes are compared with it, which may have any length.
    pub(crate) fn count_before(&self, target: &[u8]) -> Result<u32, Damage> {
        let mut bytes = [0; POSITION_BYTES];
        for (to, from) in bytes.iter_mut().zip(target) {
            *to = *from;
        }
        let position = Position::from_bytes(bytes);
        // A target that goes on behind a position is behind that position.
        let is_before =
            |other: Position| other < position || (other == position && target.len() > POSITION_BYTES);
        let (mut low, mut high) = (0, self.group_count());
        while low < high {
            let middle = low.midpoint(high);
            if is_before(self.first_of(middle)?) { low = middle + 1 } else { high = middle }
        }
        let Some(index) = low.checked_sub(1) else { return Ok(0) };
        let before = self.group(index).and_then(|group| {
            let mut place = group.count_before(position)?;
            if target.len() > POSITION_BYTES && group.get(place) == Some(position) {
                place += 1;
            }
            u32::try_from(index * GROUP_POSITIONS + place).ok()
        });
        before.ok_or_else(|| self.malformed(index))
    }

    /// The first position of a group, which is checked then.
    fn first_of(&self, index: usize) -> Result<Position, Damage> {
        if let Some(entry) = self.entry(index).filter(|_| self.is_checked(index)) {
            return Ok(entry.first);
        }
        self.check(index)?;
        self.entry(index).map(|entry| entry.first).ok_or_else(|| self.malformed(index))
    }

    /// A group. `None` if it was not checked yet, or is malformed.
    #[inline]
    fn group(&self, index: usize) -> Option<Group<'_>> {
        if !self.is_checked(index) {
            return None;
        }
        let entry = self.entry(index)?;
        let count = (self.count as usize).checked_sub(index * GROUP_POSITIONS)?.min(GROUP_POSITIONS);
        Group::decode(entry.first, count, self.group_bytes(&entry)?)
    }

    #[inline]
    fn group_bytes(&self, entry: &DirectoryEntry) -> Option<&[u8]> {
        let end = entry.offset + u64::from(entry.length);
        if entry.offset < self.groups_start || end > self.directory {
            return None;
        }
        self.source.map.get(usize::try_from(entry.offset).ok()?..usize::try_from(end).ok()?)
    }

    fn entry_offset(&self, index: usize) -> u64 {
        self.directory + (index * DIRECTORY_ENTRY_BYTES) as u64
    }

    fn entry_bytes(&self, index: usize) -> Option<&[u8; DIRECTORY_ENTRY_BYTES]> {
        if index >= self.group_count() {
            return None;
        }
        self.source.map.get(usize::try_from(self.entry_offset(index)).ok()?..)?.first_chunk()
    }

    fn entry(&self, index: usize) -> Option<DirectoryEntry> {
        self.entry_bytes(index).map(DirectoryEntry::decode)
    }

    #[inline]
    fn is_checked(&self, index: usize) -> bool {
        let word = self.checked.get(index / 64);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & 1 << (index % 64) != 0)
    }

    /// Checks a group and its entry, and remembers that they are sound.
    #[cold]
    fn check(&self, index: usize) -> Result<(), Damage> {
        let BlockSource { name, nonce, .. } = &*self.source;
        let offset = self.entry_offset(index);
        let Some(bytes) = self.entry_bytes(index) else { return Err(self.malformed(index)) };
        let entry = DirectoryEntry::decode(bytes);
        let (checked, crc) = bytes.split_at(ENTRY_CHECKED_BYTES);
        let expected = crc.first_chunk().map_or(0, |crc| u32::from_le_bytes(*crc));
        let found = checksum::seeded(*nonce, offset, checked);
        if found != expected {
            return Err(Damage::checksum(name, offset, "position directory checksum", expected, found));
        }
        let Some(group) = self.group_bytes(&entry) else { return Err(self.malformed(index)) };
        let found = checksum::seeded(*nonce, entry.offset, group);
        if found != entry.crc {
            return Err(Damage::checksum(name, entry.offset, "position group checksum", entry.crc, found));
        }
        if let Some(word) = self.checked.get(index / 64) {
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
        Ok(())
    }

    fn malformed(&self, index: usize) -> Damage {
        self.damage(self.entry_offset(index), "a malformed group of positions")
    }

    /// Damage in this table: fields behind a right checksum that can't be.
    pub(crate) fn damage(&self, offset: u64, problem: &'static str) -> Damage {
        Damage::new(&self.source.name, offset, problem, "possible fields", "others")
    }
}
