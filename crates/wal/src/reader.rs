//! [`Reader`]: records by number and in order, never beyond what is durable.
//!
//! A reader takes no lock that the writer takes, and changes nothing, so it may live in another process, or on a
//! read-only file system. It believes nothing that it hasn't checked: a record is returned with its checksum verified
//! or not at all.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::damage::{Damage, Problem};
use crate::directory::Inventory;
#[cfg(feature = "tokio")]
use crate::durable_mark::DurablePast;
use crate::durable_mark::{DurableMark, DurableWait};
use crate::error::{OpenError, ReadError};
use crate::leaf::LeafFunction;
use crate::log::Log;
use crate::open::read_watermark;
use crate::options::ReaderOptions;
use crate::reader::cache::{Look, SegmentCache};
use crate::reader::open_segment::Found;
use crate::record::Record;
use crate::recovery::examine::newer;
use crate::segment::name::{WATERMARK_NAME, segment_name};
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::LogFile;
use crate::storage::{OpenMode, Storage};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{self, thread};
use crate::watermark::Slots;
use crate::watermark::file::read_slots_of;

mod cache;
mod commit_index;
mod cursor;
mod disk_usage;
mod open_segment;
mod piece;
mod replay;
mod run;
mod scan;
mod scattered;
pub(crate) mod sealed;

pub use disk_usage::DiskUsage;
pub use replay::Replay;
pub use scan::Scan;

/// How often a reader in another process looks at the watermark while it waits.
const WATERMARK_INTERVAL: Duration = Duration::from_millis(2);

/// Reads a log. Cheap to clone; may be used from many threads at once.
///
/// ```
/// use runledger_wal::{Durability, Options, Reader, ReaderOptions, Seq, Wal};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("wal");
/// let (wal, _) = Wal::open(&path, Options::new().create(true))?;
/// wal.append_batch(&[b"first", b"other"], Durability::Durable)?;
///
/// let reader = Reader::open(&path, ReaderOptions::new())?;
/// let payloads: Result<Vec<_>, _> = reader.scan(Seq::ZERO).map(|record| Ok(record?.payload().to_vec())).collect();
/// assert_eq!(payloads.map_err(|error: runledger_wal::ReadError| error)?, [b"first", b"other"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Reader {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Arc<dyn Storage>,
    directory: PathBuf,
    ledger_id: LedgerId,
    leaf_function: Arc<dyn LeafFunction>,
    source: Source,
    cache: SegmentCache,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { directory, ledger_id, source, cache, .. } = self;
        let mut parts = f.debug_struct("Inner");
        parts.field("directory", directory).field("ledger_id", ledger_id).field("source", source);
        parts.field("cache", cache).finish_non_exhaustive()
    }
}

/// Where a reader learns what is durable.
#[derive(Debug)]
enum Source {
    /// From the log in this process.
    Memory(Arc<DurableMark>),
    /// From the watermark.
    File { file: LogFile, seen: AtomicU64, ended: AtomicBool },
}

impl Source {
    /// How many segments were given another file by the writer in this process.
    fn rewritten(&self) -> u64 {
        match self {
            Source::Memory(durable) => durable.rewritten.load(Ordering::Acquire),
            Source::File { .. } => 0,
        }
    }
}

impl Reader {
    /// Opens the log in this directory for reading, beside a writer or without one.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(directory: &Path, options: ReaderOptions) -> Result<Reader, OpenError> {
        let ReaderOptions { storage, leaf_function } = options;
        if Inventory::take(&*storage, directory)?.is_none_or(|inventory| inventory.is_no_log()) {
            return Err(OpenError::NotALedger { path: directory.to_owned() });
        }
        let (mark, _) = read_watermark(&*storage, directory)?;
        // The newest segment has the newest version. What else may be wrong with it, reading it says.
        let newest = Segment::open_stored(&*storage, directory, mark.ledger_id, mark.segment, OpenMode::Read);
        if let Err(SegmentError::NewerVersion { path, found }) = newest {
            return Err(newer(path, found));
        }
        let file = LogFile::open(&*storage, directory.join(WATERMARK_NAME), OpenMode::Read)?;
        let source =
            Source::File { file, seen: AtomicU64::new(mark.seq.get()), ended: AtomicBool::new(false) };
        Ok(Reader::new(storage, directory.to_owned(), mark.ledger_id, leaf_function, source))
    }

    pub(crate) fn of_log(log: &Log) -> Reader {
        let source = Source::Memory(Arc::clone(&log.durable));
        let leaf_function = Arc::clone(&log.leaf_function);
        Reader::new(Arc::clone(&log.storage), log.directory.clone(), log.ledger_id, leaf_function, source)
    }

    fn new(
        storage: Arc<dyn Storage>,
        directory: PathBuf,
        ledger_id: LedgerId,
        leaf_function: Arc<dyn LeafFunction>,
        source: Source,
    ) -> Reader {
        let cache = SegmentCache::default();
        Reader { inner: Arc::new(Inner { storage, directory, ledger_id, leaf_function, source, cache }) }
    }

    /// Which ledger this is.
    pub fn ledger_id(&self) -> LedgerId {
        self.inner.ledger_id
    }

    /// The first record that isn't durable: the number of those that are. Never goes back.
    ///
    /// # Errors
    ///
    /// See [`ReadError`]; none if the writer is in this process.
    pub fn durable_end(&self) -> Result<Seq, ReadError> {
        match &self.inner.source {
            Source::Memory(durable) => Ok(durable.end()),
            Source::File { file, seen, .. } => {
                let end = read_durable_end(file)?;
                let before = seen.fetch_max(end.get(), Ordering::AcqRel);
                Ok(end.max(Seq::new(before)))
            }
        }
    }

    /// The record of this number; nothing if it isn't durable (yet).
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        let end = self.end_for(seq)?;
        if seq >= end { Ok(None) } else { self.read_durable(seq, end, Look::NEVER).map(Some) }
    }

    /// The records from this one on, up to those that are durable now.
    ///
    /// An error doesn't end the scan where the records behind it can be read: the next item is the record after the
    /// range that the error names.
    ///
    /// The records may be kept: those of a sealed segment share the mapped file, those of one that still grows the piece
    /// of it that was read, up to 256 KiB as a rule. Who looks at each record once is faster with [`Reader::replay`].
    pub fn scan(&self, from: Seq) -> Scan {
        Scan::new(self.clone(), from)
    }

    /// As [`Reader::scan`], with each record lent until the next one is wanted: nothing is allocated for a record, and
    /// no lock is taken.
    ///
    /// ```
    /// use runledger_wal::{Durability, Options, Seq, Wal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let (wal, _) = Wal::open(&directory.path().join("wal"), Options::new().create(true))?;
    /// wal.append_batch(&[b"first", b"other"], Durability::Durable)?;
    ///
    /// let (mut replay, mut bytes) = (wal.reader().replay(Seq::ZERO), 0);
    /// while let Some(record) = replay.next_record() {
    ///     bytes += record?.payload().len();
    /// }
    /// assert_eq!(bytes, 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn replay(&self, from: Seq) -> Replay {
        Replay::new(self.clone(), from)
    }

    /// Waits until this record is durable, or the deadline passes, or it is known that it never will be.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub fn wait_durable_past(&self, seq: Seq, deadline: Option<Instant>) -> Result<DurableWait, ReadError> {
        if let Source::Memory(durable) = &self.inner.source {
            return Ok(durable.wait_past(seq, deadline));
        }
        loop {
            let now = sync::now();
            let end = match self.look_past(seq)? {
                Looked::NotYet(end) => end,
                Looked::Found(found) => return Ok(found),
            };
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(DurableWait::TimedOut(end));
            }
            let remaining = deadline.map_or(WATERMARK_INTERVAL, |deadline| deadline - now);
            thread::sleep(remaining.min(WATERMARK_INTERVAL));
        }
    }

    /// A durable end for whoever reads this record: if that is known to be durable already, nobody looks again.
    fn end_for(&self, seq: Seq) -> Result<Seq, ReadError> {
        match &self.inner.source {
            Source::File { seen, .. } if Seq::new(seen.load(Ordering::Acquire)) > seq => {
                Ok(Seq::new(seen.load(Ordering::Acquire)))
            }
            _ => self.durable_end(),
        }
    }

    /// As [`Reader::wait_durable_past`], without a deadline and without blocking the thread that polls. Dropping the future
    /// ends the wait. If the writer is another process, the runtime's timer must be enabled.
    ///
    /// ```
    /// use runledger_wal::{Durability, DurableWait, Options, Seq, Wal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let (wal, _) = Wal::open(&directory.path().join("wal"), Options::new().create(true))?;
    /// let first_is_durable = wal.reader().wait_durable_past_async(Seq::ZERO);
    /// wal.append(b"first", Durability::Durable)?;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// assert_eq!(first_is_durable.await?, DurableWait::Durable(Seq::new(1)));
    /// # Ok::<(), runledger_wal::ReadError>(())
    /// # })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    #[cfg(feature = "tokio")]
    pub fn wait_durable_past_async(
        &self,
        seq: Seq,
    ) -> impl Future<Output = Result<DurableWait, ReadError>> + Send + Sync + use<> {
        let reader = self.clone();
        async move {
            if let Source::Memory(durable) = &reader.inner.source {
                return Ok(DurablePast::new(Arc::clone(durable), seq).await);
            }
            loop {
                if let Looked::Found(found) = reader.look_past(seq)? {
                    return Ok(found);
                }
                tokio::time::sleep(WATERMARK_INTERVAL).await;
            }
        }
    }

    /// Has everybody be told that nothing more will come who waits, or will wait, by this reader or a clone of it. If the
    /// writer is in this process, closing the log does that.
    pub fn end_waits(&self) {
        if let Source::File { ended, .. } = &self.inner.source {
            ended.store(true, Ordering::Release);
        }
    }

    /// What a wait for this record by the watermark's file comes to now.
    fn look_past(&self, seq: Seq) -> Result<Looked, ReadError> {
        let ended = match &self.inner.source {
            Source::File { ended, .. } => ended.load(Ordering::Acquire),
            Source::Memory(_) => false,
        };
        let end = self.durable_end()?;
        Ok(if end > seq {
            Looked::Found(DurableWait::Durable(end))
        } else if ended {
            Looked::Found(DurableWait::Closed(end))
        } else {
            Looked::NotYet(end)
        })
    }

    /// Reads a record that is known to be durable. What was seen since `look` is believed if it is bad, too.
    fn read_durable(&self, seq: Seq, end: Seq, look: Look) -> Result<Record, ReadError> {
        let inner = &*self.inner;
        let first = self.read_remembered(seq, end);
        // What is remembered of the directory may be out of date: then a second look decides.
        if first.is_ok() || !inner.cache.refresh(inner, seq, look)? {
            return first;
        }
        self.read_remembered(seq, end)
    }

    fn read_remembered(&self, seq: Seq, end: Seq) -> Result<Record, ReadError> {
        let segment = self.inner.cache.segment(&self.inner, seq, end)?;
        match segment.read(seq, end)? {
            Found::Record(record) => Ok(record),
            Found::EndsBefore(last) => Err(self.missing(last, seq, end)),
        }
    }

    /// The damage of a segment that should follow another one and doesn't exist.
    fn missing(&self, from: Seq, seq: Seq, end: Seq) -> ReadError {
        let to = self.inner.cache.first_after(seq).unwrap_or(end);
        let (segment, problem) = (segment_name(from), Problem::Missing);
        ReadError::Damaged(Damage { segment, seq_from: from, seq_to: to, offset: 0, problem })
    }
}

/// What a look at the watermark's file told somebody who waits.
enum Looked {
    Found(DurableWait),
    NotYet(Seq),
}

fn read_durable_end(file: &LogFile) -> Result<Seq, ReadError> {
    match read_slots_of(file)? {
        Slots::Sound { newest, .. } => Ok(newest.seq),
        Slots::NewerVersion(found) => {
            let (path, known) = (file.path().to_owned(), crate::watermark::WATERMARK_FORMAT_VERSION);
            Err(ReadError::NewerVersion { path, found, known })
        }
        Slots::Broken(problem) => {
            let segment = WATERMARK_NAME.to_owned();
            let (seq_from, seq_to) = (Seq::ZERO, Seq::ZERO);
            Err(ReadError::Damaged(Damage { segment, seq_from, seq_to, offset: 0, problem }))
        }
    }
}

#[cfg(test)]
mod tests;
