//! A set of `Seq`s that mostly follow each other: kept as ranges.

use std::collections::BTreeMap;

use runledger_audit::Seq;

use crate::save::Item;

/// Ranges that neither overlap nor touch, by their start; the end is not included.
#[derive(Debug, Default)]
pub(super) struct SeqSet {
    ranges: BTreeMap<u64, u64>,
}

impl SeqSet {
    pub(super) fn contains(&self, seq: Seq) -> bool {
        self.ranges.range(..=seq.get()).next_back().is_some_and(|(_, end)| seq.get() < *end)
    }

    pub(super) fn add(&mut self, seq: Seq) {
        self.add_range(seq.get(), seq.get().saturating_add(1));
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        for (start, end) in &other.ranges {
            self.add_range(*start, *end);
        }
    }

    pub(super) fn add_lines(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Line(seq) = item {
                self.add(*seq);
            }
        }
    }

    fn add_range(&mut self, mut start: u64, mut end: u64) {
        // Whatever overlaps or touches the new range becomes a part of it.
        while let Some((before, until)) =
            self.ranges.range(..=end).next_back().map(|(start, end)| (*start, *end))
        {
            if until < start {
                break;
            }
            (start, end) = (start.min(before), end.max(until));
            self.ranges.remove(&before);
        }
        self.ranges.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_added_and_its_ranges_never_touch(seqs in prop::collection::vec(0..40_u64, 0..40)) {
            let mut set = SeqSet::default();
            for seq in &seqs {
                set.add(Seq::new(*seq));
            }
            let expected: BTreeSet<u64> = seqs.into_iter().collect();
            for seq in 0..42 {
                prop_assert_eq!(set.contains(Seq::new(seq)), expected.contains(&seq));
            }
            let ranges: Vec<_> = set.ranges.iter().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
