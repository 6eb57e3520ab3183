//! Checking one segment from its first commit to its last byte.

use std::ops::Range;

use crate::damage::{Damage, Problem};
use crate::fields::{in_memory, on_disk};
use crate::leaf::LeafFunction;
use crate::planted::{Bug, planted};
use crate::segment::Segment;
use crate::segment::footer::{CommitEntry, FooterBuilder};
use crate::segment::header::HEADER_END;
use crate::segment::scan::{
    FrameFound, Place, PlacedFrame, Visitor, Window, find_frame, read_frame, walk_records,
};
use crate::segment::seal::{Sealed, Sealing};
use crate::seq::{Leaf, Seq};
use crate::storage::file::StorageError;
use crate::verify::note;
use crate::watermark::Watermark;

/// How often progress is reported.
const PROGRESS_BYTES: u64 = 4 << 20;

/// How often the end of a segment is looked at that a writer may be sealing at this moment.
const REST_ATTEMPTS_MAX: u32 = 3;

/// How far a segment must reach.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extent {
    /// To where the next segment starts.
    UpTo(Seq),
    /// To exactly where the watermark stands.
    Marked(Watermark),
    /// Nobody knows.
    Open,
}

impl Extent {
    /// The first record behind the segment, if that is known.
    pub(super) fn end(&self) -> Option<Seq> {
        match self {
            Extent::UpTo(end) => Some(*end),
            Extent::Marked(mark) => Some(mark.seq),
            Extent::Open => None,
        }
    }

    /// Where the segment's last commit ends, if that is known.
    fn offset(&self) -> Option<u64> {
        match self {
            Extent::Marked(mark) => Some(mark.offset),
            Extent::UpTo(_) | Extent::Open => None,
        }
    }
}

/// What a segment holds.
#[derive(Debug)]
pub(super) struct Checked {
    /// Sound records.
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// The first record that isn't in it any more, damaged or not.
    pub(super) end: Seq,
    pub(super) damaged: Vec<Damage>,
    pub(super) sealed: bool,
    /// Bytes in space that was never written to.
    pub(super) unwritten_junk_bytes: u64,
}

/// A check under way.
struct Check<'a> {
    segment: &'a Segment,
    records: u64,
    builder: FooterBuilder,
    damaged: Vec<Damage>,
}

impl Visitor for Check<'_> {
    fn record(&mut self, _: Seq, offset: u64, leaf: Leaf) {
        self.records += 1;
        self.builder.add_record(offset, leaf);
    }

    fn problem(&mut self, seqs: Range<Seq>, offset: u64, problem: Problem) {
        note(&mut self.damaged, self.segment.damage(seqs, offset, problem));
    }
}

/// Checks everything in a segment whose header is sound.
pub(super) fn check_segment(
    segment: &Segment,
    extent: Extent,
    leaf_function: &dyn LeafFunction,
    progress: &dyn Fn(u64),
) -> Result<Checked, StorageError> {
    // What was done of the file that is shown, as a part of the one that is there.
    let (stored, shown) = (segment.stored_bytes()?, segment.file.length()?.max(1));
    let in_file = |bytes: u64| bytes.checked_mul(stored).map_or(bytes, |product| product / shown);
    let walk_progress = |bytes: u64| progress(if stored == shown { bytes } else { in_file(bytes) });
    let builder = FooterBuilder::new(segment.header.first_seq);
    let mut check = Check { segment, records: 0, builder, damaged: Vec::new() };
    let end = check.walk(extent, leaf_function, &walk_progress)?;
    let Check { records, builder, mut damaged, .. } = check;
    let rest = if damaged.is_empty() {
        match check_rest(segment, &Sealing::new(&segment.header, &builder, end.offset), extent)? {
            // What is compressed was sealed.
            Rest::Unsealed | Rest::Junk(_) if segment.compressed.is_some() => Rest::Differs(0),
            rest => rest,
        }
    } else {
        // What the footer should say isn't known when records are damaged.
        Rest::Unsealed
    };
    if let Some(compressed) = segment.compressed.as_ref().filter(|_| !planted(Bug::VerifyBlocksAlone))
        && let Some((offset, problem)) = compressed.problem_beside_blocks()?
    {
        let (name, seq) = (segment.name(), segment.header.first_seq);
        damaged.push(Damage { segment: name, seq_from: seq, seq_to: seq, offset, problem });
    }
    let bytes = segment.stored_bytes()?.max(HEADER_END);
    progress(bytes);
    let (sealed, mut unwritten_junk_bytes) = (matches!(rest, Rest::Sealed), 0);
    let seqs = segment.header.first_seq..end.seq;
    match rest {
        Rest::Sealed | Rest::Unsealed => {}
        Rest::Junk(bytes) => unwritten_junk_bytes = bytes,
        Rest::Differs(at) => {
            let footer_offset = segment.header.commit_start(end.offset);
            damaged.push(segment.damage(seqs, footer_offset + at, Problem::FooterDiffers { at }));
        }
        Rest::PaddingNotZero => {
            let problem = Problem::NotZero { part: "footer", field: "padding in front" };
            damaged.push(segment.damage(seqs, end.offset, problem));
        }
    }
    Ok(Checked { records, bytes, end: end.seq, damaged, sealed, unwritten_junk_bytes })
}

impl Check<'_> {
    /// Walks through the commits. Returns the place behind the last one.
    fn walk(
        &mut self,
        extent: Extent,
        leaf_function: &dyn LeafFunction,
        progress: &dyn Fn(u64),
    ) -> Result<Place, StorageError> {
        let segment = self.segment;
        let file_bytes = segment.file.length()?;
        // The watermark may name any offset, however far behind the end of the file.
        let limit = match extent {
            Extent::Marked(mark) => mark.offset.min(file_bytes),
            Extent::UpTo(_) | Extent::Open => file_bytes,
        };
        let mut window = Window::new(&segment.file, limit);
        let (mut place, mut reported) = (Place::start_of(&segment.header), 0);
        while extent.end().is_none_or(|end| place.seq < end) {
            let found = read_frame(&mut window, &segment.header, place)?;
            place = match found {
                FrameFound::Frame(commit) => self.check_commit(&mut window, &commit, leaf_function)?,
                FrameFound::Blank if extent.end().is_none() => break,
                FrameFound::Blank => {
                    let found = place.offset.min(segment.file.length()?);
                    let expected = extent.offset().unwrap_or(limit).max(found + 1);
                    let problem = Problem::Ends { part: "segment", expected, found };
                    self.skip(&mut window, place, extent, (found, problem))?
                }
                FrameFound::Bad { offset, problem } => {
                    let behind = self.skip(&mut window, place, extent, (offset, problem))?;
                    if behind == place {
                        break;
                    }
                    behind
                }
            };
            if place.offset - reported >= PROGRESS_BYTES {
                reported = place.offset;
                progress(reported);
            }
        }
        if let Extent::Marked(mark) = extent
            && self.damaged.is_empty()
            && place.offset != mark.offset
        {
            let (expected, found) = (mark.offset, place.offset);
            let problem = Problem::Ends { part: "segment", expected, found };
            self.damaged.push(segment.damage(mark.seq..mark.seq, found, problem));
        }
        Ok(place)
    }

    fn check_commit(
        &mut self,
        window: &mut Window<'_>,
        commit: &PlacedFrame,
        leaf_function: &dyn LeafFunction,
    ) -> Result<Place, StorageError> {
        self.builder.add_commit(CommitEntry {
            first_seq: commit.frame.first_seq,
            commit_time_ns: commit.frame.commit_time_ns,
            offset: commit.offset,
        });
        walk_records(window, &self.segment.header, commit, Some(leaf_function), self)?;
        Ok(commit.place_after())
    }

    /// Reports damage from here to the next frame that is valid, or to the segment's end.
    fn skip(
        &mut self,
        window: &mut Window<'_>,
        place: Place,
        extent: Extent,
        (offset, problem): (u64, Problem),
    ) -> Result<Place, StorageError> {
        let fits = |commit: &PlacedFrame| {
            commit.frame.first_seq >= place.seq
                && extent.end().is_none_or(|end| commit.frame.end_seq() <= end)
        };
        let next = find_frame(window, &self.segment.header, place.offset + 1)?.filter(fits);
        let behind = match (next, extent.end()) {
            (Some(commit), _) => Place { offset: commit.offset, seq: commit.frame.first_seq, ..place },
            (None, Some(end)) => Place { seq: end, ..place },
            // Nothing says that anything is missing: it may be a footer, or never have been acknowledged.
            (None, None) => return Ok(place),
        };
        // Damaged padding in front of a sound frame touches no record; it is reported with those of the commit.
        let seq_to =
            next.filter(|_| behind.seq == place.seq).map_or(behind.seq, |commit| commit.frame.end_seq());
        note(&mut self.damaged, self.segment.damage(place.seq..seq_to, offset, problem));
        Ok(behind)
    }
}

/// What follows a segment's last commit.
enum Rest {
    /// Its footer.
    Sealed,
    /// Nothing, zeroes, or a part of its footer; or what is judged elsewhere.
    Unsealed,
    /// So many bytes in space that was never written to.
    Junk(u64),
    /// A footer that differs from the right one, first at this offset in it.
    Differs(u64),
    /// A footer, and something between the last commit and it.
    PaddingNotZero,
}

fn check_rest(segment: &Segment, sealing: &Sealing, extent: Extent) -> Result<Rest, StorageError> {
    let mut attempt = 1;
    loop {
        let rest = look_at_rest(segment, sealing, extent)?;
        // A writer that seals the segment at this moment cuts it, then writes the footer: look again.
        if attempt >= REST_ATTEMPTS_MAX || matches!(rest, Rest::Sealed | Rest::Unsealed) {
            return Ok(rest);
        }
        attempt += 1;
    }
}

fn look_at_rest(segment: &Segment, sealing: &Sealing, extent: Extent) -> Result<Rest, StorageError> {
    let (file, data_end) = (&segment.file, sealing.data_end);
    let file_bytes = file.length()?;
    let rest_bytes = file_bytes.saturating_sub(data_end);
    let mut found = vec![0; in_memory(rest_bytes.min(sealing.rest_bytes()))];
    let read = file.read_up_to(&mut found, data_end)?;
    found.truncate(read);
    let (_, footer) = sealing.split(&found);
    match sealing.compare(&found) {
        Sealed::Whole if rest_bytes == sealing.rest_bytes() => return Ok(Rest::Sealed),
        Sealed::Partly if rest_bytes < sealing.rest_bytes() => return Ok(Rest::Unsealed),
        Sealed::Whole | Sealed::Partly | Sealed::Not => {}
    }
    // A trailer is written only when the footer in front of it is durable: without one that is sound, or nearly, this is no
    // footer yet, and whatever it is, it was never acknowledged. Behind a watermark that lags, one that stands further on
    // is recovery's to judge.
    let lags = |footer_offset| matches!(extent, Extent::Marked(_)) && footer_offset > sealing.footer_offset;
    let is_sealed = segment.trailer()?.is_some_and(|trailer| !lags(trailer.footer_offset))
        || (rest_bytes == sealing.rest_bytes() && sealing.is_nearly(footer));
    if is_sealed {
        let differs = footer.iter().zip(&sealing.footer).position(|(found, expected)| found != expected);
        return Ok(match differs {
            Some(at) => Rest::Differs(on_disk(at)),
            None if rest_bytes == sealing.rest_bytes() => Rest::PaddingNotZero,
            None => Rest::Differs(on_disk(footer.len())),
        });
    }
    if matches!(extent, Extent::Marked(_)) {
        // Behind the watermark, recovery's rules decide what it is.
        return Ok(Rest::Unsealed);
    }
    let junk_end = Window::new(file, file_bytes).data_end(data_end)?;
    Ok(if junk_end == data_end { Rest::Unsealed } else { Rest::Junk(junk_end - data_end) })
}
