//! Tag 05: the audit of a query id. Value: its `Seq`, and a digest of what it says.
//!
//! The digest tells a repetition from another audit under the same id without reading the log.
//!
//! Format: FORMAT.md#index-keys

use runledger_wal::Seq;

use super::{MalformedKey, Tag, seq_from_bytes};
use crate::QueryId;

/// The bytes of an audit's digest.
pub(crate) const DIGEST_BYTES: usize = 16;

pub(crate) fn key(query: QueryId) -> Vec<u8> {
    [&[Tag::QueryId.byte()], &query.to_bytes()[..]].concat()
}

pub(crate) fn value(seq: Seq, digest: [u8; DIGEST_BYTES]) -> Vec<u8> {
    [&seq.get().to_be_bytes()[..], &digest[..]].concat()
}

pub(crate) fn decode_value(value: &[u8]) -> Result<(Seq, [u8; DIGEST_BYTES]), MalformedKey> {
    let malformed = MalformedKey::new("query audit");
    let (seq, digest) = value.split_at_checked(8).ok_or(malformed)?;
    Ok((seq_from_bytes(seq).ok_or(malformed)?, digest.try_into().map_err(|_| malformed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip_and_other_lengths_are_refused() {
        let bytes = value(Seq::new(5), [7; DIGEST_BYTES]);
        assert_eq!(decode_value(&bytes), Ok((Seq::new(5), [7; DIGEST_BYTES])));
        assert!(decode_value(&bytes[1..]).is_err() && decode_value(&[]).is_err());
    }
}
