//! How a log is opened: [`Options`], [`ReaderOptions`] and the [`Durability`] of an append.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::OpenError;
use crate::failure::{Failure, FailureListener};
use crate::leaf::{Blake3Leaf, LeafFunction};
use crate::segment::header::{
    COMMIT_ALIGNMENT_BYTES_MAX, COMMIT_ALIGNMENT_BYTES_MIN, HEADER_END, is_commit_alignment,
};
use crate::storage::{DiskStorage, Storage};

/// The usual size of a full-grown segment.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;

/// The least size that segments can be given.
pub const SEGMENT_BYTES_MIN: u64 = 2 * HEADER_END;

/// The greatest size that segments can be given.
pub const SEGMENT_BYTES_MAX: u64 = 16 << 30;

/// The size of a ledger's first segment. Each later one is twice as large, up to the chosen size, so that a small
/// ledger costs little to make.
pub(crate) const FIRST_SEGMENT_BYTES: u64 = 1 << 20;

/// The least that can be chosen for what waits to be written. A record that is larger than the queue goes alone.
pub const COMMIT_QUEUE_BYTES_MIN: u64 = 4 << 10;

/// How much may wait to be written before appends wait too, unless chosen otherwise.
pub const COMMIT_QUEUE_BYTES_MAX_DEFAULT: u64 = 8 << 20;

/// The longest batch. It becomes one commit, and a segment of its own if need be.
pub const BATCH_BYTES_MAX: u64 = 1 << 30;

/// Within what time data that nobody waits for becomes durable, unless chosen otherwise.
pub const SYNC_DELAY_DEFAULT: Duration = Duration::from_millis(50);

/// What an append waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Durability {
    /// Only for its place in the log. Lost if the process ends before the data is written in the background.
    Buffered,
    /// Until the system has the data. Survives the end of the process; lost if the power fails before the data is
    /// synced in the background.
    Written,
    /// Until the data, and all before it, is on stable storage.
    #[default]
    Durable,
}

/// Who does the work that no caller waits for: syncing what is only buffered, sealing full segments, making the next
/// one ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Background {
    /// Two threads of the log's own.
    #[default]
    Threads,
    /// The caller, by [`Wal::tend`](crate::Wal::tend). Without it, what is buffered becomes durable with the next
    /// durable append, sync or close. For programs that must not start threads, and for those that decide when
    /// everything happens, such as a simulation.
    Caller,
}

/// How a log is opened for writing.
///
/// ```
/// use std::time::Duration;
/// let options = runledger_wal::Options::new().create(true).sync_delay_max(Duration::from_millis(10));
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) create: bool,
    pub(crate) segment_bytes: u64,
    pub(crate) commit_alignment_bytes: u32,
    pub(crate) commit_queue_bytes_max: u64,
    pub(crate) sync_delay_max: Duration,
    pub(crate) background: Background,
    pub(crate) compress_after: Option<Duration>,
    pub(crate) on_failure: Option<FailureListener>,
    pub(crate) leaf_function: Arc<dyn LeafFunction>,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            create: false,
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            commit_alignment_bytes: COMMIT_ALIGNMENT_BYTES_MIN,
            commit_queue_bytes_max: COMMIT_QUEUE_BYTES_MAX_DEFAULT,
            sync_delay_max: SYNC_DELAY_DEFAULT,
            background: Background::default(),
            compress_after: None,
            on_failure: None,
            leaf_function: Arc::new(Blake3Leaf),
            storage: Arc::new(DiskStorage),
        }
    }
}

impl Options {
    /// The defaults: an existing log on disk, segments of 64 MiB, leaves by BLAKE3.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// Whether to make a log where there is none. Off by default: a wrong path must not become an empty ledger.
    #[must_use]
    pub fn create(self, create: bool) -> Options {
        Options { create, ..self }
    }

    /// The size of a full-grown segment, in bytes.
    #[must_use]
    pub fn segment_bytes(self, segment_bytes: u64) -> Options {
        Options { segment_bytes, ..self }
    }

    /// Where commits may start in new segments: multiples of this power of two. 8 by default; a device's sector size
    /// for media that can lose what a torn write didn't cover.
    #[must_use]
    pub fn commit_alignment_bytes(self, commit_alignment_bytes: u32) -> Options {
        Options { commit_alignment_bytes, ..self }
    }

    /// How many bytes may wait to be written before appends wait too.
    #[must_use]
    pub fn commit_queue_bytes_max(self, commit_queue_bytes_max: u64) -> Options {
        Options { commit_queue_bytes_max, ..self }
    }

    /// Within what time data becomes durable that nobody waits for.
    #[must_use]
    pub fn sync_delay_max(self, sync_delay_max: Duration) -> Options {
        Options { sync_delay_max, ..self }
    }

    /// Who does what no caller waits for.
    #[must_use]
    pub fn background(self, background: Background) -> Options {
        Options { background, ..self }
    }

    /// How old the last commit of a sealed segment must be for it to be compressed in the background; `None`, the default: it
    /// never is. It reads the same afterwards, in a fifth of the space where records are like each other, and takes longer:
    /// records come in blocks of 64 KiB, each of which is decompressed and hashed once.
    #[must_use]
    pub fn compress_after(self, compress_after: Option<Duration>) -> Options {
        Options { compress_after, ..self }
    }

    /// Who is told, once per failed commit, when records are given up; and when a log can't be closed as its last handle
    /// is dropped. That is the only way to hear what became of buffered records, and of those whose ticket was dropped.
    ///
    /// It is called on whichever thread found out, after those who waited were told, with nothing locked. Commits wait
    /// while it works, if the background is what found out. It must not hold a handle of the log, which would then
    /// never be dropped.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use runledger_wal::{Durability, Options, Wal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("wal");
    /// let given_up = Arc::new(AtomicU64::new(0));
    /// let count = Arc::clone(&given_up);
    /// let options = Options::new().create(true).on_failure(move |failure| {
    ///     count.fetch_add(failure.records(), Ordering::Relaxed);
    /// });
    /// let (wal, _) = Wal::open(&path, options)?;
    /// wal.append(b"nobody waits for this", Durability::Buffered)?;
    /// drop(wal);
    /// assert_eq!(given_up.load(Ordering::Relaxed), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_failure(self, listener: impl Fn(&Failure) + Send + Sync + 'static) -> Options {
        Options { on_failure: Some(Arc::new(listener)), ..self }
    }

    /// The function that makes leaves. A log keeps to the one that it was created with.
    #[must_use]
    pub fn leaf_function(self, leaf_function: Arc<dyn LeafFunction>) -> Options {
        Options { leaf_function, ..self }
    }

    /// Where the files are.
    #[must_use]
    pub fn storage(self, storage: Arc<dyn Storage>) -> Options {
        Options { storage, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let range = |option, given, min, max| {
            if (min..=max).contains(&given) {
                Ok(())
            } else {
                Err(OpenError::Option { option, given, min, max })
            }
        };
        range("segment_bytes", self.segment_bytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)?;
        let queue_bytes = self.commit_queue_bytes_max;
        range("commit_queue_bytes_max", queue_bytes, COMMIT_QUEUE_BYTES_MIN, BATCH_BYTES_MAX)?;
        if !is_commit_alignment(self.commit_alignment_bytes) {
            return Err(OpenError::Option {
                option: "commit_alignment_bytes (a power of two)",
                given: u64::from(self.commit_alignment_bytes),
                min: u64::from(COMMIT_ALIGNMENT_BYTES_MIN),
                max: u64::from(COMMIT_ALIGNMENT_BYTES_MAX),
            });
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("create", &self.create)
            .field("segment_bytes", &self.segment_bytes)
            .field("commit_alignment_bytes", &self.commit_alignment_bytes)
            .field("commit_queue_bytes_max", &self.commit_queue_bytes_max)
            .field("sync_delay_max", &self.sync_delay_max)
            .field("background", &self.background)
            .field("compress_after", &self.compress_after)
            .field("leaf_function", &self.leaf_function.id())
            .field("storage", &self.storage)
            .finish_non_exhaustive()
    }
}

/// How a log is opened for reading only.
#[derive(Clone)]
pub struct ReaderOptions {
    pub(crate) leaf_function: Arc<dyn LeafFunction>,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Default for ReaderOptions {
    fn default() -> ReaderOptions {
        ReaderOptions { leaf_function: Arc::new(Blake3Leaf), storage: Arc::new(DiskStorage) }
    }
}

impl ReaderOptions {
    /// The defaults: a log on disk.
    #[must_use]
    pub fn new() -> ReaderOptions {
        ReaderOptions::default()
    }

    /// Where the files are.
    #[must_use]
    pub fn storage(self, storage: Arc<dyn Storage>) -> ReaderOptions {
        ReaderOptions { storage, ..self }
    }

    /// The function that makes the log's leaves. Compressed segments can't be read with another one; the others store
    /// their leaves.
    #[must_use]
    pub fn leaf_function(self, leaf_function: Arc<dyn LeafFunction>) -> ReaderOptions {
        ReaderOptions { leaf_function, ..self }
    }
}

impl fmt::Debug for ReaderOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderOptions")
            .field("leaf_function", &self.leaf_function.id())
            .field("storage", &self.storage)
            .finish()
    }
}
