//! Unions and conjunctions of streams, by seeking.
//!
//! A conjunction is a zigzag join: whichever stream stands furthest ahead names the next candidate, and the others
//! seek to it, so that what only one stream holds is passed over in one step. (The technique is that of sorted-set
//! intersection by galloping; see E. Demaine, A. López-Ortiz, J. I. Munro, "Adaptive set intersections, unions, and
//! differences", SODA 2000.) The stream that refuses most candidates is asked first, as far as the walk has learned by
//! then which one that is: no statistics are kept, and what is learned follows the data from place to place.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::rank::Rank;

/// Ranks in ascending order, by seeking.
pub(crate) trait Positions {
    /// Why a seek can fail.
    type Error;

    /// The first rank at or after `target`. Targets never go back.
    fn seek(&mut self, target: Rank) -> Result<Option<Rank>, Self::Error>;
}

/// The ranks of any of several streams, each once.
pub(crate) struct Union<P> {
    streams: Vec<P>,
    /// Where the streams stand that have not ended, the nearest first. Empty before the first seek, too.
    heads: BinaryHeap<Reverse<(Rank, usize)>>,
    is_placed: bool,
}

impl<P: Positions> Union<P> {
    pub(crate) fn new(streams: Vec<P>) -> Self {
        Self { heads: BinaryHeap::with_capacity(streams.len()), streams, is_placed: false }
    }

    pub(crate) fn streams(&self) -> &[P] {
        &self.streams
    }

    fn place(&mut self, target: Rank) -> Result<(), P::Error> {
        self.is_placed = true;
        for (index, stream) in self.streams.iter_mut().enumerate() {
            if let Some(found) = stream.seek(target)? {
                self.heads.push(Reverse((found, index)));
            }
        }
        Ok(())
    }
}

impl<P: Positions> Positions for Union<P> {
    type Error = P::Error;

    fn seek(&mut self, target: Rank) -> Result<Option<Rank>, P::Error> {
        if !self.is_placed {
            self.place(target)?;
        }
        while let Some(mut nearest) = self.heads.peek_mut() {
            let Reverse((rank, index)) = *nearest;
            if rank >= target {
                return Ok(Some(rank));
            }
            let stream = self.streams.get_mut(index).expect("heads are of streams");
            match stream.seek(target)? {
                Some(found) => *nearest = Reverse((found, index)),
                None => drop(PeekMut::pop(nearest)),
            }
        }
        Ok(None)
    }
}

/// A stream in a join, and what the join has learned of it.
pub(crate) struct Member<P> {
    pub(crate) positions: P,
    /// Which of the streams that the join was made of.
    pub(crate) index: usize,
    /// How many candidates it refused.
    pub(crate) refused: u64,
    recent: Tally,
}

/// How often a stream was asked of late, and how often it refused.
#[derive(Default, Clone, Copy)]
struct Tally {
    asked: u32,
    refused: u32,
}

/// What came before so many questions counts half: streams are dense here and sparse there.
const ASKED_RECENTLY_MAX: u32 = 256;

impl Tally {
    fn add(&mut self, has_refused: bool) {
        if self.asked == ASKED_RECENTLY_MAX {
            (self.asked, self.refused) = (self.asked / 2, self.refused / 2);
        }
        self.asked += 1;
        self.refused += u32::from(has_refused);
    }

    fn refuses_more_than(self, other: Self) -> bool {
        self.refused * other.asked > other.refused * self.asked
    }
}

/// The ranks that all of several streams have.
pub(crate) struct Join<P> {
    members: Vec<Member<P>>,
    /// Where the next seek starts; `None` once a stream has ended.
    next: Option<Rank>,
    is_placed: bool,
}

impl<P: Positions> Join<P> {
    /// A join that begins at `start`.
    pub(crate) fn new(streams: Vec<P>, start: Option<Rank>) -> Self {
        let member = |(index, positions)| Member { positions, index, refused: 0, recent: Tally::default() };
        Self { members: streams.into_iter().enumerate().map(member).collect(), next: start, is_placed: false }
    }

    /// The streams, in the order in which they are asked now.
    pub(crate) fn members(&self) -> &[Member<P>] {
        &self.members
    }

    /// The next rank that all streams have.
    pub(crate) fn advance(&mut self) -> Result<Option<Rank>, P::Error> {
        let Some(start) = self.next.take() else { return Ok(None) };
        if !self.is_placed && !self.place(start)? {
            return Ok(None);
        }
        let Some(first) = self.members.first_mut() else { return Ok(None) };
        let Some(mut candidate) = first.positions.seek(start)? else { return Ok(None) };
        // The place of the stream that named the candidate: it need not be asked.
        let mut named_by = 0;
        'candidates: loop {
            for place in 0..self.members.len() {
                if named_by == place {
                    continue;
                }
                let Some(member) = self.members.get_mut(place) else { break };
                let Some(found) = member.positions.seek(candidate)? else { return Ok(None) };
                let has_refused = found != candidate;
                member.recent.add(has_refused);
                if has_refused {
                    member.refused += 1;
                    candidate = found;
                    named_by = self.promote(place);
                    continue 'candidates;
                }
            }
            self.next = candidate.next();
            return Ok(Some(candidate));
        }
    }

    /// Seeks in every stream once, and orders them by where that led: whichever comes furthest is likely the sparsest.
    /// Says whether all of them have keys.
    fn place(&mut self, start: Rank) -> Result<bool, P::Error> {
        self.is_placed = true;
        let mut landed = vec![start; self.members.len()];
        for (member, landed) in self.members.iter_mut().zip(&mut landed) {
            let Some(found) = member.positions.seek(start)? else { return Ok(false) };
            *landed = found;
        }
        self.members.sort_by_key(|member| Reverse(landed.get(member.index).copied()));
        Ok(true)
    }

    /// Moves a stream one place ahead of one that refuses less often. Gives its place.
    fn promote(&mut self, place: usize) -> usize {
        let Some(ahead) = place.checked_sub(1) else { return place };
        match self.members.get(ahead..=place) {
            Some([before, this]) if this.recent.refuses_more_than(before.recent) => {
                self.members.swap(ahead, place);
                ahead
            }
            _ => place,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;
    use runledger_wal::Seq;

    use super::*;
    use crate::key::Position;
    use crate::{Order, Timestamp};

    struct Sorted(BTreeSet<Rank>);

    impl Positions for Sorted {
        type Error = Infallible;

        fn seek(&mut self, target: Rank) -> Result<Option<Rank>, Infallible> {
            Ok(self.0.range(target..).next().copied())
        }
    }

    fn rank((time, seq): (i64, u64)) -> Rank {
        Rank::of(Position { time: Timestamp::from_nanoseconds(time), seq: Seq::new(seq) }, Order::Ascending)
    }

    fn drain<P: Positions<Error = Infallible>>(join: &mut Join<P>) -> Vec<Rank> {
        std::iter::from_fn(|| join.advance().unwrap_or_else(|never| match never {})).collect()
    }

    fn sets() -> impl Strategy<Value = Vec<BTreeSet<Rank>>> {
        let near_the_ends = prop_oneof![0_u64..4, Just(u64::MAX), Just(u64::MAX - 1)];
        let times = prop_oneof![-2_i64..3, Just(i64::MIN), Just(i64::MAX)];
        let ranks = proptest::collection::btree_set((times, near_the_ends).prop_map(rank), 0..20);
        proptest::collection::vec(ranks, 1..5)
    }

    proptest! {
        #[test]
        fn a_join_is_the_intersection_in_order(sets in sets()) {
            let expected: Vec<_> =
                sets[0].iter().copied().filter(|rank| sets.iter().all(|set| set.contains(rank))).collect();
            let streams = sets.into_iter().map(Sorted).collect();
            prop_assert_eq!(drain(&mut Join::new(streams, Some(Rank::FIRST))), expected);
        }

        #[test]
        fn a_union_has_each_rank_once_in_order(sets in sets()) {
            let expected: Vec<_> = sets.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
            let union = Union::new(sets.into_iter().map(Sorted).collect());
            prop_assert_eq!(drain(&mut Join::new(vec![union], Some(Rank::FIRST))), expected);
        }

        #[test]
        fn a_join_of_unions_is_the_intersection_of_unions(left in sets(), right in sets()) {
            let whole = |sets: &[BTreeSet<Rank>]| sets.iter().flatten().copied().collect::<BTreeSet<_>>();
            let expected: Vec<_> = whole(&left).intersection(&whole(&right)).copied().collect();
            let unions = [left, right].map(|sets| Union::new(sets.into_iter().map(Sorted).collect()));
            prop_assert_eq!(drain(&mut Join::new(unions.into(), Some(Rank::FIRST))), expected);
        }
    }

    #[test]
    fn the_sparsest_stream_comes_to_be_asked_first() {
        let every = |step| Sorted((0..10_000).step_by(step).map(|time| rank((time, 0))).collect());
        let mut join = Join::new(vec![every(1), every(10), every(1_000), every(2)], Some(Rank::FIRST));
        assert_eq!(drain(&mut join).len(), 10);
        assert_eq!(join.members()[0].index, 2);
        let refused: u64 = join.members().iter().map(|member| member.refused).sum();
        assert!(refused < 60, "{refused} candidates were refused");
    }

    #[test]
    fn an_empty_stream_ends_the_join_before_the_others_are_walked() {
        let streams = vec![Sorted(BTreeSet::new()), Sorted((0..9).map(|time| rank((time, 0))).collect())];
        assert!(drain(&mut Join::new(streams, Some(Rank::FIRST))).is_empty());
    }
}
