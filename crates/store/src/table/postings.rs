//! Up to 128 ordinals of one stream.
//!
//! ```text
//! postings = count first (varints) [ excess (varint) numbers ]      the brackets with two keys or more
//! ```
//!
//! Ordinals ascend by one at least, so what is coded of each is how far the gaps before it exceed that. The first is
//! counted from the lowest that can follow the block before.
//!
//! Invariant: a list that was decoded has 1 to 128 ordinals, each above the one before and below the table's number of
//! positions, whatever program made the bytes.
//!
//! Format: FORMAT.md#postings

use super::ascending::{self, Ascending};
use crate::streams::BLOCK_ORDINALS;
use crate::varint;

/// Appends a list of 1 to 128 ordinals, all above `base`.
pub(crate) fn encode(ordinals: &[u32], base: Option<u32>, out: &mut Vec<u8>) {
    let first = ordinals.first().copied().unwrap_or(0);
    varint::put(out, ordinals.len() as u64);
    varint::put(out, u64::from(first) - lowest(base));
    if ordinals.len() > 1 {
        let mut numbers = [0; BLOCK_ORDINALS];
        for ((number, ordinal), index) in numbers.iter_mut().zip(ordinals).zip(0..) {
            *number = u64::from(ordinal - first) - index;
        }
        let numbers = numbers.get(..ordinals.len()).unwrap_or_default();
        varint::put(out, numbers.last().copied().unwrap_or(0));
        ascending::encode(numbers, out);
    }
}

/// The lowest ordinal that can follow `base`.
fn lowest(base: Option<u32>) -> u64 {
    base.map_or(0, |base| u64::from(base) + 1)
}

/// The head of a list: what a search needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Postings<'b> {
    count: usize,
    first: u32,
    last: u32,
    numbers: Ascending<'b>,
}

impl<'b> Postings<'b> {
    /// The list in `bytes`, of a table with `positions` positions, behind the ordinal `base`. `None` if it isn't one.
    #[inline]
    pub(crate) fn decode(mut bytes: &'b [u8], base: Option<u32>, positions: u32) -> Option<Self> {
        let count = varint::take_length(&mut bytes).filter(|count| (1..=BLOCK_ORDINALS).contains(count))?;
        let first = varint::take(&mut bytes)?.checked_add(lowest(base))?;
        let excess = if count > 1 { varint::take(&mut bytes)? } else { 0 };
        let last = first.checked_add(excess)?.checked_add(count as u64 - 1)?;
        let last = u32::try_from(last).ok().filter(|last| *last < positions)?;
        let first = u32::try_from(first).ok()?;
        let (numbers, rest) = Ascending::split_off(count, excess, bytes)?;
        rest.is_empty().then_some(Self { count, first, last, numbers })
    }

    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// Replaces what is in `ordinals` by the list's. `None`, with `ordinals` empty, if they don't ascend to the last.
    pub(crate) fn decode_all(&self, ordinals: &mut Vec<u32>) -> Option<()> {
        ordinals.clear();
        let mut decoded = [0; BLOCK_ORDINALS];
        let mut slots = decoded.iter_mut().zip(self.first..);
        self.numbers.decode_all(|number| {
            let (slot, lowest) = slots.next()?;
            // The span is below 2^32, and no number is above it.
            *slot = u32::try_from(number).ok()?.checked_add(lowest)?;
            Some(())
        })?;
        ordinals.extend_from_slice(decoded.get(..self.count)?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            ordinals in btree_set(prop_oneof![0u32..300, any::<u32>()], 1..=BLOCK_ORDINALS), below in proptest::option::of(0u32..9)
        ) {
            let ordinals: Vec<u32> = ordinals.into_iter().filter(|ordinal| *ordinal < u32::MAX).collect();
            prop_assume!(!ordinals.is_empty());
            let base = below.and_then(|below| ordinals[0].checked_sub(below + 1));
            let mut bytes = Vec::new();
            encode(&ordinals, base, &mut bytes);
            let last = *ordinals.last().unwrap();
            let postings = Postings::decode(&bytes, base, last + 1).unwrap();
            prop_assert_eq!(postings.last(), last);
            let mut found = vec![7];
            postings.decode_all(&mut found).unwrap();
            prop_assert_eq!(found, ordinals);
            prop_assert!(Postings::decode(&bytes, base, last).is_none(), "an ordinal without a position is refused");
            bytes.push(0);
            prop_assert!(Postings::decode(&bytes, base, last + 1).is_none());
        }

        #[test]
        fn hostile_lists_never_panic_and_ascend_within_the_table(
            mut bytes in vec(any::<u8>(), 1..200), count in 0u8..=130, base: Option<u32>, positions in prop_oneof![0u32..1000, any::<u32>()]
        ) {
            bytes[0] = count;
            let Some(postings) = Postings::decode(&bytes, base, positions) else { return Ok(()) };
            let mut ordinals = Vec::new();
            if postings.decode_all(&mut ordinals).is_some() {
                prop_assert!(ordinals.is_sorted_by(|a, b| a < b) && *ordinals.last().unwrap() < positions);
                prop_assert!(base.is_none_or(|base| ordinals[0] > base));
            } else {
                prop_assert!(ordinals.is_empty());
            }
        }
    }

    #[test]
    fn positions_that_follow_one_another_take_no_room_each() {
        let ordinals: Vec<u32> = (1000..1000 + 128).collect();
        let mut bytes = Vec::new();
        encode(&ordinals, Some(998), &mut bytes);
        assert_eq!(bytes, [0x80, 0x01, 0x01, 0x00]);
    }
}
