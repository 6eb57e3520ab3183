//! Checking a whole log: every checksum, every leaf, every footer, the tree, and that no record is missing.
//!
//! Segments are checked by several threads; the report doesn't depend on how many, nor do errors.
//!
//! Takes no lock and maps nothing, so it can run beside a writer and over files that somebody hostile prepared. It
//! stops at the watermark that it reads first; what lies behind that is judged as recovery would judge it, and only if
//! no writer is at work there.

use std::fmt;
use std::num::NonZero;
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
use crate::seq::Seq;
use crate::storage::file::StorageError;
use crate::storage::{DiskStorage, OpenMode, Storage};
use crate::verify::pieces::{Found, Piece, Pieces};
use crate::verify::segment::Extent;
use crate::verify::workers::work_in_order;
use crate::watermark::file::read_slots;
use crate::watermark::{Slots, Watermark};

mod pieces;
mod segment;
mod workers;

/// How many entries a report has at most. What is damaged beyond that widens the last one.
const DAMAGED_ENTRIES_MAX: usize = 10_000;

/// Another thread isn't worth its while for less than this.
const THREAD_BYTES_MIN: u64 = 8 << 20;

/// How far verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// Bytes looked at.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes_total: u64,
}

/// Hears how far verification is: from one thread at a time, and never of fewer bytes done than before.
pub type VerifyCallback = Arc<dyn Fn(VerifyProgress) + Send + Sync>;

/// How a log is verified.
#[derive(Clone)]
pub struct VerifyOptions {
    leaf_function: Arc<dyn LeafFunction>,
    storage: Arc<dyn Storage>,
    progress: Option<VerifyCallback>,
    threads: Option<NonZero<usize>>,
}

impl Default for VerifyOptions {
    fn default() -> VerifyOptions {
        let (leaf_function, storage) = (Arc::new(Blake3Leaf), Arc::new(DiskStorage));
        VerifyOptions { leaf_function, storage, progress: None, threads: None }
    }
}

impl VerifyOptions {
    /// The defaults: a log on disk, leaves by BLAKE3, nobody told of progress, as many threads as the machine runs at a
    /// time.
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

    /// How many threads check segments, the caller's included; one segment is checked by one thread. Each needs memory
    /// for its segment's footer and for a record: some megabytes, with segments of the usual size.
    #[must_use]
    pub fn threads(self, threads: NonZero<usize>) -> VerifyOptions {
        VerifyOptions { threads: Some(threads), ..self }
    }

    /// The threads that so many bytes are worth, if nobody said how many.
    fn threads_for(&self, bytes: u64) -> usize {
        let of_machine = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let worthwhile = || usize::try_from(bytes / THREAD_BYTES_MIN).unwrap_or(usize::MAX).max(1);
        self.threads.map_or_else(|| worthwhile().min(of_machine()), NonZero::get)
    }
}

impl fmt::Debug for VerifyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("leaf_function", &self.leaf_function.id())
            .field("storage", &self.storage)
            .field("threads", &self.threads)
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
        let segments = &self.inventory.segments;
        let pieces = Pieces::new(self.directory, self.options, segments, mark, self.bytes_total);
        let (threads, mut expected) = (self.options.threads_for(self.bytes_total), Seq::ZERO);
        work_in_order(
            pieces.list(),
            threads,
            |piece| pieces.check(piece),
            |piece, found| {
                self.check_neighbours(expected, piece.first_seq);
                expected = self.add(piece, found);
            },
        )?;
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

    /// Adds what came of one segment; returns the first record that isn't in it any more, damaged or not.
    fn add(&mut self, piece: &Piece, found: Found) -> Seq {
        let extent = piece.extent;
        let checked = match found {
            Found::Checked(checked) => checked,
            Found::Unusable(damage) => {
                self.marked_segment_sound &= !matches!(extent, Extent::Marked(_) | Extent::Open);
                let end = damage.seq_to;
                self.damaged(damage);
                return end;
            }
        };
        self.report.records += checked.records;
        self.report.bytes = self.report.bytes.saturating_add(checked.bytes);
        self.add_torn(checked.unwritten_junk_bytes);
        self.report.ambiguous |= checked.unwritten_junk_bytes > 0 && matches!(extent, Extent::Open);
        self.report.unsealed_segments += u64::from(!checked.sealed);
        self.marked_segment_sound &= !matches!(extent, Extent::Marked(_)) || checked.damaged.is_empty();
        checked.damaged.into_iter().for_each(|damage| self.damaged(damage));
        checked.end
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
            leaf_function: &self.options.leaf_function,
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
