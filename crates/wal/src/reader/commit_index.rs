//! Where the commits of a growing segment lie: found by hopping from frame to frame, and remembered.
//!
//! Only what is durable is looked at, so what doesn't make sense there is damage. Behind damage the index goes on at
//! the next frame that is valid; what lies between is reported to whoever asks for it.

use std::collections::{BTreeMap, btree_map};

use crate::damage::{Damage, Problem};
use crate::error::ReadError;
use crate::segment::Segment;
use crate::segment::header::SegmentHeader;
use crate::segment::scan::{
    FrameFound, Place, PlacedFrame, Visitor, Window, find_frame, read_frame, walk_records,
};
use crate::seq::{Leaf, Seq};
use crate::storage::file::StorageError;

/// How much is read for a hop when a reader follows closely.
const NEAR_BYTES: u64 = 4096;

/// How much is read for a hop when there are more records to catch up with than [`NEAR_RECORDS`].
const FAR_BYTES: u64 = 256 << 10;

const NEAR_RECORDS: u64 = 64;

/// How many damaged records of a commit are remembered each by itself; neighbours beyond that share an entry. A file
/// with holes costs who made it nothing, and must not cost its reader an entry for each record of zeroes.
const DAMAGED_SINGLY_MAX: usize = 1000;

/// When the places of more records than this are held, they are forgotten: 16 bytes each, and a segment of 64 MiB full of
/// small events has about so many. Whoever asks for scattered records of a growing segment walks each commit once.
const OPENED_RECORDS_MAX: u64 = 1 << 18;

/// The commits of a segment, as far as they were looked at.
#[derive(Debug)]
pub(super) struct CommitIndex {
    entries: Vec<Entry>,
    end: Place,
    /// Where the next segment starts, if there was one when this one was opened.
    next_segment: Option<Seq>,
    /// The records of multi-record commits that were used, by the first of each.
    opened: BTreeMap<Seq, OpenedCommit>,
    /// How many records these have.
    opened_records: u64,
}

#[derive(Debug)]
enum Entry {
    Commit(PlacedFrame),
    // Boxed, because there is a commit for every hundred bytes of a log of small events, and hardly ever damage.
    Damaged(Box<Damage>),
}

/// Where a record lies.
pub(super) enum RecordPlace {
    At { offset: u64, commit_end: u64, commit_time_ns: i64 },
    EndsBefore(Seq),
    Damaged(Damage),
}

/// A commit whose records were walked through.
#[derive(Debug)]
struct OpenedCommit {
    /// The records that are sound and surely where their numbers say, in order.
    sound: Vec<(Seq, u64)>,
    damage: Vec<Damage>,
}

impl Entry {
    fn first_seq(&self) -> Seq {
        match self {
            Entry::Commit(commit) => commit.frame.first_seq,
            Entry::Damaged(damage) => damage.seq_from,
        }
    }
}

impl CommitIndex {
    pub(super) fn new(header: &SegmentHeader, next_segment: Option<Seq>) -> CommitIndex {
        CommitIndex {
            entries: Vec::new(),
            end: Place::start_of(header),
            next_segment,
            opened: BTreeMap::new(),
            opened_records: 0,
        }
    }

    /// Where this record lies.
    pub(super) fn place_of(
        &mut self,
        segment: &Segment,
        seq: Seq,
        durable_end: Seq,
    ) -> Result<RecordPlace, ReadError> {
        if self.next_segment.is_some_and(|next| seq >= next) {
            return Ok(RecordPlace::EndsBefore(self.end.seq));
        }
        self.extend(segment, seq, durable_end)?;
        let after = self.entries.partition_point(|entry| entry.first_seq() <= seq);
        match after.checked_sub(1).and_then(|at| self.entries.get(at)) {
            Some(Entry::Damaged(damage)) if seq < damage.seq_to => {
                Ok(RecordPlace::Damaged(Damage::clone(damage)))
            }
            Some(Entry::Commit(commit)) if seq < commit.frame.end_seq() => {
                let commit = *commit;
                Ok(self.place_in(segment, &commit, seq)?)
            }
            _ => Ok(RecordPlace::EndsBefore(self.end.seq)),
        }
    }

    /// Where the next segment starts, if there was one when this one was opened.
    pub(super) fn next_segment(&self) -> Option<Seq> {
        self.next_segment
    }

    /// Where the commit starts that holds this record, as far as was looked.
    pub(super) fn commit_place(&self, seq: Seq) -> Option<Place> {
        let after = self.entries.partition_point(|entry| entry.first_seq() <= seq);
        match after.checked_sub(1).and_then(|at| self.entries.get(at)) {
            Some(Entry::Commit(commit)) if seq < commit.frame.end_seq() => {
                let (seq, commit_time_ns) = (commit.frame.first_seq, commit.frame.commit_time_ns);
                Some(Place { offset: commit.offset, seq, commit_time_ns })
            }
            // Whoever reads in order is at the end of what was looked at.
            _ => (seq == self.end.seq).then_some(self.end),
        }
    }

    /// Takes note of a commit that somebody else came across.
    pub(super) fn remember(&mut self, commit: &PlacedFrame) {
        if commit.frame.first_seq == self.end.seq {
            self.entries.push(Entry::Commit(*commit));
            self.end = commit.place_after();
        }
    }

    /// Hops on until this record is covered.
    fn extend(&mut self, segment: &Segment, seq: Seq, durable_end: Seq) -> Result<(), StorageError> {
        if self.end.seq > seq {
            return Ok(());
        }
        let file_bytes = segment.file.length()?;
        let window_bytes = if seq.since(self.end.seq) > NEAR_RECORDS { FAR_BYTES } else { NEAR_BYTES };
        let mut window = Window::sized(&segment.file, file_bytes, window_bytes);
        while self.end.seq <= seq {
            match read_frame(&mut window, &segment.header, self.end)? {
                FrameFound::Frame(commit) => {
                    self.entries.push(Entry::Commit(commit));
                    self.end = commit.place_after();
                }
                FrameFound::Bad { offset, problem } => self.skip(segment, durable_end, offset, problem)?,
                FrameFound::Blank => {
                    let (expected, found) = (self.end.offset + 1, self.end.offset);
                    let problem = Problem::Ends { part: "segment", expected, found };
                    self.skip(segment, durable_end, found, problem)?;
                }
            }
        }
        Ok(())
    }

    /// Records damage from here to the next valid frame, or to where this segment's durable records end.
    fn skip(
        &mut self,
        segment: &Segment,
        durable_end: Seq,
        offset: u64,
        problem: Problem,
    ) -> Result<(), StorageError> {
        let mut window = Window::sized(&segment.file, segment.file.length()?, FAR_BYTES);
        let from = self.end.seq;
        let end = self.next_segment.unwrap_or(durable_end);
        let frame = find_frame(&mut window, &segment.header, self.end.offset + 1)?;
        let fits = |found: &PlacedFrame| found.frame.first_seq >= from && found.frame.end_seq() <= end;
        let next = frame.filter(fits);
        let to = next.map_or(end, |commit| commit.frame.first_seq);
        // Damaged padding in front of a sound frame keeps nobody from reading on.
        if from < to {
            self.entries.push(Entry::Damaged(Box::new(segment.damage(from..to, offset, problem))));
        }
        self.end = Place { seq: to, ..self.end };
        if let Some(commit) = next {
            self.entries.push(Entry::Commit(commit));
            self.end = commit.place_after();
        }
        Ok(())
    }

    /// Where the record lies in its commit.
    fn place_in(
        &mut self,
        segment: &Segment,
        commit: &PlacedFrame,
        seq: Seq,
    ) -> Result<RecordPlace, StorageError> {
        let (commit_end, commit_time_ns) = (commit.end(), commit.frame.commit_time_ns);
        if commit.frame.records == 1 {
            let offset = commit.records_offset();
            return Ok(RecordPlace::At { offset, commit_end, commit_time_ns });
        }
        let is_at_hand = self.opened.contains_key(&commit.frame.first_seq);
        if !is_at_hand && self.opened_records > OPENED_RECORDS_MAX {
            self.opened.clear();
            self.opened_records = 0;
        }
        let opened = match self.opened.entry(commit.frame.first_seq) {
            btree_map::Entry::Occupied(opened) => opened.into_mut(),
            btree_map::Entry::Vacant(place) => {
                self.opened_records += u64::from(commit.frame.records);
                place.insert(OpenedCommit::walk(segment, commit)?)
            }
        };
        Ok(match opened.offset_of(seq) {
            Some(offset) => RecordPlace::At { offset, commit_end, commit_time_ns },
            None => RecordPlace::Damaged(opened.damage_of(seq, segment, commit)),
        })
    }
}

impl OpenedCommit {
    fn walk(segment: &Segment, commit: &PlacedFrame) -> Result<OpenedCommit, StorageError> {
        struct Collect<'a> {
            opened: OpenedCommit,
            segment: &'a Segment,
        }
        impl Visitor for Collect<'_> {
            fn record(&mut self, seq: Seq, offset: u64, _: Leaf) {
                self.opened.sound.push((seq, offset));
            }
            fn problem(&mut self, seqs: std::ops::Range<Seq>, offset: u64, problem: Problem) {
                // A commit whose own checksum is wrong takes all of its records back.
                self.opened.sound.truncate(self.opened.sound.partition_point(|(seq, _)| *seq < seqs.start));
                let many = self.opened.damage.len() >= DAMAGED_SINGLY_MAX;
                match self.opened.damage.last_mut().filter(|last| many && last.seq_to == seqs.start) {
                    Some(last) => last.seq_to = seqs.end,
                    None => self.opened.damage.push(self.segment.damage(seqs, offset, problem)),
                }
            }
        }
        let opened = OpenedCommit { sound: Vec::new(), damage: Vec::new() };
        let mut window = Window::new(&segment.file, commit.end());
        let mut collect = Collect { opened, segment };
        walk_records(&mut window, &segment.header, commit, None, &mut collect)?;
        Ok(collect.opened)
    }

    fn offset_of(&self, seq: Seq) -> Option<u64> {
        let at = self.sound.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        self.sound.get(at).map(|(_, offset)| *offset)
    }

    fn damage_of(&self, seq: Seq, segment: &Segment, commit: &PlacedFrame) -> Damage {
        let after = self.damage.partition_point(|damage| damage.seq_from <= seq);
        let covering = after.checked_sub(1).and_then(|at| self.damage.get(at));
        let covering = covering.filter(|damage| seq < damage.seq_to);
        let last = self.damage.first().map(|damage| (damage.offset, damage.problem.clone()));
        covering.cloned().unwrap_or_else(|| {
            let (offset, problem) = last.unwrap_or((commit.offset, Problem::Missing));
            segment.damage(seq..commit.frame.end_seq(), offset, problem)
        })
    }
}

#[cfg(test)]
mod tests;
