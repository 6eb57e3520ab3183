//! Tag 04: a record that is in the log but not in the streams. Value: why, in words.

use runledger_wal::Seq;

use super::{MalformedKey, Tag, seq_from_bytes};

pub(crate) fn key(seq: Seq) -> Vec<u8> {
    [&[Tag::Anomaly.byte()], &seq.get().to_be_bytes()[..]].concat()
}

/// What every such key starts with.
pub(crate) fn prefix() -> Vec<u8> {
    vec![Tag::Anomaly.byte()]
}

pub(crate) fn decode(key: &[u8]) -> Result<Seq, MalformedKey> {
    let malformed = MalformedKey::new("anomaly");
    seq_from_bytes(key.get(1..).ok_or(malformed)?).ok_or(malformed)
}
