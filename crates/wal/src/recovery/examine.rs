//! Looking at what lies behind the watermark. Changes nothing.

use std::path::Path;
use std::sync::Arc;

use crate::damage::{Damage, Problem};
use crate::error::OpenError;
use crate::leaf::LeafFunction;
use crate::planted::{Bug, planted};
use crate::recovery::table::Behind;
use crate::segment::header::{
    COMMIT_ALIGNMENT_BYTES_MAX, FORMAT_VERSION, SegmentHeader, is_of_another_place,
};
use crate::segment::name::segment_name;
use crate::segment::scan::{CommitFound, Place, Window, find_frame, read_commit};
use crate::segment::seal::{SealError, Sealed, prepare};
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::StorageError;
use crate::storage::{OpenMode, Storage};
use crate::watermark::Watermark;

/// What the log's end looks like.
#[derive(Debug)]
pub(crate) struct Examined {
    /// The segments with something behind the watermark, or where the watermark stands, in order. Only the last of them
    /// if it was looked at for reading: nobody will touch the others, and each is an open file.
    pub(crate) parts: Vec<Part>,
    /// Where the last sound commit ends: in the last part.
    pub(crate) end: Place,
    /// What follows it.
    pub(crate) behind: Behind,
    /// If that isn't nothing: where, and what is wrong with it.
    pub(crate) junk: Option<Junk>,
}

/// The sound commits of one segment that lie behind the watermark.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) segment: Segment,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Whether it has its footer.
    pub(crate) sealed: bool,
}

/// Bytes that make no sense.
#[derive(Debug)]
pub(crate) struct Junk {
    pub(crate) segment: Seq,
    pub(crate) offset: u64,
    /// How many, up to the last one that isn't zero.
    pub(crate) bytes: u64,
    pub(crate) problem: Problem,
    /// For a contradiction: the records that were durable and aren't there.
    pub(crate) missing: std::ops::Range<Seq>,
}

impl Junk {
    /// The same as damage.
    pub(crate) fn damage(&self) -> Damage {
        let (segment, problem) = (segment_name(self.segment), self.problem.clone());
        let std::ops::Range { start, end } = self.missing;
        Damage { segment, seq_from: start, seq_to: end, offset: self.offset, problem }
    }
}

/// How far to look behind a log's last sound commit, where nothing is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To the end of the file.
    Whole,
    /// No further than [`NEAR_BYTES`], if there is nothing: for a log whose writer's last bytes are all in the page cache. It
    /// wrote one commit at a time, each from its start, so that what it was writing when it died starts right there. Whatever
    /// stands further on is met when the segment is sealed, in the background.
    Near,
}

/// How far [`Reach::Near`] is: more than the padding in front of a commit can be.
const NEAR_BYTES: u64 = 256 << 10;

const _: () = assert!(NEAR_BYTES > 2 * COMMIT_ALIGNMENT_BYTES_MAX as u64, "a commit's first bytes are near");

/// Where to look.
pub(crate) struct Examiner<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) directory: &'a Path,
    pub(crate) ledger_id: LedgerId,
    /// The first records of all segments, sorted.
    pub(crate) segments: &'a [Seq],
    /// For writing, if what is found will be acted upon.
    pub(crate) mode: OpenMode,
    pub(crate) reach: Reach,
    pub(crate) leaf_function: &'a Arc<dyn LeafFunction>,
}

/// One segment, walked to the end of its sound commits.
struct Walked {
    part: Part,
    end: Place,
    problem: Option<(u64, Problem)>,
}

impl Examiner<'_> {
    /// Looks at everything behind the watermark.
    pub(crate) fn examine(&self, mark: &Watermark) -> Result<Examined, OpenError> {
        let mut end = Place { offset: mark.offset, seq: mark.seq, commit_time_ns: mark.commit_time_ns };
        let mut parts = Vec::new();
        let mut rest =
            self.segments.iter().copied().skip_while(|first_seq| *first_seq < mark.segment).peekable();
        if mark.offset > 0 {
            let first_seq = rest.next_if_eq(&mark.segment);
            let walked = self.walk_marked(mark, first_seq)?;
            end = walked.end;
            self.keep(&mut parts, walked.part);
            let last = parts.last().expect("it was just added");
            if let Some((behind, junk)) = self.judge(last, walked.problem, end, rest.peek().copied())? {
                return Ok(Examined { parts, end, behind, junk });
            }
        }
        while let Some(first_seq) = rest.next() {
            if first_seq != end.seq && !planted(Bug::AcceptGap) {
                return Err(gap(end.seq, first_seq));
            }
            let is_last = rest.peek().is_none();
            let walked = match self.walk_new(first_seq, end)? {
                Ok(walked) if walked.end.seq > first_seq || !is_last => walked,
                Ok(walked) => return Ok(empty_segment(parts, end, first_seq, walked.problem)),
                Err((offset, problem)) if is_last => {
                    return Ok(empty_segment(parts, end, first_seq, Some((offset, problem))));
                }
                Err((offset, problem)) => {
                    return Err(OpenError::Damaged(Damage {
                        segment: segment_name(first_seq),
                        seq_from: first_seq,
                        seq_to: rest.peek().copied().unwrap_or(first_seq),
                        offset,
                        problem,
                    }));
                }
            };
            end = walked.end;
            self.keep(&mut parts, walked.part);
            let last = parts.last().expect("it was just added");
            if let Some((behind, junk)) = self.judge(last, walked.problem, end, rest.peek().copied())? {
                return Ok(Examined { parts, end, behind, junk });
            }
        }
        Ok(Examined { parts, end, behind: Behind::Nothing, junk: None })
    }

    /// The segment that the watermark stands in.
    fn walk_marked(&self, mark: &Watermark, first_seq: Option<Seq>) -> Result<Walked, OpenError> {
        let damaged = |offset, problem| {
            let (segment, seq_from, seq_to) = (segment_name(mark.segment), mark.segment, mark.seq);
            OpenError::Damaged(Damage { segment, seq_from, seq_to, offset, problem })
        };
        let Some(first_seq) = first_seq else { return Err(damaged(0, Problem::Missing)) };
        let segment = match self.open(first_seq) {
            Ok(segment) => segment,
            Err(SegmentError::Storage(error)) => return Err(error.into()),
            Err(SegmentError::NewerVersion { path, found }) => return Err(newer(path, found)),
            Err(SegmentError::OtherLeafFunction { found, given }) => {
                return Err(OpenError::OtherLeafFunction { found, given });
            }
            Err(SegmentError::Damaged { offset, problem }) => return Err(damaged(offset, problem)),
        };
        let file_bytes = segment.file.length()?;
        if file_bytes < mark.offset {
            let problem = Problem::Ends { part: "segment", expected: mark.offset, found: file_bytes };
            return Err(damaged(file_bytes, problem));
        }
        let from = Place { offset: mark.offset, seq: mark.seq, commit_time_ns: mark.commit_time_ns };
        Ok(walk(segment, from)?)
    }

    /// A segment wholly behind the watermark. The inner error is what is wrong with its header.
    fn walk_new(&self, first_seq: Seq, before: Place) -> Result<Result<Walked, (u64, Problem)>, OpenError> {
        match self.open(first_seq) {
            Ok(segment) => {
                let commit_time_ns = before.commit_time_ns;
                let from = Place { commit_time_ns, ..Place::start_of(&segment.header) };
                Ok(Ok(walk(segment, from)?))
            }
            Err(SegmentError::Storage(error)) => Err(error.into()),
            Err(SegmentError::NewerVersion { path, found }) => Err(newer(path, found)),
            Err(SegmentError::OtherLeafFunction { found, given }) => {
                Err(OpenError::OtherLeafFunction { found, given })
            }
            // Somebody put it there. It isn't ours to set aside.
            Err(SegmentError::Damaged { offset, problem }) if is_of_another_place(&problem) => {
                let (segment, seq_from, seq_to) = (segment_name(first_seq), first_seq, first_seq);
                Err(OpenError::Damaged(Damage { segment, seq_from, seq_to, offset, problem }))
            }
            Err(SegmentError::Damaged { offset, problem }) => Ok(Err((offset, problem))),
        }
    }

    /// Judges what follows a segment's last sound commit. `None` if the next segment goes on from there.
    fn judge(
        &self,
        last: &Part,
        problem: Option<(u64, Problem)>,
        end: Place,
        next: Option<Seq>,
    ) -> Result<Option<(Behind, Option<Junk>)>, StorageError> {
        if next == Some(end.seq) {
            return Ok(None);
        }
        let segment = last.segment.header.first_seq;
        let ends = || Problem::Ends { part: "segment", expected: end.offset + 1, found: end.offset };
        if let Some(next) = next {
            // A segment gets its name only when all before it is durable.
            let missing = end.seq.min(next)..end.seq.max(next);
            let (offset, problem) = problem.unwrap_or_else(|| (end.offset, ends()));
            let junk = Junk { segment, offset, bytes: 0, problem, missing };
            return Ok(Some((Behind::Contradiction, Some(junk))));
        }
        let file = last.segment.file.clone();
        let header = last.segment.header.clone();
        if last.sealed || self.reach == Reach::Near && !has_data_near(&last.segment, end.offset)? {
            return Ok(Some((Behind::Nothing, None)));
        }
        let mut window = Window::new(&file, file.length()?);
        let data_end = window.data_end(end.offset)?;
        if data_end == end.offset {
            return Ok(Some((Behind::Nothing, None)));
        }
        if is_footer_part(&last.segment, end, data_end)? {
            return Ok(Some((Behind::PartOfFooter, None)));
        }
        let (offset, problem) = problem
            .unwrap_or((end.offset, Problem::NotZero { part: "segment", field: "the unwritten rest" }));
        // The frame of the bad commit itself may well be sound.
        let behind_own_frame = header.commit_start(end.offset) + 1;
        let frame = find_frame(&mut window, &header, behind_own_frame)?.map(|found| found.frame);
        let (behind, seq_to) = match frame {
            Some(frame) if frame.durable_before > end.seq && !planted(Bug::CutContradiction) => {
                (Behind::Contradiction, frame.durable_before)
            }
            Some(_) => (Behind::FrameBehindJunk, end.seq),
            None => (Behind::Junk, end.seq),
        };
        let junk = Junk { segment, offset, bytes: data_end - end.offset, problem, missing: end.seq..seq_to };
        Ok(Some((behind, Some(junk))))
    }

    fn keep(&self, parts: &mut Vec<Part>, part: Part) {
        if self.mode == OpenMode::Read {
            parts.clear();
        }
        parts.push(part);
    }

    fn open(&self, first_seq: Seq) -> Result<Segment, SegmentError> {
        Segment::open(self.storage, self.directory, self.ledger_id, first_seq, self.mode, self.leaf_function)
    }
}

/// Whether anything stands behind a segment's last sound commit, no further than [`NEAR_BYTES`].
fn has_data_near(segment: &Segment, end: u64) -> Result<bool, StorageError> {
    let limit = segment.file.length()?.min(end.saturating_add(NEAR_BYTES));
    Ok(Window::new(&segment.file, limit).data_end(end)? > end)
}

/// Walks from a place to the end of the sound commits.
fn walk(segment: Segment, from: Place) -> Result<Walked, StorageError> {
    let trailer = segment.trailer()?;
    let limit = match trailer {
        Some(trailer) => trailer.footer_offset,
        None => segment.file.length()?,
    };
    let file = segment.file.clone();
    let mut window = Window::new(&file, limit);
    let mut end = from;
    let problem = loop {
        match read_commit(&mut window, &segment.header, end, &mut |_, _| {})? {
            CommitFound::Sound(commit) => end = commit.place_after(),
            _ if planted(Bug::ResumeBehindHole) && skip_hole(&mut window, &segment.header, &mut end)? => {}
            CommitFound::Blank => break None,
            CommitFound::Bad { offset, problem } => break Some((offset, problem)),
        }
    };
    // A footer that starts elsewhere than behind the last commit belongs to other commits.
    let footer_offset = segment.header.commit_start(end.offset);
    let sealed = trailer.is_some_and(|trailer| trailer.footer_offset == footer_offset);
    Ok(Walked { part: Part { segment, from: from.offset, to: end.offset, sealed }, end, problem })
}

/// Moves to the next frame, whatever lies before it: what recovery must never do.
fn skip_hole(window: &mut Window<'_>, header: &SegmentHeader, end: &mut Place) -> Result<bool, StorageError> {
    let next = find_frame(window, header, end.offset + 1)?.filter(|next| next.frame.first_seq > end.seq);
    if let Some(next) = next {
        *end = Place { offset: next.offset, seq: next.frame.first_seq, ..*end };
    }
    Ok(next.is_some())
}

/// Whether what follows is part of the footer that belongs there: sealing was cut short.
fn is_footer_part(segment: &Segment, end: Place, data_end: u64) -> Result<bool, StorageError> {
    let sealing = match prepare(segment, end.seq) {
        Ok(sealing) => sealing,
        Err(SealError::Storage(error)) => return Err(error),
        Err(SealError::Unsound) => return Ok(false),
    };
    // Before so much memory is asked for: it may be any length.
    if data_end - end.offset > sealing.rest_bytes() {
        return Ok(false);
    }
    let file = segment.file.clone();
    let found = Window::new(&file, data_end).get(end.offset, data_end - end.offset)?.map(<[u8]>::to_vec);
    Ok(found.is_some_and(|found| sealing.compare(&found) != Sealed::Not))
}

/// The first segment isn't the one that the log starts with.
fn gap(expected: Seq, found: Seq) -> OpenError {
    OpenError::Damaged(Damage {
        segment: segment_name(expected),
        seq_from: expected,
        seq_to: found,
        offset: 0,
        problem: Problem::Missing,
    })
}

fn empty_segment(parts: Vec<Part>, end: Place, segment: Seq, problem: Option<(u64, Problem)>) -> Examined {
    let (offset, problem) = problem.unwrap_or((0, Problem::Ends { part: "segment", expected: 1, found: 0 }));
    let junk = Junk { segment, offset, bytes: 0, problem, missing: end.seq..end.seq };
    Examined { parts, end, behind: Behind::EmptySegment, junk: Some(junk) }
}

pub(crate) fn newer(path: std::path::PathBuf, found: u32) -> OpenError {
    OpenError::NewerVersion { path, found, known: FORMAT_VERSION }
}
