//! Tag 01: the event of an id. Value: its `Seq`, without the zero bytes in front.
//!
//! There is one for each event, and the id is what takes room in it. So the value takes no more than it needs.
//!
//! Format: FORMAT.md#index-keys

use runledger_wal::Seq;

use super::{MalformedKey, Tag};
use crate::EventId;

const KEY_BYTES: usize = 17;

pub(crate) fn key(event: EventId) -> [u8; KEY_BYTES] {
    let mut key = [Tag::EventId.byte(); KEY_BYTES];
    key.iter_mut().skip(1).zip(event.to_bytes()).for_each(|(byte, of_id)| *byte = of_id);
    key
}

pub(crate) fn value(seq: Seq) -> Vec<u8> {
    super::short_seq(seq)
}

pub(crate) fn decode_value(value: &[u8]) -> Result<Seq, MalformedKey> {
    super::decode_short_seq(value)
}
