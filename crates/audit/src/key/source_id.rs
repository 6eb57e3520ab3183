//! Tag 02: the newest event of a source id, in a session. Value: its `Seq` and the digest of what was imported.
//!
//! Source ids are as long as their makers like, so the key holds a hash of 16 bytes, then 8 bytes of the session's
//! hash: the exact key finds it in its session, the first part alone in any.
//!
//! Format: FORMAT.md#index-keys

use runledger_wal::Seq;

use super::{MalformedKey, Tag, seq_from_bytes};
use crate::SourceDigest;

const SOURCE_BYTES: usize = 16;
const SESSION_BYTES: usize = 8;

pub(crate) fn key(session: Option<&str>, source_id: &str) -> Vec<u8> {
    let mut key = prefix(source_id);
    // A missing session is not the session named by the empty text.
    let session =
        session.map_or([0; SESSION_BYTES], |session| hash("Runledger 2026 source session", session));
    key.extend_from_slice(&session);
    key
}

/// What the keys of a source id start with in every session.
pub(crate) fn prefix(source_id: &str) -> Vec<u8> {
    let source: [u8; SOURCE_BYTES] = hash("Runledger 2026 source id", source_id);
    [&[Tag::SourceId.byte()], &source[..]].concat()
}

fn hash<const N: usize>(context: &str, text: &str) -> [u8; N] {
    let mut hash = [0; N];
    let mut output = blake3::Hasher::new_derive_key(context).update(text.as_bytes()).finalize_xof();
    output.fill(&mut hash);
    hash
}

pub(crate) fn value(seq: Seq, digest: SourceDigest) -> Vec<u8> {
    [&seq.get().to_be_bytes()[..], &digest.to_bytes()[..]].concat()
}

pub(crate) fn decode_value(value: &[u8]) -> Result<(Seq, SourceDigest), MalformedKey> {
    let malformed = MalformedKey::new("source entry");
    let (seq, digest) = value.split_at_checked(8).ok_or(malformed)?;
    let digest = digest.try_into().map_err(|_| malformed)?;
    Ok((seq_from_bytes(seq).ok_or(malformed)?, SourceDigest::from_bytes(digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_source_id_in_two_sessions_has_two_keys_under_one_prefix() {
        let (a, b, none) = (key(Some("a"), "line/1"), key(Some("b"), "line/1"), key(None, "line/1"));
        assert!(a != b && a != none && key(Some(""), "line/1") != none);
        assert!([&a, &b, &none].iter().all(|key| key.starts_with(&prefix("line/1"))));
        assert!(!a.starts_with(&prefix("line/2")));
    }

    #[test]
    fn values_round_trip_and_other_lengths_are_refused() {
        let digest = SourceDigest::from_bytes([7; 16]);
        let bytes = value(Seq::new(5), digest);
        assert_eq!(decode_value(&bytes), Ok((Seq::new(5), digest)));
        assert!(decode_value(&bytes[1..]).is_err());
    }
}
