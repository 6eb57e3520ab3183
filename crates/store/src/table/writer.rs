//! Writes one table, from sorted entries, front to back.
//!
//! Keys that end in a position, as [`PositionTags`] says, become posting lists where they can. The base comes before its
//! streams in key order, so all positions of the table are known when the first stream does.
//!
//! Invariant: memory is bounded by one block per level, the filter, and the positions in the form in which they will stand
//! in the file (about four bytes each, at most [`POSITIONS_BYTES_MAX`]), however large the table gets. The file is
//! complete and synced when [`TableWriter::finish`] returns; the directory entry is not: that is the publisher's.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};

use super::block::{BlockBuilder, Content, Encoding, Handle};
use super::file_name;
use super::filter::{FilterBuilder, FirstBytes};
use super::footer::Footer;
use super::position_group::POSITION_BYTES;
use super::position_tags::{PositionTags, Role};
use super::positions::PositionsBuilder;
use super::postings::PostingsBuilder;
use super::reader::TableMeta;
use crate::directory::{Directory, OutputFile};
use crate::error::{Damage, WriteError};
use crate::planted::{Bug, planted};

/// Written to the file at a time.
const WRITE_BUFFER_BYTES: usize = 1 << 20;
/// With fewer children than this the tree would not get narrower upwards.
const BRANCH_CHILDREN_MIN: usize = 2;
/// Positions that would take more memory than this, and the keys of streams that end in them, are stored whole.
const POSITIONS_BYTES_MAX: usize = 128 << 20;

/// How a table is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableSettings {
    /// A block is closed when it has reached this length.
    pub(crate) block_bytes: usize,
    /// Which keys the filter knows.
    pub(crate) filtered: FirstBytes,
    /// Which keys end in positions.
    pub(crate) position_tags: Option<PositionTags>,
}

pub(crate) struct TableWriter<'d> {
    directory: &'d dyn Directory,
    name: String,
    file: Box<dyn OutputFile>,
    buffer: Vec<u8>,
    /// Bytes that were handed to the file before `buffer`.
    flushed_bytes: u64,
    settings: TableSettings,
    /// Leaves first.
    levels: Vec<BlockBuilder>,
    positions: PositionsBuilder,
    /// The list that is not in the leaf yet. Its keys are the last that were added.
    list: PostingsBuilder,
    list_bytes: Vec<u8>,
    /// The last key that was added.
    last_key: Vec<u8>,
    /// The last key in the open leaf: what the level above is told of it.
    leaf_last_key: Vec<u8>,
    filter: FilterBuilder,
    smallest_key: Vec<u8>,
    footer: Footer,
}

impl<'d> TableWriter<'d> {
    /// Starts the table `id`, whose filter shall have room for `filter_keys_max` keys.
    pub(crate) fn create(
        directory: &'d dyn Directory,
        id: u64,
        filter_keys_max: u64,
        settings: TableSettings,
    ) -> Result<Self, WriteError> {
        let name = file_name(id);
        let file = directory.create(&name).map_err(|source| failed(directory, &name, "create", source))?;
        let footer = Footer {
            table_id: id,
            nonce: RandomState::new().hash_one(id),
            entries: 0,
            deletions: 0,
            root: Handle { offset: 0, length: 0 },
            levels: 0,
            filter_offset: 0,
            filter_lines: 0,
            filter_keys: 0,
            filtered: settings.filtered,
            positions: 0,
        };
        Ok(Self {
            directory,
            name,
            file,
            buffer: Vec::with_capacity(WRITE_BUFFER_BYTES + settings.block_bytes),
            flushed_bytes: 0,
            settings,
            levels: vec![BlockBuilder::default()],
            positions: PositionsBuilder::new(POSITIONS_BYTES_MAX),
            list: PostingsBuilder::default(),
            list_bytes: Vec::new(),
            last_key: Vec::new(),
            leaf_last_key: Vec::new(),
            filter: FilterBuilder::for_keys(filter_keys_max),
            smallest_key: Vec::new(),
            footer,
        })
    }

    /// Adds an entry behind all others; `None` is a deletion.
    pub(crate) fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), WriteError> {
        // What is merged was checked block by block, but only here do all keys pass in a row.
        if self.footer.entries > 0 && self.last_key.as_slice() >= key {
            let problem = "keys that do not ascend in the tables that it is made of";
            let above = format!("a key above {}", self.last_key.escape_ascii());
            return Err(
                Damage::new(&self.name, self.footer.entries, problem, above, key.escape_ascii()).into()
            );
        }
        if let Some(ordinal) = self.ordinal(key, value) {
            self.add_to_list(key, ordinal)?;
        } else {
            self.close_list()?;
            self.add_to_leaf(key, Content::of(value))?;
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        if self.footer.entries == 0 {
            self.smallest_key = key.to_vec();
        }
        self.footer.entries += 1;
        self.footer.deletions += u64::from(value.is_none());
        if self.settings.filtered.contains(key) {
            self.filter.add(key);
            self.footer.filter_keys += 1;
        }
        Ok(())
    }

    /// The ordinal of the position that `key` ends in, if the key can be in a list.
    fn ordinal(&mut self, key: &[u8], value: Option<&[u8]>) -> Option<u32> {
        let tags = self.settings.position_tags.filter(|_| value.is_some_and(<[u8]>::is_empty))?;
        match tags.split(key)? {
            (Role::Base, _, position) => self.positions.push(position),
            (Role::Stream, _, position) => self.positions.ordinal(position),
        }
    }

    /// Adds `key`, which ends in the position of `ordinal`, to the open list, or to a new one.
    fn add_to_list(&mut self, key: &[u8], ordinal: u32) -> Result<(), WriteError> {
        let prefix = |key: &[u8]| key.len().checked_sub(POSITION_BYTES);
        let goes_on = !self.list.is_empty()
            && key.get(..prefix(key).unwrap_or(0))
                == self.last_key.get(..prefix(&self.last_key).unwrap_or(0));
        if !goes_on || !self.list.push(ordinal) {
            self.close_list()?;
            self.list.push(ordinal);
        }
        Ok(())
    }

    /// Puts the open list into the leaf.
    fn close_list(&mut self) -> Result<(), WriteError> {
        if self.list.is_empty() {
            return Ok(());
        }
        let mut list = std::mem::take(&mut self.list_bytes);
        let key = std::mem::take(&mut self.last_key);
        list.clear();
        self.list.finish(&mut list);
        let prefix = key.get(..key.len().saturating_sub(POSITION_BYTES)).unwrap_or_default();
        let added = self.add_to_leaf(prefix, Content::Postings(&list));
        self.leaf_last_key.clone_from(&key);
        (self.list_bytes, self.last_key) = (list, key);
        added
    }

    /// Adds an entry to the open leaf, or to a new one when that is full.
    fn add_to_leaf(&mut self, key: &[u8], content: Content<'_>) -> Result<(), WriteError> {
        let full = self
            .levels
            .first()
            .is_some_and(|leaf| leaf.entries() > 0 && leaf.length() >= self.settings.block_bytes);
        if full {
            self.close_block(0)?;
        }
        if let Some(leaf) = self.levels.first_mut() {
            leaf.add(key, content);
        }
        self.leaf_last_key.clear();
        self.leaf_last_key.extend_from_slice(key);
        Ok(())
    }

    pub(crate) fn entries(&self) -> u64 {
        self.footer.entries
    }

    /// Completes and syncs the file. There must be an entry.
    ///
    /// # Durability
    ///
    /// The bytes are durable when this returns; that the file exists is once its directory is synced.
    pub(crate) fn finish(mut self) -> Result<TableMeta, WriteError> {
        debug_assert!(self.footer.entries > 0, "a table has entries");
        self.close_list()?;
        let largest_key = std::mem::take(&mut self.last_key);
        self.close_tree()?;
        self.footer.filter_offset = self.offset();
        self.footer.filter_lines = self.filter.lines();
        let filter = std::mem::replace(&mut self.filter, FilterBuilder::for_keys(0));
        for line in filter.finish(self.footer.nonce, self.footer.filter_offset) {
            self.buffer.extend_from_slice(&line);
            self.spill(WRITE_BUFFER_BYTES)?;
        }
        self.write_positions()?;
        let (footer, footer_crc) = self.footer.encode();
        self.buffer.extend_from_slice(&footer);
        self.spill(1)?;
        if !planted(Bug::SkipTableSync) {
            self.file.sync().map_err(|source| failed(self.directory, &self.name, "sync", source))?;
        }
        Ok(TableMeta {
            id: self.footer.table_id,
            bytes: self.flushed_bytes,
            entries: self.footer.entries,
            footer_crc,
            smallest_key: self.smallest_key,
            largest_key,
        })
    }

    fn write_positions(&mut self) -> Result<(), WriteError> {
        let positions = std::mem::replace(&mut self.positions, PositionsBuilder::new(0));
        self.footer.positions = positions.count();
        positions.finish(self.footer.nonce, self.offset(), |piece| {
            self.buffer.extend_from_slice(piece);
            self.spill(WRITE_BUFFER_BYTES)
        })
    }

    /// Closes the open block of every level, from the leaves up. The last one is the root.
    fn close_tree(&mut self) -> Result<(), WriteError> {
        let mut depth = 0;
        // Closing a block can add a level, but each level has at most half the blocks of the one below.
        while depth + 1 < self.levels.len() {
            self.close_block(depth)?;
            depth += 1;
        }
        self.footer.root = self.write_block(depth)?;
        self.footer.levels = u32::try_from(self.levels.len()).expect("a tree of blocks is never that high");
        Ok(())
    }

    /// Closes the open block of the level `depth` (0: leaves) and tells the level above.
    fn close_block(&mut self, depth: usize) -> Result<(), WriteError> {
        let handle = self.write_block(depth)?;
        let above = depth + 1;
        if above == self.levels.len() {
            self.levels.push(BlockBuilder::default());
        }
        let full = self.levels.get(above).is_some_and(|branch| {
            branch.length() >= self.settings.block_bytes && branch.entries() >= BRANCH_CHILDREN_MIN
        });
        if full {
            self.close_block(above)?;
        }
        let mut value = Vec::new();
        handle.encode(&mut value);
        if let Some([closed, branch]) = self.levels.get_mut(depth..).and_then(<[_]>::first_chunk_mut::<2>) {
            // A leaf's last entry may be a list, whose key is a prefix.
            let last_key = if depth == 0 { &self.leaf_last_key } else { closed.last_key() };
            branch.add(last_key, Content::Value(&value));
        }
        Ok(())
    }

    fn write_block(&mut self, depth: usize) -> Result<Handle, WriteError> {
        let offset = self.offset();
        let encoding = if depth == 0 { Encoding::Leaf } else { Encoding::Branch };
        if let Some(block) = self.levels.get_mut(depth) {
            block.finish(encoding, self.footer.nonce, offset, &mut self.buffer);
        }
        let length =
            u32::try_from(self.offset() - offset).expect("keys and values are limited to far below 4 GiB");
        self.spill(WRITE_BUFFER_BYTES)?;
        Ok(Handle { offset, length })
    }

    fn offset(&self) -> u64 {
        self.flushed_bytes + self.buffer.len() as u64
    }

    /// Hands the buffer to the file if it holds `at_least` bytes.
    fn spill(&mut self, at_least: usize) -> Result<(), WriteError> {
        if self.buffer.len() >= at_least {
            self.file
                .write_all(&self.buffer)
                .map_err(|source| failed(self.directory, &self.name, "write", source))?;
            self.flushed_bytes += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

fn failed(directory: &dyn Directory, name: &str, operation: &'static str, source: io::Error) -> WriteError {
    WriteError::Io { operation, path: directory.path().join(name), source }
}
