//! The last 136 bytes of a table: where its parts are, and what makes it this table.
//!
//! Version, length, checksum and magic stand at the very end, in places that are fixed for ever; a version is believed
//! only after the checksum.
//!
//! Format: FORMAT.md#footer-136-bytes

use super::block::Handle;
use super::filter::{FirstBytes, LINE_BYTES};
use super::position_group::GROUP_POSITIONS;
use super::positions::{DIRECTORY_ENTRY_BYTES, POSITIONS_MAX};
use super::postings::POSTINGS_MAX;
use crate::checksum;
use crate::error::{Damage, OpenError};

pub(crate) const FOOTER_BYTES: usize = 136;
const FOOTER_LENGTH: u32 = 136;
pub(crate) const TABLE_FORMAT_VERSION: u32 = 2;
const MAGIC: [u8; 8] = *b"RLITABLE";
/// The shortest list of keys: three lengths of the entry, two numbers of the list.
const LIST_BYTES_MIN: u64 = 5;
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
    pub(crate) root: Handle,
    /// 1: the root is a leaf.
    pub(crate) levels: u32,
    /// Also the end of the blocks.
    pub(crate) filter_offset: u64,
    pub(crate) filter_lines: u64,
    pub(crate) filter_keys: u64,
    pub(crate) filtered: FirstBytes,
    pub(crate) positions: u64,
}

impl Footer {
    /// The footer's bytes, and its checksum.
    pub(crate) fn encode(&self) -> (Vec<u8>, u32) {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        for field in [self.table_id, self.nonce, self.entries, self.deletions, self.root.offset] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&self.root.length.to_le_bytes());
        out.extend_from_slice(&self.levels.to_le_bytes());
        for field in [self.filter_offset, self.filter_lines, self.filter_keys] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&self.filtered.0);
        out.extend_from_slice(&self.positions.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&TABLE_FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&FOOTER_LENGTH.to_le_bytes());
        let crc = checksum::plain(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        debug_assert_eq!(out.len(), FOOTER_BYTES, "the fields above make 136 bytes");
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
            root: Handle { offset: u64_at(footer, 32), length: u32_at(footer, 40) },
            levels: u32_at(footer, 44),
            filter_offset: u64_at(footer, 48),
            filter_lines: u64_at(footer, 56),
            filter_keys: u64_at(footer, 64),
            filtered: FirstBytes(footer.get(72..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()),
            positions: u64_at(footer, 104),
        };
        if u32_at(footer, 112) != 0 {
            return Err(damage(112, "reserved bytes", "zero", u32_at(footer, 112).to_string()));
        }
        if decoded.levels == 0 || decoded.levels > LEVELS_MAX {
            return Err(damage(44, "number of levels", "1 to 64", decoded.levels.to_string()));
        }
        // So the file bounds what these numbers can make anyone allocate.
        let entries_max = (decoded.filter_offset / LIST_BYTES_MIN).saturating_mul(POSTINGS_MAX as u64);
        if decoded.entries > entries_max || decoded.filter_keys > decoded.entries {
            let found = format!("{} and {}", decoded.entries, decoded.filter_keys);
            return Err(damage(16, "numbers of entries and of filter keys", "fewer", found));
        }
        if decoded.filter_lines > u64::from(u32::MAX) {
            return Err(damage(56, "number of filter lines", "32 bits", decoded.filter_lines.to_string()));
        }
        if decoded.positions >= POSITIONS_MAX {
            return Err(damage(104, "number of positions", "32 bits", decoded.positions.to_string()));
        }
        let filter_end = decoded.filter_end().filter(|end| *end <= start as u64);
        let directory = (start as u64).checked_sub(decoded.directory_bytes());
        if filter_end.is_none()
            || filter_end > directory
            || (decoded.positions == 0 && filter_end != directory)
        {
            let found =
                format!("{}, {} and {}", decoded.filter_offset, decoded.filter_lines, decoded.positions);
            return Err(damage(
                48,
                "places of the filter and the positions",
                "ones before the footer",
                found,
            ));
        }
        Ok((decoded, crc))
    }

    /// Also where the groups of positions start.
    pub(crate) fn filter_end(&self) -> Option<u64> {
        self.filter_lines.checked_mul(LINE_BYTES as u64)?.checked_add(self.filter_offset)
    }

    /// The length of the directory of positions, which ends where the footer starts.
    pub(crate) fn directory_bytes(&self) -> u64 {
        self.positions.div_ceil(GROUP_POSITIONS as u64) * DIRECTORY_ENTRY_BYTES as u64
    }
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
