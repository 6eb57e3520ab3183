//! The index keys: the whole data model, one file per prefix.
//!
//! A key is a tag byte, and what is asked for. Filters over events are not answered from keys but from streams (see
//! `stream`): sets of positions `(time, seq)` that the index joins.
//!
//! | tag | key | value | file |
//! |---|---|---|---|
//! | 01 | event id | `Seq`, as short as it is | `event_id` |
//! | 02 | hash of a source id, hash of its session | `Seq`, digest | `source_id` |
//! | 03 | id of a superseded event | `Seq` and id of its newest version | `superseded` |
//! | 04 | `Seq` of a record that is damaged, no readable event, or that can't count beside an earlier one | why | `anomaly` |
//! | 05 | query id | `Seq` and digest of its audit | `query_id` |
//! | 20 | run id | the run's figures | `run` |
//! | 21 | start of a run, its first `Seq` | run id | `run_start` |
//! | 23 | id of a run that is at work | its writer's instance | `live_run` |
//! | 24 | run id, number of an entry of its log | `Seq`, as short as it is | `run_log` |
//! | 25 | dimension and value of a run, its start, its first `Seq` | run id | `run_value` |
//! | 26 | end of a run, its first `Seq` | run id | `run_end` |
//!
//! Integers are big-endian, so that bytes sort as numbers do; times have their sign bit flipped. Text that is followed
//! by something else is terminated (see [`push_text`]), so that no value is a prefix of another.
//!
//! INVARIANT: an event's position is live in its streams from its own `Seq` until before that of the event that
//! supersedes it, at which it ends. So the streams are exact for the present and as of any earlier `Seq`.
//!
//! Format: FORMAT.md#index-keys

pub(crate) mod anomaly;
pub(crate) mod event_id;
pub(crate) mod live_run;
pub(crate) mod query_id;
pub(crate) mod run;
pub(crate) mod run_end;
pub(crate) mod run_log;
pub(crate) mod run_place;
pub(crate) mod run_start;
pub(crate) mod run_value;
pub(crate) mod source_id;
pub(crate) mod stream;
pub(crate) mod superseded;

use runledger_store as store;
use runledger_wal::Seq;

use crate::Timestamp;

/// Changed whenever a key or a value changes its bytes: an index of another version is rebuilt.
pub(crate) const KEY_SCHEMA_VERSION: u32 = 4;

/// The first byte of every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    EventId = 0x01,
    SourceId = 0x02,
    Superseded = 0x03,
    Anomaly = 0x04,
    QueryId = 0x05,
    Run = 0x20,
    RunStart = 0x21,
    LiveRun = 0x23,
    RunLog = 0x24,
    RunValue = 0x25,
    RunEnd = 0x26,
}

impl Tag {
    pub(crate) const fn byte(self) -> u8 {
        self as u8
    }
}

/// What was read from the index is not what this version writes there. The index is derived: rebuild it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the index holds a {what} that this version did not write")]
pub struct MalformedKey {
    what: &'static str,
}

impl MalformedKey {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what }
    }
}

/// The place of an event in time order: its time, and its `Seq` where times tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) time: Timestamp,
    pub(crate) seq: Seq,
}

impl From<Position> for store::Position {
    fn from(position: Position) -> Self {
        Self { time: sortable(position.time), number: position.seq.get() }
    }
}

impl From<store::Position> for Position {
    fn from(position: store::Position) -> Self {
        let time = (position.time ^ TIME_SIGN).cast_signed();
        Self { time: Timestamp::from_nanoseconds(time), seq: Seq::new(position.number) }
    }
}

/// Flipped, so that times before the epoch sort before later ones.
const TIME_SIGN: u64 = 1 << 63;

/// Time as a number that sorts like the time.
pub(crate) fn sortable(time: Timestamp) -> u64 {
    time.as_nanoseconds().cast_unsigned() ^ TIME_SIGN
}

pub(crate) fn seq_from_bytes(bytes: &[u8]) -> Option<Seq> {
    bytes.try_into().ok().map(|bytes| Seq::new(u64::from_be_bytes(bytes)))
}

/// A `Seq` without the zero bytes in front, for values: they need not sort.
pub(crate) fn short_seq(seq: Seq) -> Vec<u8> {
    seq.get().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

/// The `Seq` of [`short_seq`]; refuses any other form of it.
pub(crate) fn decode_short_seq(value: &[u8]) -> Result<Seq, MalformedKey> {
    if value.len() > size_of::<u64>() || value.first() == Some(&0) {
        return Err(MalformedKey::new("Seq"));
    }
    Ok(Seq::new(value.iter().fold(0, |seq, byte| seq << 8 | u64::from(*byte))))
}

/// Appends text so that it sorts as it did and its end can be found: a zero byte becomes `00 FF`, the end is `00 00`.
pub(crate) fn push_text(key: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(0xFF);
        }
    }
    key.extend_from_slice(&[0, 0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_key(text: &str, rest: &[u8]) -> Vec<u8> {
        let mut key = Vec::new();
        push_text(&mut key, text);
        key.extend_from_slice(rest);
        key
    }

    proptest! {
        #[test]
        fn positions_sort_in_the_store_as_here_and_round_trip(a: (i64, u64), b: (i64, u64)) {
            let position = |(time, seq)| Position { time: Timestamp::from_nanoseconds(time), seq: Seq::new(seq) };
            let (a, b) = (position(a), position(b));
            prop_assert_eq!(a.cmp(&b), store::Position::from(a).cmp(&store::Position::from(b)));
            prop_assert_eq!(Position::from(store::Position::from(a)), a);
        }

        #[test]
        fn a_seq_is_decoded_from_its_only_form(seq: u64, shift in 0u32..64) {
            let seq = Seq::new(seq >> shift);
            let bytes = short_seq(seq);
            prop_assert_eq!(decode_short_seq(&bytes), Ok(seq));
            prop_assert!(decode_short_seq(&[&[0], &bytes[..]].concat()).is_err());
            prop_assert!(decode_short_seq(&[1; 9]).is_err());
        }

        #[test]
        fn terminated_text_sorts_as_text_whatever_follows(
            a in "[\0\u{1}a-c\u{ff}]{0,4}", b in "[\0\u{1}a-c\u{ff}]{0,4}",
            rest_a: [u8; 2], rest_b: [u8; 2],
        ) {
            if a != b {
                prop_assert_eq!(a.cmp(&b), text_key(&a, &rest_a).cmp(&text_key(&b, &rest_b)));
                prop_assert!(!text_key(&b, &rest_b).starts_with(&text_key(&a, &[])));
            }
        }
    }
}
