//! Tag 24: an entry of a run's log, by its number. Value: its `Seq`, without the zero bytes in front.
//!
//! Format: FORMAT.md#index-keys

use runledger_wal::Seq;

use super::{MalformedKey, Tag, decode_short_seq, push_text, short_seq};

pub(crate) fn key(run_id: &str, sequence: u64) -> Vec<u8> {
    let mut key = prefix(run_id);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// What the keys of all entries of a run's log start with.
pub(crate) fn prefix(run_id: &str) -> Vec<u8> {
    let mut key = vec![Tag::RunLog.byte()];
    push_text(&mut key, run_id);
    key
}

/// The number of the entry that a key is of.
pub(crate) fn decode_sequence(key: &[u8]) -> Result<u64, MalformedKey> {
    let bytes = key.last_chunk().ok_or(MalformedKey::new("entry of a run's log"))?;
    Ok(u64::from_be_bytes(*bytes))
}

pub(crate) fn value(seq: Seq) -> Vec<u8> {
    short_seq(seq)
}

pub(crate) fn decode_value(value: &[u8]) -> Result<Seq, MalformedKey> {
    decode_short_seq(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_sort_by_their_number_under_their_run_only() {
        assert!(key("r", 9) < key("r", 10) && key("r", 255) < key("r", 256));
        assert!(key("r", 1).starts_with(&prefix("r")) && !key("rr", 1).starts_with(&prefix("r")));
        assert_eq!(decode_sequence(&key("r", u64::MAX)), Ok(u64::MAX));
        assert!(decode_sequence(&[0x24]).is_err());
    }
}
