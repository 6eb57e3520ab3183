//! Puts and deletes that take effect together.
//!
//! Invariant: the last operation on a key counts. A batch can be asked for a key while it is built, so that whoever
//! maintains aggregates reads its own writes. It knows nothing of the store that it is meant for.

mod posts;

use std::hash::BuildHasher as _;

use foldhash::HashMap;
use foldhash::fast::RandomState;

pub(crate) use self::posts::Posts;
use crate::position::Position;

/// The longest key.
pub const KEY_BYTES_MAX: usize = 16 << 10;
/// The longest value.
pub const VALUE_BYTES_MAX: usize = 16 << 20;
/// The largest batch: keys and values together.
pub const BATCH_BYTES_MAX: usize = 256 << 20;

/// Puts and deletes that [`Store::apply`](crate::Store::apply) makes visible, and durable, together or not at all.
///
/// ```
/// use runledger_store::{Batch, Change};
///
/// let mut batch = Batch::new();
/// batch.put(b"colour", b"red");
/// batch.put(b"colour", b"blue");
/// batch.delete(b"size");
/// assert_eq!(batch.get(b"colour"), Some(Change::Put(b"blue")));
/// assert_eq!(batch.get(b"size"), Some(Change::Delete));
/// assert_eq!(batch.get(b"weight"), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Key and value of each operation, one after the other.
    data: Vec<u8>,
    operations: Vec<Operation>,
    /// The newest operation for each hash of a key; older ones with the same hash hang on `Operation::previous`.
    /// The hash is keyed at random, since keys hold strings that strangers choose.
    newest: HashMap<u64, usize>,
    hasher: RandomState,
    longest_key_bytes: usize,
    longest_value_bytes: usize,
    posts: Posts,
}

/// What is done to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// It gets this value.
    Put(&'a [u8]),
    /// It is removed.
    Delete,
}

impl<'a> Change<'a> {
    pub(crate) fn of(value: Option<&'a [u8]>) -> Self {
        value.map_or(Self::Delete, Self::Put)
    }

    /// The value that the key has afterwards.
    pub fn value(self) -> Option<&'a [u8]> {
        match self {
            Self::Put(value) => Some(value),
            Self::Delete => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Operation {
    key_start: usize,
    key_end: usize,
    /// `None` deletes. The value lies right behind the key.
    value_end: Option<usize>,
    previous: Option<usize>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`. Limits on lengths are checked when the batch is applied.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.push(key, Some(value));
    }

    /// Removes `key`, if it is there.
    pub fn delete(&mut self, key: &[u8]) {
        self.push(key, None);
    }

    /// Puts a position into streams, which are made where they are not there yet. All streams of a position are named in
    /// one call, and its number is above those of all batches before; that is checked when the batch is applied.
    pub fn post<'n>(&mut self, position: Position, streams: impl IntoIterator<Item = &'n [u8]>) {
        self.posts.post(position, streams);
    }

    /// From `number` on, which is above those of all batches before, a position is history: it is selected only as of a
    /// number up to that one. Where a position ends twice, the first end counts. One that is not there can't end, and
    /// nothing happens.
    pub fn end(&mut self, position: Position, number: u64) {
        self.posts.end(position, number);
    }

    /// What this batch does to `key`, if anything.
    pub fn get(&self, key: &[u8]) -> Option<Change<'_>> {
        let mut next = self.newest.get(&self.hasher.hash_one(key)).copied();
        while let Some(operation) = next.and_then(|index| self.operations.get(index)) {
            if self.key(operation) == key {
                return Some(Change::of(self.value(operation)));
            }
            next = operation.previous;
        }
        None
    }

    /// Number of puts and deletes, overwritten ones included.
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.posts.is_empty()
    }

    /// Bytes of all keys and values, and of what is posted.
    pub fn bytes(&self) -> usize {
        self.data.len() + self.posts.bytes()
    }

    pub(crate) fn posts(&self) -> &Posts {
        &self.posts
    }

    /// Forgets all operations, keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.data.clear();
        self.operations.clear();
        self.newest.clear();
        self.posts.clear();
        self.longest_key_bytes = 0;
        self.longest_value_bytes = 0;
    }

    /// Of keys and of names of streams.
    pub(crate) fn longest_key_bytes(&self) -> usize {
        self.longest_key_bytes.max(self.posts.longest_name_bytes())
    }

    pub(crate) fn longest_value_bytes(&self) -> usize {
        self.longest_value_bytes
    }

    /// The operations that count, sorted by key, each key once.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        // Most comparisons are settled by the first eight bytes, without a detour to the key.
        let mut order: Vec<(u64, &Operation)> =
            self.operations.iter().map(|operation| (first_eight(self.key(operation)), operation)).collect();
        // Stable: equal keys stay in the order in which they came.
        order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| self.key(a.1).cmp(self.key(b.1))));
        let mut order = order.into_iter().map(|(_, operation)| operation).peekable();
        std::iter::from_fn(move || {
            let mut operation = order.next()?;
            while let Some(later) = order.next_if(|later| self.key(later) == self.key(operation)) {
                operation = later;
            }
            Some((self.key(operation), self.value(operation)))
        })
    }

    fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        let key_start = self.data.len();
        self.data.extend_from_slice(key);
        let key_end = self.data.len();
        let value_end = value.map(|value| {
            self.data.extend_from_slice(value);
            self.longest_value_bytes = self.longest_value_bytes.max(value.len());
            self.data.len()
        });
        self.longest_key_bytes = self.longest_key_bytes.max(key.len());
        let previous = self.newest.insert(self.hasher.hash_one(key), self.operations.len());
        self.operations.push(Operation { key_start, key_end, value_end, previous });
    }

    fn key(&self, operation: &Operation) -> &[u8] {
        self.data.get(operation.key_start..operation.key_end).unwrap_or_default()
    }

    fn value(&self, operation: &Operation) -> Option<&[u8]> {
        Some(self.data.get(operation.key_end..operation.value_end?).unwrap_or_default())
    }
}

/// The first eight bytes of a key as a number that sorts as they do; shorter keys are filled up with zeros.
fn first_eight(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_last_operation_on_a_key_counts(
            operations in vec((vec(0u8..3, 0..10), proptest::option::of(vec(any::<u8>(), 0..4))), 0..100)
        ) {
            let mut batch = Batch::new();
            let mut model = BTreeMap::new();
            for (key, value) in &operations {
                match value {
                    Some(value) => batch.put(key, value),
                    None => batch.delete(key),
                }
                model.insert(key.clone(), value.clone());
                prop_assert_eq!(batch.get(key), Some(Change::of(value.as_deref())));
            }
            for (key, value) in &model {
                prop_assert_eq!(batch.get(key), Some(Change::of(value.as_deref())));
            }
            let sorted: Vec<_> = batch.sorted().map(|(k, v)| (k.to_vec(), v.map(<[u8]>::to_vec))).collect();
            prop_assert_eq!(sorted, model.into_iter().collect::<Vec<_>>());
            batch.clear();
            prop_assert!(batch.is_empty() && batch.get(b"").is_none());
        }
    }
}
