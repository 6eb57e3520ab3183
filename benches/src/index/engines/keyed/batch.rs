//! Keys and values of a batch, table by table, without an allocation for each.

use std::ops::Range;

/// A batch for so many tables.
pub(in super::super) struct Batch {
    tables: Vec<Entries>,
}

/// One table's part. Keys and values lie one after another.
#[derive(Default)]
struct Entries {
    bytes: Vec<u8>,
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl Batch {
    pub(super) fn new(tables: usize) -> Self {
        Self { tables: (0..tables).map(|_| Entries::default()).collect() }
    }

    pub(super) fn clear(&mut self) {
        for table in &mut self.tables {
            table.bytes.clear();
            table.places.clear();
        }
    }

    /// Adds a key, which is put together of parts, and its value.
    pub(super) fn put(&mut self, table: usize, key: &[&[u8]], value: &[u8]) {
        let Some(Entries { bytes, places }) = self.tables.get_mut(table) else { return };
        let begin = bytes.len();
        for part in key {
            bytes.extend_from_slice(part);
        }
        let middle = bytes.len();
        bytes.extend_from_slice(value);
        places.push((begin..middle, middle..bytes.len()));
    }

    /// Brings each table's keys into their order.
    pub(super) fn sort(&mut self) {
        for Entries { bytes, places } in &mut self.tables {
            places.sort_unstable_by(|one, other| bytes.get(one.0.clone()).cmp(&bytes.get(other.0.clone())));
        }
    }

    /// Each table's number, keys and values.
    pub(in super::super) fn tables(
        &self,
    ) -> impl Iterator<Item = (usize, impl Iterator<Item = (&[u8], &[u8])>)> {
        self.tables.iter().enumerate().map(|(number, Entries { bytes, places })| {
            let slices = |place: &(Range<usize>, Range<usize>)| {
                Some((bytes.get(place.0.clone())?, bytes.get(place.1.clone())?))
            };
            (number, places.iter().filter_map(slices))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_in_order_with_their_values() {
        let mut batch = Batch::new(2);
        batch.put(1, &[b"b", b"c"], b"1");
        batch.put(1, &[b"a"], b"");
        batch.sort();
        let tables: Vec<(usize, Vec<_>)> =
            batch.tables().map(|(number, entries)| (number, entries.collect())).collect();
        assert_eq!(tables[1], (1, vec![(&b"a"[..], &b""[..]), (b"bc", b"1")]));
        assert!(tables[0].1.is_empty());
    }
}
