//! Opening a log for writing: taking the lock, judging what is there, and recovering what a crash left.
//!
//! Nothing is changed before everything that decides was read and understood: a directory that is no log, a newer
//! version, and damage are refused with the files as they were. A log is never opened as empty because something is
//! missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::damage::{Damage, Problem};
use crate::directory::Inventory;
use crate::error::OpenError;
use crate::lock::{LockText, WriterLock};
use crate::log::Log;
use crate::options::Options;
use crate::planted::{Bug, planted};
use crate::recovery::apply::Surgeon;
use crate::recovery::examine::{Examined, Examiner, Reach, newer};
use crate::recovery::table::{Answer, Mark, Row, decide};
use crate::segment::header::HEADER_END;
use crate::segment::name::{WATERMARK_NAME, segment_name};
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::StorageError;
use crate::storage::{OpenMode, Storage};
use crate::tail::{Active, Followup, Sealable, TailStart};
use crate::watermark::file::{WatermarkFile, read_slots};
use crate::watermark::{Slots, Watermark};

/// What opening a log found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// There was no log; now there is.
    pub created: bool,
    /// The log had been closed in good order.
    pub clean: bool,
    /// Records that were found behind the watermark and are part of the log now. They had not been acknowledged,
    /// unless the power failed.
    pub recovered_records: u64,
    /// Bytes that were no whole commit, were cut off the log's end, and lie in `torn_file` now.
    pub torn_tail_bytes: u64,
    /// Where these bytes are kept.
    pub torn_file: Option<PathBuf>,
    /// Whether what was cut may have been acknowledged, for all that can be known after a power cut.
    pub ambiguous: bool,
    /// The log's segments, the one that grows included.
    pub segments: u64,
    /// The number that the next record gets.
    pub next_seq: Seq,
}

/// Opens the log in a directory.
pub(crate) fn open(directory: &Path, options: &Options) -> Result<(Arc<Log>, OpenReport), OpenError> {
    options.check()?;
    let storage = &*options.storage;
    let inventory = Inventory::take(storage, directory)?;
    match inventory {
        Some(inventory) if !inventory.is_no_log() => open_existing(directory, options),
        Some(inventory) if inventory.foreign => {
            Err(OpenError::ForeignDirectory { path: directory.to_owned() })
        }
        _ if options.create => create(directory, options),
        _ => Err(OpenError::NotALedger { path: directory.to_owned() }),
    }
}

fn create(directory: &Path, options: &Options) -> Result<(Arc<Log>, OpenReport), OpenError> {
    let storage = &*options.storage;
    let failed = |operation, error| StorageError::new(operation, directory, error);
    let made_above = missing_above(storage, directory);
    storage.create_directory(directory).map_err(|error| failed("create", error))?;
    let lock = WriterLock::take(storage, directory)?;
    // Somebody else may have been faster.
    if Inventory::take(storage, directory)?.is_some_and(|inventory| !inventory.is_no_log()) {
        drop(lock);
        return open_existing(directory, options);
    }
    lock.announce(storage)?;
    // CRASH: a lock file at most, which the next attempt takes for nothing.
    let id = LedgerId::from_bytes(storage.random());
    let mut watermark = WatermarkFile::create(storage, directory, Watermark::of_new_ledger(id))?;
    sync_name_of(storage, directory)?;
    made_above.into_iter().try_for_each(|made| sync_name_of(storage, made))?;
    mark_in_use(&mut watermark)?;
    let report = OpenReport { created: true, ..OpenReport::of(&watermark, 0) };
    let start = TailStart { watermark, active: None, last_capacity_bytes: 0 };
    Ok((Log::start(options, directory.to_owned(), lock, start)?, report))
}

/// The directories above this one that don't exist yet.
pub(crate) fn missing_above<'a>(storage: &dyn Storage, directory: &'a Path) -> Vec<&'a Path> {
    let is_missing = |path: &&Path| {
        let listed = storage.list(path);
        !path.as_os_str().is_empty()
            && listed.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    directory.ancestors().skip(1).take_while(is_missing).collect()
}

/// Makes a directory's own name durable.
pub(crate) fn sync_name_of(storage: &dyn Storage, directory: &Path) -> Result<(), StorageError> {
    let Some(parent) = directory.parent().filter(|_| !planted(Bug::SkipParentDirectorySync)) else {
        return Ok(());
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    storage.sync_directory(parent).map_err(|error| StorageError::new("sync", parent, error))
}

/// Makes a new log's names durable once more, and those of the directories above: whoever made them may have died, or
/// failed, before they were.
fn sync_names(storage: &dyn Storage, directory: &Path) -> Result<(), StorageError> {
    storage.sync_directory(directory).map_err(|error| StorageError::new("sync", directory, error))?;
    for path in directory.ancestors().filter(|path| !path.as_os_str().is_empty()) {
        match sync_name_of(storage, path) {
            // What may not be opened wasn't made by us.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => break,
            synced => synced?,
        }
    }
    Ok(())
}

fn open_existing(directory: &Path, options: &Options) -> Result<(Arc<Log>, OpenReport), OpenError> {
    let storage = &*options.storage;
    // Without the lock, so that a newer version's files aren't touched at all, not even the lock's.
    read_watermark(storage, directory)?;
    if !WriterLock::has_file(storage, directory)? {
        // Nor is one made for a log that is then refused.
        Opening::look(directory, options, &LockText::default(), Reach::Near)?;
    }
    let lock = WriterLock::take(storage, directory)?;
    let opening = Opening::look(directory, options, &lock.before, Reach::Near)?;
    opening.note(&lock)?;
    let Opened { start, unsealed, report } = opening.settle(options)?;
    lock.announce_in_boot(storage)?;
    let starts_segment = start.active.is_none();
    let log = Log::start(options, directory.to_owned(), lock, start)?;
    if starts_segment {
        log.upkeep.ask(Followup { sealable: None, spare_bytes: Some(log.tail.lock().next_capacity_bytes()) });
    }
    for sealable in unsealed {
        log.upkeep.ask(Followup { sealable: Some(sealable), spare_bytes: None });
    }
    Ok((log, report))
}

/// From here on a clean close is no longer what the watermark says, whatever happens.
fn mark_in_use(watermark: &mut WatermarkFile) -> Result<(), StorageError> {
    let last = *watermark.last();
    watermark.advance(Watermark { clean: false, ..last })?;
    watermark.sync()
}

/// Reads a log's watermark, which must be there.
pub(crate) fn read_watermark(
    storage: &dyn Storage,
    directory: &Path,
) -> Result<(Watermark, bool), OpenError> {
    let damaged = |problem| {
        let segment = WATERMARK_NAME.to_owned();
        OpenError::Damaged(Damage { segment, seq_from: Seq::ZERO, seq_to: Seq::ZERO, offset: 0, problem })
    };
    match read_slots(storage, directory)? {
        Some(Slots::Sound { newest, other_broken }) => Ok((newest, other_broken)),
        Some(Slots::NewerVersion(found)) => Err(newer(directory.join(WATERMARK_NAME), found)),
        Some(Slots::Broken(_)) if planted(Bug::BrokenWatermarkIsNewLog) => {
            Ok((Watermark::of_new_ledger(LedgerId::from_bytes(storage.random())), false))
        }
        Some(Slots::Broken(problem)) => Err(damaged(problem)),
        None => Err(damaged(Problem::Missing)),
    }
}

/// What the watermark is worth: after the crash of a process it is exact, after a power cut it may lag.
pub(crate) fn judge_mark(
    storage: &dyn Storage,
    mark: &Watermark,
    slot_broken: bool,
    last_boot_id: Option<&String>,
) -> Mark {
    let same_boot = was_rebooted(storage, last_boot_id) == Some(false);
    match mark.clean {
        // The broken one may have been the newer.
        _ if slot_broken => Mark::MayLag,
        true => Mark::Clean,
        false if same_boot => Mark::Exact,
        false => Mark::MayLag,
    }
}

/// Whether the system was started again since the last writer; nothing if that can't be known.
fn was_rebooted(storage: &dyn Storage, last_boot_id: Option<&String>) -> Option<bool> {
    Some(storage.boot_id()? != *last_boot_id?)
}

/// A log that has records has a segment that starts with the first of them.
fn check_start(inventory: &Inventory, mark: &Watermark) -> Result<(), OpenError> {
    let first_seq = inventory.segments.first().copied();
    if mark.seq == Seq::ZERO || first_seq == Some(Seq::ZERO) {
        return Ok(());
    }
    let (segment, problem) = (segment_name(Seq::ZERO), Problem::Missing);
    let seq_to = first_seq.unwrap_or(mark.seq);
    Err(OpenError::Damaged(Damage { segment, seq_from: Seq::ZERO, seq_to, offset: 0, problem }))
}

/// An existing log, ready to go on.
pub(crate) struct Opened {
    pub(crate) start: TailStart,
    /// What its background has to seal.
    pub(crate) unsealed: Vec<Sealable>,
    pub(crate) report: OpenReport,
}

/// An existing log, looked at and not yet changed.
pub(crate) struct Opening<'a> {
    directory: &'a Path,
    storage: &'a dyn Storage,
    inventory: Inventory,
    pub(crate) mark: Watermark,
    pub(crate) slot_broken: bool,
    /// Whether what was read surely comes from the medium.
    rebooted: bool,
    pub(crate) examined: Examined,
    pub(crate) row: Row,
}

impl<'a> Opening<'a> {
    /// Reads everything that decides.
    pub(crate) fn look(
        directory: &'a Path,
        options: &'a Options,
        last_writer: &LockText,
        reach: Reach,
    ) -> Result<Self, OpenError> {
        let storage = &*options.storage;
        let inventory = Inventory::take(storage, directory)?.unwrap_or_default();
        let (mark, slot_broken) = read_watermark(storage, directory)?;
        let last_boot_id = last_writer.boot_id.as_ref();
        let worth = judge_mark(storage, &mark, slot_broken, last_boot_id);
        // An opening that began in this boot may have written what it couldn't sync.
        let opened_before = last_writer.opening_boot_id.is_some()
            && last_writer.opening_boot_id == storage.boot_id()
            && !planted(Bug::ForgetOpenings);
        let rebooted = was_rebooted(storage, last_boot_id) == Some(true) && !opened_before;
        check_start(&inventory, &mark)?;
        let (ledger_id, segments) = (mark.ledger_id, &inventory.segments);
        // A power cut may have lost one commit and kept a later one.
        let reach = if worth == Mark::MayLag { Reach::Whole } else { reach };
        let mode = OpenMode::Write;
        let log = Examiner {
            storage,
            directory,
            ledger_id,
            segments,
            mode,
            reach,
            leaf_function: &options.leaf_function,
        };
        let examined = log.examine(&mark)?;
        for part in &examined.parts {
            let (found, given) = (part.segment.header.leaf_function, options.leaf_function.id());
            if found != given {
                return Err(OpenError::OtherLeafFunction { found, given });
            }
        }
        // Sound commits behind a clean mark: whoever put them there, the log didn't end where the mark says.
        let grew = examined.end.seq != mark.seq;
        let worth = if worth == Mark::Clean && grew { Mark::MayLag } else { worth };
        let row = decide(worth, examined.behind);
        if row.answer == Answer::Refuse {
            let junk = examined.junk.as_ref().expect("what is refused was found somewhere");
            return Err(OpenError::Damaged(junk.damage()));
        }
        Ok(Opening { directory, storage, inventory, mark, slot_broken, rebooted, examined, row })
    }

    /// Whether the log is as a good close leaves it, so that going on changes nothing but the mark of that.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.row.mark == Mark::Clean && self.row.answer == Answer::Continue
    }

    /// Whether the log would go on in its last segment.
    pub(crate) fn last_grows(&self) -> bool {
        let goes_on = self.row.answer == Answer::Continue || planted(Bug::ReuseBytesAfterCut);
        goes_on && self.examined.parts.last().is_some_and(|part| !part.sealed)
    }

    /// Whether what was read may be in the page cache alone: the process before this one may have seen a sync fail.
    pub(crate) fn may_lie(&self) -> bool {
        !self.rebooted && self.row.mark != Mark::Clean
    }

    /// Says that this opening began, if what was read is relied on because nobody has written since the last boot.
    pub(crate) fn note(&self, lock: &WriterLock) -> Result<(), StorageError> {
        if self.rebooted { lock.note_opening(self.storage) } else { Ok(()) }
    }

    /// Does what is to be done.
    pub(crate) fn settle(self, options: &Options) -> Result<Opened, OpenError> {
        let (grows, again) = (self.last_grows(), self.may_lie());
        let Opening { directory, storage, inventory, mark, slot_broken, rebooted, mut examined, row } = self;
        // A file that compressing left half made only takes room; whoever can't remove it now does so later.
        drop(inventory.remove_unfinished(storage));
        let surgeon = Surgeon { storage, directory, rewrites: !rebooted };
        if mark.offset == 0 {
            sync_names(storage, directory)?;
        }
        // A broken slot was being written, so the sound one was on the medium by then; and it is all that there is.
        let mut watermark = WatermarkFile::resume(storage, directory, mark, rebooted || slot_broken)?;
        let goes_on = row.answer == Answer::Continue;
        let torn_file = if goes_on { None } else { surgeon.apply(&examined, row.answer, &mut watermark)? };
        if goes_on && !planted(Bug::KeepCleanMark) {
            mark_in_use(&mut watermark)?;
        }
        let last = examined.parts.last();
        // After a crash the first append waits until the new segment is made. It starts small, as a new log does.
        let last_capacity_bytes =
            last.filter(|_| goes_on).map_or(0, |part| part.segment.header.capacity_bytes);
        let before = Unsealed { storage, directory, ledger_id: mark.ledger_id, again };
        let mut unsealed = before.look_back(&inventory.segments, mark.segment)?;
        unsealed.extend(examined.unsealed(grows, again));
        let torn_tail_bytes = match &examined.junk {
            Some(junk) if row.answer == Answer::SetAside => {
                set_aside_bytes(storage, torn_file.as_deref(), junk.bytes)?
            }
            Some(junk) => junk.bytes,
            None => 0,
        };
        let set_aside = u64::from(row.answer == Answer::SetAside);
        let report = OpenReport {
            clean: row.mark == Mark::Clean,
            recovered_records: examined.end.seq.since(mark.seq),
            torn_tail_bytes,
            torn_file,
            ambiguous: row.ambiguous,
            ..OpenReport::of(&watermark, crate::fields::on_disk(inventory.segments.len()) - set_aside)
        };
        let offset = examined.end.offset;
        let active = examined.parts.pop().filter(|_| grows).map(|part| Active {
            segment: part.segment,
            offset,
            spare_requested: false,
        });
        let last_capacity_bytes = last_capacity_bytes.min(options.segment_bytes);
        Ok(Opened { start: TailStart { watermark, active, last_capacity_bytes }, unsealed, report })
    }
}

impl OpenReport {
    fn of(watermark: &WatermarkFile, segments: u64) -> OpenReport {
        OpenReport {
            created: false,
            clean: true,
            recovered_records: 0,
            torn_tail_bytes: 0,
            torn_file: None,
            ambiguous: false,
            segments,
            next_seq: watermark.last().seq,
        }
    }
}

impl Examined {
    /// The segments that lack their footer, without the one that goes on growing. With `again`, all of them: the dead
    /// process may have seen a sync fail.
    fn unsealed(&self, last_grows: bool, again: bool) -> Vec<Sealable> {
        let mut unsealed = Vec::new();
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            let next = parts.peek().map(|next| next.segment.header.first_seq);
            let grows = next.is_none() && last_grows;
            if (!part.sealed || again) && !grows {
                let (first_seq, end) = (part.segment.header.first_seq, next.unwrap_or(self.end.seq));
                unsealed.push(Sealable { first_seq, end, again });
            }
        }
        unsealed
    }
}

/// Where to look for segments whose sealing was cut short.
struct Unsealed<'a> {
    storage: &'a dyn Storage,
    directory: &'a Path,
    ledger_id: LedgerId,
    /// Whether a footer may be in the page cache alone, because a process that is dead saw its sync fail.
    again: bool,
}

impl Unsealed<'_> {
    /// Those right before the watermark's. Stops at the first sealed one, because sealing goes in order, and never goes
    /// on behind one that failed; so that one alone may have to be sealed again.
    fn look_back(&self, segments: &[Seq], mark_segment: Seq) -> Result<Vec<Sealable>, OpenError> {
        let again = self.again;
        let mut unsealed = Vec::new();
        let mut end = mark_segment;
        for first_seq in segments.iter().rev().copied().skip_while(|first_seq| *first_seq >= mark_segment) {
            let opened =
                Segment::open_stored(self.storage, self.directory, self.ledger_id, first_seq, OpenMode::Read);
            let sealed = match opened {
                // Only what was sealed is ever compressed.
                Ok(segment) => segment.header.compressed || segment.trailer()?.is_some(),
                Err(SegmentError::Storage(error)) => return Err(error.into()),
                // A damaged one is for verification and readers to report: it doesn't keep the log from growing.
                Err(_) => break,
            };
            if !sealed || again {
                unsealed.push(Sealable { first_seq, end, again });
            }
            if sealed {
                break;
            }
            end = first_seq;
        }
        unsealed.reverse();
        Ok(unsealed)
    }
}

/// How much a segment that was set aside holds behind its header.
pub(crate) fn set_aside_bytes(
    storage: &dyn Storage,
    file: Option<&Path>,
    known: u64,
) -> Result<u64, StorageError> {
    let Some(path) = file else { return Ok(known) };
    let file = crate::storage::file::LogFile::open(storage, path.to_owned(), OpenMode::Read)?;
    let end = crate::segment::scan::Window::new(&file, file.length()?).data_end(0)?;
    Ok(end.saturating_sub(HEADER_END))
}
