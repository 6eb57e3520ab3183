//! Repairing a log: everything that can be repaired without giving up anything acknowledged.
//!
//! What opening for writing does anyway (a torn tail, an unfinished rotation), and what it leaves: footers, the
//! watermark itself, leftovers. Damage to acknowledged data is reported and left alone. A log that isn't understood
//! whole (a newer version, another leaf function, a file of another ledger or place) is refused with every byte as it
//! was. A repaired log is left as a clean close leaves it, and repairing it again changes no byte.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::damage::{Damage, Problem};
use crate::directory::Inventory;
use crate::error::{OpenError, RecoverError, VerifyError};
use crate::leaf::{Blake3Leaf, LeafFunction};
use crate::lock::WriterLock;
use crate::open::{OpenReport, Opened, Opening};
use crate::options::Options;
use crate::recovery::apply::Surgeon;
use crate::recovery::examine::{Examined, Examiner, Part, Reach, newer};
use crate::recovery::table::Behind;
use crate::segment::header::is_of_another_place;
use crate::segment::name::{SPARE_NAME, WATERMARK_NAME, WATERMARK_NEW_NAME, segment_name};
use crate::segment::scan::Window;
use crate::segment::seal::{SealError, reseal};
use crate::segment::{Segment, SegmentError};
use crate::seq::Seq;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{DiskStorage, OpenMode, Storage};
use crate::tail::Sealable;
use crate::verify::{VerifyOptions, VerifyReport, verify_beside};
use crate::watermark::file::{WatermarkFile, read_slots};
use crate::watermark::{Slots, Watermark};

/// How a log is repaired.
#[derive(Clone)]
pub struct RecoverOptions {
    leaf_function: Arc<dyn LeafFunction>,
    storage: Arc<dyn Storage>,
}

impl Default for RecoverOptions {
    fn default() -> RecoverOptions {
        RecoverOptions { leaf_function: Arc::new(Blake3Leaf), storage: Arc::new(DiskStorage) }
    }
}

impl RecoverOptions {
    /// The defaults: a log on disk, leaves by BLAKE3.
    #[must_use]
    pub fn new() -> RecoverOptions {
        RecoverOptions::default()
    }

    /// The function that the log's leaves are made by.
    #[must_use]
    pub fn leaf_function(self, leaf_function: Arc<dyn LeafFunction>) -> RecoverOptions {
        RecoverOptions { leaf_function, ..self }
    }

    /// Where the files are.
    #[must_use]
    pub fn storage(self, storage: Arc<dyn Storage>) -> RecoverOptions {
        RecoverOptions { storage, ..self }
    }

    fn open_options(&self) -> Options {
        Options::new().leaf_function(Arc::clone(&self.leaf_function)).storage(Arc::clone(&self.storage))
    }

    fn verify_options(&self) -> VerifyOptions {
        VerifyOptions::new().leaf_function(Arc::clone(&self.leaf_function)).storage(Arc::clone(&self.storage))
    }
}

impl fmt::Debug for RecoverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoverOptions")
            .field("leaf_function", &self.leaf_function.id())
            .field("storage", &self.storage)
            .finish()
    }
}

/// One thing that was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// The watermark said nothing; it was made anew from the commits. What had been acknowledged behind the last of
    /// them, if anything, can't be known.
    WatermarkRebuilt,
    /// One of the watermark's slots was damaged.
    WatermarkSlotRewritten,
    /// So many records behind the watermark are part of the log now.
    RecordsRecovered(u64),
    /// So many bytes that were no whole commit were cut off the end.
    TornTailCut {
        /// How many.
        bytes: u64,
        /// Where they are kept.
        kept: PathBuf,
    },
    /// A segment got its footer, or the right one.
    FooterWritten {
        /// The segment's name.
        segment: String,
    },
    /// A file was removed that a crash had left half made.
    LeftoverRemoved {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Repair::WatermarkRebuilt => write!(f, "made the watermark anew from the commits"),
            Repair::WatermarkSlotRewritten => write!(f, "rewrote a damaged slot of the watermark"),
            Repair::RecordsRecovered(records) => {
                write!(f, "recovered {records} records behind the watermark")
            }
            Repair::TornTailCut { bytes, kept } => {
                write!(f, "cut {bytes} bytes that were no whole commit, kept in {}", kept.display())
            }
            Repair::FooterWritten { segment } => write!(f, "wrote the footer of {segment}"),
            Repair::LeftoverRemoved { name } => write!(f, "removed {name}, which was half made"),
        }
    }
}

/// What repairing found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoverReport {
    /// What was repaired, in order. Empty if there was nothing to repair.
    pub repaired: Vec<Repair>,
    /// What is damaged and was left alone.
    pub damaged: Vec<Damage>,
    /// Sound records in the log.
    pub records: u64,
    /// Bytes that were cut off the end.
    pub torn_tail_bytes: u64,
    /// Where they are kept.
    pub torn_file: Option<PathBuf>,
    /// Whether what was cut, or lost with the watermark, may have been acknowledged.
    pub ambiguous: bool,
}

/// Repairs the log in a directory, as far as that gives up nothing acknowledged.
///
/// # Durability
///
/// When this returns, what it did is on stable storage.
///
/// # Errors
///
/// See [`RecoverError`]. Damage is no error: it is reported, and left alone.
pub fn recover(directory: &Path, options: &RecoverOptions) -> Result<RecoverReport, RecoverError> {
    check_understood(directory, options)?;
    let lock = WriterLock::take(&*options.storage, directory).map_err(RecoverError::Open)?;
    let mut recovery = Recovery { directory, options, repaired: Vec::new(), ambiguous: false };
    recovery.repair(&lock)
}

/// Reads what says whose each file is, without the lock, whose file may not exist: a log that isn't understood whole
/// isn't touched at all.
fn check_understood(directory: &Path, options: &RecoverOptions) -> Result<(), RecoverError> {
    let storage = &*options.storage;
    let inventory = Inventory::take(storage, directory)?.filter(|inventory| !inventory.is_no_log());
    let inventory = inventory.ok_or_else(|| OpenError::NotALedger { path: directory.to_owned() })?;
    let mut ledger_id = match read_slots(storage, directory)? {
        Some(Slots::NewerVersion(found)) => {
            return Err(newer(directory.join(WATERMARK_NAME), found).into());
        }
        Some(Slots::Sound { newest, .. }) => Some(newest.ledger_id),
        Some(Slots::Broken(_)) | None => None,
    };
    let not_understood = |segment: String, seq, problem| {
        RecoverError::NotUnderstood(Damage { segment, seq_from: seq, seq_to: seq, offset: 0, problem })
    };
    if let Some(name) = inventory.near_segments.first() {
        let problem = Problem::Foreign { reason: "a segment is named by twenty digits" };
        return Err(not_understood(name.clone(), Seq::ZERO, problem));
    }
    for first_seq in inventory.segments {
        let header = match Segment::open_any(storage, directory, ledger_id, first_seq, &options.leaf_function)
        {
            Ok(segment) => segment.header,
            Err(SegmentError::Storage(error)) => return Err(error.into()),
            Err(SegmentError::NewerVersion { path, found }) => return Err(newer(path, found).into()),
            Err(SegmentError::OtherLeafFunction { found, given }) => {
                return Err(OpenError::OtherLeafFunction { found, given }.into());
            }
            Err(SegmentError::Damaged { problem, .. }) if is_of_another_place(&problem) => {
                return Err(not_understood(segment_name(first_seq), first_seq, problem));
            }
            // Whatever it was: it says nothing any more.
            Err(SegmentError::Damaged { .. }) => continue,
        };
        let (found, given) = (header.leaf_function, options.leaf_function.id());
        if found != given {
            return Err(OpenError::OtherLeafFunction { found, given }.into());
        }
        ledger_id.get_or_insert(header.ledger_id);
    }
    Ok(())
}

/// A repair under way, under the lock.
struct Recovery<'a> {
    directory: &'a Path,
    options: &'a RecoverOptions,
    repaired: Vec<Repair>,
    ambiguous: bool,
}

impl Recovery<'_> {
    fn repair(&mut self, lock: &WriterLock) -> Result<RecoverReport, RecoverError> {
        let before = self.verify()?;
        self.repair_watermark()?;
        let open_options = self.options.open_options();
        let found = match Opening::look(self.directory, &open_options, &lock.before, Reach::Whole) {
            Ok(opening) if opening.is_at_rest() => {
                self.tidy_up(&opening.mark, opening.last_grows(), false)?;
                None
            }
            Ok(opening) => Some(self.settle(opening, &open_options, lock)?),
            Err(OpenError::Damaged(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let after = self.verify()?;
        Ok(RecoverReport {
            repaired: std::mem::take(&mut self.repaired),
            damaged: after.damaged,
            records: after.records,
            torn_tail_bytes: found.as_ref().map_or(0, |found| found.torn_tail_bytes),
            torn_file: found.as_ref().and_then(|found| found.torn_file.clone()),
            ambiguous: self.ambiguous || before.ambiguous || found.is_some_and(|found| found.ambiguous),
        })
    }

    /// Does what opening the log does, and closes it in good order.
    fn settle(
        &mut self,
        opening: Opening<'_>,
        options: &Options,
        lock: &WriterLock,
    ) -> Result<OpenReport, RecoverError> {
        if opening.slot_broken {
            self.repaired.push(Repair::WatermarkSlotRewritten);
        }
        let again = opening.may_lie();
        opening.note(lock)?;
        let Opened { start, report, .. } = opening.settle(options)?;
        self.note_opened(&report);
        self.tidy_up(start.watermark.last(), start.active.is_some(), again)?;
        lock.announce(self.storage())?;
        close_in_good_order(start.watermark)?;
        Ok(report)
    }

    /// Repairs what is no part of the log's end. With `again`, footers that seem right are written once more: a repair
    /// before this one may have seen a sync fail.
    fn tidy_up(&mut self, mark: &Watermark, last_grows: bool, again: bool) -> Result<(), RecoverError> {
        self.seal_all(mark, last_grows, again)?;
        self.remove_leftovers()
    }

    fn storage(&self) -> &dyn Storage {
        &*self.options.storage
    }

    fn verify(&self) -> Result<VerifyReport, VerifyError> {
        verify_beside(self.directory, &self.options.verify_options(), true)
    }

    fn note_opened(&mut self, report: &OpenReport) {
        if report.recovered_records > 0 {
            self.repaired.push(Repair::RecordsRecovered(report.recovered_records));
        }
        if let Some(kept) = &report.torn_file {
            let (bytes, kept) = (report.torn_tail_bytes, kept.clone());
            self.repaired.push(Repair::TornTailCut { bytes, kept });
        }
    }

    /// Makes a watermark where there is none that says anything.
    fn repair_watermark(&mut self) -> Result<(), RecoverError> {
        match read_slots(self.storage(), self.directory)? {
            Some(Slots::Sound { .. }) => Ok(()),
            Some(Slots::NewerVersion(found)) => Err(newer(self.directory.join(WATERMARK_NAME), found).into()),
            Some(Slots::Broken(_)) | None => self.rebuild_watermark(),
        }
    }

    /// Makes the watermark anew: at the end of the commits that follow each other from the start, if nothing lies
    /// behind that end.
    fn rebuild_watermark(&mut self) -> Result<(), RecoverError> {
        let storage = self.storage();
        let inventory = Inventory::take(storage, self.directory)?.unwrap_or_default();
        let Some(first_seq) = inventory.segments.first().copied() else {
            let problem = Problem::Missing;
            let (segment, seq_from, seq_to) = (WATERMARK_NAME.to_owned(), Seq::ZERO, Seq::ZERO);
            let damage = Damage { segment, seq_from, seq_to, offset: 0, problem };
            return Err(OpenError::Damaged(damage).into());
        };
        let ledger_id =
            match Segment::open_any(storage, self.directory, None, first_seq, &self.options.leaf_function) {
                Ok(segment) => segment.header.ledger_id,
                Err(SegmentError::Storage(error)) => return Err(error.into()),
                Err(SegmentError::NewerVersion { path, found }) => return Err(newer(path, found).into()),
                Err(SegmentError::OtherLeafFunction { found, given }) => {
                    return Err(OpenError::OtherLeafFunction { found, given }.into());
                }
                // Reported by verification.
                Err(SegmentError::Damaged { .. }) => return Ok(()),
            };
        let (directory, segments) = (self.directory, &*inventory.segments);
        let (mode, reach) = (OpenMode::Read, Reach::Whole);
        let log = Examiner {
            storage,
            directory,
            ledger_id,
            segments,
            mode,
            reach,
            leaf_function: &self.options.leaf_function,
        };
        let blank = Watermark { clean: false, ..Watermark::of_new_ledger(ledger_id) };
        let examined = match log.examine(&blank) {
            Ok(examined) => examined,
            Err(OpenError::Damaged(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if matches!(examined.behind, Behind::Contradiction | Behind::FrameBehindJunk) {
            // There is more behind a hole; where the log ended isn't ours to decide.
            return Ok(());
        }
        let new = watermark_at(&blank, &examined);
        // What it is to cover may be in the page cache alone.
        for part in examined.parts {
            let Segment { file, header, compressed } = part.segment;
            if compressed.is_some() {
                // It got its name when it was durable.
                continue;
            }
            let file = LogFile::open(storage, file.path().to_owned(), OpenMode::Write)?;
            let part = Part { segment: Segment { file, header, compressed }, ..part };
            Surgeon { storage, directory, rewrites: true }.keep(&part)?;
        }
        WatermarkFile::create(storage, directory, new)?;
        self.ambiguous = true;
        self.repaired.push(Repair::WatermarkRebuilt);
        Ok(())
    }

    /// Gives every segment its right footer, but the last one if it goes on growing.
    fn seal_all(&mut self, mark: &Watermark, last_grows: bool, again: bool) -> Result<(), RecoverError> {
        if mark.offset == 0 {
            return Ok(());
        }
        let inventory = Inventory::take(self.storage(), self.directory)?.unwrap_or_default();
        let ends = inventory.segments.iter().skip(1).copied().chain([mark.seq]);
        for (first_seq, end) in inventory.segments.iter().copied().zip(ends) {
            if last_grows && first_seq == mark.segment {
                continue;
            }
            let sealable = Sealable { first_seq, end, again };
            match reseal(self.storage(), self.directory, mark.ledger_id, sealable) {
                Ok(true) => self.repaired.push(Repair::FooterWritten { segment: segment_name(first_seq) }),
                Err(SealError::Storage(error)) => return Err(error.into()),
                // Of one whose records are damaged, verification says so.
                Ok(false) | Err(SealError::Unsound) => {}
            }
        }
        Ok(())
    }

    /// Removes what an interrupted rotation or creation left.
    fn remove_leftovers(&mut self) -> Result<(), RecoverError> {
        let spare = self.directory.join(SPARE_NAME);
        let used = match LogFile::open(self.storage(), spare.clone(), OpenMode::Read) {
            Ok(file) => Window::new(&file, file.length()?).data_end(0)? > 0,
            Err(error) if error.is_not_found() => false,
            Err(error) => return Err(error.into()),
        };
        if used {
            self.storage().remove(&spare).map_err(|error| StorageError::new("remove", &spare, error))?;
            self.repaired.push(Repair::LeftoverRemoved { name: SPARE_NAME.to_owned() });
        }
        let inventory = Inventory::take(self.storage(), self.directory)?.unwrap_or_default();
        for path in inventory.remove_unfinished(self.storage())? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.repaired.push(Repair::LeftoverRemoved { name });
        }
        let new = self.directory.join(WATERMARK_NEW_NAME);
        match self.storage().remove(&new) {
            Ok(()) => self.repaired.push(Repair::LeftoverRemoved { name: WATERMARK_NEW_NAME.to_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StorageError::new("remove", &new, error).into()),
        }
        Ok(())
    }
}

/// Leaves the watermark as a clean close does.
fn close_in_good_order(mut watermark: WatermarkFile) -> Result<(), StorageError> {
    let last = *watermark.last();
    for _ in 0..2 {
        watermark.advance(Watermark { clean: true, ..last })?;
        watermark.sync()?;
    }
    Ok(())
}

fn watermark_at(blank: &Watermark, examined: &Examined) -> Watermark {
    let segment = examined.parts.last().map_or(Seq::ZERO, |part| part.segment.header.first_seq);
    let (offset, seq, commit_time_ns) = match examined.parts.last() {
        Some(_) => (examined.end.offset, examined.end.seq, examined.end.commit_time_ns),
        None => (0, Seq::ZERO, 0),
    };
    Watermark { segment, offset, seq, commit_time_ns, ..*blank }
}

#[cfg(test)]
mod tests;
