//! The thread that keeps the index up with the log, and what others may ask of it.
//!
//! Invariants:
//! - Whoever holds the follower is the one who indexes: the thread for one batch at a time, [`Ingestor::rebuild`] for a
//!   whole rebuild. [`Ingestor::stop`] takes it away, so that nothing touches the store afterwards, even while the
//!   thread still waits for the log.
//! - The state's lock is held for looking and telling only, never while something is read or written.
//! - Nothing here is waited for by whoever appends to the log.

mod state;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use runledger_store::{ReadError, Store, View};
use runledger_wal::{self as wal, DurableWait, Reader, Seq};

use self::state::{Activity, Board, Patience};
use crate::error::{IngestError, StartError, WaitError};
use crate::follower::{Follower, Progress, Rebuild, Step};
use crate::indexer::Indexer;
use crate::options::Options;

/// The thread looks at least this often whether it was stopped while it waits for the log.
const LOG_WAIT_MAX: Duration = Duration::from_secs(1);
/// After a failure: the first pause, doubled with each failure in a row.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(10);
/// The longest pause after a failure.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);

/// What the ingestor does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It follows the log.
    Following,
    /// The index did not fit the log, or was damaged, and is built anew.
    Rebuilding {
        /// Why.
        reason: String,
        /// How far it is.
        progress: Progress,
    },
    /// It was asked to wait.
    Paused,
    /// The last attempts failed. It goes on trying; the log is not affected.
    Failed {
        /// The last failure.
        reason: String,
        /// How often in a row.
        attempts: u32,
    },
    /// It was stopped.
    Stopped,
}

/// How far the index is behind the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Durable records that are not in the index.
    pub events: u64,
    /// How long ago the oldest of them was committed.
    pub oldest: Option<Duration>,
}

/// Keeps an index up with its log. Dropping it stops it.
pub struct Ingestor {
    shared: Arc<dyn Shared>,
    board: Arc<Board>,
    log: Reader,
}

/// What the handle and the thread share, whatever the indexer.
trait Shared: Send + Sync {
    fn rebuild(&self, reason: String, progress: &mut dyn FnMut(Progress)) -> Result<(), IngestError>;
    fn want_rebuild(&self, reason: String);
    fn wait_for_batch(&self);
    fn take_follower(&self);
}

struct Worker<I> {
    board: Arc<Board>,
    batch_interval: Duration,
    /// `None` once stopped.
    follower: Mutex<Option<Follower<I>>>,
}

impl Ingestor {
    /// Starts to follow `log` into `store`.
    ///
    /// That the index does not fit, or that something fails, does not fail the start: see [`Ingestor::status`].
    pub fn start<I: Indexer>(
        log: Reader,
        store: Store,
        indexer: I,
        options: Options,
    ) -> Result<Self, StartError> {
        let board = Arc::new(Board::default());
        let (told, batch_interval) = (Arc::clone(&board), options.batch_interval);
        let before_rebuild = Box::new(move || told.rebuild_starts(None));
        let mut follower = Follower::new(log.clone(), store, indexer, options, before_rebuild);
        // What is in the index already is not waited for.
        if let Some(indexed_end) = follower.resume_if_fit() {
            board.reached(indexed_end, None);
        }
        let follower = Mutex::new(Some(follower));
        let worker = Arc::new(Worker { board: Arc::clone(&board), batch_interval, follower });
        let (thread_worker, thread_log) = (Arc::clone(&worker), log.clone());
        thread::Builder::new()
            .name("runledger-ingest".to_owned())
            .spawn(move || run(&*thread_worker, &thread_log))
            .map_err(StartError::Thread)?;
        Ok(Self { shared: worker, board, log })
    }

    /// A view of `store`, which this ingestor fills, that shows every record before `end`: waits until they are in the
    /// index, and never gives a view of an index that was emptied since.
    ///
    /// # Errors
    ///
    /// Those of [`Ingestor::wait_indexed`].
    pub fn view(&self, store: &Store, end: Seq, deadline: Option<Instant>) -> Result<View, WaitError> {
        self.view_with(store, end, deadline, Patience::Any)
    }

    /// As [`Ingestor::view`], but gives up at once when the index is paused, fails or is built anew, with
    /// [`WaitError::NotFollowing`]: for those who can do without.
    pub fn view_while_following(
        &self,
        store: &Store,
        end: Seq,
        deadline: Option<Instant>,
    ) -> Result<View, WaitError> {
        self.view_with(store, end, deadline, Patience::WhileFollowing)
    }

    fn view_with(
        &self,
        store: &Store,
        end: Seq,
        deadline: Option<Instant>,
        patience: Patience,
    ) -> Result<View, WaitError> {
        loop {
            let rebuilds = self.board.wait_indexed(end, deadline, patience)?;
            let view = store.view();
            // No rebuild began until now: so the view was taken before any could empty the store.
            if self.board.rebuilds() == rebuilds {
                return Ok(view);
            }
        }
    }

    /// Waits until every record before `end` is in the index. A view is better taken with [`Ingestor::view`], since the
    /// index may be found damaged, and emptied, right after this.
    ///
    /// # Errors
    ///
    /// The deadline passed; indexing fails again and again; the ingestor was stopped. Without a deadline it waits as
    /// long as the ingestor is paused, or `end` is not durable.
    pub fn wait_indexed(&self, end: Seq, deadline: Option<Instant>) -> Result<(), WaitError> {
        self.board.wait_indexed(end, deadline, Patience::Any).map(|_| ())
    }

    /// The first record that is not in the index.
    pub fn indexed_end(&self) -> Seq {
        self.board.indexed_end()
    }

    /// How far the index is behind the log.
    pub fn lag(&self) -> Result<Lag, wal::ReadError> {
        let indexed_end = self.indexed_end();
        let events = self.log.durable_end()?.get().saturating_sub(indexed_end.get());
        if events == 0 {
            return Ok(Lag { events, oldest: None });
        }
        let oldest = self.log.read(indexed_end)?.map(|record| since(record.commit_time()));
        Ok(Lag { events, oldest })
    }

    /// What the ingestor does.
    pub fn status(&self) -> Status {
        self.board.status()
    }

    /// Why indexing failed last, also when it went on since.
    pub fn last_failure(&self) -> Option<String> {
        self.board.last_failure()
    }

    /// Has the ingestor wait. When this returns no batch is under way, and none begins until [`Ingestor::resume`].
    pub fn pause(&self) {
        self.board.set_paused(true);
        self.shared.wait_for_batch();
    }

    /// Ends a pause. A failed ingestor tries again at once.
    pub fn resume(&self) {
        self.board.set_paused(false);
    }

    /// Empties the index and builds it anew on this thread, up to the durable end of the log as it is now. Queries see
    /// what is there so far meanwhile. `progress` is called after each batch.
    pub fn rebuild(&self, reason: &str, mut progress: impl FnMut(Progress)) -> Result<(), IngestError> {
        self.shared.rebuild(reason.to_owned(), &mut progress)
    }

    /// Says that a read found the index damaged: it is built anew by the thread, unless it is already.
    pub fn report_damage(&self, damage: &ReadError) {
        self.shared.want_rebuild(format!("it is damaged: {damage}"));
    }

    /// Stops. When this returns the store is not touched any more; what was applied and not flushed is in its memory.
    pub fn stop(&self) {
        self.board.set_stopped();
        self.shared.take_follower();
    }
}

impl Drop for Ingestor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Ingestor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Ingestor")
            .field("indexed_end", &self.indexed_end())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl<I: Indexer> Worker<I> {
    /// Indexes one batch and tells how far it came. A panic is a failure like others.
    fn step(&self, follower: &mut Follower<I>, until: Option<Seq>) -> Result<Step, IngestError> {
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            // Told before the batch, since a rebuild makes the index less than it was.
            let resumed = follower.resume();
            self.tell(follower);
            resumed.and_then(|_| follower.step(until))
        }))
        .unwrap_or(Err(IngestError::Panicked));
        match &stepped {
            Ok(_) => {
                self.tell(follower);
                self.board.succeeded();
            }
            Err(error) => self.board.failed(error.describe()),
        }
        stepped
    }

    fn tell(&self, follower: &Follower<I>) {
        if let Some(indexed_end) = follower.indexed_end() {
            self.board.reached(indexed_end, follower.rebuilding());
        }
    }
}

impl<I: Indexer> Shared for Worker<I> {
    fn rebuild(&self, reason: String, progress: &mut dyn FnMut(Progress)) -> Result<(), IngestError> {
        let mut held = self.follower.lock();
        let follower = held.as_mut().ok_or(IngestError::Stopped)?;
        let target = follower.log().durable_end()?;
        follower.want_rebuild(reason);
        while self.step(follower, Some(target))? != Step::CaughtUp {
            if let Some(indexed_end) = follower.indexed_end() {
                progress(Progress { indexed_end, target });
            }
            if self.board.is_stopped() {
                return Err(IngestError::Stopped);
            }
        }
        Ok(())
    }

    fn want_rebuild(&self, reason: String) {
        if let Some(follower) = self.follower.lock().as_mut().filter(|follower| !follower.is_rebuilding()) {
            follower.want_rebuild(reason.clone());
            // From now on nobody is given a view of what is damaged.
            let target = follower.log().durable_end().unwrap_or_default();
            self.board.rebuild_starts(Some(Rebuild { reason, target }));
        }
    }

    fn wait_for_batch(&self) {
        drop(self.follower.lock());
    }

    fn take_follower(&self) {
        let follower = self.follower.lock().take();
        // Not under the lock: it may hold the last handle of the store.
        drop(follower);
    }
}

/// The thread's life.
fn run<I: Indexer>(worker: &Worker<I>, log: &Reader) {
    let board = &worker.board;
    let mut rest_until = Instant::now();
    while let Activity::Work = board.next_activity() {
        // A batch costs the same for one record as for hundreds, and while nobody asks, nobody needs it.
        board.rest(rest_until);
        let began = Instant::now();
        let mut held = worker.follower.lock();
        // Paused or stopped while it waited for the lock.
        if !board.may_work() {
            continue;
        }
        let Some(follower) = held.as_mut() else { return };
        let stepped = worker.step(follower, None);
        let next = follower.indexed_end().unwrap_or_default();
        drop(held);
        match stepped {
            Ok(Step::Applied) => rest_until = began + worker.batch_interval,
            Ok(Step::Full) => {}
            Ok(Step::CaughtUp) => match log.wait_durable_past(next, Some(Instant::now() + LOG_WAIT_MAX)) {
                Ok(DurableWait::Closed(end)) if end <= next => board.wait_for_change(LOG_WAIT_MAX),
                Ok(_) => {}
                Err(error) => {
                    board.failed(IngestError::from(error).describe());
                    board.wait_for_change(retry_delay(board.attempts()));
                }
            },
            Err(_) => board.wait_for_change(retry_delay(board.attempts())),
        }
    }
}

fn retry_delay(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    RETRY_DELAY_MIN.saturating_mul(1 << doublings).min(RETRY_DELAY_MAX)
}

/// How long ago this was, in nanoseconds since the Unix epoch. Zero if the clock was set back meanwhile.
fn since(commit_time_ns: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let then = Duration::from_nanos(u64::try_from(commit_time_ns).unwrap_or(0));
    now.saturating_sub(then)
}
