//! Walking through a segment's commits, checking everything on the way.
//!
//! Positioned reads through a small window, never a mapping: this is what recovery and verification stand on, and
//! they must survive any file. Lengths are checked against what remains before memory is asked for, so a hostile
//! file costs at most one record of [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX).
//!
//! The walk reports and never decides: whether a bad commit is damage or a torn tail depends on the watermark.

use crate::damage::{Problem, check_crc, check_field, check_max, check_zero};
use crate::fields::{in_memory, is_zero, on_disk};
use crate::frame::{FRAME_BYTES, FRAME_MAGIC, Frame};
use crate::leaf::LeafFunction;
use crate::planted::{Bug, planted};
use crate::record::{RECORD_HEADER_BYTES, RecordHeader};
use crate::segment::header::{HEADER_END, SegmentHeader};
use crate::seq::{Leaf, Seq};
use crate::storage::file::{LogFile, StorageError};

/// How much is read at a time.
const WINDOW_BYTES: u64 = 256 << 10;

/// A part of a file in memory, moved along as it is read.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    file: &'a LogFile,
    /// Nothing at or beyond this offset is looked at.
    limit: u64,
    refill_bytes: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    /// A window over the file's bytes before `limit`.
    pub(crate) fn new(file: &'a LogFile, limit: u64) -> Window<'a> {
        Window::sized(file, limit, WINDOW_BYTES)
    }

    /// As [`Window::new`], reading so much at a time.
    pub(crate) fn sized(file: &'a LogFile, limit: u64, window_bytes: u64) -> Window<'a> {
        Window { file, limit, refill_bytes: window_bytes, start: 0, bytes: Vec::new() }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// These bytes; `None` if the limit or the end of the file comes first.
    pub(crate) fn get(&mut self, offset: u64, bytes: u64) -> Result<Option<&[u8]>, StorageError> {
        let Some(end) = offset.checked_add(bytes).filter(|end| *end <= self.limit) else { return Ok(None) };
        if offset < self.start || end > self.start + on_disk(self.bytes.len()) {
            self.refill(offset, bytes.max(self.refill_bytes).min(self.limit - offset))?;
        }
        let at = in_memory(offset - self.start);
        Ok(self.bytes.get(at..at + in_memory(bytes)))
    }

    fn refill(&mut self, offset: u64, bytes: u64) -> Result<(), StorageError> {
        self.bytes.resize(in_memory(bytes), 0);
        self.start = offset;
        let read = self.file.read_up_to(&mut self.bytes, offset)?;
        self.bytes.truncate(read);
        Ok(())
    }

    /// Where the last byte that isn't zero lies from `offset` on, plus one; `offset` if there is none.
    pub(crate) fn data_end(&mut self, offset: u64) -> Result<u64, StorageError> {
        let (mut at, mut end) = (offset, offset);
        while at < self.limit {
            let bytes = WINDOW_BYTES.min(self.limit - at);
            let Some(block) = self.get(at, bytes)? else { break };
            if !is_zero(block) {
                let last = block.iter().rposition(|byte| *byte != 0).unwrap_or_default();
                end = at + on_disk(last) + 1;
            }
            at += bytes;
        }
        Ok(end)
    }
}

/// Where a walk stands: behind a commit, or at the segment's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the commit before ended.
    pub(crate) offset: u64,
    /// The number that the next record must have.
    pub(crate) seq: Seq,
    /// The commit time that the next one must not be before.
    pub(crate) commit_time_ns: i64,
}

impl Place {
    /// The start of this segment.
    pub(crate) fn start_of(header: &SegmentHeader) -> Place {
        Place { offset: HEADER_END, seq: header.first_seq, commit_time_ns: i64::MIN }
    }
}

/// What stands where a frame may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FrameFound {
    /// A valid frame that fits the place.
    Frame(PlacedFrame),
    /// Nothing but zeroes, or the end.
    Blank,
    /// Something that isn't a valid frame.
    Bad { offset: u64, problem: Problem },
}

/// A frame and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlacedFrame {
    pub(crate) offset: u64,
    pub(crate) frame: Frame,
}

impl PlacedFrame {
    /// Where the commit's records start.
    pub(crate) const fn records_offset(&self) -> u64 {
        self.offset + FRAME_BYTES as u64
    }

    /// Where the commit ends.
    pub(crate) const fn end(&self) -> u64 {
        self.records_offset() + self.frame.records_bytes
    }

    /// The place behind the commit.
    pub(crate) const fn place_after(&self) -> Place {
        Place { offset: self.end(), seq: self.frame.end_seq(), commit_time_ns: self.frame.commit_time_ns }
    }
}

/// Reads the frame at a place, and the padding in front of it.
pub(crate) fn read_frame(
    window: &mut Window<'_>,
    header: &SegmentHeader,
    place: Place,
) -> Result<FrameFound, StorageError> {
    let offset = header.commit_start(place.offset);
    let padding_bytes = offset.min(window.limit()).saturating_sub(place.offset);
    if let Some(padding) = window.get(place.offset, padding_bytes)?
        && let Err(problem) = check_zero("commit frame", "padding in front", padding)
    {
        return Ok(FrameFound::Bad { offset: place.offset, problem });
    }
    let remaining = window.limit().saturating_sub(offset);
    let Some(block) = window.get(offset, remaining.min(FRAME_BYTES as u64))? else {
        return Ok(FrameFound::Blank);
    };
    if is_zero(block) {
        return Ok(FrameFound::Blank);
    }
    let Some(block) = block.first_chunk() else {
        let (expected, found) = (offset + FRAME_BYTES as u64, offset + remaining);
        return Ok(FrameFound::Bad {
            offset,
            problem: Problem::Ends { part: "commit frame", expected, found },
        });
    };
    match Frame::decode(block, header.seed(offset))
        .and_then(|frame| fit(frame, offset, place, window.limit()))
    {
        Ok(frame) => Ok(FrameFound::Frame(frame)),
        Err(problem) => Ok(FrameFound::Bad { offset, problem }),
    }
}

/// Checks a frame against its place, and that its commit ends before `limit`.
pub(crate) fn fit(frame: Frame, offset: u64, place: Place, limit: u64) -> Result<PlacedFrame, Problem> {
    const PART: &str = "commit frame";
    check_field(PART, "first seq", place.seq.get(), frame.first_seq.get())?;
    check_max(PART, "durable before", frame.first_seq.get(), frame.durable_before.get())?;
    check_max(PART, "byte length", limit.saturating_sub(offset + FRAME_BYTES as u64), frame.records_bytes)?;
    if frame.commit_time_ns < place.commit_time_ns {
        // Negative times are possible, so the comparison is what can be said in unsigned numbers: how much earlier.
        let earlier = place.commit_time_ns.abs_diff(frame.commit_time_ns);
        return Err(Problem::Field {
            part: PART,
            field: "nanoseconds before its predecessor",
            expected: 0,
            found: earlier,
        });
    }
    Ok(PlacedFrame { offset, frame })
}

/// Takes what the walk through a commit finds.
pub(crate) trait Visitor {
    /// A record that passed all checks.
    fn record(&mut self, seq: Seq, offset: u64, leaf: Leaf);

    /// Something bad that touches the records in this range.
    fn problem(&mut self, seqs: std::ops::Range<Seq>, offset: u64, problem: Problem);
}

/// Walks through the records of a commit whose frame is valid. With a leaf function, leaves are recomputed too.
///
/// Where a record starts follows from the lengths of those before it, and a length is covered by the very checksum
/// that a bad record fails. So behind a bad one nothing is believed, unless the whole commit says that no length is
/// wrong: see [`Chain::closes`].
pub(crate) fn walk_records(
    window: &mut Window<'_>,
    header: &SegmentHeader,
    commit: &PlacedFrame,
    leaf_function: Option<&dyn LeafFunction>,
    visitor: &mut dyn Visitor,
) -> Result<(), StorageError> {
    let end_seq = commit.frame.end_seq();
    let (mut chain, mut sound) = (Chain::start_of(header, commit), true);
    while chain.seq < end_seq {
        let Chain { seq, offset, .. } = chain;
        match read_record(window, offset, commit.end(), leaf_function)? {
            Walked::Sound(record) => {
                visitor.record(seq, offset, record.leaf);
                chain.pass(&record, record.crc);
            }
            Walked::Bad { record, crc_of_bytes, problem } => {
                if sound && !chain.closes(window, commit)? {
                    visitor.problem(seq..end_seq, offset, problem);
                    return Ok(());
                }
                sound = false;
                visitor.problem(seq..seq.next(), offset, problem);
                chain.pass(&record, crc_of_bytes);
            }
            // Without a length, nothing behind it in this commit can be found.
            Walked::Lost(problem) => {
                visitor.problem(seq..end_seq, offset, problem);
                return Ok(());
            }
        }
    }
    // A record that is bad explains both of these.
    if sound {
        let filled = check_field("commit", "end of the last record", commit.end(), chain.offset);
        let checked = filled.and_then(|()| check_crc("commit", chain.crc_stored, commit.frame.records_crc));
        if let Err(problem) = checked {
            visitor.problem(commit.frame.first_seq..end_seq, commit.offset, problem);
        }
    }
    Ok(())
}

/// How far the records of a commit were walked through.
#[derive(Debug, Clone, Copy)]
struct Chain {
    seq: Seq,
    offset: u64,
    /// The records CRC so far, over the checksums that the records bear.
    crc_stored: u32,
    /// The same over the checksums that their bytes give.
    crc_of_bytes: u32,
}

impl Chain {
    fn start_of(header: &SegmentHeader, commit: &PlacedFrame) -> Chain {
        let (seq, offset, seed) =
            (commit.frame.first_seq, commit.records_offset(), header.seed(commit.offset));
        Chain { seq, offset, crc_stored: seed, crc_of_bytes: seed }
    }

    fn pass(&mut self, record: &RecordHeader, crc_of_bytes: u32) {
        self.seq = self.seq.next();
        self.offset += record.total_bytes();
        self.crc_stored = crc32c::crc32c_append(self.crc_stored, &record.crc.to_le_bytes());
        self.crc_of_bytes = crc32c::crc32c_append(self.crc_of_bytes, &crc_of_bytes.to_le_bytes());
    }

    /// Whether the records from here on end exactly where the commit does, and the frame's records CRC is that of
    /// their checksums: of those that they bear, if payloads are damaged, or of those that their bytes give, if a
    /// checksum is. A wrong length leads to other records, or to bytes in the middle of one, and gives neither.
    fn closes(mut self, window: &mut Window<'_>, commit: &PlacedFrame) -> Result<bool, StorageError> {
        while self.seq < commit.frame.end_seq() {
            match read_record(window, self.offset, commit.end(), None)? {
                Walked::Sound(record) => self.pass(&record, record.crc),
                Walked::Bad { record, crc_of_bytes, .. } => self.pass(&record, crc_of_bytes),
                Walked::Lost(_) => return Ok(false),
            }
        }
        let records_crc = commit.frame.records_crc;
        Ok(self.offset == commit.end()
            && (self.crc_stored == records_crc || self.crc_of_bytes == records_crc))
    }
}

/// Whether the lengths of all the records of a commit can be relied on although some of them are damaged.
pub(crate) fn commit_closes(
    window: &mut Window<'_>,
    header: &SegmentHeader,
    commit: &PlacedFrame,
) -> Result<bool, StorageError> {
    Chain::start_of(header, commit).closes(window, commit)
}

/// One record of a commit.
pub(crate) enum Walked {
    /// It passed all checks.
    Sound(RecordHeader),
    /// It failed one. Where the next record starts is as likely as its length field.
    Bad { record: RecordHeader, crc_of_bytes: u32, problem: Problem },
    /// Not even its length is possible.
    Lost(Problem),
}

/// Reads and checks the record at a place of a commit that ends at `commit_end`.
pub(crate) fn read_record(
    window: &mut Window<'_>,
    offset: u64,
    commit_end: u64,
    leaf_function: Option<&dyn LeafFunction>,
) -> Result<Walked, StorageError> {
    let ends = |needed: u64| Problem::Ends { part: "record", expected: offset + needed, found: commit_end };
    let fits = |bytes: u64| commit_end.checked_sub(offset).is_some_and(|room| bytes <= room);
    if !fits(RECORD_HEADER_BYTES as u64) {
        return Ok(Walked::Lost(ends(RECORD_HEADER_BYTES as u64)));
    }
    let Some(block) = window.get(offset, RECORD_HEADER_BYTES as u64)?.and_then(<[u8]>::first_chunk) else {
        return Ok(Walked::Lost(ends(RECORD_HEADER_BYTES as u64)));
    };
    let header = match RecordHeader::decode(block) {
        Ok(header) => header,
        Err(problem) => return Ok(Walked::Lost(problem)),
    };
    let total = header.total_bytes();
    let record = if fits(total) { window.get(offset, total)? } else { None };
    let Some((_, body)) = record.and_then(|record| record.split_at_checked(RECORD_HEADER_BYTES)) else {
        return Ok(Walked::Lost(ends(total)));
    };
    let Some((payload, padding)) = body.split_at_checked(in_memory(u64::from(header.payload_bytes))) else {
        return Ok(Walked::Lost(ends(total)));
    };
    let leaf = || leaf_function.map_or(header.leaf, |function| function.leaf(payload));
    let checked = header.check(payload, padding).and_then(|()| match leaf() {
        leaf if leaf == header.leaf => Ok(()),
        leaf => Err(Problem::Leaf { expected: leaf, found: header.leaf }),
    });
    Ok(match checked {
        Ok(()) => Walked::Sound(header),
        Err(problem) => Walked::Bad { record: header, crc_of_bytes: header.crc_of(payload), problem },
    })
}

/// A commit at a place, all of it checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommitFound {
    /// Sound from frame to padding.
    Sound(PlacedFrame),
    /// Nothing but zeroes, or the end.
    Blank,
    /// Something that isn't a sound commit.
    Bad { offset: u64, problem: Problem },
}

/// Reads and checks the commit at a place, for those to whom one bad byte makes all of it bad. `records` is told of
/// each record; if the commit turns out bad, what it was told is void.
pub(crate) fn read_commit(
    window: &mut Window<'_>,
    header: &SegmentHeader,
    place: Place,
    records: &mut dyn FnMut(u64, Leaf),
) -> Result<CommitFound, StorageError> {
    struct Strict<'a> {
        records: &'a mut dyn FnMut(u64, Leaf),
        first_problem: Option<(u64, Problem)>,
    }
    impl Visitor for Strict<'_> {
        fn record(&mut self, _: Seq, offset: u64, leaf: Leaf) {
            (self.records)(offset, leaf);
        }
        fn problem(&mut self, _: std::ops::Range<Seq>, offset: u64, problem: Problem) {
            self.first_problem.get_or_insert((offset, problem));
        }
    }
    let commit = match read_frame(window, header, place)? {
        FrameFound::Frame(commit) => commit,
        FrameFound::Blank => return Ok(CommitFound::Blank),
        FrameFound::Bad { offset, problem } => return Ok(CommitFound::Bad { offset, problem }),
    };
    let mut strict = Strict { records, first_problem: None };
    walk_records(window, header, &commit, None, &mut strict)?;
    Ok(match strict.first_problem {
        None => CommitFound::Sound(commit),
        Some(_) if planted(Bug::BelieveRecordsUnchecked) => CommitFound::Sound(commit),
        Some((offset, problem)) => CommitFound::Bad { offset, problem },
    })
}

/// The next place at or behind `offset` where a frame stands that is valid but for its expected `Seq`. Behind bytes
/// that make no sense this is the only thing that can be believed: the frame's seed ties it to its offset.
pub(crate) fn find_frame(
    window: &mut Window<'_>,
    header: &SegmentHeader,
    offset: u64,
) -> Result<Option<PlacedFrame>, StorageError> {
    let mut at = header.commit_start(offset);
    while let Some(block) = window.get(at, FRAME_BYTES as u64)? {
        if block.starts_with(&FRAME_MAGIC)
            && let Some(block) = block.first_chunk()
            && let Ok(frame) = Frame::decode(block, header.seed(at))
            && at.checked_add(frame.records_bytes).is_some_and(|end| end <= window.limit())
        {
            return Ok(Some(PlacedFrame { offset: at, frame }));
        }
        at += u64::from(header.commit_alignment_bytes);
    }
    Ok(None)
}
