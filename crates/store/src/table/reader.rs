//! An open table.
//!
//! Opening reads the footer only. Whatever else is read is checked when it is read.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::block::{BlockSource, Handle};
use super::cursor::TableCursor;
use super::file_name;
use super::filter::{self, FirstBytes};
use super::footer::{FOOTER_BYTES, Footer};
use super::positions::Positions;
use crate::directory::Directory;
use crate::error::{Damage, OpenError, ReadError};

/// What the manifest says of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableMeta {
    pub(crate) id: u64,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// Deletions included.
    pub(crate) entries: u64,
    /// Binds the manifest to exactly this file.
    pub(crate) footer_crc: u32,
    pub(crate) smallest_key: Vec<u8>,
    pub(crate) largest_key: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Table {
    meta: TableMeta,
    source: Arc<BlockSource>,
    positions: Positions,
    root: Handle,
    levels: usize,
    filtered: FirstBytes,
    filter_keys: u64,
    /// Where the filter ends.
    filter_end: u64,
}

impl Table {
    /// Opens the table that the manifest describes as `meta`.
    pub(crate) fn open(directory: &dyn Directory, meta: TableMeta) -> Result<Self, OpenError> {
        let name = file_name(meta.id);
        let map = directory.map(&name).map_err(|source| open_failed(directory.path(), &name, source))?;
        if map.len() as u64 != meta.bytes {
            return Err(Damage::new(&name, 0, "file length", meta.bytes, map.len()).into());
        }
        let (footer, crc) = Footer::decode(&map, &name)?;
        let found = (footer.table_id, footer.entries, crc);
        let expected = (meta.id, meta.entries, meta.footer_crc);
        if found != expected {
            let problem = "id, entries and checksum in the footer";
            return Err(Damage::new(
                &name,
                footer.filter_offset,
                problem,
                format!("{expected:?}"),
                format!("{found:?}"),
            )
            .into());
        }
        let levels = usize::try_from(footer.levels).unwrap_or(usize::MAX);
        let directory = (map.len() as u64).saturating_sub(FOOTER_BYTES as u64 + footer.directory_bytes());
        let filter_end = footer.filter_end().unwrap_or(footer.filter_offset);
        let source =
            Arc::new(BlockSource { map, name, nonce: footer.nonce, blocks_end: footer.filter_offset });
        let count = u32::try_from(footer.positions).unwrap_or(u32::MAX);
        Ok(Self {
            meta,
            positions: Positions::new(&source, count, filter_end, directory),
            source,
            root: footer.root,
            levels,
            filtered: footer.filtered,
            filter_keys: footer.filter_keys,
            filter_end,
        })
    }

    pub(crate) fn meta(&self) -> &TableMeta {
        &self.meta
    }

    pub(crate) fn filtered(&self) -> FirstBytes {
        self.filtered
    }

    pub(crate) fn filter_keys(&self) -> u64 {
        self.filter_keys
    }

    pub(super) fn source(&self) -> &Arc<BlockSource> {
        &self.source
    }

    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    pub(super) fn root(&self) -> Handle {
        self.root
    }

    pub(super) fn levels(&self) -> usize {
        self.levels
    }

    /// A cursor that stands on `key`, if this table knows of it (a deletion counts).
    pub(crate) fn find(self: &Arc<Self>, key: &[u8]) -> Result<Option<TableCursor>, ReadError> {
        if !self.may_contain(key)? {
            return Ok(None);
        }
        let mut cursor = TableCursor::new(Arc::clone(self));
        cursor.seek(key)?;
        Ok((cursor.key() == Some(key)).then_some(cursor))
    }

    fn may_contain(&self, key: &[u8]) -> Result<bool, Damage> {
        if key < self.meta.smallest_key.as_slice() || key > self.meta.largest_key.as_slice() {
            return Ok(false);
        }
        if !self.filtered.contains(key) {
            return Ok(true);
        }
        let BlockSource { map, name, nonce, blocks_end } = &*self.source;
        let filter = usize::try_from(*blocks_end)
            .ok()
            .and_then(|start| map.get(start..usize::try_from(self.filter_end).ok()?));
        filter::may_contain(filter.unwrap_or_default(), name, *nonce, *blocks_end, key)
    }
}

fn open_failed(directory: &Path, name: &str, source: io::Error) -> OpenError {
    if source.kind() == io::ErrorKind::NotFound {
        return OpenError::MissingTable { path: directory.to_owned(), file: name.to_owned() };
    }
    OpenError::Io { operation: "map", path: directory.join(name), source }
}
