//! A run through one segment: commit after commit, each checked as a whole before any record of it is given out.
//!
//! A run never decides what is damaged. Where something isn't as it should be, or isn't there, it says so, and the
//! record in question is looked at closely: see [`OpenSegment::read`]. No lock is taken for a record, and once there
//! is memory for a piece of the file, none is asked for.

use std::sync::Arc;

use crate::damage::Problem;
use crate::fields::in_memory;
use crate::frame::{FRAME_BYTES, Frame};
use crate::reader::open_segment::OpenSegment;
use crate::reader::piece::Piece;
use crate::record::{LEAF_BYTES, RECORD_HEADER_BYTES, Record, RecordRef, record_bytes};
use crate::segment::Segment;
use crate::segment::records::{RecordsCheck, payload_bytes_at};
use crate::segment::scan::{Place, PlacedFrame, Visitor, Window, fit, walk_records};
use crate::seq::{Leaf, Seq};

/// What the records of a run are wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be looked at one after the other.
    Lend,
    /// To be kept by whoever gets them.
    Share,
}

/// Where a run was led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// To the record that was wanted.
    There,
    /// That one has to be looked at closely. The run may go on behind it.
    Closely,
    /// The run is over.
    Over,
}

/// Goes through a segment's records in order.
#[derive(Debug)]
pub(super) struct Run {
    segment: Arc<OpenSegment>,
    piece: Piece,
    check: RecordsCheck,
    /// No commit reaches beyond this offset.
    limit: u64,
    /// Nor does one hold this record, or a later one.
    end: Seq,
    /// Where the next commit is expected.
    place: Place,
    commit: Commit,
    /// Records before this one are looked at closely, because the commit that they are in isn't sound.
    closely_before: Seq,
    current: Current,
}

/// The record that a run stands at.
#[derive(Debug, Clone, Copy)]
struct Current {
    seq: Seq,
    /// Where its leaf starts in the piece, right in front of the payload.
    leaf_at: usize,
    payload_bytes: usize,
}

/// The commit that a run is in.
#[derive(Debug, Clone, Copy)]
struct Commit {
    /// The number of the next record.
    seq: Seq,
    /// Where that one starts.
    offset: u64,
    end_seq: Seq,
    end: u64,
    time_ns: i64,
    /// Whether all of it was checked in the memory that it still lies in.
    is_checked: bool,
}

impl Run {
    /// A run through this segment that starts with this record, if the segment holds it. Takes over the memory of a run
    /// that is over.
    pub(super) fn over(
        segment: Arc<OpenSegment>,
        seq: Seq,
        purpose: Purpose,
        before: Option<Run>,
    ) -> Option<Run> {
        let (place, limit) = (segment.commit_place(seq)?, segment.commits_limit().ok()?);
        let end = segment.end().unwrap_or(Seq::MAX);
        let piece = match segment.sealed() {
            Some(sealed) if purpose == Purpose::Share => Piece::Mapped(Arc::clone(sealed), 0),
            _ => Piece::empty(before.map(|run| run.piece)),
        };
        let Place { seq, offset, .. } = place;
        let commit = Commit { seq, offset, end_seq: seq, end: offset, time_ns: 0, is_checked: false };
        let (check, current) = (RecordsCheck::new(), Current { seq, leaf_at: 0, payload_bytes: 0 });
        Some(Run { segment, piece, check, limit, end, place, commit, closely_before: Seq::ZERO, current })
    }

    /// Goes on to this record, which must not be before the one that the run stands at.
    pub(super) fn move_to(&mut self, seq: Seq, durable_end: Seq) -> Moved {
        if seq < self.closely_before {
            return Moved::Closely;
        }
        while self.commit.end_seq <= seq {
            match self.enter_next(durable_end) {
                Moved::There => {}
                Moved::Closely if self.closely_before <= seq => {}
                stopped => return stopped,
            }
        }
        while self.commit.seq <= seq {
            if self.step().is_none() {
                self.closely_before = self.commit.end_seq;
                return Moved::Closely;
            }
        }
        Moved::There
    }

    /// As [`Run::move_to`], if the record is the next one of the commit that the run is in; does nothing otherwise.
    #[inline]
    pub(super) fn move_to_next(&mut self, seq: Seq) -> bool {
        let commit = &self.commit;
        commit.seq == seq && seq < commit.end_seq && commit.is_checked && self.step().is_some()
    }

    /// The record that the run stands at; `None` if it was never led to one.
    #[inline]
    pub(super) fn lend(&self) -> Option<RecordRef<'_>> {
        let Current { seq, leaf_at, payload_bytes } = self.current;
        let (leaf, rest) = self.piece.bytes().get(leaf_at..)?.split_first_chunk::<LEAF_BYTES>()?;
        Some(RecordRef::new(seq, self.commit.time_ns, leaf, rest.get(..payload_bytes)?))
    }

    /// As [`Run::lend`], to be kept.
    pub(super) fn share(&self) -> Option<Record> {
        let lent = self.lend()?;
        Some(Record::of_checked(self.piece.share(), self.current.leaf_at, lent))
    }

    /// Goes on to the next commit, and checks it.
    fn enter_next(&mut self, durable_end: Seq) -> Moved {
        if self.place.seq >= self.end {
            return Moved::Over;
        }
        let Some(found) = self.next_frame(durable_end) else { return self.resume_behind_frame() };
        self.place = found.place_after();
        self.segment.remember(&found);
        let (offset, end, frame) = (found.records_offset(), found.end(), found.frame);
        let is_short = frame.records_bytes <= self.piece.commit_bytes_max();
        let is_sound = if is_short { self.is_sound_in_memory(&found) } else { self.is_sound_on_disk(&found) };
        let (seq, end_seq, time_ns) = (frame.first_seq, frame.end_seq(), frame.commit_time_ns);
        self.commit = Commit { seq, offset, end_seq, end, time_ns, is_checked: is_short };
        if is_sound {
            return Moved::There;
        }
        self.closely_before = end_seq;
        self.commit.seq = end_seq;
        Moved::Closely
    }

    /// The frame of the next commit, if one is there that is valid and durable.
    fn next_frame(&mut self, durable_end: Seq) -> Option<PlacedFrame> {
        let Segment { file, header, .. } = self.segment.segment();
        let (offset, limit) = (header.commit_start(self.place.offset), self.limit);
        if !self.piece.reach(file, offset, FRAME_BYTES as u64, limit).ok()? {
            return None;
        }
        let block = self.piece.from(offset).first_chunk()?;
        let frame = Frame::decode(block, header.seed(offset)).ok()?;
        let found = fit(frame, offset, self.place, limit).ok()?;
        (found.frame.end_seq() <= self.end.min(durable_end)).then_some(found)
    }

    /// What to do where no valid frame is: the footer, if there is one, says where the next commit is.
    fn resume_behind_frame(&mut self) -> Moved {
        let Some(behind) = self.segment.commit_after(self.place.seq) else { return Moved::Over };
        let place = self.segment.commit_place(behind);
        let at_end = Place { seq: self.end, ..self.place };
        // INVARIANT: a run never goes back, whatever a forged footer says.
        self.place = place.filter(|place| place.seq > self.place.seq).unwrap_or(at_end);
        self.closely_before = self.place.seq;
        (self.commit.seq, self.commit.end_seq) = (self.place.seq, self.place.seq);
        Moved::Closely
    }

    fn is_sound_in_memory(&mut self, commit: &PlacedFrame) -> bool {
        let Segment { file, header, .. } = self.segment.segment();
        let (offset, bytes) = (commit.records_offset(), commit.frame.records_bytes);
        let is_there = self.piece.reach(file, offset, bytes, self.limit).is_ok_and(|reached| reached);
        let records = self.piece.from(offset).get(..in_memory(bytes));
        let seed = header.seed(commit.offset);
        is_there && records.is_some_and(|records| self.check.is_sound(records, &commit.frame, seed))
    }

    /// Walks through a commit that is too long to be held. Each of its records is checked again when it is given out.
    fn is_sound_on_disk(&self, commit: &PlacedFrame) -> bool {
        struct Sound(bool);
        impl Visitor for Sound {
            fn record(&mut self, _: Seq, _: u64, _: Leaf) {}
            fn problem(&mut self, _: std::ops::Range<Seq>, _: u64, _: Problem) {
                self.0 = false;
            }
        }
        let Segment { file, header, .. } = self.segment.segment();
        let (mut window, mut sound) = (Window::new(file, commit.end()), Sound(true));
        walk_records(&mut window, header, commit, None, &mut sound).is_ok() && sound.0
    }

    /// Checks one record of a commit that is too long to be held.
    fn check_alone(&mut self, offset: u64, commit_end: u64) -> Option<()> {
        let file = &self.segment.segment().file;
        let mut bytes = RECORD_HEADER_BYTES as u64;
        for _ in ["its header", "all of it"] {
            if !self.piece.reach(file, offset, bytes, commit_end).ok()? {
                return None;
            }
            bytes = record_bytes(payload_bytes_at(self.piece.from(offset))?);
        }
        self.check.is_sound_alone(self.piece.from(offset)).then_some(())
    }

    /// Goes on to the next record of the commit.
    #[inline]
    fn step(&mut self) -> Option<()> {
        let Commit { seq, offset, end, .. } = self.commit;
        if !self.commit.is_checked {
            self.check_alone(offset, end)?;
        }
        let at = self.piece.place_of(offset)?;
        let payload_bytes = payload_bytes_at(self.piece.bytes().get(at..)?)?;
        let leaf_at = at + RECORD_HEADER_BYTES - LEAF_BYTES;
        self.current = Current { seq, leaf_at, payload_bytes: in_memory(u64::from(payload_bytes)) };
        self.commit.seq = seq.next();
        self.commit.offset = offset + record_bytes(payload_bytes);
        Some(())
    }
}
