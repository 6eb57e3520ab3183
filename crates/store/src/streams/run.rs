//! A layer in memory: what one batch posted, or several merged.
//!
//! Invariant: never changes once it is made. Positions ascend; streams are sorted by section and name; the ordinals of
//! each ascend. All ordinals stand in one vector, all names in another.

use std::ops::Range;

use super::{Section, StreamSink};
use crate::batch::Posts;
use crate::error::WriteError;
use crate::position::{NumberRange, Position};

#[derive(Debug, Default)]
pub(crate) struct StreamRun {
    positions: Vec<Position>,
    names: Vec<u8>,
    streams: Vec<Stream>,
    ordinals: Vec<u32>,
    /// Positions of this layer that ended, by ordinal, and at which number.
    ends: Vec<(u32, u64)>,
    /// Positions of earlier layers that ended, and at which number.
    pending: Vec<(Position, u64)>,
    numbers: Option<NumberRange>,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    section: Section,
    name_start: u32,
    name_end: u32,
    first: u32,
    end: u32,
}

impl StreamRun {
    /// What `posts` says, sorted.
    pub(crate) fn of_posts(posts: &Posts) -> Self {
        let mut order: Vec<(Position, u32)> = posts.positions().iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut ordinal_of = vec![0; order.len()];
        for (ordinal, (_, place)) in (0..).zip(&order) {
            if let Some(slot) = ordinal_of.get_mut(*place as usize) {
                *slot = ordinal;
            }
        }
        let mut run =
            Self { positions: order.iter().map(|(position, _)| *position).collect(), ..Self::default() };
        run.take_ends(posts.ends());
        let mut streams: Vec<(&[u8], &[u32])> = posts.streams().collect();
        streams.sort_unstable_by_key(|(name, _)| *name);
        for section in [Section::Live, Section::Ended] {
            for (name, places) in &streams {
                let first = run.ordinals.len();
                let images = places.iter().filter_map(|place| ordinal_of.get(*place as usize).copied());
                let has_ended =
                    |ordinal: u32| run.ends.binary_search_by_key(&ordinal, |(ended, _)| *ended).is_ok();
                let wanted = images.filter(|ordinal| has_ended(*ordinal) == (section == Section::Ended));
                let mut list: Vec<u32> = wanted.collect();
                list.sort_unstable();
                list.dedup();
                run.ordinals.append(&mut list);
                run.close_stream(section, name, first);
            }
            if run.ends.is_empty() {
                break;
            }
        }
        run.numbers = NumberRange::union(
            NumberRange::of(run.positions.iter().map(|position| position.number)),
            NumberRange::of(posts.ends().iter().map(|(_, number)| *number)),
        );
        run
    }

    /// Ends of positions of this run are its own; the others wait for the layers that have them. The first end counts.
    fn take_ends(&mut self, ends: &[(Position, u64)]) {
        let mut ends = ends.to_vec();
        ends.sort_unstable();
        ends.dedup_by_key(|(position, _)| *position);
        for (position, number) in ends {
            match self.positions.binary_search(&position) {
                Ok(ordinal) => self.ends.push((fits(ordinal), number)),
                Err(_) => self.pending.push((position, number)),
            }
        }
    }

    fn close_stream(&mut self, section: Section, name: &[u8], first: usize) {
        if self.ordinals.len() > first {
            let name_start = fits(self.names.len());
            self.names.extend_from_slice(name);
            let (first, end) = (fits(first), fits(self.ordinals.len()));
            self.streams.push(Stream { section, name_start, name_end: fits(self.names.len()), first, end });
        }
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.positions.as_slice())
            + self.names.len()
            + size_of_val(self.streams.as_slice())
            + size_of_val(self.ordinals.as_slice())
            + size_of_val(self.ends.as_slice())
            + size_of_val(self.pending.as_slice())
    }

    pub(crate) fn positions(&self) -> &[Position] {
        &self.positions
    }

    pub(crate) fn postings(&self) -> usize {
        self.ordinals.len()
    }

    pub(crate) fn numbers(&self) -> Option<NumberRange> {
        self.numbers
    }

    pub(super) fn ends(&self) -> &[(u32, u64)] {
        &self.ends
    }

    pub(super) fn pending(&self) -> &[(Position, u64)] {
        &self.pending
    }

    pub(super) fn ordinals(&self, range: Range<usize>) -> &[u32] {
        self.ordinals.get(range).unwrap_or_default()
    }

    pub(super) fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Section, name and ordinals of the stream in this place.
    pub(super) fn stream(&self, index: usize) -> Option<(Section, &[u8], Range<usize>)> {
        let stream = self.streams.get(index)?;
        let name = self.names.get(stream.name_start as usize..stream.name_end as usize)?;
        Some((stream.section, name, stream.first as usize..stream.end as usize))
    }

    /// The place of the first stream at or behind this one.
    pub(super) fn find(&self, section: Section, name: &[u8]) -> usize {
        self.streams.partition_point(|stream| {
            let other = self.names.get(stream.name_start as usize..stream.name_end as usize);
            (stream.section, other.unwrap_or_default()) < (section, name)
        })
    }
}

fn fits(length: usize) -> u32 {
    u32::try_from(length).expect("runs are limited to RUN_BYTES_MAX")
}

/// Collects a run from what a merge hands it.
#[derive(Debug, Default)]
pub(crate) struct StreamRunBuilder {
    run: StreamRun,
    section: Option<Section>,
    name: Vec<u8>,
    first: usize,
}

impl StreamRunBuilder {
    pub(crate) fn finish(mut self, numbers: Option<NumberRange>) -> StreamRun {
        self.run.numbers = numbers;
        self.run.ordinals.shrink_to_fit();
        self.run.names.shrink_to_fit();
        self.run
    }
}

impl StreamSink for StreamRunBuilder {
    fn position(&mut self, position: Position) -> Result<(), WriteError> {
        self.run.positions.push(position);
        Ok(())
    }

    fn begin_streams(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    fn begin(&mut self, section: Section, name: &[u8]) -> Result<(), WriteError> {
        self.section = Some(section);
        self.name.clear();
        self.name.extend_from_slice(name);
        self.first = self.run.ordinals.len();
        Ok(())
    }

    fn ordinals(&mut self, ordinals: &[u32]) -> Result<(), WriteError> {
        self.run.ordinals.extend_from_slice(ordinals);
        Ok(())
    }

    fn end_stream(&mut self) -> Result<(), WriteError> {
        if let Some(section) = self.section.take() {
            let name = std::mem::take(&mut self.name);
            self.run.close_stream(section, &name, self.first);
            self.name = name;
        }
        Ok(())
    }

    fn ended(&mut self, ordinal: u32, number: u64) -> Result<(), WriteError> {
        self.run.ends.push((ordinal, number));
        Ok(())
    }

    fn pending_end(&mut self, position: Position, number: u64) -> Result<(), WriteError> {
        self.run.pending.push((position, number));
        Ok(())
    }
}
