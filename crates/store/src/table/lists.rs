//! The lists of a table's streams, and the keys of the tree that leads to them.
//!
//! ```text
//! key    = 1 name | 2 name | 3 ordinal | 4 position       a live stream, what ended of it, an end, a pending end
//! value  = short-list | count offset length (varints)     of a stream; of an end the number, as a varint
//! list   = block… skip…                                   at that offset; the blocks take so many bytes
//! skip   = last ordinal u32, end of the block u32         one for each block of 128 ordinals
//! ```
//!
//! A list of up to 128 ordinals stands in the tree itself. In a longer one all blocks but the last are full, so that the
//! rank of an ordinal, and how many a range has, are found without reading what lies before.
//!
//! Format: FORMAT.md#streams

use std::ops::Range;
use std::sync::Arc;

use super::cursor::TreeCursor;
use super::output::TableOutput;
use super::pages::TableFile;
use super::postings::{self, Postings};
use super::reader::Table;
use crate::error::{Damage, ReadError, WriteError};
use crate::position::{POSITION_BYTES, Position};
use crate::streams::{BLOCK_ORDINALS, Section};
use crate::varint;

const SKIP_BYTES: usize = 8;
const END_TAG: u8 = 3;
const PENDING_END_TAG: u8 = 4;

/// What a key of the tree of streams says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StreamKey<'n> {
    Stream(Section, &'n [u8]),
    /// Of the position with this ordinal.
    End(u32),
    /// Of a position of an earlier table.
    PendingEnd(Position),
}

impl StreamKey<'_> {
    /// Replaces what is in `out`.
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Self::Stream(section, name) => {
                out.push(section as u8);
                out.extend_from_slice(name);
            }
            Self::End(ordinal) => {
                out.push(END_TAG);
                out.extend_from_slice(&ordinal.to_be_bytes());
            }
            Self::PendingEnd(position) => {
                out.push(PENDING_END_TAG);
                out.extend_from_slice(&position.to_bytes());
            }
        }
    }
}

/// Writes one list after the other.
#[derive(Debug, Default)]
pub(crate) struct ListWriter {
    /// The ordinals of the open block.
    open: Vec<u32>,
    /// The last ordinal of the block before.
    base: Option<u32>,
    count: u64,
    /// Where the first block of the list lies. `None` as long as it has none.
    offset: Option<u64>,
    skips: Vec<u8>,
    value: Vec<u8>,
}

impl ListWriter {
    pub(crate) fn push(
        &mut self,
        mut ordinals: &[u32],
        output: &mut TableOutput<'_>,
    ) -> Result<(), WriteError> {
        while !ordinals.is_empty() {
            if self.open.len() == BLOCK_ORDINALS {
                self.close_block(output)?;
            }
            let (now, later) =
                ordinals.split_at_checked(BLOCK_ORDINALS - self.open.len()).unwrap_or((ordinals, &[]));
            self.open.extend_from_slice(now);
            ordinals = later;
        }
        Ok(())
    }

    fn close_block(&mut self, output: &mut TableOutput<'_>) -> Result<(), WriteError> {
        let offset = *self.offset.get_or_insert(output.offset());
        output.append(|out| postings::encode(&self.open, self.base, out))?;
        let end = output.offset() - offset;
        let last = self.open.last().copied().unwrap_or(0);
        self.skips.extend_from_slice(&last.to_le_bytes());
        self.skips.extend_from_slice(&u32::try_from(end).expect("2^32 ordinals take less").to_le_bytes());
        self.base = Some(last);
        self.count += self.open.len() as u64;
        self.open.clear();
        Ok(())
    }

    /// Ends the list. Returns what stands in the tree for it; nothing for an empty list.
    pub(crate) fn finish(&mut self, output: &mut TableOutput<'_>) -> Result<Option<&[u8]>, WriteError> {
        self.value.clear();
        if self.open.is_empty() {
            return Ok(None);
        }
        if self.offset.is_none() {
            postings::encode(&self.open, None, &mut self.value);
        } else {
            self.close_block(output)?;
            let (offset, end) = (self.offset.take().unwrap_or(0), output.offset());
            output.append(|out| out.extend_from_slice(&self.skips))?;
            for field in [self.count, offset, end - offset] {
                varint::put(&mut self.value, field);
            }
        }
        self.open.clear();
        self.skips.clear();
        (self.base, self.count) = (None, 0);
        Ok(Some(&self.value))
    }
}

/// One list of an open table.
#[derive(Debug)]
pub(crate) struct TableList {
    table: Arc<Table>,
    count: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    InTree {
        bytes: Vec<u8>,
        last: u32,
    },
    /// Where its blocks are, and behind them its skips.
    Outside {
        blocks: Range<usize>,
    },
}

impl TableList {
    /// The list that `value` stands for.
    fn decode(table: &Arc<Table>, value: &[u8]) -> Option<Self> {
        let mut rest = value;
        let count = varint::take_length(&mut rest)?;
        let place = if count <= BLOCK_ORDINALS {
            let last = Postings::decode(value, None, table.positions().count())?.last();
            Place::InTree { bytes: value.to_vec(), last }
        } else {
            let start = varint::take_length(&mut rest)?;
            let end = start.checked_add(varint::take_length(&mut rest)?)?;
            // So that no arithmetic with it overflows, and nobody is made to allocate for it.
            if !rest.is_empty() || count > table.positions().count() as usize {
                return None;
            }
            Place::Outside { blocks: start..end }
        };
        Some(Self { table: Arc::clone(table), count, place })
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Last ordinal and end of a block.
    fn skip(&self, blocks: &Range<usize>, block: usize) -> Result<(u32, usize), Damage> {
        let start = blocks.end.saturating_add(block * SKIP_BYTES);
        let bytes = self.file().bytes(start..start.saturating_add(SKIP_BYTES))?;
        let (last, end) = bytes.split_first_chunk().unwrap_or((&[0; 4], bytes));
        let end = end.first_chunk().map_or(0, |end| u32::from_le_bytes(*end));
        Ok((u32::from_le_bytes(*last), end as usize))
    }

    fn file(&self) -> &TableFile {
        self.table.file()
    }

    /// The last ordinal of a block.
    pub(crate) fn last_of(&self, block: usize) -> Result<u32, Damage> {
        match &self.place {
            Place::InTree { last, .. } => Ok(*last),
            Place::Outside { blocks } => Ok(self.skip(blocks, block)?.0),
        }
    }

    /// Replaces what is in `into` by the ordinals of a block.
    pub(crate) fn read(&self, block: usize, into: &mut Vec<u32>) -> Result<(), Damage> {
        let positions = self.table.positions().count();
        let (bytes, base, offset) = match &self.place {
            Place::InTree { bytes, .. } => (bytes.as_slice(), None, 0),
            Place::Outside { blocks } => {
                let (base, start) = match block.checked_sub(1) {
                    Some(before) => self.skip(blocks, before).map(|(last, end)| (Some(last), end))?,
                    None => (None, 0),
                };
                let (_, end) = self.skip(blocks, block)?;
                let range = blocks.start.saturating_add(start)..blocks.start.saturating_add(end);
                if range.start > range.end || range.end > blocks.end {
                    return Err(self.file().malformed(blocks.end, "a malformed skip of a list"));
                }
                (self.file().bytes(range.clone())?, base, range.start)
            }
        };
        let wanted = (self.count - block * BLOCK_ORDINALS).min(BLOCK_ORDINALS);
        let decoded = Postings::decode(bytes, base, positions)
            .and_then(|list| list.decode_all(into))
            .filter(|()| into.len() == wanted && into.last().copied() == self.last_of(block).ok());
        if decoded.is_none() {
            into.clear();
            return Err(self.file().malformed(offset, "a malformed list"));
        }
        Ok(())
    }
}

/// A walk over a table's tree of streams.
#[derive(Debug)]
pub(crate) struct StreamCursor {
    table: Arc<Table>,
    tree: TreeCursor,
    key: Vec<u8>,
}

impl StreamCursor {
    /// A cursor that stands nowhere.
    pub(crate) fn new(table: &Arc<Table>) -> Self {
        Self {
            table: Arc::clone(table),
            tree: TreeCursor::new(table.file(), table.stream_tree()),
            key: Vec::new(),
        }
    }

    /// To the first stream of `section` at or behind `name`.
    pub(crate) fn seek(&mut self, section: Section, name: &[u8]) -> Result<(), ReadError> {
        StreamKey::Stream(section, name).encode(&mut self.key);
        self.tree.seek(&self.key)
    }

    pub(crate) fn next(&mut self) -> Result<(), ReadError> {
        self.tree.next()
    }

    /// The name of the stream at this place, if it is one of `section`.
    pub(crate) fn name(&self, section: Section) -> Option<&[u8]> {
        self.tree.key()?.strip_prefix(&[section as u8])
    }

    /// The list of the stream at this place.
    pub(crate) fn list(&self) -> Result<Option<TableList>, ReadError> {
        let Some(value) = self.tree.value() else { return Ok(None) };
        match TableList::decode(&self.table, value) {
            Some(list) => Ok(Some(list)),
            None => Err(self
                .table
                .file()
                .malformed(self.tree.offset(), "a malformed stream in this block")
                .into()),
        }
    }
}

impl Table {
    /// The list of a stream, if the table has it.
    pub(crate) fn list(
        self: &Arc<Self>,
        section: Section,
        name: &[u8],
    ) -> Result<Option<TableList>, ReadError> {
        let mut cursor = StreamCursor::new(self);
        cursor.seek(section, name)?;
        if cursor.name(section) == Some(name) { cursor.list() } else { Ok(None) }
    }

    /// At which number the position with this ordinal ended, as this table says.
    pub(crate) fn end_of(self: &Arc<Self>, ordinal: u32) -> Result<Option<u64>, ReadError> {
        let mut key = Vec::new();
        StreamKey::End(ordinal).encode(&mut key);
        let mut tree = TreeCursor::new(self.file(), self.stream_tree());
        tree.seek(&key)?;
        if tree.key() == Some(&key) { self.number(&tree).map(Some) } else { Ok(None) }
    }

    /// All positions of this table that have ended, in order.
    pub(crate) fn all_ends(self: &Arc<Self>) -> Result<Vec<(u32, u64)>, ReadError> {
        if self.ends() == 0 {
            return Ok(Vec::new());
        }
        self.all_below(END_TAG, |key| Some(u32::from_be_bytes(key.try_into().ok()?)))
    }

    /// All positions of earlier tables that this one says have ended, in order.
    pub(crate) fn all_pending(self: &Arc<Self>) -> Result<Vec<(Position, u64)>, ReadError> {
        if self.pending_ends() == 0 {
            return Ok(Vec::new());
        }
        self.all_below(PENDING_END_TAG, |key| {
            Some(Position::from_bytes(<[u8; POSITION_BYTES]>::try_from(key).ok()?))
        })
    }

    fn all_below<K>(
        self: &Arc<Self>,
        tag: u8,
        decode: impl Fn(&[u8]) -> Option<K>,
    ) -> Result<Vec<(K, u64)>, ReadError> {
        let mut tree = TreeCursor::new(self.file(), self.stream_tree());
        tree.seek(&[tag])?;
        let mut all = Vec::new();
        while let Some(key) = tree.key().and_then(|key| key.strip_prefix(&[tag])) {
            let Some(decoded) = decode(key) else {
                return Err(self.file().malformed(tree.offset(), "a malformed end in this block").into());
            };
            all.push((decoded, self.number(&tree)?));
            tree.next()?;
        }
        Ok(all)
    }

    fn number(&self, tree: &TreeCursor) -> Result<u64, ReadError> {
        let number = tree.value().and_then(|mut value| {
            let number = varint::take(&mut value)?;
            value.is_empty().then_some(number)
        });
        number.ok_or_else(|| self.file().malformed(tree.offset(), "a malformed end in this block").into())
    }
}
