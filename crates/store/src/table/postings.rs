//! A list of keys that start alike and end in positions of the table, as the ordinals of these.
//!
//! ```text
//! postings = count first (varints) [ excess (varint) numbers ]      the brackets with two keys or more
//! ```
//!
//! Ordinals ascend by one at least, so what is coded of each is how far the gaps before it exceed that.
//!
//! Invariant: a list that was decoded has 1 to 128 ordinals, each above the one before and below the table's number of
//! positions, whatever program made the bytes.
//!
//! Format: FORMAT.md#postings

use super::ascending::{self, Ascending};
use crate::varint;

/// A longer stream becomes several lists.
pub(crate) const POSTINGS_MAX: usize = 128;

/// Collects the ordinals of one list.
#[derive(Debug, Default)]
pub(crate) struct PostingsBuilder {
    ordinals: Vec<u32>,
    /// Between calls empty; kept for its room.
    numbers: Vec<u64>,
}

impl PostingsBuilder {
    /// Adds an ordinal, unless the list is full or has one that is not below it.
    pub(crate) fn push(&mut self, ordinal: u32) -> bool {
        let fits =
            self.ordinals.len() < POSTINGS_MAX && self.ordinals.last().is_none_or(|last| *last < ordinal);
        if fits {
            self.ordinals.push(ordinal);
        }
        fits
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ordinals.is_empty()
    }

    /// Appends the list, of which there is at least one ordinal. The builder is then empty again.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        let first = self.ordinals.first().copied().unwrap_or(0);
        varint::put(out, self.ordinals.len() as u64);
        varint::put(out, u64::from(first));
        if self.ordinals.len() > 1 {
            let ordinals = (0u64..).zip(self.ordinals.iter());
            self.numbers.extend(ordinals.map(|(index, ordinal)| u64::from(ordinal - first) - index));
            varint::put(out, self.numbers.last().copied().unwrap_or(0));
            ascending::encode(&self.numbers, out);
        }
        self.ordinals.clear();
        self.numbers.clear();
    }
}

/// The head of a list: what a search needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Postings<'b> {
    first: u32,
    last: u32,
    numbers: Ascending<'b>,
}

impl<'b> Postings<'b> {
    /// The list in `bytes`, of a table with `positions` positions. `None` if it isn't one.
    #[inline]
    pub(crate) fn decode(mut bytes: &'b [u8], positions: u32) -> Option<Self> {
        let count = varint::take_length(&mut bytes).filter(|count| (1..=POSTINGS_MAX).contains(count))?;
        let first = varint::take(&mut bytes)?;
        let excess = if count > 1 { varint::take(&mut bytes)? } else { 0 };
        let last = first.checked_add(excess)?.checked_add(count as u64 - 1)?;
        let last = u32::try_from(last).ok().filter(|last| *last < positions)?;
        let first = u32::try_from(first).ok()?;
        let (numbers, rest) = Ascending::split_off(count, excess, bytes)?;
        rest.is_empty().then_some(Self { first, last, numbers })
    }

    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// Replaces what is in `ordinals` by the list's. `None`, with `ordinals` empty, if they don't ascend to the last.
    pub(crate) fn decode_all(&self, ordinals: &mut Vec<u32>) -> Option<()> {
        ordinals.clear();
        let (first, mut index) = (self.first, 0);
        let decoded = self.numbers.decode_all(|number| {
            // The span is below 2^32, and no number is above it.
            ordinals.push(u32::try_from(number).ok()?.checked_add(index)?.checked_add(first)?);
            index += 1;
            Some(())
        });
        if decoded.is_none() {
            ordinals.clear();
        }
        decoded
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(ordinals in btree_set(prop_oneof![0u32..300, any::<u32>()], 1..=POSTINGS_MAX)) {
            let ordinals: Vec<u32> = ordinals.into_iter().filter(|ordinal| *ordinal < u32::MAX).collect();
            prop_assume!(!ordinals.is_empty());
            let mut builder = PostingsBuilder::default();
            for ordinal in &ordinals {
                prop_assert!(builder.push(*ordinal));
                prop_assert!(!builder.push(*ordinal));
            }
            prop_assert_eq!(builder.push(u32::MAX), ordinals.len() < POSTINGS_MAX);
            let mut builder = PostingsBuilder { ordinals: ordinals.clone(), ..builder };
            let mut bytes = Vec::new();
            builder.finish(&mut bytes);
            prop_assert!(builder.is_empty());
            let last = *ordinals.last().unwrap();
            let postings = Postings::decode(&bytes, last + 1).unwrap();
            prop_assert_eq!(postings.last(), last);
            let mut found = vec![7];
            postings.decode_all(&mut found).unwrap();
            prop_assert_eq!(found, ordinals);
            prop_assert!(Postings::decode(&bytes, last).is_none(), "an ordinal without a position is refused");
            bytes.push(0);
            prop_assert!(Postings::decode(&bytes, last + 1).is_none());
        }

        #[test]
        fn hostile_lists_never_panic_and_ascend_within_the_table(
            mut bytes in vec(any::<u8>(), 1..200), count in 0u8..=130, positions in prop_oneof![0u32..1000, any::<u32>()]
        ) {
            bytes[0] = count;
            let Some(postings) = Postings::decode(&bytes, positions) else { return Ok(()) };
            let mut ordinals = Vec::new();
            if postings.decode_all(&mut ordinals).is_some() {
                prop_assert!(ordinals.is_sorted_by(|a, b| a < b) && *ordinals.last().unwrap() < positions);
            } else {
                prop_assert!(ordinals.is_empty());
            }
        }
    }

    #[test]
    fn keys_of_consecutive_events_take_no_room_each() {
        let mut builder = PostingsBuilder::default();
        for ordinal in 1000..1000 + 128 {
            assert!(builder.push(ordinal));
        }
        let mut bytes = Vec::new();
        builder.finish(&mut bytes);
        assert_eq!(bytes, [0x80, 0x01, 0xe8, 0x07, 0x00]);
    }
}
