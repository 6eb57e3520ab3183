//! Writes one table, front to back: sorted entries, their filter, then positions and streams.
//!
//! Invariant: memory is bounded by one block per level of a tree, the filter, one list, and the positions in the form in
//! which they will stand in the file (about four bytes each). The file is complete and synced when
//! [`TableWriter::finish`] returns; the directory entry is not: that is the publisher's.

use std::hash::{BuildHasher, RandomState};

use super::block::Handle;
use super::file_name;
use super::filter::{Filter, FirstBytes};
use super::footer::Footer;
use super::lists::{ListWriter, StreamKey};
use super::output::TableOutput;
use super::positions::PositionsWriter;
use super::reader::TableMeta;
use super::tree::{Tree, TreeWriter};
use crate::directory::Directory;
use crate::error::{Damage, WriteError};
use crate::position::{NumberRange, Position};
use crate::streams::{Section, StreamSink};
use crate::varint;

/// How a table is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableSettings {
    /// A block is closed when it has reached this length.
    pub(crate) block_bytes: usize,
    /// Which keys the filter knows.
    pub(crate) filtered: FirstBytes,
}

pub(crate) struct TableWriter<'d> {
    output: TableOutput<'d>,
    settings: TableSettings,
    entries: TreeWriter,
    /// The last key that was added.
    last_key: Vec<u8>,
    smallest_key: Vec<u8>,
    filter: Filter,
    positions: PositionsWriter,
    streams: TreeWriter,
    list: ListWriter,
    /// The key of the open stream.
    stream_key: Vec<u8>,
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
        let nonce = RandomState::new().hash_one(id);
        let nothing = Tree { root: Handle { offset: 0, length: 0 }, levels: 0 };
        let footer = Footer {
            table_id: id,
            nonce,
            entries: 0,
            deletions: 0,
            entry_tree: nothing,
            filter_offset: 0,
            filter_lines: 0,
            filter_keys: 0,
            filtered: settings.filtered,
            positions: 0,
            position_directory: 0,
            stream_tree: nothing,
            postings: 0,
            ends: 0,
            pending_ends: 0,
            numbers: None,
            content_bytes: 0,
        };
        Ok(Self {
            output: TableOutput::create(directory, file_name(id), nonce)?,
            settings,
            entries: TreeWriter::new(settings.block_bytes),
            last_key: Vec::new(),
            smallest_key: Vec::new(),
            filter: Filter::for_keys(filter_keys_max),
            positions: PositionsWriter::default(),
            streams: TreeWriter::new(settings.block_bytes),
            list: ListWriter::default(),
            stream_key: Vec::new(),
            footer,
        })
    }

    /// Adds an entry behind all others; `None` is a deletion. Entries come before positions.
    pub(crate) fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), WriteError> {
        // What is merged was checked page by page, but only here do all keys pass in a row.
        if self.footer.entries > 0 && self.last_key.as_slice() >= key {
            let problem = "keys that do not ascend in the tables that it is made of";
            let above = format!("a key above {}", self.last_key.escape_ascii());
            let name = self.output.name();
            return Err(Damage::new(name, self.footer.entries, problem, above, key.escape_ascii()).into());
        }
        self.entries.add(key, value, &mut self.output)?;
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

    pub(crate) fn entries(&self) -> u64 {
        self.footer.entries
    }

    /// Ends the entries. Streams may follow.
    pub(crate) fn finish_entries(&mut self) -> Result<(), WriteError> {
        let entries = std::mem::replace(&mut self.entries, TreeWriter::new(self.settings.block_bytes));
        self.footer.entry_tree = entries.finish(&mut self.output)?;
        self.footer.filter_offset = self.output.offset();
        self.footer.filter_lines = self.filter.lines();
        for line in std::mem::replace(&mut self.filter, Filter::for_keys(0)).finish() {
            self.output.append(|out| out.extend_from_slice(&line))?;
        }
        Ok(())
    }

    /// Completes and syncs the file; `numbers` are those of positions and ends. `None`, if there is nothing in it.
    ///
    /// # Durability
    ///
    /// The bytes are durable when this returns; that the file exists is once its directory is synced.
    pub(crate) fn finish(mut self, numbers: Option<NumberRange>) -> Result<Option<TableMeta>, WriteError> {
        let footer = &mut self.footer;
        if footer.entries == 0 && footer.positions == 0 && footer.pending_ends == 0 {
            return Ok(None);
        }
        footer.stream_tree = self.streams.finish(&mut self.output)?;
        footer.numbers = numbers;
        footer.content_bytes = self.output.offset();
        let (footer_bytes, footer_crc) = footer.encode();
        let bytes = self.output.finish(&footer_bytes)?;
        Ok(Some(TableMeta {
            id: self.footer.table_id,
            bytes,
            entries: self.footer.entries,
            footer_crc,
            smallest_key: self.smallest_key,
            largest_key: self.last_key,
        }))
    }

    fn add_stream_entry(&mut self, key: StreamKey<'_>, value: &[u8]) -> Result<(), WriteError> {
        key.encode(&mut self.stream_key);
        self.streams.add(&self.stream_key, Some(value), &mut self.output)
    }
}

impl StreamSink for TableWriter<'_> {
    fn position(&mut self, position: Position) -> Result<(), WriteError> {
        self.positions.push(position, &mut self.output)?;
        self.footer.positions += 1;
        Ok(())
    }

    fn begin_streams(&mut self) -> Result<(), WriteError> {
        self.footer.position_directory = std::mem::take(&mut self.positions).finish(&mut self.output)?;
        Ok(())
    }

    fn begin(&mut self, section: Section, name: &[u8]) -> Result<(), WriteError> {
        StreamKey::Stream(section, name).encode(&mut self.stream_key);
        Ok(())
    }

    fn ordinals(&mut self, ordinals: &[u32]) -> Result<(), WriteError> {
        self.footer.postings += ordinals.len() as u64;
        self.list.push(ordinals, &mut self.output)
    }

    fn end_stream(&mut self) -> Result<(), WriteError> {
        match self.list.finish(&mut self.output)? {
            Some(value) => self.streams.add(&self.stream_key, Some(value), &mut self.output),
            None => Ok(()),
        }
    }

    fn ended(&mut self, ordinal: u32, number: u64) -> Result<(), WriteError> {
        self.footer.ends += 1;
        let mut value = Vec::new();
        varint::put(&mut value, number);
        self.add_stream_entry(StreamKey::End(ordinal), &value)
    }

    fn pending_end(&mut self, position: Position, number: u64) -> Result<(), WriteError> {
        self.footer.pending_ends += 1;
        let mut value = Vec::new();
        varint::put(&mut value, number);
        self.add_stream_entry(StreamKey::PendingEnd(position), &value)
    }
}
