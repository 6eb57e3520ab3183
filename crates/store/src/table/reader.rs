//! An open table.
//!
//! Opening reads the footer only. Whatever else is read is checked when it is read.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::cursor::TreeCursor;
use super::file_name;
use super::filter::{FirstBytes, LINE_BYTES, Sought};
use super::footer::Footer;
use super::lookup;
use super::pages::TableFile;
use super::positions::Positions;
use super::tree::Tree;
use crate::batch::Change;
use crate::directory::Directory;
use crate::error::{Damage, OpenError, ReadError};
use crate::position::NumberRange;

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
    file: Arc<TableFile>,
    footer: Footer,
    positions: Positions,
    /// The greatest key that starts with the first byte of the smallest, once it was asked for. Keys of that kind may
    /// well ascend with time: then a new one lies behind all of them, which is cheaper to see than what a filter says.
    first_kind_last: OnceLock<Vec<u8>>,
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
            let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
            return Err(Damage::new(&name, footer.content_bytes, problem, expected, found).into());
        }
        // The footer's decoder made sure that these lie in the file.
        let within = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        let file = Arc::new(TableFile::new(map, name, footer.nonce, within(footer.content_bytes)));
        let count = u32::try_from(footer.positions).unwrap_or(u32::MAX);
        let positions = Positions::new(&file, count, within(footer.position_directory));
        Ok(Self { meta, file, footer, positions, first_kind_last: OnceLock::new() })
    }

    /// Has the system fetch the file, which is going to be read from end to end.
    pub(crate) fn read_ahead(&self) {
        self.file.read_ahead();
    }

    pub(crate) fn meta(&self) -> &TableMeta {
        &self.meta
    }

    pub(crate) fn name(&self) -> &str {
        self.file.name()
    }

    pub(crate) fn filtered(&self) -> FirstBytes {
        self.footer.filtered
    }

    pub(crate) fn filter_keys(&self) -> u64 {
        self.footer.filter_keys
    }

    pub(crate) fn file(&self) -> &Arc<TableFile> {
        &self.file
    }

    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Ordinals in all lists together.
    pub(crate) fn postings(&self) -> u64 {
        self.footer.postings
    }

    pub(crate) fn ends(&self) -> u64 {
        self.footer.ends
    }

    pub(crate) fn pending_ends(&self) -> u64 {
        self.footer.pending_ends
    }

    /// Of its positions, and of what ended.
    pub(crate) fn numbers(&self) -> Option<NumberRange> {
        self.footer.numbers
    }

    pub(super) fn stream_tree(&self) -> Tree {
        self.footer.stream_tree
    }

    /// A cursor over the entries, which stands nowhere.
    pub(crate) fn entries(&self) -> TreeCursor {
        TreeCursor::new(&self.file, self.footer.entry_tree)
    }

    /// What this table knows of a key.
    pub(crate) fn get(&self, sought: Sought<'_>) -> Result<Option<Change<'_>>, ReadError> {
        if !self.may_contain(sought)? {
            return Ok(None);
        }
        lookup::look_up(&self.file, self.footer.entry_tree, sought.key)
    }

    fn may_contain(&self, sought: Sought<'_>) -> Result<bool, ReadError> {
        let key = sought.key;
        if key < self.meta.smallest_key.as_slice() || key > self.meta.largest_key.as_slice() {
            return Ok(false);
        }
        if key.first() == self.meta.smallest_key.first() && key > self.first_kind_last()? {
            return Ok(false);
        }
        if !self.footer.filtered.contains(key) {
            return Ok(true);
        }
        let Some(start) = sought.line_start(self.footer.filter_lines) else { return Ok(true) };
        let start = usize::try_from(self.footer.filter_offset.saturating_add(start)).unwrap_or(usize::MAX);
        let line = self.file.bytes(start..start.saturating_add(LINE_BYTES))?;
        Ok(sought.may_be_in(line))
    }

    fn first_kind_last(&self) -> Result<&[u8], ReadError> {
        if let Some(last) = self.first_kind_last.get() {
            return Ok(last);
        }
        let last = match self.meta.smallest_key.first().and_then(|first| first.checked_add(1)) {
            Some(behind) => {
                let mut cursor = self.entries();
                cursor.seek_for_prev(&[behind])?;
                // A table that has the one-byte key behind the kind stands on it: then that bounds the kind, too.
                cursor.key().map(<[u8]>::to_vec)
            }
            None => None,
        };
        Ok(self.first_kind_last.get_or_init(|| last.unwrap_or_else(|| self.meta.largest_key.clone())))
    }
}

fn open_failed(directory: &Path, name: &str, source: io::Error) -> OpenError {
    if source.kind() == io::ErrorKind::NotFound {
        return OpenError::MissingTable { path: directory.to_owned(), file: name.to_owned() };
    }
    OpenError::Io { operation: "map", path: directory.join(name), source }
}
