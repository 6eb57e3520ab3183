//! [`Wal`], the writer's handle.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::commit::queue::NoRoom;
use crate::commit::ticket::{BatchReceipt, BatchTicket, Receipt, Ticket};
use crate::compress::{CompressProgress, CompressReport};
use crate::counters::{Backlog, Counters};
use crate::durable_mark::DurableWait;
use crate::error::{AppendError, CloseError, CompressError, OpenError};
use crate::failure::Failure;
use crate::log::Log;
use crate::open::{OpenReport, open};
use crate::options::{BATCH_BYTES_MAX, Durability, Options};
use crate::reader::Reader;
use crate::record::{RECORD_BYTES_MAX, RecordHeader, record_bytes};
use crate::seq::{Leaf, LedgerId, Seq};
use crate::storage::file::StorageError;
use crate::sync;

/// A log that is open for writing. Cheap to clone; may be used from many threads at once.
///
/// When the last clone is dropped the log is closed as [`Wal::close`] does: all that was placed becomes durable. If that
/// fails, [`Options::on_failure`] is told.
///
/// ```
/// use runledger_wal::{Durability, Options, Wal};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let (wal, _) = Wal::open(&directory.path().join("wal"), Options::new().create(true))?;
/// let receipt = wal.append(b"first", Durability::Durable)?;
/// let record = wal.reader().read(receipt.seq)?.expect("what was acknowledged is there");
/// assert_eq!(record.payload(), b"first");
/// wal.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Wal {
    pub(crate) log: Arc<Log>,
    _closes: Arc<ClosesOnDrop>,
}

struct ClosesOnDrop(Arc<Log>);

impl Drop for ClosesOnDrop {
    fn drop(&mut self) {
        if !self.0.is_closed()
            && let Err(error) = self.0.close()
        {
            self.0.tell(&[Failure::Close(error)]);
        }
    }
}

/// A payload that was hashed and checksummed, and only needs a place.
#[derive(Debug, Clone)]
pub struct Prepared<P> {
    header: RecordHeader,
    payload: P,
}

impl<P> Prepared<P> {
    /// The payload's hash.
    pub fn leaf(&self) -> Leaf {
        self.header.leaf
    }
}

impl Wal {
    /// Opens the log in this directory for writing. `directory` holds the log's own files and nothing else.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]. Whatever the error, acknowledged data is untouched.
    #[expect(clippy::needless_pass_by_value, reason = "options are built in the call, as a rule")]
    pub fn open(directory: &Path, options: Options) -> Result<(Wal, OpenReport), OpenError> {
        let (log, report) = open(directory, &options)?;
        let closes = Arc::new(ClosesOnDrop(Arc::clone(&log)));
        Ok((Wal { log, _closes: closes }, report))
    }

    /// Which ledger this is.
    pub fn ledger_id(&self) -> LedgerId {
        self.log.ledger_id
    }

    /// Appends a record and waits until it has this durability.
    ///
    /// # Durability
    ///
    /// When this returns after [`Durability::Durable`], the record and all before it are on stable storage.
    ///
    /// # Errors
    ///
    /// After [`AppendError::OutcomeUnknown`] the record may or may not be in the log. After any other error it isn't.
    pub fn append(&self, payload: &[u8], durability: Durability) -> Result<Receipt, AppendError> {
        self.append_prepared(&self.prepare(payload)?, durability)
    }

    /// Hashes and checksums a payload, on the calling thread and without any lock.
    ///
    /// # Errors
    ///
    /// [`AppendError::TooLarge`].
    pub fn prepare<P: AsRef<[u8]>>(&self, payload: P) -> Result<Prepared<P>, AppendError> {
        let header = self.header(payload.as_ref())?;
        Ok(Prepared { header, payload })
    }

    /// As [`Wal::append`].
    ///
    /// # Errors
    ///
    /// As [`Wal::append`].
    pub fn append_prepared<P: AsRef<[u8]>>(
        &self,
        prepared: &Prepared<P>,
        durability: Durability,
    ) -> Result<Receipt, AppendError> {
        self.append_one(prepared, durability, NoRoom::Wait)
    }

    /// As [`Wal::append`], but fails at once if there is no room in the queue, instead of waiting for it. For callers
    /// that would rather drop or delay something than be held up by a slow disk.
    ///
    /// ```
    /// use runledger_wal::{Durability, Options, Wal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let (wal, _) = Wal::open(&directory.path().join("wal"), Options::new().create(true))?;
    /// let mut put_off = 0;
    /// match wal.try_append(b"first", Durability::Buffered) {
    ///     Ok(receipt) => println!("record {} has its place", receipt.seq),
    ///     Err(error) if error.is_queue_full() => put_off += 1,
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # assert_eq!(put_off, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Wal::append`], and [`AppendError::QueueFull`]: then nothing was written.
    pub fn try_append(&self, payload: &[u8], durability: Durability) -> Result<Receipt, AppendError> {
        self.append_one(&self.prepare(payload)?, durability, NoRoom::Refuse)
    }

    /// As [`Wal::try_append`].
    ///
    /// # Errors
    ///
    /// As [`Wal::try_append`].
    pub fn try_append_prepared<P: AsRef<[u8]>>(
        &self,
        prepared: &Prepared<P>,
        durability: Durability,
    ) -> Result<Receipt, AppendError> {
        self.append_one(prepared, durability, NoRoom::Refuse)
    }

    fn append_one<P: AsRef<[u8]>>(
        &self,
        Prepared { header, payload }: &Prepared<P>,
        durability: Durability,
        no_room: NoRoom,
    ) -> Result<Receipt, AppendError> {
        let (seq, durability) = self.log.append(&[(*header, payload.as_ref())], durability, no_room)?;
        Ok(Receipt { seq, leaf: header.leaf, durability })
    }

    /// Appends records next to each other in one commit: after a crash all of them are there, or none.
    ///
    /// # Errors
    ///
    /// As [`Wal::append`], and [`AppendError::BatchTooLarge`].
    pub fn append_batch<P: AsRef<[u8]>>(
        &self,
        payloads: &[P],
        durability: Durability,
    ) -> Result<BatchReceipt, AppendError> {
        let records = self.batch(payloads)?;
        let (first_seq, durability) = self.log.append(&records, durability, NoRoom::Wait)?;
        Ok(BatchReceipt { first_seq, leaves: leaves_of(&records), durability })
    }

    /// As [`Wal::append_batch`], without waiting for anything but room in the queue. A thread that prepares the next batch
    /// while this one is written is held up by the disk or by its own hashing, whichever is slower, and not by both.
    ///
    /// ```
    /// use runledger_wal::{Durability, Options, Wal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let (wal, _) = Wal::open(&directory.path().join("wal"), Options::new().create(true))?;
    /// let mut under_way = wal.submit_batch(&["a", "b"], Durability::Durable)?;
    /// for batch in [["c", "d"], ["e", "f"]] {
    ///     let next = wal.submit_batch(&batch, Durability::Durable)?;
    ///     under_way.wait()?;
    ///     under_way = next;
    /// }
    /// assert_eq!(under_way.wait()?.first_seq.get(), 4);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Wal::append_batch`]; what goes wrong later, [`BatchTicket::wait`] says.
    pub fn submit_batch<P: AsRef<[u8]>>(
        &self,
        payloads: &[P],
        durability: Durability,
    ) -> Result<BatchTicket, AppendError> {
        let records = self.batch(payloads)?;
        self.submit_records(&records, durability)
    }

    /// As [`Wal::submit_batch`], for payloads that were hashed and checksummed before.
    ///
    /// # Errors
    ///
    /// As [`Wal::submit_batch`].
    pub fn submit_batch_prepared<P: AsRef<[u8]>>(
        &self,
        batch: &[&Prepared<P>],
        durability: Durability,
    ) -> Result<BatchTicket, AppendError> {
        let records: Vec<_> = batch.iter().map(|record| (record.header, record.payload.as_ref())).collect();
        check_batch_bytes(records.iter().map(|(header, _)| record_bytes(header.payload_bytes)).sum())?;
        self.submit_records(&records, durability)
    }

    fn submit_records(
        &self,
        records: &[(RecordHeader, &[u8])],
        durability: Durability,
    ) -> Result<BatchTicket, AppendError> {
        let (first_seq, outcome) = self.log.submit(records, durability, NoRoom::Wait)?;
        let (log, leaves) = (Arc::clone(&self.log), leaves_of(records));
        Ok(BatchTicket { log, outcome, first_seq, leaves, asked: durability })
    }

    /// Hashes and checksums the payloads of a batch.
    fn batch<'a, P: AsRef<[u8]>>(
        &self,
        payloads: &'a [P],
    ) -> Result<Vec<(RecordHeader, &'a [u8])>, AppendError> {
        let mut records = Vec::with_capacity(payloads.len());
        let mut bytes = 0;
        for payload in payloads {
            let header = self.header(payload.as_ref())?;
            bytes += record_bytes(header.payload_bytes);
            records.push((header, payload.as_ref()));
        }
        check_batch_bytes(bytes)?;
        Ok(records)
    }

    /// Gives a record its place and number, in the order of the calls, without waiting for anything but room in the
    /// queue. One thread can have many tickets at a time.
    ///
    /// # Errors
    ///
    /// As [`Wal::append`]; what goes wrong later, [`Ticket::wait`] says.
    pub fn submit(&self, payload: &[u8], durability: Durability) -> Result<Ticket, AppendError> {
        self.submit_prepared(&self.prepare(payload)?, durability)
    }

    /// As [`Wal::submit`].
    ///
    /// # Errors
    ///
    /// As [`Wal::submit`].
    pub fn submit_prepared<P: AsRef<[u8]>>(
        &self,
        prepared: &Prepared<P>,
        durability: Durability,
    ) -> Result<Ticket, AppendError> {
        self.submit_one(prepared, durability, NoRoom::Wait)
    }

    /// As [`Wal::submit`], but fails at once if there is no room in the queue: it waits for nothing.
    ///
    /// # Errors
    ///
    /// As [`Wal::submit`], and [`AppendError::QueueFull`]: then nothing was written.
    pub fn try_submit(&self, payload: &[u8], durability: Durability) -> Result<Ticket, AppendError> {
        self.submit_one(&self.prepare(payload)?, durability, NoRoom::Refuse)
    }

    /// As [`Wal::try_submit`].
    ///
    /// # Errors
    ///
    /// As [`Wal::try_submit`].
    pub fn try_submit_prepared<P: AsRef<[u8]>>(
        &self,
        prepared: &Prepared<P>,
        durability: Durability,
    ) -> Result<Ticket, AppendError> {
        self.submit_one(prepared, durability, NoRoom::Refuse)
    }

    fn submit_one<P: AsRef<[u8]>>(
        &self,
        Prepared { header, payload }: &Prepared<P>,
        durability: Durability,
        no_room: NoRoom,
    ) -> Result<Ticket, AppendError> {
        let (seq, outcome) = self.log.submit(&[(*header, payload.as_ref())], durability, no_room)?;
        Ok(Ticket { log: Arc::clone(&self.log), outcome, seq, leaf: header.leaf, asked: durability })
    }

    /// Makes everything placed so far durable, and returns the number after it.
    ///
    /// # Errors
    ///
    /// As [`Wal::append`].
    pub fn sync(&self) -> Result<Seq, AppendError> {
        self.log.sync()
    }

    /// Does one thing that nobody waits for: makes what is buffered durable, syncs the watermark, seals a full segment,
    /// or makes the next one ready. Returns whether there was anything to do.
    ///
    /// For logs that were opened with [`Background::Caller`](crate::Background::Caller); the others do all this by
    /// themselves.
    ///
    /// ```
    /// use runledger_wal::{Background, Durability, Options, Wal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("wal");
    /// let (wal, _) = Wal::open(&path, Options::new().create(true).background(Background::Caller))?;
    /// let receipt = wal.append(b"later", Durability::Buffered)?;
    /// assert!(wal.durable_end() <= receipt.seq);
    /// while wal.tend() {}
    /// assert!(wal.durable_end() > receipt.seq);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tend(&self) -> bool {
        self.log.tend()
    }

    /// Compresses every sealed segment that isn't compressed yet, beside whatever else goes on; what [`Options::compress_after`]
    /// has done in the background.
    ///
    /// Each segment is written anew, synced, read back, and only then takes the place of the old one; a crash leaves the one or
    /// the other. Nothing that was durable is less so at any moment. Readers in other processes go on with the file that they
    /// have open, and its space is free when they close it.
    ///
    /// ```
    /// use runledger_wal::{Durability, Options, Wal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("wal");
    /// let (wal, _) = Wal::open(&path, Options::new().create(true).segment_bytes(64 << 10))?;
    /// while wal.counters().sealed < 3 {
    ///     wal.append(&[b'a'; 500], Durability::Durable)?;
    /// }
    /// let report = wal.compress(|_| ())?;
    /// assert!(report.segments >= 2 && report.bytes_after < report.bytes_before / 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`CompressError`]. The segment that it is about stays as it is.
    pub fn compress(&self, progress: impl Fn(CompressProgress)) -> Result<CompressReport, CompressError> {
        self.log.compress_all(&progress)
    }

    /// The first record that isn't durable: the number of those that are.
    pub fn durable_end(&self) -> Seq {
        self.log.durable.end()
    }

    /// The number that the next record gets.
    pub fn placed_end(&self) -> Seq {
        self.log.queue.lock().filling.end_seq()
    }

    /// What was given its place and isn't durable yet.
    pub fn backlog(&self) -> Backlog {
        let durable_end = self.durable_end();
        let queue = self.log.queue.lock();
        let filling = &queue.filling;
        let unsafe_records = filling.end_seq().since(durable_end);
        let since = queue.unsafe_since.filter(|_| unsafe_records > 0);
        Backlog {
            unsafe_records,
            oldest: since.map(|since| sync::now().saturating_duration_since(since)),
            queued_records: u64::from(filling.records),
            queued_bytes: filling.records_bytes(),
            queue_bytes_max: queue.bytes_max,
        }
    }

    /// Waits until this record is durable, or the deadline passes, or the log ends.
    pub fn wait_durable_past(&self, seq: Seq, deadline: Option<Instant>) -> DurableWait {
        self.log.durable.wait_past(seq, deadline)
    }

    /// A reader of this log that knows at once what is durable. It may outlive the writer.
    pub fn reader(&self) -> Reader {
        Reader::of_log(&self.log)
    }

    /// Why the log takes no more records until it is opened again, if it doesn't.
    pub fn failure(&self) -> Option<StorageError> {
        self.log.queue.lock().poison.clone()
    }

    /// What the log did since it was opened.
    pub fn counters(&self) -> Counters {
        self.log.counters.snapshot()
    }

    /// Makes everything durable, records that the log ends exactly here, and gives it up. Other clones then refuse; who
    /// closes another of them hears what the first close came to.
    ///
    /// # Errors
    ///
    /// See [`CloseError`]. The log is given up all the same.
    pub fn close(self) -> Result<(), CloseError> {
        self.log.close()
    }

    /// Gives the log up as the death of its process would: no close, no flush, the lock free.
    #[cfg(test)]
    pub(crate) fn abandon(&self) {
        self.log.abandon();
    }

    pub(crate) fn header(&self, payload: &[u8]) -> Result<RecordHeader, AppendError> {
        RecordHeader::of(payload, &*self.log.leaf_function)
            .map_err(|bytes| AppendError::TooLarge { bytes, max: u64::from(RECORD_BYTES_MAX) })
    }
}

fn check_batch_bytes(bytes: u64) -> Result<(), AppendError> {
    if bytes > BATCH_BYTES_MAX {
        return Err(AppendError::BatchTooLarge { bytes, max: BATCH_BYTES_MAX });
    }
    Ok(())
}

fn leaves_of(records: &[(RecordHeader, &[u8])]) -> Vec<Leaf> {
    records.iter().map(|(header, _)| header.leaf).collect()
}

impl fmt::Debug for Wal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wal")
            .field("directory", &self.log.directory)
            .field("ledger_id", &self.log.ledger_id)
            .field("durable_end", &self.durable_end())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
