//! The end of the log: where commits are written, synced, and marked as durable.
//!
//! Only the leader of a commit works here, so nothing is concurrent.
//!
//! INVARIANT: no offset of a segment ever receives different bytes. A commit that couldn't be written ends its
//! segment at the last good one, and the log goes on in a new file.

use std::path::PathBuf;
use std::sync::Arc;

use crate::commit::batch::Batch;
use crate::options::{FIRST_SEGMENT_BYTES, Options};
use crate::planted::{Bug, planted};
use crate::segment::Segment;
use crate::segment::header::{HEADER_END, SegmentHeader};
use crate::segment::name::segment_name;
use crate::seq::{LedgerId, Seq};
use crate::spare::{Spare, SpareShelf};
use crate::storage::Storage;
use crate::storage::file::StorageError;
use crate::watermark::Watermark;
use crate::watermark::file::WatermarkFile;

/// What a new segment's size is a multiple of.
const CAPACITY_STEP_BYTES: u64 = 4096;

/// When a segment is full to one part in so many, its successor is made. A writer that outruns that waits for it.
const SPARE_AT_PART: u64 = 4;

/// The writing end.
#[derive(Debug)]
pub(crate) struct Tail {
    storage: Arc<dyn Storage>,
    directory: PathBuf,
    ledger_id: LedgerId,
    segment_bytes: u64,
    commit_alignment_bytes: u32,
    leaf_function: u32,
    shelf: Arc<SpareShelf>,
    watermark: WatermarkFile,
    /// The segment that grows. `None` if the next commit starts a new one.
    active: Option<Active>,
    last_capacity_bytes: u64,
    /// The number of the next record to be written.
    written_end: Seq,
    commit_time_ns: i64,
    syncs: u64,
    /// What was written since the last sync.
    unsynced_bytes: u64,
    followup: Followup,
}

/// The segment that grows.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) segment: Segment,
    /// Where its last commit ends.
    pub(crate) offset: u64,
    /// Whether its successor was asked for.
    pub(crate) spare_requested: bool,
}

/// What opening found, for the tail to go on from.
#[derive(Debug)]
pub(crate) struct TailStart {
    pub(crate) watermark: WatermarkFile,
    pub(crate) active: Option<Active>,
    pub(crate) last_capacity_bytes: u64,
}

/// A segment that won't grow any more and lacks its footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sealable {
    pub(crate) first_seq: Seq,
    /// The first record that isn't in it.
    pub(crate) end: Seq,
    /// Whether a footer that it seems to have may be in the page cache alone, after a sync that failed.
    pub(crate) again: bool,
}

/// What commits led to besides being written: work for the background.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Followup {
    pub(crate) sealable: Option<Sealable>,
    /// The size of a spare that will soon be needed.
    pub(crate) spare_bytes: Option<u64>,
}

/// Why a commit failed.
#[derive(Debug, Clone)]
pub(crate) enum CommitFailure {
    /// It isn't in the log and will never be; a later one may succeed.
    NotWritten(StorageError),
    /// Nobody knows what is on the medium. Nothing more may be written.
    Unknown(StorageError),
    /// It wasn't tried, because an earlier one failed like that.
    Refused(StorageError),
}

impl CommitFailure {
    /// The failure of something that didn't touch the log itself.
    fn outside_of_log(error: StorageError) -> CommitFailure {
        // After a failed sync the device can't be trusted, whichever file it was. Running out of space is the one
        // exception: it says nothing about the device.
        if error.operation() == "sync" && !error.is_storage_full() {
            CommitFailure::Unknown(error)
        } else {
            CommitFailure::NotWritten(error)
        }
    }
}

impl Tail {
    pub(crate) fn new(
        options: &Options,
        directory: PathBuf,
        shelf: Arc<SpareShelf>,
        start: TailStart,
    ) -> Tail {
        let last = *start.watermark.last();
        Tail {
            storage: Arc::clone(&options.storage),
            directory,
            ledger_id: last.ledger_id,
            segment_bytes: options.segment_bytes,
            commit_alignment_bytes: options.commit_alignment_bytes,
            leaf_function: options.leaf_function.id(),
            shelf,
            watermark: start.watermark,
            active: start.active,
            last_capacity_bytes: start.last_capacity_bytes,
            written_end: last.seq,
            commit_time_ns: last.commit_time_ns,
            syncs: 0,
            unsynced_bytes: 0,
            followup: Followup::default(),
        }
    }

    /// The first record that isn't durable.
    pub(crate) fn durable_end(&self) -> Seq {
        self.watermark.last().seq
    }

    /// The segment that the watermark names.
    pub(crate) fn marked_segment(&self) -> Seq {
        self.watermark.last().segment
    }

    /// The first record that isn't written.
    pub(crate) fn written_end(&self) -> Seq {
        self.written_end
    }

    /// The number of syncs of segments so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs
    }

    /// The watermark, for the background to sync and to say so.
    pub(crate) fn watermark(&mut self) -> &mut WatermarkFile {
        &mut self.watermark
    }

    /// Writes a commit, and syncs it and all before it if it asks for that. An empty one may ask too.
    pub(crate) fn commit(&mut self, batch: &mut Batch) -> Result<(), CommitFailure> {
        if batch.records > 0 {
            debug_assert!(
                batch.first_seq == self.written_end || planted(Bug::KeepNumbersOfRefusedCommit),
                "commits follow each other without a gap"
            );
            match self.active.as_ref().and_then(|active| active.room_for(batch)) {
                Some(offset) => self.write_in_place(batch, offset)?,
                None => self.write_into_new_segment(batch)?,
            }
        }
        if batch.sync && !planted(Bug::AcknowledgeBeforeSync) {
            self.sync().map_err(CommitFailure::Unknown)?;
        }
        Ok(())
    }

    /// What commits led to since this was last asked.
    pub(crate) fn take_followup(&mut self) -> Followup {
        std::mem::take(&mut self.followup)
    }

    /// How much was written since the last sync.
    pub(crate) fn unsynced_bytes(&self) -> u64 {
        self.unsynced_bytes
    }

    /// Whether something is written and not durable.
    pub(crate) fn has_unsynced(&self) -> bool {
        self.written_end != self.durable_end()
    }

    /// Makes everything written durable, and says so in the watermark.
    pub(crate) fn sync(&mut self) -> Result<(), StorageError> {
        if !self.has_unsynced() {
            return Ok(());
        }
        if planted(Bug::AdvanceWatermarkBeforeSync) {
            self.mark_durable(false)?;
        }
        let active = self.active.as_ref().expect("what isn't durable yet lies in the active segment");
        if !planted(Bug::SkipCommitSync) {
            active.segment.file.sync()?;
        }
        self.syncs += 1;
        self.unsynced_bytes = 0;
        // CRASH: durable, and the watermark doesn't say so. Opening finds the commit behind the watermark.
        self.mark_durable(false)
    }

    /// Records in both slots, synced, that the log ends exactly here. Both, so that not even a damaged slot makes the
    /// next open doubt it.
    pub(crate) fn mark_clean(&mut self) -> Result<(), StorageError> {
        for _ in 0..2 {
            self.mark_durable(true)?;
            self.watermark.sync()?;
        }
        Ok(())
    }

    fn mark_durable(&mut self, clean: bool) -> Result<(), StorageError> {
        let last = *self.watermark.last();
        let (segment, offset) = match &self.active {
            Some(active) => (active.segment.header.first_seq, active.offset),
            None => (last.segment, last.offset),
        };
        let (seq, commit_time_ns) = (self.written_end, self.commit_time_ns);
        self.watermark.advance(Watermark { clean, segment, offset, seq, commit_time_ns, ..last })
    }

    fn write_in_place(&mut self, batch: &mut Batch, offset: u64) -> Result<(), CommitFailure> {
        let commit_time_ns = self.commit_time_ns_of(batch);
        let durable_end =
            if planted(Bug::ClaimDurableTooEarly) { self.written_end } else { self.durable_end() };
        let active = self.active.as_mut().expect("the caller found room in the active segment");
        let bytes = batch.framed(&active.segment.header, offset, durable_end, commit_time_ns);
        if let Err(error) = active.segment.file.write_all(bytes, offset) {
            return Err(self.end_segment_after(error));
        }
        active.offset = offset + batch.total_bytes();
        self.unsynced_bytes += batch.total_bytes();
        self.wrote(batch, commit_time_ns);
        self.ask_for_spare();
        Ok(())
    }

    /// A write into the active segment failed. If only for lack of space, the segment is cut behind its last good
    /// commit, so that no part of the failed one is ever found, and ends there.
    fn end_segment_after(&mut self, error: StorageError) -> CommitFailure {
        let Some(active) = self.active.as_ref().filter(|_| error.is_storage_full()) else {
            return CommitFailure::Unknown(error);
        };
        if planted(Bug::ReuseBytesAfterFull) {
            return CommitFailure::NotWritten(error);
        }
        let file = active.segment.file.clone();
        let end = if planted(Bug::KeepPartOfRefusedCommit) {
            active.segment.header.capacity_bytes
        } else {
            active.segment.header.commit_start(active.offset)
        };
        let cut = file.set_length(end).and_then(|()| file.sync()).and_then(|()| self.sync());
        if let Err(error) = cut {
            return CommitFailure::Unknown(error);
        }
        self.end_active();
        CommitFailure::NotWritten(error)
    }

    fn write_into_new_segment(&mut self, batch: &mut Batch) -> Result<(), CommitFailure> {
        // What a new segment's name promises: that everything before it is durable.
        if !planted(Bug::SkipSyncBeforeRotation) {
            self.sync().map_err(CommitFailure::Unknown)?;
        }
        let spares = Arc::clone(&self.shelf);
        let mut held = spares.hold();
        let mut header = self.new_header();
        let offset = header.commit_start(HEADER_END);
        let needed_bytes = (offset + batch.total_bytes()).next_multiple_of(CAPACITY_STEP_BYTES);
        let spare =
            held.spare(needed_bytes, self.next_capacity_bytes()).map_err(CommitFailure::outside_of_log)?;
        header.capacity_bytes = spare.capacity_bytes;
        let commit_time_ns = self.commit_time_ns_of(batch);
        if let Err(error) = self.fill(&spare, &header, batch, offset, commit_time_ns) {
            held.discard();
            return Err(CommitFailure::outside_of_log(error));
        }
        // CRASH: a spare with something in it. It was never part of the log.
        let path = self.directory.join(segment_name(header.first_seq));
        self.publish(&spare, &path).map_err(CommitFailure::Unknown)?;
        // CRASH: a segment behind the watermark, whose first commit nobody was told of.
        held.taken();
        self.end_active();
        self.last_capacity_bytes = header.capacity_bytes;
        let segment = Segment { file: spare.file.renamed(path), header, compressed: None };
        self.active = Some(Active { segment, offset: offset + batch.total_bytes(), spare_requested: false });
        self.wrote(batch, commit_time_ns);
        self.ask_for_spare();
        // Synced too, so that opening has to look at no more than a segment after a power cut.
        let marked = self.mark_durable(false).and_then(|()| self.watermark.sync());
        marked.map_err(CommitFailure::Unknown)
    }

    /// Writes header and first commit into a spare, and syncs it.
    fn fill(
        &mut self,
        spare: &Spare,
        header: &SegmentHeader,
        batch: &mut Batch,
        offset: u64,
        commit_time_ns: i64,
    ) -> Result<(), StorageError> {
        spare.file.write_all(&header.encode(), 0)?;
        spare.file.write_all(batch.framed(header, offset, self.durable_end(), commit_time_ns), offset)?;
        if !planted(Bug::SkipFirstCommitSync) {
            spare.file.sync()?;
        }
        self.syncs += 1;
        Ok(())
    }

    /// Gives a filled spare its segment's name, durably.
    fn publish(&self, spare: &Spare, path: &std::path::Path) -> Result<(), StorageError> {
        let (from, directory) = (spare.file.path(), &self.directory);
        if !planted(Bug::SkipSpareRename) {
            self.storage.rename(from, path).map_err(|error| StorageError::new("rename", from, error))?;
        }
        if planted(Bug::SkipRotationDirectorySync) {
            return Ok(());
        }
        self.storage.sync_directory(directory).map_err(|error| StorageError::new("sync", directory, error))
    }

    /// Asks the background for the next segment, once this one is so full.
    fn ask_for_spare(&mut self) {
        let spare_bytes = self.next_capacity_bytes();
        if let Some(active) = self.active.as_mut().filter(|active| active.wants_spare()) {
            active.spare_requested = true;
            self.followup.spare_bytes = Some(spare_bytes);
        }
    }

    /// The active segment won't grow any more.
    fn end_active(&mut self) {
        if let Some(active) = self.active.take() {
            let (first_seq, end) = (active.segment.header.first_seq, self.written_end);
            self.followup.sealable = Some(Sealable { first_seq, end, again: false });
        }
    }

    fn wrote(&mut self, batch: &Batch, commit_time_ns: i64) {
        self.written_end = batch.end_seq();
        self.commit_time_ns = commit_time_ns;
    }

    /// Never less than that of the commit before.
    fn commit_time_ns_of(&self, batch: &Batch) -> i64 {
        let now_ns = batch.commit_time_ns.unwrap_or_else(|| self.storage.now_ns());
        if planted(Bug::CommitTimeGoesBack) { now_ns } else { now_ns.max(self.commit_time_ns) }
    }

    /// The size of the next segment.
    pub(crate) fn next_capacity_bytes(&self) -> u64 {
        let first = FIRST_SEGMENT_BYTES.min(self.segment_bytes);
        let capacity = (2 * self.last_capacity_bytes).clamp(first, self.segment_bytes);
        capacity.next_multiple_of(CAPACITY_STEP_BYTES)
    }

    fn new_header(&self) -> SegmentHeader {
        SegmentHeader {
            ledger_id: self.ledger_id,
            first_seq: self.written_end,
            nonce: self.storage.random(),
            generation: 0,
            created_ns: self.storage.now_ns(),
            leaf_function: self.leaf_function,
            commit_alignment_bytes: self.commit_alignment_bytes,
            capacity_bytes: 0,
            compressed: false,
        }
    }
}

impl Active {
    /// Where this commit would go, if it fits.
    fn room_for(&self, batch: &Batch) -> Option<u64> {
        let header = &self.segment.header;
        let offset = header.commit_start(self.offset);
        let end = offset.checked_add(batch.total_bytes())?;
        (end <= header.capacity_bytes).then_some(offset)
    }

    /// Whether its successor should be made ready now, and wasn't asked for yet.
    fn wants_spare(&self) -> bool {
        !self.spare_requested && self.offset > self.segment.header.capacity_bytes / SPARE_AT_PART
    }
}
