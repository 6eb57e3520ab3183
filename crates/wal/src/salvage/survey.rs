//! What there is to salvage: every file that is, or may be, a segment of the old log, in the order of its records.
//!
//! Everything that makes salvage refuse the whole ledger is found here, before anything is written. What is wrong with
//! single files is a line of the report, and no reason to leave the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::damage::Problem;
use crate::directory::Inventory;
use crate::error::SalvageError;
use crate::fields::{array_at, u32_at};
use crate::salvage::patient::open_patiently;
use crate::salvage::report::{SalvageFinding, Trouble};
use crate::segment::compressed::file::CompressedFile;
use crate::segment::header::{
    COMMIT_ALIGNMENT_BYTES_MIN, FORMAT_VERSION, HEADER_BYTES, HeaderError, SegmentHeader, is_commit_alignment,
};
use crate::segment::name::{WATERMARK_NAME, segment_name};
use crate::seq::{LedgerId, Seq};
use crate::storage::Storage;
use crate::storage::file::StorageError;
use crate::watermark::file::read_slots;
use crate::watermark::{Slots, Watermark};

/// A segment of the old log.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) name: String,
    /// What it says about itself; if that isn't sound, what can be made of it.
    pub(super) header: SegmentHeader,
    /// What is wrong with the header.
    pub(super) header_problem: Option<Problem>,
    pub(super) bytes: u64,
}

/// The old log, before its records are read.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// In the order of their records.
    pub(super) volumes: Vec<Volume>,
    pub(super) ledger_id: Option<LedgerId>,
    /// The watermark, if it says anything.
    pub(super) mark: Option<Watermark>,
    /// Where commits start in the new log.
    pub(super) commit_alignment_bytes: Option<u32>,
    pub(super) remarks: Vec<SalvageFinding>,
}

/// A remark about a whole file.
fn remark(file: &str, trouble: impl Into<Trouble>) -> SalvageFinding {
    SalvageFinding { file: file.to_owned(), seqs: None, offset: 0, bytes: 0, trouble: trouble.into() }
}

/// A file that couldn't be opened or examined.
fn closed_remark(file: &str, error: StorageError) -> SalvageFinding {
    if error.is_no_regular_file() {
        remark(file, Problem::Foreign { reason: "it is no regular file" })
    } else {
        remark(file, Trouble::Unreadable(error))
    }
}

impl Survey {
    /// Looks at the watermark and at the header of every segment.
    pub(super) fn take(
        storage: &dyn Storage,
        directory: &Path,
        leaf_function: u32,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<Survey, SalvageError> {
        let inventory = Inventory::take(storage, directory)?
            .filter(|inventory| !inventory.is_no_log() || !inventory.near_segments.is_empty())
            .ok_or_else(|| SalvageError::NotALedger { path: directory.to_owned() })?;
        let mut survey = Survey::default();
        survey.read_mark(storage, directory)?;
        for first_seq in &inventory.segments {
            let name = segment_name(*first_seq);
            survey.look_at(storage, directory, name, Some(*first_seq), bytes_read)?;
        }
        for name in inventory.near_segments {
            survey.look_at(storage, directory, name, None, bytes_read)?;
        }
        survey.choose_ledger();
        survey.drop_foreign();
        survey.check_leaf_function(leaf_function)?;
        let sound = |volume: &&Volume| volume.header_problem.is_none();
        let first = survey.volumes.iter().find(sound);
        survey.commit_alignment_bytes = first.map(|volume| volume.header.commit_alignment_bytes);
        // Of two with the same records, the one under the right name comes first.
        let is_misnamed = |volume: &Volume| volume.name != segment_name(volume.header.first_seq);
        survey
            .volumes
            .sort_by_cached_key(|volume| (volume.header.first_seq, is_misnamed(volume), volume.name.clone()));
        Ok(survey)
    }

    /// The first record that nothing says was durable: neither the watermark nor the name of a later segment.
    pub(super) fn acknowledged_end(&self) -> Seq {
        let sound = self.volumes.iter().filter(|volume| volume.header_problem.is_none());
        let last = sound.map(|volume| volume.header.first_seq).max();
        self.mark.map_or(Seq::ZERO, |mark| mark.seq).max(last.unwrap_or(Seq::ZERO))
    }

    pub(super) fn bytes_total(&self) -> u64 {
        self.volumes.iter().map(|volume| volume.bytes).fold(0, u64::saturating_add)
    }

    fn read_mark(&mut self, storage: &dyn Storage, directory: &Path) -> Result<(), SalvageError> {
        match read_slots(storage, directory) {
            Ok(Some(Slots::Sound { newest, .. })) => self.mark = Some(newest),
            Ok(Some(Slots::NewerVersion(found))) => {
                let path = directory.join(WATERMARK_NAME);
                return Err(SalvageError::NewerVersion { path, found, known: FORMAT_VERSION });
            }
            Ok(Some(Slots::Broken(problem))) => self.remarks.push(remark(WATERMARK_NAME, problem)),
            Ok(None) => self.remarks.push(remark(WATERMARK_NAME, Problem::Missing)),
            Err(error) => self.remarks.push(closed_remark(WATERMARK_NAME, error)),
        }
        Ok(())
    }

    fn look_at(
        &mut self,
        storage: &dyn Storage,
        directory: &Path,
        name: String,
        named: Option<Seq>,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<(), SalvageError> {
        let path = directory.join(&name);
        let mut block = [0; HEADER_BYTES];
        let opened = open_patiently(storage, &path, bytes_read);
        let read = opened.and_then(|(file, unreadable)| {
            file.read_up_to(&mut block, 0)?;
            Ok((file.length()?, CompressedFile::repeated_header(&file)?, unreadable))
        });
        let (bytes, repeated) = match read {
            Ok((bytes, repeated, unreadable)) => {
                self.remarks.extend(unreadable.findings(&name));
                (bytes, repeated)
            }
            Err(error) => {
                self.remarks.push(closed_remark(&name, error));
                return Ok(());
            }
        };
        match (SegmentHeader::decode(&block), named) {
            (Ok(header), named) => {
                if named != Some(header.first_seq) {
                    self.remarks.push(misnamed(&name, named, header.first_seq));
                }
                self.volumes.push(Volume { name, header, header_problem: None, bytes });
            }
            (Err(HeaderError::NewerVersion(found)), _) => {
                return Err(SalvageError::NewerVersion { path, found, known: FORMAT_VERSION });
            }
            // The end of a compressed segment says again what its header said.
            (Err(HeaderError::Damaged(problem)), Some(named))
                if let Some(header) = repeated.filter(|header| header.first_seq == named) =>
            {
                self.remarks.push(remark(&name, problem));
                self.volumes.push(Volume { name, header, header_problem: None, bytes });
            }
            (Err(HeaderError::Damaged(problem)), Some(named)) => {
                let header = guess(&block, named);
                self.volumes.push(Volume { name, header, header_problem: Some(problem), bytes });
            }
            (Err(HeaderError::Damaged(_)), None) => {
                let reason = "a segment is named by twenty digits";
                self.remarks.push(remark(&name, Problem::Foreign { reason }));
            }
        }
        Ok(())
    }

    /// Which ledger this is: the one that the watermark names, if any segment does too; else the one that most
    /// segments name.
    fn choose_ledger(&mut self) {
        let mut segments = BTreeMap::<LedgerId, u64>::new();
        for volume in self.volumes.iter().filter(|volume| volume.header_problem.is_none()) {
            *segments.entry(volume.header.ledger_id).or_default() += 1;
        }
        let marked = self.mark.map(|mark| mark.ledger_id);
        if segments.is_empty() || marked.is_some_and(|marked| segments.contains_key(&marked)) {
            self.ledger_id = marked;
            return;
        }
        self.ledger_id = segments.into_iter().max_by_key(|(_, count)| *count).map(|(id, _)| id);
        if let (Some(found), Some(expected)) = (marked, self.ledger_id) {
            let problem = Problem::OtherLedger { part: "watermark", expected, found };
            self.remarks.push(remark(WATERMARK_NAME, problem));
            self.mark = None;
        }
    }

    /// Leaves out what says that it belongs to another ledger.
    fn drop_foreign(&mut self) {
        let Some(expected) = self.ledger_id else { return };
        let remarks = &mut self.remarks;
        self.volumes.retain(|volume| {
            let found = volume.header.ledger_id;
            let is_ours = volume.header_problem.is_some() || found == expected;
            if !is_ours {
                let problem = Problem::OtherLedger { part: "segment header", expected, found };
                remarks.push(remark(&volume.name, problem));
            }
            is_ours
        });
    }

    fn check_leaf_function(&self, given: u32) -> Result<(), SalvageError> {
        let found = self
            .volumes
            .iter()
            .filter(|volume| volume.header_problem.is_none())
            .map(|volume| volume.header.leaf_function)
            .find(|found| *found != given);
        found.map_or(Ok(()), |found| Err(SalvageError::OtherLeafFunction { found, given }))
    }
}

fn misnamed(name: &str, named: Option<Seq>, found: Seq) -> SalvageFinding {
    let reason = "a segment is named by twenty digits";
    let problem = named.map_or(Problem::Foreign { reason }, |named| Problem::Field {
        part: "segment header",
        field: "first seq",
        expected: named.get(),
        found: found.get(),
    });
    remark(name, problem)
}

/// What can be made of a header that isn't sound. Whether the nonce is right, the frames will tell.
fn guess(block: &[u8; HEADER_BYTES], named: Seq) -> SegmentHeader {
    let alignment = u32_at(block, 84);
    SegmentHeader {
        ledger_id: LedgerId::from_bytes(array_at(block, 16)),
        first_seq: named,
        nonce: array_at(block, 40),
        generation: 0,
        // A damaged time could be in a far future, and times never go back: salvage takes its predecessor's instead.
        created_ns: i64::MIN,
        leaf_function: u32_at(block, 80),
        commit_alignment_bytes: if is_commit_alignment(alignment) {
            alignment
        } else {
            COMMIT_ALIGNMENT_BYTES_MIN
        },
        capacity_bytes: 0,
        compressed: false,
    }
}
