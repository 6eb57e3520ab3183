//! What a log's directory holds, by name.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::segment::name::{FileKind, file_kind};
use crate::seq::Seq;
use crate::storage::Storage;
use crate::storage::file::StorageError;

/// The names in a log's directory, sorted out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    /// The first records of all segments, in order.
    pub(crate) segments: Vec<Seq>,
    pub(crate) watermark: bool,
    /// Names that are nearly a segment's.
    pub(crate) near_segments: Vec<String>,
    /// Bytes that recovery kept aside.
    pub(crate) torn: Vec<PathBuf>,
    /// Compressed segments that didn't get their names.
    pub(crate) unfinished: Vec<PathBuf>,
    /// Whether there is anything that an unfinished creation can't have left.
    pub(crate) foreign: bool,
}

/// A name that somebody else chose, fit for a terminal.
fn printable(name: &OsStr) -> String {
    let escape = |character: char| {
        let (escaped, kept) = if character.is_control() {
            (Some(character.escape_unicode()), None)
        } else {
            (None, Some(character))
        };
        escaped.into_iter().flatten().chain(kept)
    };
    name.to_string_lossy().chars().flat_map(escape).collect()
}

impl Inventory {
    /// Lists the directory. `None` if there is none.
    pub(crate) fn take(storage: &dyn Storage, directory: &Path) -> Result<Option<Inventory>, StorageError> {
        let names = match storage.list(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            listed => listed.map_err(|error| StorageError::new("list", directory, error))?,
        };
        let mut inventory = Inventory::default();
        for name in names {
            match file_kind(&name) {
                FileKind::Segment(first_seq) => inventory.segments.push(first_seq),
                FileKind::Watermark => inventory.watermark = true,
                FileKind::Spare | FileKind::WatermarkNew | FileKind::Lock => {}
                FileKind::NearSegment => {
                    inventory.near_segments.push(printable(&name));
                    inventory.foreign = true;
                }
                FileKind::SegmentNew => {
                    inventory.unfinished.push(directory.join(name));
                    inventory.foreign = true;
                }
                FileKind::Torn => {
                    inventory.torn.push(directory.join(name));
                    inventory.foreign = true;
                }
                FileKind::Other => inventory.foreign = true,
            }
        }
        inventory.segments.sort_unstable();
        inventory.near_segments.sort_unstable();
        inventory.torn.sort_unstable();
        Ok(Some(inventory))
    }

    /// Removes the compressed segments that didn't get their names. Returns which these were.
    pub(crate) fn remove_unfinished(&self, storage: &dyn Storage) -> Result<&[PathBuf], StorageError> {
        for path in &self.unfinished {
            storage.remove(path).map_err(|error| StorageError::new("remove", path, error))?;
        }
        Ok(&self.unfinished)
    }

    /// Whether nothing says that there is, or was, a log.
    pub(crate) fn is_no_log(&self) -> bool {
        !self.watermark && self.segments.is_empty()
    }
}
