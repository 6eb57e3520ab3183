//! Where a run stands in a sorted list of runs: a time, and the `Seq` of the run's first event where times tie.
//!
//! One number of 128 bits, so that it sorts in a key as it does here. The first `Seq` never changes, and no two runs have
//! the same: ties are always broken the same way.
//!
//! Format: FORMAT.md#index-keys

use std::ops::RangeInclusive;

use runledger_wal::Seq;

use super::{Position, sortable};
use crate::Timestamp;

/// The bytes of a place at the end of a key.
pub(crate) const PLACE_BYTES: usize = 16;

/// A run's place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunPlace(u128);

impl RunPlace {
    pub(crate) const FIRST: Self = Self(0);
    pub(crate) const LAST: Self = Self(u128::MAX);

    pub(crate) fn new(time: Timestamp, first_seq: Seq) -> Self {
        Self(u128::from(sortable(time)) << 64 | u128::from(first_seq.get()))
    }

    /// The places of the runs at `from` or later, and before `to`; none if there can't be any.
    pub(crate) fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<RangeInclusive<Self>> {
        let first = from.map_or(Self::FIRST, |time| Self::new(time, Seq::ZERO));
        let last = match to {
            None => Self::LAST,
            Some(time) => Self::new(time, Seq::ZERO).before()?,
        };
        (first <= last).then_some(first..=last)
    }

    pub(crate) fn after(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    pub(crate) fn before(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    pub(crate) fn to_bytes(self) -> [u8; PLACE_BYTES] {
        self.0.to_be_bytes()
    }

    /// The place that a key ends in.
    pub(crate) fn at_end_of(key: &[u8]) -> Option<Self> {
        key.last_chunk().map(|bytes| Self(u128::from_be_bytes(*bytes)))
    }
}

impl From<Position> for RunPlace {
    fn from(position: Position) -> Self {
        Self::new(position.time, position.seq)
    }
}

impl From<RunPlace> for Position {
    #[expect(clippy::cast_possible_truncation, reason = "each half is a number of 64 bits")]
    fn from(place: RunPlace) -> Self {
        let number = place.0 as u64;
        runledger_store::Position { time: (place.0 >> 64) as u64, number }.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_sort_by_time_then_seq_in_keys_too_and_round_trip(a: (i64, u64), b: (i64, u64)) {
            let position = |(time, seq)| Position { time: Timestamp::from_nanoseconds(time), seq: Seq::new(seq) };
            let (first, second) = (RunPlace::from(position(a)), RunPlace::from(position(b)));
            prop_assert_eq!(first.cmp(&second), a.cmp(&b));
            prop_assert_eq!(first.to_bytes().cmp(&second.to_bytes()), a.cmp(&b));
            prop_assert_eq!(Position::from(first), position(a));
            let key = [&[7, 7], &first.to_bytes()[..]].concat();
            prop_assert_eq!(RunPlace::at_end_of(&key), Some(first));
        }
    }

    #[test]
    fn bounds_include_the_first_time_and_exclude_the_last() {
        let time = Timestamp::from_nanoseconds;
        let range = RunPlace::between(Some(time(3)), Some(time(5))).unwrap();
        let inside = |nanoseconds, seq| range.contains(&RunPlace::new(time(nanoseconds), Seq::new(seq)));
        assert!(inside(3, 0) && inside(4, u64::MAX) && !inside(2, u64::MAX) && !inside(5, 0));
        assert_eq!(RunPlace::between(None, None), Some(RunPlace::FIRST..=RunPlace::LAST));
        assert_eq!(RunPlace::between(Some(time(5)), Some(time(5))), None);
        assert_eq!(RunPlace::between(None, Some(Timestamp::MIN)), None);
    }
}
