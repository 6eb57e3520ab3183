//! Tag 03: an event that a newer version replaced. Value: the `Seq` and the id of the newest version.

use runledger_wal::Seq;

use super::{MalformedKey, Tag, seq_from_bytes};
use crate::EventId;

/// What every such key starts with.
pub(crate) fn prefix() -> [u8; 1] {
    [Tag::Superseded.byte()]
}

pub(crate) fn key(superseded: EventId) -> Vec<u8> {
    [&[Tag::Superseded.byte()], &superseded.to_bytes()[..]].concat()
}

pub(crate) fn value(seq: Seq, newest: EventId) -> Vec<u8> {
    [&seq.get().to_be_bytes()[..], &newest.to_bytes()[..]].concat()
}

pub(crate) fn decode_value(value: &[u8]) -> Result<(Seq, EventId), MalformedKey> {
    let malformed = MalformedKey::new("superseding event");
    let (seq, newest) = value.split_at_checked(8).ok_or(malformed)?;
    let newest = newest.try_into().map_err(|_| malformed)?;
    Ok((seq_from_bytes(seq).ok_or(malformed)?, EventId::from_bytes(newest)))
}
