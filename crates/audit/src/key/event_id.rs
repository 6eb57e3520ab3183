//! Tag 01: the event of an id. Value: its `Seq`.

use runledger_wal::Seq;

use super::{MalformedKey, Tag, seq_from_bytes};
use crate::EventId;

pub(crate) fn key(event: EventId) -> Vec<u8> {
    [&[Tag::EventId.byte()], &event.to_bytes()[..]].concat()
}

pub(crate) fn value(seq: Seq) -> [u8; 8] {
    seq.get().to_be_bytes()
}

pub(crate) fn decode_value(value: &[u8]) -> Result<Seq, MalformedKey> {
    seq_from_bytes(value).ok_or(MalformedKey::new("Seq"))
}
