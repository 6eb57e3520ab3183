//! One block: sorted entries whose keys share prefixes, and restart points to search by.
//!
//! ```text
//! block   = entry… restart… trailer
//! entry   = shared, unshared, value-mark (varints), unshared key bytes, value bytes
//! restart = u32: where an entry with shared = 0 starts
//! trailer = restart count u32, encoding u8
//! ```
//!
//! `value-mark` is 0 for a deletion, otherwise the value's length and one. The encoding tells leaves from branches.
//! Invariant: a block is believed only after its pages were checked; even then every length is checked against the
//! block before it is used.
//!
//! Format: FORMAT.md#block

mod lookup;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use self::lookup::BlockLookup;
use super::pages::TableFile;
use crate::error::Damage;
use crate::varint;

/// A key is stored whole after this many entries.
const RESTART_INTERVAL_ENTRIES: usize = 16;
const RESTART_BYTES: usize = 4;
const TRAILER_BYTES: usize = 5;

/// How a block's entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Keys and values as the caller gave them.
    Leaf = 1,
    /// Values are handles of blocks one level below, whose last key the key is.
    Branch = 2,
}

/// Where a block lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) offset: u64,
    pub(crate) length: u32,
}

impl Handle {
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        varint::put(out, self.offset);
        varint::put(out, u64::from(self.length));
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let offset = varint::take(&mut bytes)?;
        let length = u32::try_from(varint::take(&mut bytes)?).ok()?;
        bytes.is_empty().then_some(Self { offset, length })
    }

    /// Itself, if it lies before its parent, as each child does.
    pub(crate) fn below(self, parent: Self) -> Option<Self> {
        (self.offset < parent.offset).then_some(self)
    }
}

/// Collects entries in key order.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    entries: usize,
    last_key: Vec<u8>,
}

impl BlockBuilder {
    /// Adds an entry behind all others; `None` is a deletion.
    pub(crate) fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        let shared = if self.entries.is_multiple_of(RESTART_INTERVAL_ENTRIES) {
            self.restarts.push(
                u32::try_from(self.bytes.len()).expect("keys and values are limited to far below 4 GiB"),
            );
            0
        } else {
            self.last_key.iter().zip(key).take_while(|(a, b)| a == b).count()
        };
        let unshared = key.get(shared..).unwrap_or_default();
        varint::put(&mut self.bytes, shared as u64);
        varint::put(&mut self.bytes, unshared.len() as u64);
        varint::put(&mut self.bytes, value.map_or(0, |value| value.len() as u64 + 1));
        self.bytes.extend_from_slice(unshared);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(unshared);
        self.entries += 1;
    }

    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    pub(crate) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Length of the block if it were finished now.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len() + self.restarts.len() * RESTART_BYTES + TRAILER_BYTES
    }

    /// Appends the block to `out`. The builder is then empty again, but for [`BlockBuilder::last_key`].
    pub(crate) fn finish(&mut self, encoding: Encoding, out: &mut Vec<u8>) {
        out.append(&mut self.bytes);
        for restart in &self.restarts {
            out.extend_from_slice(&restart.to_le_bytes());
        }
        let count = u32::try_from(self.restarts.len()).expect("fewer restarts than bytes");
        out.extend_from_slice(&count.to_le_bytes());
        out.push(encoding as u8);
        self.restarts.clear();
        self.entries = 0;
    }
}

/// Where the parts of a checked block lie in its file.
#[derive(Debug, Clone)]
struct Layout {
    entries: Range<usize>,
    restart_count: usize,
}

impl Layout {
    /// Finds and checks the block at `handle`.
    #[inline]
    fn of(file: &TableFile, handle: Handle, encoding: Encoding) -> Result<Self, Damage> {
        let damage = |problem, expected: String, found: String| {
            Damage::new(file.name(), handle.offset, problem, expected, found)
        };
        let start = usize::try_from(handle.offset).unwrap_or(usize::MAX);
        let bytes = file.bytes(start..start.saturating_add(handle.length as usize))?;
        let Some((body, [encoding_found])) = bytes.split_last_chunk() else {
            return Err(damage("a block too short", TRAILER_BYTES.to_string(), bytes.len().to_string()));
        };
        if *encoding_found != encoding as u8 {
            return Err(damage("block encoding", (encoding as u8).to_string(), encoding_found.to_string()));
        }
        let (body, count) = body.split_last_chunk::<4>().unwrap_or((body, &[0; 4]));
        let restart_count = u32::from_le_bytes(*count) as usize;
        let entries_length =
            restart_count.checked_mul(RESTART_BYTES).and_then(|restarts| body.len().checked_sub(restarts));
        let (Some(entries_length), true) = (entries_length, restart_count > 0) else {
            let limit = body.len() / RESTART_BYTES;
            return Err(damage("restart count", format!("1 to {limit}"), restart_count.to_string()));
        };
        Ok(Self { entries: start..start + entries_length, restart_count })
    }

    #[inline]
    fn restart(&self, file: &TableFile, index: usize) -> usize {
        restart_in(self.restarts(file), index)
    }

    #[inline]
    fn entries<'f>(&self, file: &'f TableFile) -> &'f [u8] {
        file.checked_bytes(self.entries.clone())
    }

    #[inline]
    fn restarts<'f>(&self, file: &'f TableFile) -> &'f [u8] {
        let end = self.entries.end;
        file.checked_bytes(end..end + self.restart_count * RESTART_BYTES)
    }

    /// Length of the parts of the entry at `at`.
    #[inline]
    fn entry(&self, file: &TableFile, at: usize) -> Result<Entry, Damage> {
        Entry::parse(self.entries(file), at).ok_or_else(|| self.malformed(file, at))
    }

    /// The last restart in front of `target`: what is sought lies behind it. The first, if none is.
    #[inline]
    fn restart_before(&self, file: &TableFile, target: &[u8]) -> Result<usize, Damage> {
        let (entries, restarts) = (self.entries(file), self.restarts(file));
        let (mut low, mut high) = (0, self.restart_count);
        while low < high {
            let middle = low.midpoint(high);
            let at = restart_in(restarts, middle);
            let entry = Entry::parse(entries, at).ok_or_else(|| self.malformed(file, at))?;
            let key = entries.get(entry.unshared).unwrap_or_default();
            if key < target { low = middle + 1 } else { high = middle }
        }
        Ok(restart_in(restarts, low.saturating_sub(1)))
    }

    #[cold]
    fn malformed(&self, file: &TableFile, at: usize) -> Damage {
        let offset = self.entries.start.saturating_add(at) as u64;
        Damage::new(file.name(), offset, "a malformed entry", "lengths within the block", "others")
    }
}

#[inline]
fn restart_in(restarts: &[u8], index: usize) -> usize {
    let bytes = restarts.get(index * RESTART_BYTES..).and_then(<[u8]>::first_chunk::<RESTART_BYTES>);
    bytes.map_or(usize::MAX, |bytes| u32::from_le_bytes(*bytes) as usize)
}

/// A checked block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    file: Arc<TableFile>,
    layout: Layout,
}

impl Block {
    /// Finds and checks the block at `handle`.
    pub(crate) fn open(file: &Arc<TableFile>, handle: Handle, encoding: Encoding) -> Result<Self, Damage> {
        Ok(Self { layout: Layout::of(file, handle, encoding)?, file: Arc::clone(file) })
    }

    pub(crate) fn file(&self) -> &Arc<TableFile> {
        &self.file
    }

    /// Where the block starts in its file.
    pub(crate) fn offset(&self) -> u64 {
        self.layout.entries.start as u64
    }

    #[inline]
    fn entries(&self) -> &[u8] {
        self.layout.entries(&self.file)
    }

    fn restart(&self, index: usize) -> usize {
        self.layout.restart(&self.file, index)
    }

    /// The value of an entry; `None` when its key was deleted.
    fn value(&self, entry: &Entry) -> Option<&[u8]> {
        entry.value_in(self.entries())
    }

    fn malformed(&self, at: usize) -> Damage {
        self.layout.malformed(&self.file, at)
    }

    /// Length of the parts of the entry at `at`.
    #[inline]
    fn entry(&self, at: usize) -> Result<Entry, Damage> {
        self.layout.entry(&self.file, at)
    }
}

/// Where the parts of one entry lie, from the start of the block.
#[derive(Debug, Clone)]
struct Entry {
    start: usize,
    shared: usize,
    unshared: Range<usize>,
    has_value: bool,
    /// End of the value, start of the next entry.
    next: usize,
}

impl Entry {
    #[inline]
    fn parse(entries: &[u8], at: usize) -> Option<Self> {
        let mut rest = entries.get(at..)?;
        let (shared, unshared, mark) = match *rest.first_chunk::<3>()? {
            // Nearly all lengths are under 128.
            [shared, unshared, mark] if (shared | unshared | mark) < 0x80 => {
                rest = rest.get(3..)?;
                (shared.into(), unshared.into(), mark.into())
            }
            _ => {
                let shared = varint::take_length(&mut rest)?;
                (shared, varint::take_length(&mut rest)?, varint::take_length(&mut rest)?)
            }
        };
        let key = entries.len() - rest.len();
        let value = key.checked_add(unshared)?;
        let next = value.checked_add(mark.saturating_sub(1)).filter(|next| *next <= entries.len())?;
        Some(Self { start: at, shared, unshared: key..value, has_value: mark > 0, next })
    }

    /// Its value; `None` when its key was deleted.
    #[inline]
    fn value_in<'b>(&self, entries: &'b [u8]) -> Option<&'b [u8]> {
        self.has_value.then(|| entries.get(self.unshared.end..self.next).unwrap_or_default())
    }
}

/// A place in one block, or none.
#[derive(Debug)]
pub(crate) struct BlockCursor {
    block: Block,
    key: Vec<u8>,
    entry: Option<Entry>,
}

impl BlockCursor {
    pub(crate) fn new(block: Block) -> Self {
        Self { block, key: Vec::new(), entry: None }
    }

    /// Goes to another block, to no place in it.
    pub(crate) fn enter(&mut self, block: Block) {
        self.block = block;
        self.entry = None;
    }

    /// To no place.
    pub(crate) fn leave(&mut self) {
        self.entry = None;
    }

    pub(crate) fn first(&mut self) -> Result<(), Damage> {
        self.restart_at(0)
    }

    pub(crate) fn last(&mut self) -> Result<(), Damage> {
        self.restart_at(self.block.restart(self.block.layout.restart_count - 1))?;
        while self.entry.as_ref().is_some_and(|entry| entry.next < self.block.layout.entries.len()) {
            self.next()?;
        }
        Ok(())
    }

    /// To the first entry at or behind `target`.
    pub(crate) fn seek(&mut self, target: &[u8]) -> Result<(), Damage> {
        self.entry = None;
        self.restart_at(self.block.layout.restart_before(&self.block.file, target)?)?;
        while let Some(entry) = self.entry.take() {
            if self.key.as_slice() >= target {
                self.entry = Some(entry);
                break;
            }
            self.decode(entry.next)?;
        }
        Ok(())
    }

    pub(crate) fn next(&mut self) -> Result<(), Damage> {
        match self.entry.take() {
            Some(entry) => self.decode(entry.next),
            None => Ok(()),
        }
    }

    pub(crate) fn prev(&mut self) -> Result<(), Damage> {
        let Some(target) = self.entry.take().map(|entry| entry.start) else { return Ok(()) };
        let (mut low, mut high) = (0, self.block.layout.restart_count);
        while low < high {
            let middle = low.midpoint(high);
            if self.block.restart(middle) < target { low = middle + 1 } else { high = middle }
        }
        let Some(restart) = low.checked_sub(1) else { return Ok(()) };
        self.restart_at(self.block.restart(restart))?;
        while self.entry.as_ref().is_some_and(|entry| entry.next < target) {
            self.next()?;
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.entry.as_ref().map(|_| self.key.as_slice())
    }

    /// The value at this place; `None` also when the key was deleted.
    #[inline]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.block.value(self.entry.as_ref()?)
    }

    pub(crate) fn block(&self) -> &Block {
        &self.block
    }

    fn restart_at(&mut self, at: usize) -> Result<(), Damage> {
        self.key.clear();
        self.decode(at)
    }

    /// Goes to the entry that starts at `at`, which must follow the one whose key is held; to none at the end.
    fn decode(&mut self, at: usize) -> Result<(), Damage> {
        self.entry = None;
        if at == self.block.layout.entries.len() {
            return Ok(());
        }
        let entry = self.block.entry(at)?;
        if entry.shared > self.key.len() {
            return Err(self.block.malformed(at));
        }
        self.key.truncate(entry.shared);
        self.key.extend_from_slice(self.block.entries().get(entry.unshared.clone()).unwrap_or_default());
        self.entry = Some(entry);
        Ok(())
    }
}
