//! Opening a ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runledger_wal::{self as wal, Wal};

use super::append::Writer;
use super::ask::Asker;
use super::health::LogFailures;
use super::index::{Index, IndexOptions};
use super::interruptions::Interruptions;
use super::live::{Bounds, Live};
use super::place::{index_folder, log_folder, refuse_foreign, refuse_lost_log, require_ledger};
use super::{Core, Ledger};
use crate::codec::EventLeaf;
use crate::{LedgerReader, OpenError, WriterInstance};

/// How long a question to a writer waits for the index to reach what was acknowledged before it, unless it is told.
const QUERY_WAIT_MAX_DEFAULT: Duration = Duration::from_secs(30);

/// How far a long piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records done.
    pub done: u64,
    /// Records in all.
    pub total: u64,
}

/// Told how far a long piece of work is, now and then.
pub type ProgressCallback = Arc<dyn Fn(Progress) + Send + Sync>;

/// Ways to open a ledger.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// use runledger_audit::Ledger;
///
/// let missing = Ledger::options().create(false).open(dir.path().join("nothing"));
/// assert!(missing.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct LedgerOptions {
    create: bool,
    leave_runs_open: bool,
    segment_bytes: Option<u64>,
    compress_after: Option<Duration>,
    log_storage: Option<Arc<dyn wal::Storage>>,
    continued: Option<Continued>,
    query_wait_max: Option<Duration>,
    index: IndexOptions,
    recent: Bounds,
    reader: Option<LedgerReader>,
}

/// Segments that nothing was written to for so long are compressed.
const COMPRESS_AFTER_DEFAULT: Duration = Duration::from_secs(3600);

/// What a handle that is opened in the place of an earlier one takes over from it.
#[derive(Clone, Copy)]
struct Continued {
    writer: WriterInstance,
    /// Whether the runs of writers before it have been dealt with.
    interruptions_settled: bool,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            create: true,
            leave_runs_open: false,
            segment_bytes: None,
            compress_after: Some(COMPRESS_AFTER_DEFAULT),
            log_storage: None,
            continued: None,
            query_wait_max: None,
            index: IndexOptions::default(),
            recent: Bounds::default(),
            reader: None,
        }
    }
}

/// What was found when a ledger was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenReport {
    /// Whether the ledger was made just now.
    pub created: bool,
    /// Records that were whole on disk but not acknowledged when their process ended; they are kept.
    pub recovered_records: u64,
    /// Bytes of a commit that was never acknowledged, cut and kept aside.
    pub torn_tail_bytes: u64,
    /// Where they are kept.
    pub torn_file: Option<PathBuf>,
    /// Whether the cut bytes might have been acknowledged (power was lost, and the watermark may lag).
    pub ambiguous: bool,
    /// What became of the index.
    pub index: IndexState,
}

/// What was found of the index when a ledger was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IndexState {
    /// It was there and fits the log.
    #[default]
    Current,
    /// It was missing, damaged or did not fit, for this reason, and was built again.
    Rebuilt {
        /// Why.
        reason: String,
    },
    /// As above, but the ledger was opened for reading: a temporary one was built outside the ledger.
    Temporary {
        /// Why.
        reason: String,
    },
}

impl LedgerOptions {
    /// Whether to make a ledger where there is nothing. True by default.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether to delete the index and build it again, also when nothing is wrong with it. False by default; only for
    /// writing.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ledger");
    /// let ledger = Ledger::open(&path)?;
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// ledger.close()?;
    /// let ledger = Ledger::options().rebuild_index(true).open(&path)?;
    /// assert_eq!(ledger.count(&EventFilter::default())?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rebuild_index(mut self, rebuild: bool) -> Self {
        self.index.rebuild = rebuild;
        self
    }

    /// Whether runs that an earlier writer left at work stay so, if it closed the ledger in good order. False by
    /// default: its process is gone, and nobody will end them. For programs that write a little and leave, one after
    /// the other, while the run goes on. Runs of a writer that died are marked as interrupted all the same.
    ///
    /// ```
    /// use runledger_audit::{Ledger, NewRun, RunStatus};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ledger");
    /// let ledger = Ledger::open(&path)?;
    /// ledger.start_run(NewRun::new("script"))?;
    /// ledger.close()?;
    /// // The next command of the same script.
    /// let ledger = Ledger::options().leave_runs_open(true).open(&path)?;
    /// assert_eq!(ledger.run("script")?.expect("it was started").status, RunStatus::Running);
    /// # Ok(())
    /// # }
    /// ```
    pub fn leave_runs_open(mut self, leave: bool) -> Self {
        self.leave_runs_open = leave;
        self
    }

    /// The length of the log's segments in bytes. 64 MiB by default.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = Some(bytes);
        self
    }

    /// How old the newest event of a full segment of the log must be for the segment to be compressed in the background: an
    /// hour by default; `None`: never. Events read the same afterwards, from a fifth of the space as a rule; one that is
    /// looked up by itself takes some 200 µs longer. See [`Ledger::compress`].
    pub fn compress_after(mut self, age: Option<Duration>) -> Self {
        self.compress_after = age;
        self
    }

    /// Where the log's bytes go, in place of the operating system's files: for tests with a disk that fails.
    #[doc(hidden)]
    pub fn log_storage(mut self, storage: Arc<dyn wal::Storage>) -> Self {
        self.log_storage = Some(storage);
        self
    }

    /// Opens in the place of an earlier handle of this process, whose log failed or was closed: the events go on under
    /// the same writer instance, and runs that were begun through the earlier handle are not taken for those of a dead
    /// process. The earlier handle, all clones of it, must have been [closed](Ledger::close).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// use runledger_audit::{Body, Event, Ledger, RunStarted, RunStatus};
    ///
    /// let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.append(Event::new(Body::RunStarted(RunStarted::default())).with_run("run-1"))?;
    /// let again = Ledger::options().continuing(&ledger);
    /// ledger.close()?;
    /// let ledger = again.open(folder.path().join("ledger"))?;
    /// assert_eq!(ledger.run("run-1")?.expect("it was begun").status, RunStatus::Running);
    /// # Ok(())
    /// # }
    /// ```
    pub fn continuing(mut self, earlier: &Ledger) -> Self {
        self.continued = earlier.core.writer.as_ref().map(|writer| Continued {
            writer: writer.instance,
            interruptions_settled: writer.interruptions.are_settled(),
        });
        self
    }

    /// How much memory a reader may take for what is in the log and not yet in the index on disk, in bytes. 256 MiB by
    /// default. Beyond it the reader opens the index again, and builds a temporary one if that is not enough.
    pub fn reader_memory_bytes_max(mut self, bytes: usize) -> Self {
        self.index.private_memory_bytes_max = Some(bytes);
        self
    }

    /// How long a question waits for the index to have what was acknowledged before it; then it is answered with
    /// [`QueryError::Behind`](crate::QueryError::Behind), which says how far the index is. 30 seconds by default for who
    /// writes. Who opens the ledger for reading indexes for itself, and by default does so however long it takes.
    /// [`Ledger::with_query_wait`] changes it for some questions.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, QueryError};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ledger");
    /// let ledger = Ledger::options().query_wait_max(Duration::from_millis(1)).open(&path)?;
    /// ledger.pause_index()?;
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// assert!(matches!(ledger.count(&EventFilter::default()), Err(QueryError::Behind(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn query_wait_max(mut self, wait: Duration) -> Self {
        self.query_wait_max = Some(wait);
        self
    }

    /// The index is written out when it has so many new events: what is indexed again after a crash, and what a reader in
    /// another process must index for itself. 100,000 by default.
    pub fn index_tail_events_max(mut self, events: u64) -> Self {
        self.index.tail_events_max = Some(events);
        self
    }

    /// How many of the newest events are kept in memory for [`Ledger::recent`] and for subscriptions, once somebody asks for
    /// them. 10,000 by default. With 0 there are no recent events, and each subscription reads the log for itself.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ledger");
    /// let ledger = Ledger::options().recent_events_max(2).open(&path)?;
    /// let note = || Event::new(Body::Custom(Custom::default()));
    /// ledger.append_batch(&[note(), note(), note()])?;
    /// assert_eq!(ledger.recent(10)?.events.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn recent_events_max(mut self, events: usize) -> Self {
        self.recent.events_max = events;
        self
    }

    /// How many bytes of records these may be, as the log stores them. 64 MiB by default; decoded they take about as much.
    pub fn recent_bytes_max(mut self, bytes: usize) -> Self {
        self.recent.bytes_max = bytes;
        self
    }

    /// Records each question of the handle: one custom event of type [`LEDGER_READ`](crate::LEDGER_READ) with who asked,
    /// the operation, its filter, and how much was answered, durable before the answer is given. Questions about what was
    /// said are recorded, also those that fail; what is told of the ledger itself (`stats`, `health`) is not. A record is
    /// not in the answer that it is about, and an answer that can't be recorded is withheld
    /// ([`QueryError::Unrecorded`](crate::QueryError::Unrecorded)). Only for writing: opening for reading refuses it. See
    /// also [`Ledger::read_by`].
    ///
    /// ```
    /// use runledger_audit::{EventFilter, Kind, Ledger, LedgerReader};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ledger");
    /// let ada = LedgerReader { actor: "ada".into(), ..LedgerReader::default() };
    /// let ledger = Ledger::options().audit_reads(ada).open(&path)?;
    /// assert_eq!(ledger.count(&EventFilter::default())?, 0);
    /// // That question is an event by now, and so is this one.
    /// let asked = EventFilter { kinds: vec![Kind::Custom], actor: Some("ada".into()), ..EventFilter::default() };
    /// assert_eq!(ledger.count(&asked)?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn audit_reads(mut self, reader: LedgerReader) -> Self {
        self.reader = Some(reader);
        self
    }

    /// Whom to tell how far a rebuild of the index is.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use runledger_audit::{Body, Custom, Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ledger");
    /// let ledger = Ledger::open(&path)?;
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// ledger.close()?;
    /// let indexed = Arc::new(AtomicU64::new(0));
    /// let told = Arc::clone(&indexed);
    /// let options = Ledger::options().rebuild_index(true);
    /// options.progress(move |progress| told.store(progress.done, Ordering::Relaxed)).open(&path)?;
    /// assert_eq!(indexed.load(Ordering::Relaxed), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(mut self, callback: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.index.progress = Some(Arc::new(callback));
        self
    }

    /// Opens the ledger in `directory` for writing. See [`Ledger::open`].
    ///
    /// ```
    /// use runledger_audit::Ledger;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("ledger");
    /// assert!(Ledger::options().create(false).open(&path).is_err());
    /// assert!(Ledger::options().segment_bytes(8 << 20).open(&path)?.open_report().created);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`]; [`create`](LedgerOptions::create) is off and there is no ledger; the log can't have segments of that
    /// length.
    pub fn open(self, directory: impl AsRef<Path>) -> Result<Ledger, OpenError> {
        let directory = directory.as_ref();
        if self.create {
            refuse_foreign(directory)?;
            refuse_lost_log(directory)?;
        } else {
            require_ledger(directory)?;
        }
        let log_failures = LogFailures::default();
        let mut options = wal::Options::new().create(self.create).leaf_function(Arc::new(EventLeaf));
        options = options.on_failure(log_failures.listener()).compress_after(self.compress_after);
        if let Some(bytes) = self.segment_bytes {
            options = options.segment_bytes(bytes);
        }
        if let Some(storage) = self.log_storage {
            options = options.storage(storage);
        }
        let (log, found) = Wal::open(&log_folder(directory), options)
            .map_err(|error| OpenError::of_log(directory, error))?;
        let place = index_folder(directory);
        let live = Live::new(self.recent);
        let (index, state) = Index::follow(&log.reader(), &place, &self.index, live.feeder())?;
        let mut report = report_of(&found);
        report.index = state;
        let settled = self.continued.is_some_and(|earlier| earlier.interruptions_settled);
        let left_alone = settled || found.created || found.clean && self.leave_runs_open;
        let instance = self.continued.map_or_else(WriterInstance::new, |earlier| earlier.writer);
        let core = Core {
            log: log.reader(),
            writer: Some(Writer::new(log, instance, Interruptions::wanted(!left_alone))),
            index,
            live,
            log_failures,
            directory: directory.to_owned(),
            report,
        };
        let query_wait_max = self.query_wait_max.or(Some(QUERY_WAIT_MAX_DEFAULT));
        let reader = self.reader.map(Arc::new);
        Ok(Ledger { core: Asker::new(core, query_wait_max), reader })
    }

    /// Opens the ledger in `directory` for reading. See [`Ledger::open_read_only`].
    ///
    /// ```
    /// use runledger_audit::{EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("ledger");
    /// let writer = Ledger::open(&path)?;
    /// let reader = Ledger::options().reader_memory_bytes_max(16 << 20).open_read_only(&path)?;
    /// assert_eq!(reader.count(&EventFilter::default())?, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Ledger::open_read_only`]; [reads are to be recorded](LedgerOptions::audit_reads).
    pub fn open_read_only(self, directory: impl AsRef<Path>) -> Result<Ledger, OpenError> {
        let directory = directory.as_ref();
        if self.reader.is_some() {
            return Err(OpenError::ReadsUnrecorded);
        }
        require_ledger(directory)?;
        let options = wal::ReaderOptions::new().leaf_function(Arc::new(EventLeaf));
        let log = wal::Reader::open(&log_folder(directory), options)
            .map_err(|error| OpenError::of_log(directory, error))?;
        let (index, state) = Index::private(&log, &index_folder(directory), self.index)?;
        let report = OpenReport { index: state, ..OpenReport::default() };
        let core = Core {
            writer: None,
            index,
            live: Live::new(self.recent),
            log,
            log_failures: LogFailures::default(),
            directory: directory.to_owned(),
            report,
        };
        Ok(Ledger { core: Asker::new(core, self.query_wait_max), reader: None })
    }
}

impl std::fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerOptions")
            .field("create", &self.create)
            .field("rebuild_index", &self.index.rebuild)
            .field("leave_runs_open", &self.leave_runs_open)
            .field("segment_bytes", &self.segment_bytes)
            .finish_non_exhaustive()
    }
}

fn report_of(found: &wal::OpenReport) -> OpenReport {
    OpenReport {
        created: found.created,
        recovered_records: found.recovered_records,
        torn_tail_bytes: found.torn_tail_bytes,
        torn_file: found.torn_file.clone(),
        ambiguous: found.ambiguous,
        ..OpenReport::default()
    }
}
