//! Which keys end in a position.
//!
//! The store knows nothing of what keys mean. It is told this much so that a table can hold each position once; what
//! it is told never decides what may be stored, only how small it gets.

use super::filter::FirstBytes;
use super::position_group::{POSITION_BYTES, Position};

/// Keys that end in a position of 16 bytes, by their first byte.
///
/// The keys of the *base* are its byte and a position, one for each position there is. Those of a *stream* are anything
/// that starts with the stream's byte, and a position of the base. Where both are in a table without values, and the base's
/// byte is below the streams', each stream's key takes about two bytes there. All others are stored as they are.
///
/// ```
/// use runledger_store::PositionTags;
///
/// let tags = PositionTags::new(b'a', b"rs");
/// assert!(tags.has_position(b"a0123456789abcdef") && tags.has_position(b"run/7/0123456789abcdef"));
/// assert!(!tags.has_position(b"a/7/0123456789abcdef") && !tags.has_position(b"v/7/0123456789abcdef"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionTags {
    base: u8,
    streams: FirstBytes,
}

/// What part of a key that ends in a position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Base,
    Stream,
}

impl PositionTags {
    /// Positions are those behind `base`; `streams` are the first bytes of other keys that end in them.
    pub fn new(base: u8, streams: &[u8]) -> Self {
        Self { base, streams: FirstBytes::of(streams) }
    }

    /// Whether `key` looks like one that ends in a position.
    pub fn has_position(&self, key: &[u8]) -> bool {
        self.split(key).is_some()
    }

    /// The parts of a key that ends in a position.
    #[inline]
    pub(crate) fn split<'k>(&self, key: &'k [u8]) -> Option<(Role, &'k [u8], Position)> {
        let (prefix, position) = key.split_last_chunk::<POSITION_BYTES>()?;
        let role = match prefix {
            [byte] if *byte == self.base => Role::Base,
            [_, ..] if self.streams.contains(prefix) => Role::Stream,
            _ => return None,
        };
        Some((role, prefix, Position::from_bytes(*position)))
    }
}
