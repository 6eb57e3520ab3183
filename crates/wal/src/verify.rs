//! Checking a whole log: every checksum, every leaf, every footer, the tree, and that no record is missing.
//!
//! Takes no lock and maps nothing, so it can run beside a writer and over files that somebody hostile prepared. It
//! stops at the watermark that it reads first; what lies behind that is judged as recovery would judge it, and only if
//! no writer is at work there.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::damage::{Damage, Problem};
use crate::directory::Inventory;
use crate::error::{OpenError, VerifyError};
use crate::leaf::{Blake3Leaf, LeafFunction};
use crate::lock;
use crate::open::{judge_mark, set_aside_bytes};
use crate::recovery::examine::{Examined, Examiner, Reach};
use crate::recovery::table::{Answer, Behind, Mark, decide};
use crate::segment::header::{FORMAT_VERSION, HEADER_END};
use crate::segment::name::{WATERMARK_NAME, segment_name};
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::StorageError;
use crate::storage::{DiskStorage, OpenMode, Storage};
use crate::verify::segment::{Extent, check_segment};
use crate::watermark::file::read_slots;
use crate::watermark::{Slots, Watermark};

mod segment;

/// How many entries a report has at most. What is damaged beyond that widens the last one.
const DAMAGED_ENTRIES_MAX: usize = 10_000;

/// How far verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// Bytes looked at.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes_total: u64,
}

/// Hears how far verification is.
pub type VerifyCallback = Arc<dyn Fn(VerifyProgress) + Send + Sync>;

/// How a log is verified.
#[derive(Clone)]
pub struct VerifyOptions {
    leaf_function: Arc<dyn LeafFunction>,
    storage: Arc<dyn Storage>,
    progress: Option<VerifyCallback>,
}

impl Default for VerifyOptions {
    fn default() -> VerifyOptions {
        VerifyOptions { leaf_function: Arc::new(Blake3Leaf), storage: Arc::new(DiskStorage), progress: None }
    }
}

impl VerifyOptions {
    /// The defaults: a log on disk, leaves by BLAKE3, nobody told of progress.
    #[must_use]
    pub fn new() -> VerifyOptions {
        VerifyOptions::default()
    }

    /// The function that the log's leaves are made by.
    #[must_use]
    pub fn leaf_function(self, leaf_function: Arc<dyn LeafFunction>) -> VerifyOptions {
        VerifyOptions { leaf_function, ..self }
    }

    /// Where the files are.
    #[must_use]
    pub fn storage(self, storage: Arc<dyn Storage>) -> VerifyOptions {
        VerifyOptions { storage, ..self }
    }

    /// Who is told of progress, now and then.
    #[must_use]
    pub fn progress(self, callback: impl Fn(VerifyProgress) + Send + Sync + 'static) -> VerifyOptions {
        VerifyOptions { progress: Some(Arc::new(callback)), ..self }
    }
}

impl fmt::Debug for VerifyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("leaf_function", &self.leaf_function.id())
            .field("storage", &self.storage)
            .finish_non_exhaustive()
    }
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Sound records up to the watermark.
    pub records: u64,
    /// Sound records behind it, which the next open makes part of the log.
    pub recoverable_records: u64,
    /// Segments.
    pub segments: u64,
    /// Segments without a footer, the one that grows included. The next open seals the others.
    pub unsealed_segments: u64,
    /// Bytes of segments that were looked at.
    pub bytes: u64,
    /// What is damaged, in order.
    pub damaged: Vec<Damage>,
    /// Bytes at the end of the log, and in unwritten space, that are no whole commit and were never acknowledged.
    pub torn_tail_bytes: u64,
    /// Whether what is bad behind the watermark may have been acknowledged, for all that can be known.
    pub ambiguous: bool,
}

impl VerifyReport {
    /// Whether nothing acknowledged is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty()
    }
}

/// Verifies the log in a directory.
///
/// # Errors
///
/// See [`VerifyError`]. Damage is no error: it is what the report is about.
///
/// ```
/// use runledger_wal::{Durability, Options, VerifyOptions, Wal, verify};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("wal");
/// let (wal, _) = Wal::open(&path, Options::new().create(true))?;
/// wal.append(b"first", Durability::Durable)?;
/// let report = verify(&path, &VerifyOptions::new())?;
/// assert!(report.is_sound());
/// assert_eq!(report.records, 1);
/// # Ok(())
/// # }
/// ```
pub fn verify(directory: &Path, options: &VerifyOptions) -> Result<VerifyReport, VerifyError> {
    verify_beside(directory, options, false)
}

/// As [`verify`], for one who may hold the writer's lock itself.
pub(crate) fn verify_beside(
    directory: &Path,
    options: &VerifyOptions,
    lock_is_ours: bool,
) -> Result<VerifyReport, VerifyError> {
    let storage = &*options.storage;
    let slots = read_slots(storage, directory)?;
    let inventory = Inventory::take(storage, directory)?;
    let Some(inventory) = inventory.filter(|inventory| !inventory.is_no_log()) else {
        return Err(VerifyError::NotALedger { path: directory.to_owned() });
    };
    let mut verification = Verification {
        directory,
        options,
        inventory: &inventory,
        report: VerifyReport::default(),
        bytes_total: total_bytes(storage, directory, &inventory)?,
        marked_segment_sound: true,
    };
    verification.report.segments = crate::fields::on_disk(inventory.segments.len());
    let mark = verification.judge_slots(slots)?;
    verification.check_names();
    verification.check_segments(mark.as_ref().map(|(mark, _)| mark))?;
    if let Some((mark, slot_broken)) = mark
        && verification.marked_segment_sound
    {
        verification.judge_rest(&mark, slot_broken, lock_is_ours)?;
    }
    Ok(verification.report)
}

/// A verification under way.
struct Verification<'a> {
    directory: &'a Path,
    options: &'a VerifyOptions,
    inventory: &'a Inventory,
    report: VerifyReport,
    bytes_total: u64,
    /// Whether what lies behind the watermark can be judged.
    marked_segment_sound: bool,
}

impl Verification<'_> {
    /// What the watermark says, if it says anything.
    fn judge_slots(&mut self, slots: Option<Slots>) -> Result<Option<(Watermark, bool)>, VerifyError> {
        let problem = match slots {
            Some(Slots::Sound { newest, other_broken }) => return Ok(Some((newest, other_broken))),
            Some(Slots::NewerVersion(found)) => return Err(self.newer(WATERMARK_NAME, found)),
            Some(Slots::Broken(problem)) => problem,
            None => Problem::Missing,
        };
        let (seq_from, seq_to) = (Seq::ZERO, Seq::ZERO);
        self.damaged(Damage { segment: WATERMARK_NAME.to_owned(), seq_from, seq_to, offset: 0, problem });
        Ok(None)
    }

    fn check_names(&mut self) {
        for name in &self.inventory.near_segments {
            let problem = Problem::Foreign { reason: "a segment is named by twenty digits" };
            let (segment, seq_from, seq_to) = (name.clone(), Seq::ZERO, Seq::ZERO);
            self.damaged(Damage { segment, seq_from, seq_to, offset: 0, problem });
        }
    }

    /// Checks all segments up to the watermark, and that they follow each other without a gap.
    fn check_segments(&mut self, mark: Option<&Watermark>) -> Result<(), VerifyError> {
        let inventory = self.inventory;
        let in_mark = |first_seq: &Seq| mark.is_none_or(|mark| mark.offset > 0 && *first_seq <= mark.segment);
        let mut segments = inventory.segments.iter().copied().filter(in_mark).peekable();
        let (mut expected, mut ledger_id) = (Seq::ZERO, mark.map(|mark| mark.ledger_id));
        while let Some(first_seq) = segments.next() {
            self.check_neighbours(expected, first_seq);
            let extent = match (segments.peek(), mark) {
                (Some(next), _) => Extent::UpTo(*next),
                (None, Some(mark)) if mark.segment == first_seq => Extent::Marked(*mark),
                // What should follow is missing, and is reported for itself.
                (None, _) => Extent::Open,
            };
            expected = self.check_one(first_seq, extent, &mut ledger_id)?;
        }
        if let Some(mark) = mark
            && expected < mark.seq
        {
            self.marked_segment_sound = false;
            let (segment, problem) = (segment_name(mark.segment), Problem::Missing);
            self.damaged(Damage { segment, seq_from: expected, seq_to: mark.seq, offset: 0, problem });
        }
        Ok(())
    }

    fn check_neighbours(&mut self, expected: Seq, first_seq: Seq) {
        if first_seq > expected {
            let (segment, problem) = (segment_name(expected), Problem::Missing);
            self.damaged(Damage { segment, seq_from: expected, seq_to: first_seq, offset: 0, problem });
        }
        if first_seq < expected {
            let (expected_seq, found) = (expected.get(), first_seq.get());
            let problem =
                Problem::Field { part: "segment header", field: "first seq", expected: expected_seq, found };
            let segment = segment_name(first_seq);
            self.damaged(Damage { segment, seq_from: first_seq, seq_to: expected, offset: 32, problem });
        }
    }

    /// Checks one segment; returns the first record that isn't in it any more, damaged or not.
    fn check_one(
        &mut self,
        first_seq: Seq,
        extent: Extent,
        ledger_id: &mut Option<LedgerId>,
    ) -> Result<Seq, VerifyError> {
        let storage = &*self.options.storage;
        let segment = match Segment::open_any(storage, self.directory, *ledger_id, first_seq) {
            Ok(segment) => segment,
            Err(SegmentError::Storage(error)) => return Err(error.into()),
            Err(SegmentError::NewerVersion { found, .. }) => {
                return Err(self.newer(&segment_name(first_seq), found));
            }
            Err(SegmentError::Damaged { offset, problem }) => {
                self.marked_segment_sound &= !matches!(extent, Extent::Marked(_) | Extent::Open);
                let seq_to = extent.end().unwrap_or(first_seq);
                let segment = segment_name(first_seq);
                self.damaged(Damage { segment, seq_from: first_seq, seq_to, offset, problem });
                return Ok(seq_to);
            }
        };
        ledger_id.get_or_insert(segment.header.ledger_id);
        let (found, given) = (segment.header.leaf_function, self.options.leaf_function.id());
        if found != given {
            return Err(VerifyError::OtherLeafFunction { found, given });
        }
        let extent = shorten(extent, &segment)?;
        let (done, total, callback) = (self.report.bytes, self.bytes_total, self.options.progress.clone());
        let progress = move |bytes: u64| {
            if let Some(callback) = &callback {
                callback(VerifyProgress { bytes_done: done.saturating_add(bytes), bytes_total: total });
            }
        };
        let checked = check_segment(&segment, extent, &*self.options.leaf_function, &progress)?;
        self.report.records += checked.records;
        self.report.bytes = self.report.bytes.saturating_add(checked.bytes);
        self.add_torn(checked.unwritten_junk_bytes);
        self.report.ambiguous |= checked.unwritten_junk_bytes > 0 && matches!(extent, Extent::Open);
        self.report.unsealed_segments += u64::from(!checked.sealed);
        self.marked_segment_sound &= !matches!(extent, Extent::Marked(_)) || checked.damaged.is_empty();
        checked.damaged.into_iter().for_each(|damage| self.damaged(damage));
        Ok(checked.end)
    }

    /// Judges what lies behind the watermark, as recovery would.
    fn judge_rest(
        &mut self,
        mark: &Watermark,
        slot_broken: bool,
        lock_is_ours: bool,
    ) -> Result<(), VerifyError> {
        let storage = &*self.options.storage;
        let beyond = Examiner {
            storage,
            directory: self.directory,
            ledger_id: mark.ledger_id,
            segments: &self.inventory.segments,
            mode: OpenMode::Read,
            reach: Reach::Whole,
        };
        let examined = beyond.examine(mark);
        let nothing = matches!(
            &examined,
            Ok(examined) if matches!(examined.behind, Behind::Nothing | Behind::PartOfFooter)
        );
        // A commit on its way looks like anything. Whether somebody is writing is asked only if it matters.
        if !nothing && !lock_is_ours && lock::is_held(storage, self.directory)? {
            return Ok(());
        }
        match examined {
            Ok(examined) => {
                let boot_id = lock::read_text(storage, self.directory)?.boot_id;
                let worth = judge_mark(storage, mark, slot_broken, boot_id.as_ref());
                self.add_rest(mark, worth, &examined)
            }
            Err(OpenError::Damaged(damage)) => {
                self.damaged(damage);
                Ok(())
            }
            Err(OpenError::Storage(error)) => Err(error.into()),
            Err(OpenError::NewerVersion { path, found, known }) => {
                Err(VerifyError::NewerVersion { path, found, known })
            }
            // Examining fails in no other way.
            Err(_) => Ok(()),
        }
    }

    fn add_rest(&mut self, mark: &Watermark, worth: Mark, examined: &Examined) -> Result<(), VerifyError> {
        self.report.recoverable_records = examined.end.seq.since(mark.seq);
        let grew = self.report.recoverable_records > 0;
        let row = decide(if grew && worth == Mark::Clean { Mark::MayLag } else { worth }, examined.behind);
        self.report.ambiguous |= row.ambiguous;
        match &examined.junk {
            Some(junk) if row.answer == Answer::Refuse => self.damaged(junk.damage()),
            Some(junk) if row.answer == Answer::SetAside => {
                let path = self.directory.join(segment_name(junk.segment));
                let bytes = set_aside_bytes(&*self.options.storage, Some(&path), junk.bytes)?;
                self.add_torn(bytes);
            }
            Some(junk) => self.add_torn(junk.bytes),
            None => {}
        }
        Ok(())
    }

    fn add_torn(&mut self, bytes: u64) {
        self.report.torn_tail_bytes = self.report.torn_tail_bytes.saturating_add(bytes);
    }

    fn damaged(&mut self, damage: Damage) {
        note(&mut self.report.damaged, damage);
    }

    fn newer(&self, name: &str, found: u32) -> VerifyError {
        VerifyError::NewerVersion { path: self.directory.join(name), found, known: FORMAT_VERSION }
    }
}

/// Adds an entry, or widens the last one if there are too many.
fn note(damaged: &mut Vec<Damage>, damage: Damage) {
    let full = damaged.len() >= DAMAGED_ENTRIES_MAX;
    match damaged.last_mut() {
        Some(last) if full => last.seq_to = last.seq_to.max(damage.seq_to),
        _ => damaged.push(damage),
    }
}

/// A sealed segment that ends before the next one that there is hasn't lost anything: the one in between is missing.
fn shorten(extent: Extent, segment: &Segment) -> Result<Extent, StorageError> {
    let Extent::UpTo(next) = extent else { return Ok(extent) };
    let end =
        segment.trailer()?.map(|trailer| segment.header.first_seq.get().saturating_add(trailer.records));
    Ok(Extent::UpTo(end.map_or(next, |end| next.min(Seq::new(end)))))
}

fn total_bytes(storage: &dyn Storage, directory: &Path, inventory: &Inventory) -> Result<u64, StorageError> {
    let mut total = 0_u64;
    for first_seq in &inventory.segments {
        let path = directory.join(segment_name(*first_seq));
        // One that can't be opened is reported when its turn comes.
        if let Ok(file) = crate::storage::file::LogFile::open(storage, path, OpenMode::Read) {
            // Files with holes can claim any length.
            total = total.saturating_add(file.length()?.max(HEADER_END));
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests;
