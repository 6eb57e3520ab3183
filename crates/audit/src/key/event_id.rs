//! Tag 01: the event of an id. Value: its `Seq`, without the zero bytes in front.
//!
//! There is one for each event, and the id is what takes room in it. So the value takes no more than it needs.
//!
//! Format: FORMAT.md#index-keys

use runledger_wal::Seq;

use super::{MalformedKey, Tag};
use crate::EventId;

pub(crate) fn key(event: EventId) -> Vec<u8> {
    [&[Tag::EventId.byte()], &event.to_bytes()[..]].concat()
}

pub(crate) fn value(seq: Seq) -> Vec<u8> {
    super::short_seq(seq)
}

pub(crate) fn decode_value(value: &[u8]) -> Result<Seq, MalformedKey> {
    super::decode_short_seq(value)
}
