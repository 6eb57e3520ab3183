//! Positions as numbers that grow along a walk, whichever way it goes.
//!
//! INVARIANT: ranks of one order sort as that order does. So a join compares integers, and need not know which way it
//! walks.

use crate::Order;
use crate::key::Position;

/// The place of a position in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rank(u128);

impl Rank {
    /// Where every walk begins.
    pub(crate) const FIRST: Self = Self(0);

    /// The rank of `position` in `order`.
    pub(crate) fn of(position: Position, order: Order) -> Self {
        Self::from_key_bytes(position.to_bytes(), order)
    }

    /// What a key that ends in these bytes has.
    #[inline]
    pub(crate) fn from_key_bytes(bytes: [u8; Position::LENGTH], order: Order) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self(match order {
            Order::Ascending => number,
            Order::Descending => !number,
        })
    }

    /// What the key of this rank ends in.
    #[inline]
    pub(crate) fn to_key_bytes(self, order: Order) -> [u8; Position::LENGTH] {
        match order {
            Order::Ascending => self.0,
            Order::Descending => !self.0,
        }
        .to_be_bytes()
    }

    /// The position of this rank.
    pub(crate) fn position(self, order: Order) -> Position {
        let bytes = self.to_key_bytes(order);
        let (time, seq) = bytes.split_first_chunk().expect("16 bytes start with 8");
        let seq = crate::key::seq_from_bytes(seq).expect("8 bytes are left of 16");
        Position { time: crate::key::time_from_bytes(*time), seq }
    }

    /// The rank right behind this one; `None` behind the last.
    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use runledger_wal::Seq;

    use super::*;
    use crate::Timestamp;

    fn position((time, seq): (i64, u64)) -> Position {
        Position { time: Timestamp::from_nanoseconds(time), seq: Seq::new(seq) }
    }

    proptest! {
        #[test]
        fn ranks_sort_as_their_order_and_round_trip(a: (i64, u64), b: (i64, u64)) {
            let (a, b) = (position(a), position(b));
            prop_assert_eq!(Rank::of(a, Order::Ascending).cmp(&Rank::of(b, Order::Ascending)), a.cmp(&b));
            prop_assert_eq!(Rank::of(a, Order::Descending).cmp(&Rank::of(b, Order::Descending)), b.cmp(&a));
            for order in [Order::Ascending, Order::Descending] {
                prop_assert_eq!(Rank::of(a, order).position(order), a);
            }
        }
    }

    #[test]
    fn a_walk_ends_at_the_ends_of_time() {
        assert_eq!(Rank::of(Position::MAX, Order::Ascending).next(), None);
        assert_eq!(Rank::of(Position::MIN, Order::Descending).next(), None);
        assert_eq!(Rank::of(Position::MIN, Order::Ascending), Rank::FIRST);
    }
}
