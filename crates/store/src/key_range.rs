//! Which keys a scan covers.

use std::ops::{Bound, RangeBounds};

/// A range of keys, by two bounds.
///
/// ```
/// use runledger_store::KeyRange;
///
/// let all = KeyRange::all();
/// let some = KeyRange::new(b"a".to_vec()..b"c".to_vec());
/// let run = KeyRange::prefix(b"run/42/");
/// assert!(all.contains(b"b") && some.contains(b"b") && run.contains(b"run/42/x"));
/// assert!(!some.contains(b"c") && !run.contains(b"run/43/"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    pub(crate) lower: Bound<Vec<u8>>,
    pub(crate) upper: Bound<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    pub fn all() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// The keys within `bounds`. Bounds that are the wrong way round hold no keys.
    pub fn new<K: AsRef<[u8]>>(bounds: impl RangeBounds<K>) -> Self {
        let own = |bound: Bound<&K>| bound.map(|key| key.as_ref().to_vec());
        Self { lower: own(bounds.start_bound()), upper: own(bounds.end_bound()) }
    }

    /// The keys that start with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let upper = match successor(prefix) {
            Some(successor) => Bound::Excluded(successor),
            None => Bound::Unbounded,
        };
        Self { lower: Bound::Included(prefix.to_vec()), upper }
    }

    /// No keys.
    pub(crate) fn none() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Excluded(Vec::new()) }
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        !self.is_before(key) && !self.is_behind(key)
    }

    /// Whether `key` lies before the range.
    pub(crate) fn is_before(&self, key: &[u8]) -> bool {
        match &self.lower {
            Bound::Included(lower) => key < lower.as_slice(),
            Bound::Excluded(lower) => key <= lower.as_slice(),
            Bound::Unbounded => false,
        }
    }

    /// Whether `key` lies behind the range.
    pub(crate) fn is_behind(&self, key: &[u8]) -> bool {
        match &self.upper {
            Bound::Included(upper) => key > upper.as_slice(),
            Bound::Excluded(upper) => key >= upper.as_slice(),
            Bound::Unbounded => false,
        }
    }
}

/// The first key that is greater than every key with this prefix. `None` when there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut successor = prefix.to_vec();
    while let Some(last) = successor.pop() {
        if let Some(next) = last.checked_add(1) {
            successor.push(next);
            return Some(successor);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_prefix_range_holds_exactly_the_keys_with_that_prefix(
            prefix in proptest::collection::vec(0xfdu8..=0xff, 0..4),
            key in proptest::collection::vec(0xfcu8..=0xff, 0..6),
        ) {
            prop_assert_eq!(KeyRange::prefix(&prefix).contains(&key), key.starts_with(&prefix));
        }
    }
}
