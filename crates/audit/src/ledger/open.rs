//! Opening a ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runledger_store::View;
use runledger_wal::{self as wal, Wal};

use super::append::Writer;
use super::index::Index;
use super::{Core, Ledger};
use crate::body::RunStatusChanged;
use crate::codec::EventLeaf;
use crate::{Body, Event, OpenError, RunStatus, key};

/// The folder of the log within the ledger.
const LOG_FOLDER: &str = "wal";
/// The folder of the index within the ledger.
const INDEX_FOLDER: &str = "index";

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
    rebuild_index: bool,
    leave_runs_open: bool,
    segment_bytes: Option<u64>,
    reader_memory_bytes_max: Option<usize>,
    progress: Option<ProgressCallback>,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            create: true,
            rebuild_index: false,
            leave_runs_open: false,
            segment_bytes: None,
            reader_memory_bytes_max: None,
            progress: None,
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
    /// Runs whose process died before they ended, marked as interrupted now.
    pub interrupted_runs: Vec<String>,
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
    pub fn rebuild_index(mut self, rebuild: bool) -> Self {
        self.rebuild_index = rebuild;
        self
    }

    /// Whether runs that an earlier writer left at work stay so, if it closed the ledger in good order. False by
    /// default: its process is gone, and nobody will end them. For programs that write a little and leave, one after
    /// the other, while the run goes on. Runs of a writer that died are marked as interrupted all the same.
    pub fn leave_runs_open(mut self, leave: bool) -> Self {
        self.leave_runs_open = leave;
        self
    }

    /// The length of the log's segments in bytes. 64 MiB by default.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = Some(bytes);
        self
    }

    /// How much memory a reader may take for what is in the log and not yet in the index on disk, in bytes. 256 MiB by
    /// default. Beyond it the reader opens the index again, and builds a temporary one if that is not enough.
    pub fn reader_memory_bytes_max(mut self, bytes: usize) -> Self {
        self.reader_memory_bytes_max = Some(bytes);
        self
    }

    /// Whom to tell how far a rebuild of the index is.
    pub fn progress(mut self, callback: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(callback));
        self
    }

    /// Opens the ledger in `directory` for writing. See [`Ledger::open`].
    pub fn open(self, directory: impl AsRef<Path>) -> Result<Ledger, OpenError> {
        let directory = directory.as_ref();
        if self.create {
            refuse_foreign(directory)?;
            refuse_lost_log(directory)?;
        } else {
            require_ledger(directory)?;
        }
        let mut options = wal::Options::new().create(self.create).leaf_function(Arc::new(EventLeaf));
        if let Some(bytes) = self.segment_bytes {
            options = options.segment_bytes(bytes);
        }
        let (log, found) = Wal::open(&directory.join(LOG_FOLDER), options)?;
        let place = directory.join(INDEX_FOLDER);
        let (index, state) =
            Index::follow(&log.reader(), &place, self.rebuild_index, self.progress.as_ref())?;
        let mut report = report_of(&found);
        report.index = state;
        let mut core = Core {
            log: log.reader(),
            writer: Some(Writer::new(log)),
            index,
            directory: directory.to_owned(),
            report,
        };
        if !(found.created || found.clean && self.leave_runs_open) {
            core.report.interrupted_runs = core.live_runs()?;
        }
        let ledger = Ledger { core: Arc::new(core) };
        for run_id in &ledger.core.report.interrupted_runs {
            ledger.append(interruption(run_id))?;
        }
        Ok(ledger)
    }

    /// Opens the ledger in `directory` for reading. See [`Ledger::open_read_only`].
    pub fn open_read_only(self, directory: impl AsRef<Path>) -> Result<Ledger, OpenError> {
        let directory = directory.as_ref();
        require_ledger(directory)?;
        let options = wal::ReaderOptions::new();
        let log = wal::Reader::open(&directory.join(LOG_FOLDER), options)?;
        let (place, memory) = (directory.join(INDEX_FOLDER), self.reader_memory_bytes_max);
        let (index, state) = Index::private(&log, &place, memory, self.progress.as_ref())?;
        let report = OpenReport { index: state, ..OpenReport::default() };
        Ok(Ledger {
            core: Arc::new(Core { writer: None, index, log, directory: directory.to_owned(), report }),
        })
    }
}

impl std::fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerOptions")
            .field("create", &self.create)
            .field("rebuild_index", &self.rebuild_index)
            .field("leave_runs_open", &self.leave_runs_open)
            .field("segment_bytes", &self.segment_bytes)
            .finish_non_exhaustive()
    }
}

/// Refuses a place where no ledger is.
pub(crate) fn require_ledger(directory: &Path) -> Result<(), OpenError> {
    if directory.join(LOG_FOLDER).is_dir() {
        return refuse_lost_log(directory);
    }
    Err(OpenError::NotALedger { path: directory.to_owned(), exists: directory.exists() })
}

/// Refuses to make a ledger among files that are something else.
fn refuse_foreign(directory: &Path) -> Result<(), OpenError> {
    if directory.join(LOG_FOLDER).is_dir() || !directory.exists() {
        return Ok(());
    }
    if is_empty(directory)? {
        return Ok(());
    }
    Err(OpenError::NotALedger { path: directory.to_owned(), exists: true })
}

/// Refuses a place where an index is left of a log that is gone. No crash leaves that: the index comes after the log.
fn refuse_lost_log(directory: &Path) -> Result<(), OpenError> {
    let (log, index) = (log_folder(directory), directory.join(INDEX_FOLDER));
    if log.is_dir() && is_empty(&log)? && index.is_dir() && !is_empty(&index)? {
        return Err(OpenError::LogLost { path: log });
    }
    Ok(())
}

pub(crate) fn is_empty(directory: &Path) -> Result<bool, OpenError> {
    let mut entries = std::fs::read_dir(directory)
        .map_err(|source| OpenError::Directory { path: directory.to_owned(), source })?;
    Ok(entries.next().is_none())
}

/// The log's folder in a ledger.
pub(crate) fn log_folder(directory: &Path) -> PathBuf {
    directory.join(LOG_FOLDER)
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

impl Core {
    /// The runs that are at work by the index, though their writer can't be: we have its lock.
    fn live_runs(&self) -> Result<Vec<String>, OpenError> {
        let own = self.writer.as_ref().map(|writer| writer.instance);
        let live_runs = |view: &View| {
            let mut runs = Vec::new();
            for entry in view.prefix(&key::live_run::prefix()) {
                let (live_key, writer) = entry?;
                if key::live_run::decode_value(&writer) != own {
                    runs.push(key::live_run::decode(&live_key)?.to_owned());
                }
            }
            Ok(runs)
        };
        Ok(self.ask(|view, _| live_runs(view))?)
    }
}

fn interruption(run_id: &str) -> Event {
    Event::new(Body::RunStatusChanged(RunStatusChanged {
        status: RunStatus::Interrupted,
        ended_at: None,
        reason: Some("its process ended before the run did".to_owned()),
        extra: Vec::new(),
    }))
    .with_run(run_id)
}
