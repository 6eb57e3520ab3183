//! What salvage found and did, in lists that can't grow without bound.
//!
//! A *gap* is where records are lost, or may be. A *remark* is about trouble that cost no record. Both say where: the
//! file, the bytes, and the old numbers as far as they are known.

use std::fmt;
use std::ops::Range;

use crate::damage::Problem;
use crate::seq::{LedgerId, Seq};
use crate::storage::file::StorageError;

/// How many entries each list of a report has at most.
pub const SALVAGE_ENTRIES_MAX: usize = 10_000;

/// A list that ends at [`SALVAGE_ENTRIES_MAX`] entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The first ones, in order.
    pub entries: Vec<T>,
    /// How many more there were.
    pub unlisted: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Listed<T> {
        Listed { entries: Vec::new(), unlisted: 0 }
    }
}

impl<T> Listed<T> {
    /// How many there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        crate::fields::on_disk(self.entries.len()) + self.unlisted
    }

    /// Adds an entry, or counts it.
    pub(super) fn push(&mut self, entry: T) {
        if self.entries.len() < SALVAGE_ENTRIES_MAX {
            self.entries.push(entry);
        } else {
            self.unlisted += 1;
        }
    }

    /// The entry that was added last, unless it was only counted.
    pub(super) fn last_mut(&mut self) -> Option<&mut T> {
        self.entries.last_mut().filter(|_| self.unlisted == 0)
    }
}

/// Records that keep their order and follow each other in both ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiedRange {
    /// The first one's number in the old ledger.
    pub old_from: Seq,
    /// The first one's number in the new ledger.
    pub new_from: Seq,
    /// How many.
    pub records: u64,
}

/// Records that are sound in themselves, in a place where nothing vouches for them: neither their old number nor that
/// they were ever acknowledged is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnplacedRange {
    /// The old ledger's file.
    pub file: String,
    /// Where in it the first one lies.
    pub offset: u64,
    /// The first one's number in the new ledger.
    pub new_from: Seq,
    /// How many.
    pub records: u64,
}

/// Something that isn't as it should be in the old ledger.
#[derive(Debug, Clone)]
pub struct SalvageFinding {
    /// The file's name in the log's directory.
    pub file: String,
    /// The records that are touched, by their old numbers, if these are known.
    pub seqs: Option<Range<Seq>>,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// How many bytes; 0 if that can't be said.
    pub bytes: u64,
    /// What it is.
    pub trouble: Trouble,
}

/// What is wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Trouble {
    /// The bytes are not what they should be.
    Damaged(Problem),
    /// The system couldn't read them. Says nothing about what they are.
    Unreadable(StorageError),
    /// So many bytes looked like long records and were none that not all such places were tried.
    SearchGivenUp,
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Trouble {
        Trouble::Damaged(problem)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Damaged(problem) => problem.fmt(f),
            Trouble::Unreadable(error) => match std::error::Error::source(error) {
                Some(cause) => write!(f, "{error}: {cause}"),
                None => error.fmt(f),
            },
            Trouble::SearchGivenUp => {
                write!(f, "too many places look like the start of a long record; not all were tried")
            }
        }
    }
}

impl fmt::Display for SalvageFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SalvageFinding { file, seqs, offset, bytes, trouble } = self;
        write!(f, "{file} at byte {offset}")?;
        if *bytes > 0 {
            write!(f, ", {bytes} bytes")?;
        }
        match seqs.as_ref().map(|seqs| (seqs.end.since(seqs.start), seqs)) {
            None | Some((0, _)) => {}
            Some((1, seqs)) => write!(f, ", record {}", seqs.start)?,
            Some((records, seqs)) => {
                write!(f, ", {records} records from {} to before {}", seqs.start, seqs.end)?;
            }
        }
        write!(f, ": {trouble}")
    }
}

/// What salvage found and did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SalvageReport {
    /// The old ledger, if anything still says which one it was.
    pub old_ledger: Option<LedgerId>,
    /// The new one.
    pub new_ledger: LedgerId,
    /// Records that were copied, the unplaced ones included.
    pub records: u64,
    /// Of these, the ones that nothing vouches for.
    pub unplaced_records: u64,
    /// Records that are known to be missing from the new ledger.
    pub records_lost: u64,
    /// Where the copied records were and are.
    pub copied: Listed<CopiedRange>,
    /// Where the unplaced records were and are.
    pub unplaced: Listed<UnplacedRange>,
    /// Where records are lost, or may be.
    pub gaps: Listed<SalvageFinding>,
    /// What else is wrong with the old ledger; it cost no record.
    pub remarks: Listed<SalvageFinding>,
    /// Bytes at the end of the old log that are no whole commit and were never acknowledged. They aren't copied.
    pub torn_tail_bytes: u64,
    /// Bytes that were read from the old ledger.
    pub bytes_read: u64,
}

impl SalvageReport {
    pub(super) fn new(old_ledger: Option<LedgerId>, new_ledger: LedgerId) -> SalvageReport {
        SalvageReport {
            old_ledger,
            new_ledger,
            records: 0,
            unplaced_records: 0,
            records_lost: 0,
            copied: Listed::default(),
            unplaced: Listed::default(),
            gaps: Listed::default(),
            remarks: Listed::default(),
            torn_tail_bytes: 0,
            bytes_read: 0,
        }
    }

    /// Whether every acknowledged record was copied, at its place.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.total() == 0 && self.unplaced_records == 0
    }

    /// Whether the old ledger was as a writer leaves it.
    #[must_use]
    pub fn is_spotless(&self) -> bool {
        self.is_complete() && self.remarks.total() == 0
    }

    /// So many records were copied, from these old numbers to these new ones.
    pub(super) fn note_copied(&mut self, old: Seq, new: Seq, records: u64) {
        self.records += records;
        if let Some(last) = self.copied.last_mut()
            && last.old_from.get().checked_add(last.records) == Some(old.get())
            && last.new_from.plus(last.records) == new
        {
            last.records += records;
        } else {
            self.copied.push(CopiedRange { old_from: old, new_from: new, records });
        }
    }

    /// A record was copied that nothing vouches for. `follows` if it lies right behind the one before.
    pub(super) fn note_unplaced(&mut self, file: &str, offset: u64, new: Seq, follows: bool) {
        self.records += 1;
        self.unplaced_records += 1;
        if let Some(last) = self.unplaced.last_mut()
            && follows
            && last.file == file
        {
            last.records += 1;
        } else {
            self.unplaced.push(UnplacedRange { file: file.to_owned(), offset, new_from: new, records: 1 });
        }
    }

    pub(super) fn gap(&mut self, gap: SalvageFinding) {
        let lost = gap.seqs.as_ref().map_or(0, |seqs| seqs.end.since(seqs.start));
        self.records_lost = self.records_lost.saturating_add(lost);
        self.gaps.push(gap);
    }
}
