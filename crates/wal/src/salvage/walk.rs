//! Walking through one segment of the old log, from sound place to sound place.
//!
//! INVARIANT: a record is given its old number only if a sound frame, a sound footer, or two sound places that the
//! records between them fill exactly say so. INVARIANT: behind the last record that is known to have been durable,
//! only whole sound commits are taken, and nothing behind the first that isn't: what recovery would do.

use std::ops::Range;

use crate::damage::{Problem, check_crc, check_field};
use crate::frame::{FRAME_BYTES, Frame};
use crate::options::BATCH_BYTES_MAX;
use crate::record::{RECORD_HEADER_BYTES, RecordHeader};
use crate::salvage::Salvage;
use crate::salvage::fill::Stretch;
use crate::salvage::patient::Unreadable;
use crate::salvage::report::{SalvageFinding, Trouble};
use crate::salvage::rest::KnownFooter;
use crate::salvage::survey::Volume;
use crate::segment::Segment;
use crate::segment::scan::{
    FrameFound, Place, PlacedFrame, Walked, Window, find_frame, read_frame, read_record,
};
use crate::seq::Seq;
use crate::storage::file::StorageError;

/// How often progress is reported.
const PROGRESS_BYTES: u64 = 4 << 20;

/// What is known of a segment's end from elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ending {
    /// The first record that isn't in it.
    pub(super) seq: Option<Seq>,
    /// A place behind one of its commits: where the watermark stands, or the footer starts.
    pub(super) place: Option<Place>,
    /// At least the records before this one must be there.
    pub(super) least: Seq,
}

/// A segment that is being walked through.
pub(super) struct Walk<'w, 'a> {
    pub(super) salvage: &'w mut Salvage<'a>,
    pub(super) volume: &'w Volume,
    pub(super) segment: &'w Segment,
    pub(super) unreadable: &'w Unreadable,
    pub(super) window: Window<'w>,
    pub(super) footer: KnownFooter,
    pub(super) ending: Ending,
    /// What this segment's frames say was durable, once somebody asked.
    pub(super) durable_within: Option<Seq>,
}

/// Where a walk goes on behind trouble.
enum Onward {
    Commit(PlacedFrame),
    Place(Place),
    Nowhere,
}

impl Walk<'_, '_> {
    /// Copies what the segment holds.
    pub(super) fn run(&mut self) -> Result<(), StorageError> {
        let header = &self.segment.header;
        let (mut place, mut reported) = (Place::start_of(header), 0);
        while self.ending.seq.is_none_or(|end| place.seq < end) {
            let onward = match read_frame(&mut self.window, header, place)? {
                FrameFound::Frame(commit) => Onward::Commit(commit),
                FrameFound::Blank => self.bridge(place, (place.offset, ends(place)))?,
                FrameFound::Bad { offset, problem } => self.bridge(place, (offset, problem))?,
            };
            place = match onward {
                Onward::Commit(commit) => match self.commit(&commit, place)? {
                    Some(behind) => behind,
                    None => return Ok(()),
                },
                Onward::Place(behind) => behind,
                Onward::Nowhere => return self.miss_rest(place),
            };
            if place.offset - reported >= PROGRESS_BYTES {
                reported = place.offset;
                self.salvage.tell_progress(reported);
            }
        }
        self.judge_rest(place)?;
        self.miss_rest(place)
    }

    /// Finds the way over something that is no sound frame.
    fn bridge(&mut self, place: Place, trouble: (u64, Problem)) -> Result<Onward, StorageError> {
        // The end of a sound log is blank; it needn't be searched for frames.
        let is_end = place.seq >= self.salvage.acknowledged_end && self.is_blank_behind(place.offset)?;
        if is_end || !self.is_acknowledged(place.seq)? {
            self.judge_rest(place)?;
            return Ok(Onward::Nowhere);
        }
        let next = self.next_frame(place)?;
        let known = self.ending.place.filter(|known| known.offset >= place.offset && known.seq > place.seq);
        let known = known.filter(|known| next.is_none_or(|next| known.offset <= next.offset));
        let to = match (known, next) {
            (Some(known), _) => Some((known.offset, known.seq)),
            (None, Some(next)) => Some((next.offset, next.frame.first_seq)),
            (None, None) => None,
        };
        if next.is_none()
            && let Some(cut) = self.cut_commit(place, &trouble)?
        {
            self.fill(&cut)?;
            return Ok(Onward::Nowhere);
        }
        let next_time = next.map_or(i64::MAX, |next| next.frame.commit_time_ns);
        let stretch = Stretch {
            from: self.segment.header.commit_start(place.offset).min(self.window.limit()),
            to: to.map_or(self.window.limit(), |(offset, _)| offset),
            seqs: to.map(|(_, seq)| seq).or(self.ending.seq).map(|end| place.seq..end.max(place.seq)),
            ends_exactly: to.is_some(),
            frame: None,
            commit_time_ns: self.likely_time(place).min(next_time),
            trouble,
        };
        self.fill(&stretch)?;
        Ok(match (known, next) {
            (Some(known), _) => Onward::Place(known),
            (None, Some(next)) => Onward::Commit(next),
            (None, None) => Onward::Nowhere,
        })
    }

    /// A commit whose frame is sound, and that the file is too short for.
    fn cut_commit(
        &mut self,
        place: Place,
        trouble: &(u64, Problem),
    ) -> Result<Option<Stretch>, StorageError> {
        let offset = self.segment.header.commit_start(place.offset);
        let block = self.window.get(offset, FRAME_BYTES as u64)?.and_then(<[u8]>::first_chunk);
        let frame = block.and_then(|block| Frame::decode(block, self.segment.header.seed(offset)).ok());
        let frame = frame.filter(|frame| frame.first_seq == place.seq);
        Ok(frame.map(|frame| Stretch {
            from: offset,
            to: self.window.limit(),
            seqs: Some(frame.first_seq..frame.end_seq()),
            ends_exactly: false,
            frame: Some(PlacedFrame { offset, frame }),
            commit_time_ns: frame.commit_time_ns,
            trouble: trouble.clone(),
        }))
    }

    /// Copies a commit whose frame is sound. Returns the place behind it, or nothing if the log ended before it.
    fn commit(&mut self, commit: &PlacedFrame, before: Place) -> Result<Option<Place>, StorageError> {
        let frame = &commit.frame;
        if frame.end_seq() <= self.salvage.next {
            // They stand in another segment too.
            return Ok(Some(commit.place_after()));
        }
        let Some(trouble) = self.take_records(commit)? else {
            let old_from = frame.first_seq.max(self.salvage.next);
            let new = self.salvage.copy.pending();
            self.salvage.copy.commit(Some(frame.commit_time_ns))?;
            self.salvage.report.note_copied(old_from, new.start, new.end.since(new.start));
            self.salvage.next = frame.end_seq();
            return Ok(Some(commit.place_after()));
        };
        self.salvage.copy.discard();
        if !self.is_acknowledged(frame.first_seq)? {
            self.judge_rest(before)?;
            return Ok(None);
        }
        self.fill(&Stretch {
            from: commit.offset,
            to: commit.end(),
            seqs: Some(frame.first_seq..frame.end_seq()),
            ends_exactly: true,
            frame: Some(*commit),
            commit_time_ns: frame.commit_time_ns,
            trouble,
        })?;
        Ok(Some(commit.place_after()))
    }

    /// Puts the records of a commit together. Returns what is wrong with it, if anything is.
    fn take_records(&mut self, commit: &PlacedFrame) -> Result<Option<(u64, Problem)>, StorageError> {
        let frame = &commit.frame;
        if frame.records_bytes > BATCH_BYTES_MAX {
            let (max, found) = (BATCH_BYTES_MAX, frame.records_bytes);
            let problem = Problem::Range { part: "commit frame", field: "byte length", min: 0, max, found };
            return Ok(Some((commit.offset, problem)));
        }
        let (mut offset, mut seq) = (commit.records_offset(), frame.first_seq);
        let mut records_crc = self.segment.header.seed(commit.offset);
        while seq < frame.end_seq() {
            let leaf_function = &*self.salvage.options.leaf_function;
            match read_record(&mut self.window, offset, commit.end(), Some(leaf_function))? {
                Walked::Sound(record) => {
                    records_crc = crc32c::crc32c_append(records_crc, &record.crc.to_le_bytes());
                    if seq >= self.salvage.next {
                        let payload = payload_of(&mut self.window, offset, &record)?;
                        self.salvage.copy.push(&record, payload);
                    }
                    offset += record.total_bytes();
                }
                Walked::Bad { problem, .. } | Walked::Lost(problem) => return Ok(Some((offset, problem))),
            }
            seq = seq.next();
        }
        let filled = check_field("commit", "end of the last record", commit.end(), offset);
        let checked = filled.and_then(|()| check_crc("commit", records_crc, frame.records_crc));
        Ok(checked.err().map(|problem| (commit.offset, problem)))
    }

    /// The next sound frame that can belong behind this place.
    fn next_frame(&mut self, place: Place) -> Result<Option<PlacedFrame>, StorageError> {
        let mut at = place.offset;
        while let Some(found) = find_frame(&mut self.window, &self.segment.header, at)? {
            let frame = &found.frame;
            let fits = frame.first_seq >= place.seq
                && frame.durable_before <= frame.first_seq
                && self.ending.seq.is_none_or(|end| frame.end_seq() <= end);
            if fits {
                return Ok(Some(found));
            }
            at = found.offset + 1;
        }
        Ok(None)
    }

    /// Whether a record was durable for sure: by the watermark, by a later segment, or by a later frame.
    fn is_acknowledged(&mut self, seq: Seq) -> Result<bool, StorageError> {
        if seq < self.salvage.acknowledged_end {
            return Ok(true);
        }
        let known = match self.durable_within {
            Some(known) => known,
            None => self.find_durable_within()?,
        };
        self.durable_within = Some(known);
        Ok(seq < known)
    }

    fn is_blank_behind(&mut self, offset: u64) -> Result<bool, StorageError> {
        Ok(self.window.data_end(offset)? == offset)
    }

    fn find_durable_within(&mut self) -> Result<Seq, StorageError> {
        let (mut at, mut durable) = (0, Seq::ZERO);
        while let Some(found) = find_frame(&mut self.window, &self.segment.header, at)? {
            if found.frame.durable_before <= found.frame.first_seq {
                durable = durable.max(found.frame.durable_before);
            }
            at = found.offset + 1;
        }
        Ok(durable)
    }

    /// When a commit was written whose frame is lost: not before its predecessor, or the segment.
    fn likely_time(&self, place: Place) -> i64 {
        if place.commit_time_ns == i64::MIN { self.segment.header.created_ns } else { place.commit_time_ns }
    }

    /// Reports the records that should have been in this segment and weren't found, if they weren't reported yet.
    fn miss_rest(&mut self, place: Place) -> Result<(), StorageError> {
        let least = self.ending.least.max(self.ending.seq.unwrap_or(Seq::ZERO));
        if self.salvage.next < least {
            let seqs = self.salvage.next..least;
            let found = place.offset.min(self.segment.file.length()?);
            self.gap(Some(seqs), found, 0, ends(place));
            self.salvage.next = least;
        }
        Ok(())
    }

    /// Reports that records are lost.
    pub(super) fn gap(&mut self, seqs: Option<Range<Seq>>, offset: u64, bytes: u64, problem: Problem) {
        let gap = self.finding(seqs, offset, bytes, problem);
        self.salvage.report.gap(gap);
    }

    /// Reports something that cost no record.
    pub(super) fn remark(&mut self, offset: u64, bytes: u64, problem: Problem) {
        let remark = self.finding(None, offset, bytes, problem);
        self.salvage.report.remarks.push(remark);
    }

    fn finding(&self, seqs: Option<Range<Seq>>, offset: u64, bytes: u64, problem: Problem) -> SalvageFinding {
        // What can't be read looks like damage from here, and isn't known to be.
        let trouble = match self.unreadable.within(offset..offset + bytes.max(1)) {
            Some(error) => Trouble::Unreadable(error),
            None => Trouble::Damaged(problem),
        };
        SalvageFinding { file: self.volume.name.clone(), seqs, offset, bytes, trouble }
    }
}

fn ends(place: Place) -> Problem {
    Problem::Ends { part: "segment", expected: place.offset + 1, found: place.offset }
}

/// The payload of a record that was checked a moment ago: it still lies in the window.
pub(super) fn payload_of<'b>(
    window: &'b mut Window<'_>,
    offset: u64,
    record: &RecordHeader,
) -> Result<&'b [u8], StorageError> {
    let payload = window.get(offset + RECORD_HEADER_BYTES as u64, u64::from(record.payload_bytes))?;
    Ok(payload.expect("a window keeps what was read last"))
}
