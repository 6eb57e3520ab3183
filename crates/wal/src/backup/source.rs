//! What there is to copy: the place up to which a log is durable, and the segments before it.
//!
//! INVARIANT: no acknowledged record lies behind that place. Beside a writer, or after one that died with the system still
//! running, the watermark is that place. After a power cut it may lag; then a log that has records behind it is refused.

use std::path::Path;
use std::sync::Arc;

use crate::damage::{Damage, Problem};
use crate::directory::Inventory;
use crate::error::{BackupError, OpenError};
use crate::leaf::LeafFunction;
use crate::lock;
use crate::open::judge_mark;
use crate::recovery::examine::{Examiner, Reach};
use crate::recovery::table::{Answer, Mark, decide};
use crate::segment::header::FORMAT_VERSION;
use crate::segment::name::{WATERMARK_NAME, segment_name};
use crate::seq::Seq;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage};
use crate::sync::thread;
use crate::watermark::file::read_slots;
use crate::watermark::{Slots, Watermark};

/// How often a log is looked at again that somebody is opening at this moment, and recovering.
const ATTEMPTS_MAX: u32 = 1000;

/// A log, up to the place where a copy of it ends.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) mark: Watermark,
    /// The first records of the segments before the last one.
    pub(super) full: Vec<Seq>,
    /// The one that the mark stands in, if there is any. It was opened while the watermark named it, so that it is as it was
    /// appended, whatever takes its place later.
    pub(super) last: Option<LogFile>,
}

impl Source {
    /// Looks how far the log goes.
    pub(super) fn find(
        storage: &dyn Storage,
        directory: &Path,
        leaf_function: &Arc<dyn LeafFunction>,
    ) -> Result<Source, BackupError> {
        let mut attempt = 1;
        loop {
            let (mark, trouble) = examine(storage, directory, leaf_function)?;
            let Some(trouble) = trouble else {
                if let Some(source) = Source::settle(storage, directory, mark)? {
                    return Ok(source);
                }
                continue;
            };
            // Somebody may be opening the log, and recovering it, or have done so meanwhile.
            let is_at_rest = !lock::is_held(storage, directory)? && read_mark(storage, directory)?.0 == mark;
            if is_at_rest || attempt >= ATTEMPTS_MAX {
                return Err(trouble);
            }
            attempt += 1;
            thread::yield_now();
        }
    }

    /// Opens the segment that the mark stands in. Nothing if the log has gone on to another one, so that this one may have
    /// been replaced before it was opened.
    fn settle(
        storage: &dyn Storage,
        directory: &Path,
        mark: Watermark,
    ) -> Result<Option<Source>, BackupError> {
        if mark.offset == 0 {
            return Ok(Some(Source { mark, full: Vec::new(), last: None }));
        }
        let name = segment_name(mark.segment);
        let last = LogFile::open(storage, directory.join(&name), OpenMode::Read).map_err(|error| {
            let (seq_from, seq_to, offset) = (mark.segment, mark.seq, 0);
            let damage = Damage { segment: name, seq_from, seq_to, offset, problem: Problem::Missing };
            if error.is_not_found() { damaged(damage) } else { error.into() }
        })?;
        if read_mark(storage, directory)?.0.segment != mark.segment {
            return Ok(None);
        }
        let inventory = Inventory::take(storage, directory)?.unwrap_or_default();
        let full = inventory.segments.into_iter().filter(|first_seq| *first_seq < mark.segment).collect();
        Ok(Some(Source { mark, full, last: Some(last) }))
    }

    /// How much there is to copy.
    pub(super) fn bytes_total(&self, storage: &dyn Storage, directory: &Path) -> Result<u64, StorageError> {
        let mut total = self.mark.offset;
        for first_seq in &self.full {
            let path = directory.join(segment_name(*first_seq));
            total = total.saturating_add(LogFile::open(storage, path, OpenMode::Read)?.length()?);
        }
        Ok(total)
    }
}

/// Reads the watermark, and says why a copy that ends there could lack something, if it could.
fn examine(
    storage: &dyn Storage,
    directory: &Path,
    leaf_function: &Arc<dyn LeafFunction>,
) -> Result<(Watermark, Option<BackupError>), BackupError> {
    // Before the watermark: a writer says in which boot it runs when it has recovered what there is to recover.
    let boot_id = lock::read_text(storage, directory)?.boot_id;
    let (mark, slot_broken) = read_mark(storage, directory)?;
    let worth = judge_mark(storage, &mark, slot_broken, boot_id.as_ref());
    // Where boots can't be told apart, a writer at work must do.
    let is_exact = worth == Mark::Exact || storage.boot_id().is_none() && lock::is_held(storage, directory)?;
    if is_exact {
        return Ok((mark, None));
    }
    let inventory = Inventory::take(storage, directory)?.unwrap_or_default();
    let (ledger_id, segments) = (mark.ledger_id, &inventory.segments);
    let (mode, reach) = (OpenMode::Read, Reach::Whole);
    let log = Examiner { storage, directory, ledger_id, segments, mode, reach, leaf_function };
    let examined = match log.examine(&mark) {
        Ok(examined) => examined,
        Err(OpenError::Damaged(damage)) => return Ok((mark, Some(damaged(damage)))),
        Err(OpenError::NewerVersion { path, found, known }) => {
            return Err(BackupError::NewerVersion { path, found, known });
        }
        Err(OpenError::OtherLeafFunction { found, given }) => {
            return Err(BackupError::OtherLeafFunction { found, given });
        }
        Err(OpenError::Storage(error)) => return Err(error.into()),
        // Examining fails in no other way.
        Err(_) => return Ok((mark, None)),
    };
    let records = examined.end.seq.since(mark.seq);
    let worth = if records > 0 { Mark::MayLag } else { worth };
    let trouble = match &examined.junk {
        Some(junk) if decide(worth, examined.behind).answer == Answer::Refuse => Some(damaged(junk.damage())),
        _ if records > 0 => Some(BackupError::Unrecovered { path: directory.to_owned(), records }),
        _ => None,
    };
    Ok((mark, trouble))
}

/// The watermark, and whether one of its slots is broken.
fn read_mark(storage: &dyn Storage, directory: &Path) -> Result<(Watermark, bool), BackupError> {
    let problem = match read_slots(storage, directory)? {
        Some(Slots::Sound { newest, other_broken }) => return Ok((newest, other_broken)),
        Some(Slots::NewerVersion(found)) => {
            let path = directory.join(WATERMARK_NAME);
            return Err(BackupError::NewerVersion { path, found, known: FORMAT_VERSION });
        }
        Some(Slots::Broken(problem)) => problem,
        None => Problem::Missing,
    };
    let inventory = Inventory::take(storage, directory)?.unwrap_or_default();
    if inventory.is_no_log() {
        return Err(BackupError::NotALedger { path: directory.to_owned() });
    }
    let (segment, seq_from, seq_to) = (WATERMARK_NAME.to_owned(), Seq::ZERO, Seq::ZERO);
    Err(damaged(Damage { segment, seq_from, seq_to, offset: 0, problem }))
}

pub(super) fn damaged(damage: Damage) -> BackupError {
    BackupError::Damaged { damage, more: 0 }
}
