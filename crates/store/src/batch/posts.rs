//! The part of a batch that goes into streams.
//!
//! Invariant: a stream's list holds places of `positions`, in the order in which they were posted.

use foldhash::HashMap;

use crate::position::Position;

/// Positions, which streams they are in, and which of all positions ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Posts {
    positions: Vec<Position>,
    /// Hashed with a random key, since names hold strings that strangers choose.
    streams: HashMap<Box<[u8]>, Vec<u32>>,
    ends: Vec<(Position, u64)>,
    name_bytes: usize,
    postings: usize,
    longest_name_bytes: usize,
}

impl Posts {
    pub(super) fn post<'n>(&mut self, position: Position, streams: impl IntoIterator<Item = &'n [u8]>) {
        let place = u32::try_from(self.positions.len()).unwrap_or(u32::MAX);
        self.positions.push(position);
        for name in streams {
            self.postings += 1;
            if let Some(list) = self.streams.get_mut(name) {
                list.push(place);
            } else {
                self.name_bytes += name.len();
                self.longest_name_bytes = self.longest_name_bytes.max(name.len());
                self.streams.insert(name.into(), vec![place]);
            }
        }
    }

    pub(super) fn end(&mut self, position: Position, number: u64) {
        self.ends.push((position, number));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.ends.is_empty()
    }

    /// About as many as they will take in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.positions.as_slice())
            + size_of_val(self.ends.as_slice())
            + self.name_bytes
            + self.postings * size_of::<u32>()
    }

    pub(super) fn longest_name_bytes(&self) -> usize {
        self.longest_name_bytes
    }

    pub(super) fn clear(&mut self) {
        let Self { positions, streams, ends, name_bytes, postings, longest_name_bytes } = self;
        positions.clear();
        streams.clear();
        ends.clear();
        (*name_bytes, *postings, *longest_name_bytes) = (0, 0, 0);
    }

    pub(crate) fn positions(&self) -> &[Position] {
        &self.positions
    }

    pub(crate) fn ends(&self) -> &[(Position, u64)] {
        &self.ends
    }

    /// Names, and the places of their positions.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (&[u8], &[u32])> {
        self.streams.iter().map(|(name, places)| (&**name, places.as_slice()))
    }
}
