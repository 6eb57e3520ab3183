//! Unions and conjunctions of streams, by seeking.
//!
//! A conjunction is a zigzag join: whichever stream stands furthest ahead names the next candidate, and the others
//! seek to it, so that what only one stream holds is passed over in one step. (The technique is that of sorted-set
//! intersection by galloping; see E. Demaine, A. López-Ortiz, J. I. Munro, "Adaptive set intersections, unions, and
//! differences", SODA 2000.)

use crate::Order;
use crate::key::Position;

/// Positions in one order, by seeking.
pub(crate) trait Positions {
    /// Why a seek can fail.
    type Error;

    /// The first position at or after `target`, in the order of the stream. Targets never go back.
    fn seek(&mut self, target: Position) -> Result<Option<Position>, Self::Error>;
}

/// Where a walk in this order begins.
pub(crate) const fn first(order: Order) -> Position {
    match order {
        Order::Ascending => Position::MIN,
        Order::Descending => Position::MAX,
    }
}

/// The position right behind `position` in this order; `None` behind the last.
pub(crate) fn successor(position: Position, order: Order) -> Option<Position> {
    let (time, seq) = (position.time.as_nanoseconds(), position.seq.get());
    let (time, seq) = match order {
        Order::Ascending => match seq.checked_add(1) {
            Some(seq) => (time, seq),
            None => (time.checked_add(1)?, 0),
        },
        Order::Descending => match seq.checked_sub(1) {
            Some(seq) => (time, seq),
            None => (time.checked_sub(1)?, u64::MAX),
        },
    };
    Some(Position { time: crate::Timestamp::from_nanoseconds(time), seq: runledger_wal::Seq::new(seq) })
}

/// Whether `a` comes before `b` in this order.
pub(crate) fn precedes(a: Position, b: Position, order: Order) -> bool {
    match order {
        Order::Ascending => a < b,
        Order::Descending => a > b,
    }
}

/// The positions of any of several streams, each once.
pub(crate) struct Union<P> {
    streams: Vec<P>,
    order: Order,
    heads: Vec<Head>,
}

/// Where a stream of a union stands.
#[derive(Clone, Copy)]
enum Head {
    BeforeFirstSeek,
    At(Position),
    Ended,
}

impl<P: Positions> Union<P> {
    pub(crate) fn new(streams: Vec<P>, order: Order) -> Self {
        let heads = vec![Head::BeforeFirstSeek; streams.len()];
        Self { streams, order, heads }
    }
}

impl<P: Positions> Positions for Union<P> {
    type Error = P::Error;

    fn seek(&mut self, target: Position) -> Result<Option<Position>, P::Error> {
        let mut nearest: Option<Position> = None;
        for (stream, head) in self.streams.iter_mut().zip(&mut self.heads) {
            let stands_before = match head {
                Head::BeforeFirstSeek => true,
                Head::At(position) => precedes(*position, target, self.order),
                Head::Ended => false,
            };
            if stands_before {
                *head = stream.seek(target)?.map_or(Head::Ended, Head::At);
            }
            if let Head::At(position) = *head
                && nearest.is_none_or(|nearest| precedes(position, nearest, self.order))
            {
                nearest = Some(position);
            }
        }
        Ok(nearest)
    }
}

/// The positions that all of several streams have.
pub(crate) struct Join<P> {
    streams: Vec<P>,
    order: Order,
    /// Where the next seek starts; `None` once a stream has ended.
    next: Option<Position>,
}

impl<P: Positions> Join<P> {
    /// A join that begins at `start`.
    pub(crate) fn new(streams: Vec<P>, order: Order, start: Option<Position>) -> Self {
        Self { streams, order, next: start }
    }

    /// The next position that all streams have.
    pub(crate) fn advance(&mut self) -> Result<Option<Position>, P::Error> {
        let Some(mut candidate) = self.next.take() else { return Ok(None) };
        let mut agreeing = 0;
        while agreeing < self.streams.len() {
            agreeing = 0;
            for stream in &mut self.streams {
                let Some(found) = stream.seek(candidate)? else { return Ok(None) };
                if found == candidate {
                    agreeing += 1;
                } else {
                    // The streams before this one have to follow: another round.
                    candidate = found;
                    agreeing = 0;
                }
            }
        }
        self.next = successor(candidate, self.order);
        Ok(Some(candidate))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;
    use runledger_wal::Seq;

    use super::*;
    use crate::Timestamp;

    struct Sorted(BTreeSet<Position>, Order);

    impl Positions for Sorted {
        type Error = Infallible;

        fn seek(&mut self, target: Position) -> Result<Option<Position>, Infallible> {
            Ok(match self.1 {
                Order::Ascending => self.0.range(target..).next().copied(),
                Order::Descending => self.0.range(..=target).next_back().copied(),
            })
        }
    }

    fn position((time, seq): (i64, u64)) -> Position {
        Position { time: Timestamp::from_nanoseconds(time), seq: Seq::new(seq) }
    }

    fn drain<P: Positions<Error = Infallible>>(mut join: Join<P>) -> Vec<Position> {
        std::iter::from_fn(|| join.advance().unwrap_or_else(|never| match never {})).collect()
    }

    fn sets() -> impl Strategy<Value = Vec<BTreeSet<Position>>> {
        let near_the_ends = prop_oneof![0_u64..4, Just(u64::MAX), Just(u64::MAX - 1)];
        let positions = proptest::collection::btree_set((-2_i64..3, near_the_ends).prop_map(position), 0..20);
        proptest::collection::vec(positions, 1..4)
    }

    proptest! {
        #[test]
        fn a_join_is_the_intersection_in_order(sets in sets(), descending: bool) {
            let order = if descending { Order::Descending } else { Order::Ascending };
            let mut expected: Vec<_> =
                sets[0].iter().copied().filter(|position| sets.iter().all(|set| set.contains(position))).collect();
            if descending { expected.reverse(); }
            let streams = sets.into_iter().map(|set| Sorted(set, order)).collect();
            prop_assert_eq!(drain(Join::new(streams, order, Some(first(order)))), expected);
        }

        #[test]
        fn a_union_has_each_position_once_in_order(sets in sets(), descending: bool) {
            let order = if descending { Order::Descending } else { Order::Ascending };
            let mut expected: Vec<_> = sets.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
            if descending { expected.reverse(); }
            let union = Union::new(sets.into_iter().map(|set| Sorted(set, order)).collect(), order);
            prop_assert_eq!(drain(Join::new(vec![union], order, Some(first(order)))), expected);
        }
    }

    #[test]
    fn the_walk_ends_at_the_ends_of_time() {
        assert_eq!(successor(Position::MAX, Order::Ascending), None);
        assert_eq!(successor(Position::MIN, Order::Descending), None);
    }
}
