//! Tells whether what an importer reads is what was imported before.

use std::fmt;

use crate::Event;

/// The first 16 bytes of a BLAKE3 hash: of the source line's bytes where the event holds a line, else of the event's
/// content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceDigest([u8; 16]);

impl SourceDigest {
    /// The digest with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the digest.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The digest of `event`: of the line that it holds, else of all it says but its own id, its writer and what it
    /// supersedes.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match &event.source {
            Some(line) => Self::of_line(&line.bytes),
            None => Self(crate::codec::content_digest(event)),
        }
    }

    /// The digest of an event that holds this line.
    #[must_use]
    pub fn of_line(bytes: &[u8]) -> Self {
        let mut digest = [0; 16];
        blake3::Hasher::new_derive_key("Runledger 2026 source line")
            .update(bytes)
            .finalize_xof()
            .fill(&mut digest);
        Self(digest)
    }
}

impl fmt::Debug for SourceDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceDigest(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
