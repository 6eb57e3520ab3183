//! One block: sorted entries whose keys share prefixes, restart points to search by, and a checksum.
//!
//! ```text
//! block   = entry… restart… trailer
//! entry   = shared, unshared, value-mark (varints), unshared key bytes, value bytes
//! restart = u32: where an entry with shared = 0 starts
//! trailer = restart count u32, encoding u8, CRC u32
//! ```
//!
//! `value-mark` says what stands in the value's place (see [`Content`]) and how long it is. The encoding tells leaves
//! from branches. What posting lists mean is `leaf.rs`'s to know: here their key is the prefix that their keys share.
//! Invariant: a block is believed only after its checksum, which is bound to table and
//! offset; even then every length is checked against the block before it is used.
//!
//! Format: FORMAT.md#block

use std::ops::Range;
use std::sync::Arc;

use crate::checksum;
use crate::directory::Map;
use crate::error::Damage;
use crate::varint;

/// A key is stored whole after this many entries.
const RESTART_INTERVAL_ENTRIES: usize = 16;
const RESTART_BYTES: usize = 4;
const TRAILER_BYTES: usize = 9;
const CRC_BYTES: usize = 4;

/// How a block's entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Keys and values as the caller gave them, or many keys in one entry as a posting list.
    Leaf = 1,
    /// Values are handles of blocks one level below, whose last key the key is.
    Branch = 2,
}

/// What an entry says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content<'b> {
    /// It was deleted.
    Deleted,
    /// Its value.
    Value(&'b [u8]),
    /// Which positions follow it in keys without a value.
    Postings(&'b [u8]),
}

impl<'b> Content<'b> {
    /// A value, or a deletion.
    pub(crate) fn of(value: Option<&'b [u8]>) -> Self {
        value.map_or(Self::Deleted, Self::Value)
    }

    fn mark(self) -> u64 {
        match self {
            Self::Deleted => 0,
            Self::Value(bytes) => bytes.len() as u64 * 2 + 1,
            Self::Postings(bytes) => bytes.len() as u64 * 2 + 2,
        }
    }

    fn bytes(self) -> &'b [u8] {
        match self {
            Self::Deleted => &[],
            Self::Value(bytes) | Self::Postings(bytes) => bytes,
        }
    }
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
    pub(crate) fn add(&mut self, key: &[u8], content: Content<'_>) {
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
        varint::put(&mut self.bytes, content.mark());
        self.bytes.extend_from_slice(unshared);
        self.bytes.extend_from_slice(content.bytes());
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

    /// The block's bytes, for a place at `offset` of the table with this `nonce`. The builder is then empty again,
    /// but for [`BlockBuilder::last_key`].
    pub(crate) fn finish(&mut self, encoding: Encoding, nonce: u64, offset: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.append(&mut self.bytes);
        for restart in &self.restarts {
            out.extend_from_slice(&restart.to_le_bytes());
        }
        let count = u32::try_from(self.restarts.len()).expect("fewer restarts than bytes");
        out.extend_from_slice(&count.to_le_bytes());
        out.push(encoding as u8);
        let crc = checksum::seeded(nonce, offset, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
        self.restarts.clear();
        self.entries = 0;
    }
}

/// The part of an open table that reading a block needs.
#[derive(Debug)]
pub(crate) struct BlockSource {
    pub(crate) map: Map,
    pub(crate) name: String,
    pub(crate) nonce: u64,
    /// Blocks end before this.
    pub(crate) blocks_end: u64,
}

/// A checked block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    source: Arc<BlockSource>,
    entries: Range<usize>,
    restart_count: usize,
}

impl Block {
    /// Finds and checks the block at `handle`.
    pub(crate) fn open(
        source: &Arc<BlockSource>,
        handle: Handle,
        encoding: Encoding,
    ) -> Result<Self, Damage> {
        let damage = |problem, expected: String, found: String| {
            Damage::new(&source.name, handle.offset, problem, expected, found)
        };
        let end = handle.offset.checked_add(u64::from(handle.length)).filter(|end| *end <= source.blocks_end);
        let range =
            end.and_then(|end| Some(usize::try_from(handle.offset).ok()?..usize::try_from(end).ok()?));
        let Some((range, bytes)) = range.and_then(|range| Some((range.clone(), source.map.get(range)?)))
        else {
            let expected = format!("an end at or before {}", source.blocks_end);
            return Err(damage(
                "a block outside the file",
                expected,
                format!("a length of {}", handle.length),
            ));
        };
        let (Some((body, crc)), true) = (bytes.split_last_chunk::<CRC_BYTES>(), bytes.len() >= TRAILER_BYTES)
        else {
            return Err(damage("a block too short", TRAILER_BYTES.to_string(), bytes.len().to_string()));
        };
        let (expected, found) =
            (u32::from_le_bytes(*crc), checksum::seeded(source.nonce, handle.offset, body));
        if expected != found {
            return Err(Damage::checksum(&source.name, handle.offset, "block checksum", expected, found));
        }
        let (&found, body) = body.split_last().unwrap_or((&0, body));
        if found != encoding as u8 {
            return Err(damage("block encoding", (encoding as u8).to_string(), found.to_string()));
        }
        let (body, count) = body.split_last_chunk::<4>().unwrap_or((body, &[0; 4]));
        let restart_count = u32::from_le_bytes(*count) as usize;
        let entries_length =
            restart_count.checked_mul(RESTART_BYTES).and_then(|restarts| body.len().checked_sub(restarts));
        let (Some(entries_length), true) = (entries_length, restart_count > 0) else {
            let limit = body.len() / RESTART_BYTES;
            return Err(damage("restart count", format!("1 to {limit}"), restart_count.to_string()));
        };
        Ok(Self {
            source: Arc::clone(source),
            entries: range.start..range.start + entries_length,
            restart_count,
        })
    }

    pub(crate) fn source(&self) -> &Arc<BlockSource> {
        &self.source
    }

    /// Where the block starts in its file.
    pub(crate) fn offset(&self) -> u64 {
        self.entries.start as u64
    }

    #[inline]
    fn entries(&self) -> &[u8] {
        self.source.map.get(self.entries.clone()).unwrap_or_default()
    }

    fn restart(&self, index: usize) -> usize {
        let start = self.entries.end + index * RESTART_BYTES;
        let bytes = self.source.map.get(start..).and_then(<[u8]>::first_chunk::<RESTART_BYTES>);
        bytes.map_or(usize::MAX, |bytes| u32::from_le_bytes(*bytes) as usize)
    }

    fn content(&self, entry: &Entry) -> Content<'_> {
        let bytes = || self.entries().get(entry.unshared.end..entry.next).unwrap_or_default();
        match entry.kind {
            Kind::Deleted => Content::Deleted,
            Kind::Value => Content::Value(bytes()),
            Kind::Postings => Content::Postings(bytes()),
        }
    }

    fn malformed(&self, at: usize) -> Damage {
        let offset = self.entries.start.saturating_add(at) as u64;
        Damage::new(&self.source.name, offset, "a malformed entry", "lengths within the block", "others")
    }

    /// Length of the parts of the entry at `at`.
    #[inline]
    fn entry(&self, at: usize) -> Result<Entry, Damage> {
        self.parse(at).ok_or_else(|| self.malformed(at))
    }

    #[inline]
    fn parse(&self, at: usize) -> Option<Entry> {
        let entries = self.entries();
        let mut rest = entries.get(at..)?;
        let shared = varint::take_length(&mut rest)?;
        let unshared = varint::take_length(&mut rest)?;
        let mark = varint::take_length(&mut rest)?;
        let key = entries.len() - rest.len();
        let value = key.checked_add(unshared)?;
        let (kind, length) = match mark.checked_sub(1) {
            None => (Kind::Deleted, 0),
            Some(mark) if mark % 2 == 0 => (Kind::Value, mark / 2),
            Some(mark) => (Kind::Postings, mark / 2),
        };
        let next = value.checked_add(length).filter(|next| *next <= entries.len())?;
        Some(Entry { start: at, shared, unshared: key..value, kind, next })
    }
}

/// Where the parts of one entry lie, from the start of the block.
#[derive(Debug, Clone)]
struct Entry {
    start: usize,
    shared: usize,
    unshared: Range<usize>,
    kind: Kind,
    /// End of the value, start of the next entry.
    next: usize,
}

/// Which [`Content`] an entry has.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Deleted,
    Value,
    Postings,
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
        self.restart_at(self.block.restart(self.block.restart_count - 1))?;
        while self.entry.as_ref().is_some_and(|entry| entry.next < self.block.entries.len()) {
            self.next()?;
        }
        Ok(())
    }

    /// To the first entry that `is_before` says no to, as it does to all behind that one.
    pub(crate) fn seek(
        &mut self,
        mut is_before: impl FnMut(&[u8], Content<'_>) -> Result<bool, Damage>,
    ) -> Result<(), Damage> {
        self.entry = None;
        // The last restart that is before: what is sought lies behind it.
        let (mut low, mut high) = (0, self.block.restart_count);
        while low < high {
            let middle = low.midpoint(high);
            let at = self.block.restart(middle);
            let entry = self.block.entry(at)?;
            let key = self.block.entries().get(entry.unshared.clone()).unwrap_or_default();
            if is_before(key, self.block.content(&entry))? { low = middle + 1 } else { high = middle }
        }
        self.restart_at(self.block.restart(low.saturating_sub(1)))?;
        while let Some(entry) = self.entry.take() {
            if !is_before(&self.key, self.block.content(&entry))? {
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
        let (mut low, mut high) = (0, self.block.restart_count);
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

    /// What this place says of its key.
    #[inline]
    pub(crate) fn content(&self) -> Option<Content<'_>> {
        self.entry.as_ref().map(|entry| self.block.content(entry))
    }

    /// The value at this place, if there is one.
    #[inline]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match self.content()? {
            Content::Value(value) => Some(value),
            Content::Deleted | Content::Postings(_) => None,
        }
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
        if at == self.block.entries.len() {
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
