//! Tag 01: the event of an id. Value: its `Seq`, without the zero bytes in front.
//!
//! There is one for each event, and the id is what takes room in it. So the value takes no more than it needs.
//!
//! Format: FORMAT.md#index-keys

use runledger_wal::Seq;

use super::{MalformedKey, Tag};
use crate::EventId;

const SEQ_BYTES: usize = 8;

pub(crate) fn key(event: EventId) -> Vec<u8> {
    [&[Tag::EventId.byte()], &event.to_bytes()[..]].concat()
}

pub(crate) fn value(seq: Seq) -> Vec<u8> {
    seq.get().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

pub(crate) fn decode_value(value: &[u8]) -> Result<Seq, MalformedKey> {
    if value.len() > SEQ_BYTES || value.first() == Some(&0) {
        return Err(MalformedKey::new("Seq"));
    }
    Ok(Seq::new(value.iter().fold(0, |seq, byte| seq << 8 | u64::from(*byte))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_seq_is_decoded_from_its_only_form(seq: u64, shift in 0u32..64) {
            let seq = Seq::new(seq >> shift);
            let bytes = value(seq);
            prop_assert_eq!(decode_value(&bytes), Ok(seq));
            prop_assert!(decode_value(&[&[0], &bytes[..]].concat()).is_err());
            prop_assert!(decode_value(&[1; 9]).is_err());
        }
    }
}
