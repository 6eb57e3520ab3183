//! The last 208 bytes of a table: where its parts are, and what makes it this table.
//!
//! Version, length, checksum and magic stand at the very end, in places that are fixed for ever; a version is believed
//! only after the checksum.
//!
//! Format: FORMAT.md#footer-208-bytes

use super::block::Handle;
use super::filter::{FirstBytes, LINE_BYTES};
use super::pages::{PAGE_CRC_BYTES, page_count};
use super::position_group::GROUP_POSITIONS;
use super::positions::{DIRECTORY_ENTRY_BYTES, POSITIONS_MAX};
use super::tree::Tree;
use crate::checksum;
use crate::error::{Damage, OpenError};
use crate::position::NumberRange;

pub(crate) const FOOTER_BYTES: usize = 208;
const FOOTER_LENGTH: u32 = 208;
pub(crate) const TABLE_FORMAT_VERSION: u32 = 3;
const MAGIC: [u8; 8] = *b"RLITABLE";
/// The shortest entry: its three lengths.
const ENTRY_BYTES_MIN: u64 = 3;
/// The fixed end: version, footer length, CRC, magic.
const END_BYTES: usize = 20;
/// A tree whose branches have two children or more is never this high.
pub(crate) const LEVELS_MAX: u32 = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) table_id: u64,
    /// Seeds every checksum in the table.
    pub(crate) nonce: u64,
    /// Deletions included.
    pub(crate) entries: u64,
    pub(crate) deletions: u64,
    pub(crate) entry_tree: Tree,
    /// Also the end of the entries.
    pub(crate) filter_offset: u64,
    pub(crate) filter_lines: u64,
    pub(crate) filter_keys: u64,
    pub(crate) filtered: FirstBytes,
    pub(crate) positions: u64,
    /// Where the directory of positions starts.
    pub(crate) position_directory: u64,
    pub(crate) stream_tree: Tree,
    /// Ordinals in all lists together.
    pub(crate) postings: u64,
    /// Positions of this table that have ended.
    pub(crate) ends: u64,
    /// Positions of earlier tables that have.
    pub(crate) pending_ends: u64,
    /// Of positions, ends and pending ends.
    pub(crate) numbers: Option<NumberRange>,
    /// How much of the file stands before the checksums of its pages.
    pub(crate) content_bytes: u64,
}

impl Footer {
    /// The footer's bytes, and its checksum.
    pub(crate) fn encode(&self) -> (Vec<u8>, u32) {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        for field in [self.table_id, self.nonce, self.entries, self.deletions] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        encode_tree(self.entry_tree, &mut out);
        for field in [self.filter_offset, self.filter_lines, self.filter_keys] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&self.filtered.0);
        for field in [self.positions, self.position_directory] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        encode_tree(self.stream_tree, &mut out);
        let numbers = self.numbers.map_or([NO_NUMBERS.0, NO_NUMBERS.1], |range| [range.first, range.last]);
        for field in [self.postings, self.ends, self.pending_ends, numbers[0], numbers[1], self.content_bytes]
        {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&TABLE_FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&FOOTER_LENGTH.to_le_bytes());
        let crc = checksum::plain(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        debug_assert_eq!(out.len(), FOOTER_BYTES, "the fields above make 208 bytes");
        (out, crc)
    }

    /// The footer of the table whose bytes are `file`, and the footer's CRC.
    pub(crate) fn decode(file: &[u8], name: &str) -> Result<(Self, u32), OpenError> {
        let crc = check(file, name)?;
        let start = file.len().saturating_sub(FOOTER_BYTES);
        let damage = |at: usize, problem, expected: &str, found: String| {
            OpenError::from(Damage::new(name, (start + at) as u64, problem, expected, found))
        };
        let footer = file.get(start..).unwrap_or_default();
        let decoded = Self {
            table_id: u64_at(footer, 0),
            nonce: u64_at(footer, 8),
            entries: u64_at(footer, 16),
            deletions: u64_at(footer, 24),
            entry_tree: tree_at(footer, 32),
            filter_offset: u64_at(footer, 48),
            filter_lines: u64_at(footer, 56),
            filter_keys: u64_at(footer, 64),
            filtered: FirstBytes(footer.get(72..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()),
            positions: u64_at(footer, 104),
            position_directory: u64_at(footer, 112),
            stream_tree: tree_at(footer, 120),
            postings: u64_at(footer, 136),
            ends: u64_at(footer, 144),
            pending_ends: u64_at(footer, 152),
            numbers: numbers_at(footer, 160),
            content_bytes: u64_at(footer, 176),
        };
        if u32_at(footer, 184) != 0 {
            return Err(damage(184, "reserved bytes", "zero", u32_at(footer, 184).to_string()));
        }
        decoded
            .check(start as u64)
            .map_err(|(at, problem, found)| damage(at, problem, "possible ones", found))?;
        Ok((decoded, crc))
    }

    /// Whether the fields can be those of a table whose footer is at `footer`: so the file bounds what these numbers can
    /// make anyone allocate. Otherwise which field can't, what it is, and what it says.
    fn check(&self, footer: u64) -> Result<(), (usize, &'static str, String)> {
        for (at, tree) in [(32, self.entry_tree), (120, self.stream_tree)] {
            if tree.levels > LEVELS_MAX {
                return Err((at + 12, "number of levels", tree.levels.to_string()));
            }
        }
        if self.entries > self.filter_offset / ENTRY_BYTES_MIN
            || self.filter_keys > self.entries
            || (self.entries == 0) != (self.entry_tree.levels == 0)
        {
            let found = format!("{} and {}", self.entries, self.filter_keys);
            return Err((16, "numbers of entries and of filter keys", found));
        }
        if self.filter_lines > u64::from(u32::MAX) {
            return Err((56, "number of filter lines", self.filter_lines.to_string()));
        }
        if self.positions > POSITIONS_MAX {
            return Err((104, "number of positions", self.positions.to_string()));
        }
        let pages_end = page_count(self.content_bytes)
            .checked_mul(PAGE_CRC_BYTES as u64)
            .and_then(|bytes| bytes.checked_add(self.content_bytes));
        let filter_end = self
            .filter_lines
            .checked_mul(LINE_BYTES as u64)
            .and_then(|bytes| bytes.checked_add(self.filter_offset));
        let directory_end = self.position_directory.checked_add(self.directory_bytes());
        let ordered = filter_end.is_some_and(|end| end <= self.position_directory)
            && directory_end.is_some_and(|end| end <= self.content_bytes);
        if pages_end != Some(footer) || !ordered {
            let found =
                format!("{}, {} and {}", self.filter_offset, self.position_directory, self.content_bytes);
            return Err((48, "places of the filter, the positions and the checksums", found));
        }
        Ok(())
    }

    /// The length of the directory of positions.
    fn directory_bytes(&self) -> u64 {
        self.positions.div_ceil(GROUP_POSITIONS as u64) * DIRECTORY_ENTRY_BYTES as u64
    }
}

/// First and last number of a table that has none.
const NO_NUMBERS: (u64, u64) = (u64::MAX, 0);

fn encode_tree(tree: Tree, out: &mut Vec<u8>) {
    out.extend_from_slice(&tree.root.offset.to_le_bytes());
    out.extend_from_slice(&tree.root.length.to_le_bytes());
    out.extend_from_slice(&tree.levels.to_le_bytes());
}

fn tree_at(bytes: &[u8], at: usize) -> Tree {
    let root = Handle { offset: u64_at(bytes, at), length: u32_at(bytes, at + 8) };
    Tree { root, levels: u32_at(bytes, at + 12) }
}

fn numbers_at(bytes: &[u8], at: usize) -> Option<NumberRange> {
    let (first, last) = (u64_at(bytes, at), u64_at(bytes, at + 8));
    (first <= last).then_some(NumberRange { first, last })
}

/// Checks what is fixed for ever, and the checksum over the whole footer. Returns that checksum.
fn check(file: &[u8], name: &str) -> Result<u32, OpenError> {
    let end_offset = file.len().saturating_sub(END_BYTES) as u64;
    let damage = |problem, expected: String, found: String| {
        OpenError::from(Damage::new(name, end_offset, problem, expected, found))
    };
    let Some(end) = file.last_chunk::<END_BYTES>() else {
        return Err(damage("file length", format!("at least {FOOTER_BYTES}"), file.len().to_string()));
    };
    let (version, length, crc) = (u32_at(end, 0), u32_at(end, 4), u32_at(end, 8));
    if end.last_chunk() != Some(&MAGIC) {
        let found = end.last_chunk::<8>().map(|magic| magic.escape_ascii().to_string()).unwrap_or_default();
        return Err(damage("magic", MAGIC.escape_ascii().to_string(), found));
    }
    let checked = usize::try_from(length)
        .ok()
        .filter(|length| *length >= END_BYTES)
        .and_then(|length| file.len().checked_sub(length))
        .and_then(|start| file.get(start..file.len() - 12));
    let Some(checked) = checked else {
        return Err(damage("footer length", FOOTER_BYTES.to_string(), length.to_string()));
    };
    let found = checksum::plain(checked);
    if found != crc {
        return Err(Damage::checksum(name, end_offset + 8, "footer checksum", crc, found).into());
    }
    if version > TABLE_FORMAT_VERSION {
        let (file, supported) = (name.to_owned(), TABLE_FORMAT_VERSION);
        return Err(OpenError::UnsupportedVersion { file, found: version, supported });
    }
    if version != TABLE_FORMAT_VERSION || length != FOOTER_LENGTH {
        return Err(damage(
            "format version and footer length",
            format!("{TABLE_FORMAT_VERSION}, {FOOTER_LENGTH}"),
            format!("{version}, {length}"),
        ));
    }
    Ok(crc)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}
