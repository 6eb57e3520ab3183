//! What can be wrong with bytes, and where: [`Problem`] and [`Damage`].
//!
//! A problem is what a decoder found, without a place. Damage is a problem with its file, offset, and the records
//! that it touches. An I/O error is neither, and never becomes one.

use std::fmt;

use crate::seq::{Leaf, LedgerId, Seq};

/// Damage to data that was acknowledged, or to what it needs to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Name of the file in the log's directory; a segment as a rule.
    pub segment: String,
    /// The first record that is touched.
    pub seq_from: Seq,
    /// The first record after those that are touched. Equal to `seq_from` when no record is.
    pub seq_to: Seq,
    /// Where in the file the trouble starts, in bytes; of a compressed segment's records, in the file that it was before.
    pub offset: u64,
    /// What is wrong there.
    pub problem: Problem,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { segment, seq_from, seq_to, offset, problem } = self;
        write!(f, "{segment} at byte {offset}")?;
        match seq_to.since(*seq_from) {
            0 => {}
            1 => write!(f, ", record {seq_from}")?,
            records => write!(f, ", {records} records from {seq_from} to before {seq_to}")?,
        }
        write!(f, ": {problem}")
    }
}

impl std::error::Error for Damage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

/// What is wrong with some bytes. `part` names the structure of FORMAT.md that they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes that every such structure starts or ends with are others.
    #[error("{part}: magic is \"{found}\", expected \"{expected}\"")]
    Magic {
        /// The structure.
        part: &'static str,
        /// What stands there in a sound file.
        expected: &'static str,
        /// What was found, escaped.
        found: String,
    },
    /// The stored checksum isn't that of the bytes.
    #[error("{part}: stored checksum is {found:08x}, its bytes give {expected:08x}")]
    Checksum {
        /// The structure.
        part: &'static str,
        /// The checksum of the bytes as they are.
        expected: u32,
        /// The checksum that is stored.
        found: u32,
    },
    /// Bytes that must be zero are not.
    #[error("{part}: {field} must be zero")]
    NotZero {
        /// The structure.
        part: &'static str,
        /// The bytes within it.
        field: &'static str,
    },
    /// A field doesn't have the one value that fits its place.
    #[error("{part}: {field} is {found}, expected {expected}")]
    Field {
        /// The structure.
        part: &'static str,
        /// The field.
        field: &'static str,
        /// What it must be there.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A field lies outside of what is possible at its place.
    #[error("{part}: {field} is {found}, possible are {min} to {max}")]
    Range {
        /// The structure.
        part: &'static str,
        /// The field.
        field: &'static str,
        /// The least possible value.
        min: u64,
        /// The greatest possible value.
        max: u64,
        /// What it is.
        found: u64,
    },
    /// The file belongs to another ledger.
    #[error("{part}: belongs to ledger {found}, expected {expected}")]
    OtherLedger {
        /// The structure.
        part: &'static str,
        /// This ledger.
        expected: LedgerId,
        /// The one that the file names.
        found: LedgerId,
    },
    /// A payload doesn't hash to the leaf that is stored with it, although the checksums match.
    #[error("payload hashes to {expected}, the stored leaf is {found}")]
    Leaf {
        /// The hash of the payload as it is.
        expected: Leaf,
        /// The leaf that is stored.
        found: Leaf,
    },
    /// The file ends, or holds only zeroes, before what must be there.
    #[error("{part}: the data ends at byte {found}, expected up to byte {expected}")]
    Ends {
        /// The structure.
        part: &'static str,
        /// Where it should end.
        expected: u64,
        /// Where it ends.
        found: u64,
    },
    /// A file that must exist doesn't.
    #[error("the file is missing")]
    Missing,
    /// A file that bears a name of ours, or nearly, and is none.
    #[error("the file doesn't belong here: {reason}")]
    Foreign {
        /// Why not.
        reason: &'static str,
    },
    /// Bytes after the last commit that are neither a footer of this segment nor the start of one.
    #[error("the footer differs from what the segment's records give, first at its byte {at}")]
    FooterDiffers {
        /// Offset in the footer.
        at: u64,
    },
}

impl Problem {
    /// A problem with magic bytes.
    pub(crate) fn magic(part: &'static str, expected: &'static str, found: &[u8]) -> Problem {
        Problem::Magic { part, expected, found: found.escape_ascii().to_string() }
    }
}

/// Fails unless the field has its one right value.
pub(crate) fn check_field(
    part: &'static str,
    field: &'static str,
    expected: u64,
    found: u64,
) -> Result<(), Problem> {
    if expected == found { Ok(()) } else { Err(Problem::Field { part, field, expected, found }) }
}

/// Fails if the field is above what is possible.
pub(crate) fn check_max(
    part: &'static str,
    field: &'static str,
    max: u64,
    found: u64,
) -> Result<(), Problem> {
    if found <= max { Ok(()) } else { Err(Problem::Range { part, field, min: 0, max, found }) }
}

/// Fails unless the stored checksum is that of the bytes.
pub(crate) fn check_crc(part: &'static str, expected: u32, found: u32) -> Result<(), Problem> {
    if expected == found { Ok(()) } else { Err(Problem::Checksum { part, expected, found }) }
}

/// Fails unless all the bytes are zero.
pub(crate) fn check_zero(part: &'static str, field: &'static str, bytes: &[u8]) -> Result<(), Problem> {
    if crate::fields::is_zero(bytes) { Ok(()) } else { Err(Problem::NotZero { part, field }) }
}
