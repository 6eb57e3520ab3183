//! Which segments there are, and those of them that are open.
//!
//! Both are only memories: of a directory that the writer adds to, and of files that may be replaced. A reader that
//! doesn't find what must be there refreshes and looks again before it says so.

use std::sync::Arc;

use crate::damage::{Damage, Problem};
use crate::directory::Inventory;
use crate::error::ReadError;
use crate::reader::Inner;
use crate::reader::open_segment::{OpenSegment, OpenSegmentError};
use crate::segment::name::segment_name;
use crate::seq::Seq;
use crate::sync::Mutex;

/// How many segments a reader keeps open, whatever their number: 16 GiB of a log with the usual segments. Each takes a file
/// descriptor, of which a process has 1,024 as a rule; opening one again takes about as long as reading a hundred records.
const SEGMENTS_OPEN_MAX: usize = 256;

/// What a reader remembers.
#[derive(Debug, Default)]
pub(super) struct SegmentCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The first records of all segments, in order.
    segments: Vec<Seq>,
    /// When they were listed.
    listed: Look,
    /// The open ones, in order.
    open: Vec<Opened>,
    /// The last moment that was counted.
    now: u64,
    /// How often a segment was asked for.
    uses: u64,
    /// How many segments had been given another file when the oldest of the open ones was opened.
    rewritten: u64,
}

#[derive(Debug)]
struct Opened {
    first_seq: Seq,
    segment: Arc<OpenSegment>,
    /// The count of uses when it was used last.
    used: u64,
    /// When the segments were listed, of which the one behind it bounds it.
    listed: Look,
}

/// A moment at which the directory was listed, or could have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Look(u64);

impl Look {
    /// Later than any other: nothing was seen since.
    pub(super) const NEVER: Look = Look(u64::MAX);
}

impl State {
    fn look(&mut self) -> Look {
        self.now += 1;
        Look(self.now)
    }
}

impl SegmentCache {
    /// The segment that holds this record, if what is remembered is right. `durable_end` is how far damage reaches that
    /// nothing else bounds.
    pub(super) fn segment(
        &self,
        inner: &Inner,
        seq: Seq,
        durable_end: Seq,
    ) -> Result<Arc<OpenSegment>, ReadError> {
        let mut state = self.state.lock();
        if state.segments.is_empty() {
            (state.listed, state.segments) = (state.look(), list(inner)?);
        }
        let after = state.segments.partition_point(|first_seq| *first_seq <= seq);
        let next = state.segments.get(after).copied();
        let Some(first_seq) = after.checked_sub(1).and_then(|at| state.segments.get(at).copied()) else {
            let (segment, problem) = (segment_name(Seq::ZERO), Problem::Missing);
            let seq_to = next.unwrap_or(durable_end);
            return Err(ReadError::Damaged(Damage {
                segment,
                seq_from: Seq::ZERO,
                seq_to,
                offset: 0,
                problem,
            }));
        };
        let rewritten = inner.source.rewritten();
        if state.rewritten < rewritten {
            // The old file of one that was compressed takes room until it is closed.
            (state.rewritten, state.open) = (rewritten, Vec::new());
        }
        state.uses += 1;
        let used = state.uses;
        let place = state.open.binary_search_by_key(&first_seq, |opened| opened.first_seq).ok();
        if let Some(opened) = place.and_then(|place| state.open.get_mut(place)) {
            opened.used = used;
            return Ok(Arc::clone(&opened.segment));
        }
        let listed = state.listed;
        drop(state);
        let opened = OpenSegment::open(inner, first_seq, next);
        let segment = Arc::new(opened.map_err(|error| match error {
            OpenSegmentError::Read(error) => error,
            OpenSegmentError::Damaged { offset, problem } => {
                let (segment, seq_to) = (segment_name(first_seq), next.unwrap_or(durable_end));
                ReadError::Damaged(Damage { segment, seq_from: first_seq, seq_to, offset, problem })
            }
        })?);
        let mut state = self.state.lock();
        state.open.retain(|other| other.first_seq != first_seq);
        if state.open.len() >= SEGMENTS_OPEN_MAX {
            let longest_unused = (0..).zip(&state.open).min_by_key(|(_, opened)| opened.used);
            let place = longest_unused.map_or(0, |(place, _)| place);
            state.open.remove(place);
        }
        let place = state.open.partition_point(|other| other.first_seq < first_seq);
        state.open.insert(place, Opened { first_seq, segment: Arc::clone(&segment), used, listed });
        Ok(segment)
    }

    /// A moment for [`SegmentCache::refresh`]: what is seen from now on is later.
    pub(super) fn look(&self) -> Look {
        self.state.lock().look()
    }

    /// Lists the directory anew, and forgets the open file that would hold this record; each only if it rests on what was
    /// listed before `since`. Whether anything may have changed.
    ///
    /// So whoever reads in order lists a directory once, however many of its files are damaged, and opens each of them
    /// twice at most, however many of its records are.
    pub(super) fn refresh(&self, inner: &Inner, seq: Seq, since: Look) -> Result<bool, ReadError> {
        let mut state = self.state.lock();
        let is_list_old = state.listed < since;
        if is_list_old {
            let listed = state.look();
            drop(state);
            let segments = list(inner)?;
            state = self.state.lock();
            (state.listed, state.segments) = (listed, segments);
        }
        let after = state.segments.partition_point(|first_seq| *first_seq <= seq);
        let first_seq = after.checked_sub(1).and_then(|at| state.segments.get(at).copied());
        let opened = state.open.len();
        state.open.retain(|opened| Some(opened.first_seq) != first_seq || opened.listed >= since);
        Ok(is_list_old || state.open.len() < opened)
    }

    /// The first segment that starts after this record.
    pub(super) fn first_after(&self, seq: Seq) -> Option<Seq> {
        let state = self.state.lock();
        let after = state.segments.partition_point(|first_seq| *first_seq <= seq);
        state.segments.get(after).copied()
    }
}

fn list(inner: &Inner) -> Result<Vec<Seq>, ReadError> {
    Ok(Inventory::take(&*inner.storage, &inner.directory)?.unwrap_or_default().segments)
}
