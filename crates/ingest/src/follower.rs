//! One step after the other from the log into the index: read some records, index them, apply the batch.
//!
//! Invariants:
//! - `next` is the first record that is not in the store; `None` until the store's checkpoint was compared with the log.
//! - A batch that the store did not take is kept and offered again; one that could not be completed is dropped, and its
//!   records are read again. So every record is indexed, or noted as damaged, exactly once in what is applied.

use std::error::Error;

use runledger_store::{Batch, Store};
use runledger_wal::{ReadError, Reader, Record, Seq};

use crate::error::IngestError;
use crate::indexer::{Indexer, Resume};
use crate::options::Options;
use crate::pending::Pending;
use crate::planted::{Bug, planted};

/// How far indexing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The first record that is not in the index.
    pub indexed_end: Seq,
    /// Where it was bound for when it began: the first record that was not durable then.
    pub target: Seq,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A batch was applied that had all that was there.
    Applied,
    /// A batch was applied that was full: there may be more.
    Full,
    /// There is nothing more to index now.
    CaughtUp,
}

/// A rebuild that is going on.
#[derive(Debug, Clone)]
pub(crate) struct Rebuild {
    pub(crate) reason: String,
    pub(crate) target: Seq,
}

/// Called before the store is emptied.
pub(crate) type BeforeRebuild = Box<dyn FnMut() + Send>;

pub(crate) struct Follower<I> {
    log: Reader,
    store: Store,
    indexer: I,
    options: Options,
    before_rebuild: BeforeRebuild,
    next: Option<Seq>,
    /// Why the store is to be emptied before the next step.
    rebuild_wanted: Option<String>,
    rebuilding: Option<Rebuild>,
    batch: Batch,
    records: Vec<Record>,
    /// Of `records`.
    payload_bytes: usize,
    /// The first record that the batch says nothing about.
    batch_end: Seq,
    /// `batch` has all the keys of `records`, and waits to be applied with this checkpoint.
    ready: Option<Vec<u8>>,
    /// Records applied since the store's checkpoint on disk last moved, and that checkpoint.
    tail_events: u64,
    durable_checkpoint: Option<Vec<u8>>,
}

impl<I: Indexer> Follower<I> {
    pub(crate) fn new(
        log: Reader,
        store: Store,
        indexer: I,
        options: Options,
        before_rebuild: BeforeRebuild,
    ) -> Self {
        let durable_checkpoint = store.durable_checkpoint();
        Self {
            log,
            store,
            indexer,
            options,
            before_rebuild,
            next: None,
            rebuild_wanted: None,
            rebuilding: None,
            batch: Batch::new(),
            records: Vec::new(),
            payload_bytes: 0,
            batch_end: Seq::ZERO,
            ready: None,
            tail_events: 0,
            durable_checkpoint,
        }
    }

    /// The first record that is not in the index; `None` as long as that is not known.
    pub(crate) fn indexed_end(&self) -> Option<Seq> {
        self.next
    }

    pub(crate) fn rebuilding(&self) -> Option<&Rebuild> {
        self.rebuilding.as_ref()
    }

    pub(crate) fn log(&self) -> &Reader {
        &self.log
    }

    /// Whether the index is to be built anew, or is being built.
    pub(crate) fn is_rebuilding(&self) -> bool {
        self.rebuild_wanted.is_some() || self.rebuilding.is_some()
    }

    /// Has the next step empty the index and begin with the first record.
    pub(crate) fn want_rebuild(&mut self, reason: String) {
        self.next = None;
        self.ready = None;
        self.rebuild_wanted = Some(reason);
    }

    /// Compares the index with the log, if that is still to be done, and empties it if it does not fit.
    pub(crate) fn resume(&mut self) -> Result<Seq, IngestError> {
        if let Some(next) = self.next {
            return Ok(next);
        }
        let next = match self.rebuild_wanted.clone() {
            Some(reason) => self.start_rebuild(reason)?,
            None => match self.indexer.resume(self.store.checkpoint().as_deref(), &self.log) {
                Resume::From(next) if planted(Bug::ResumeTooFar) && next > Seq::ZERO => next.next(),
                Resume::From(next) => next,
                Resume::Rebuild(reason) => self.start_rebuild(reason)?,
                Resume::Unknown(reason) => return Err(IngestError::Resume { reason }),
            },
        };
        self.next = Some(next);
        Ok(next)
    }

    /// Where it goes on, if the index fits the log as it is. Changes nothing on disk.
    pub(crate) fn resume_if_fit(&mut self) -> Option<Seq> {
        match self.indexer.resume(self.store.checkpoint().as_deref(), &self.log) {
            Resume::From(next) => self.next = Some(next),
            Resume::Rebuild(_) | Resume::Unknown(_) => {}
        }
        self.next
    }

    fn start_rebuild(&mut self, reason: String) -> Result<Seq, IngestError> {
        if self.store.is_read_only() {
            return Err(IngestError::NeedsRebuild { reason });
        }
        let target = self.log.durable_end()?;
        (self.before_rebuild)();
        if !planted(Bug::RebuildWithoutClearing) {
            self.store.clear()?;
        }
        self.tail_events = 0;
        self.rebuild_wanted = None;
        self.rebuilding = Some(Rebuild { reason, target });
        Ok(Seq::ZERO)
    }

    /// Indexes the next batch of the durable records before `until`.
    pub(crate) fn step(&mut self, until: Option<Seq>) -> Result<Step, IngestError> {
        let stepped = self.try_step(until);
        if let Err(IngestError::Damaged(source)) = &stepped {
            self.want_rebuild(format!("it is damaged: {source}"));
        }
        stepped
    }

    fn try_step(&mut self, until: Option<Seq>) -> Result<Step, IngestError> {
        let next = self.resume()?;
        self.bound_tail()?;
        let checkpoint = match self.ready.take() {
            Some(checkpoint) => Some(checkpoint),
            None => self.fill(next, until)?,
        };
        let Some(checkpoint) = checkpoint else {
            self.end_rebuild();
            return Ok(Step::CaughtUp);
        };
        if let Err(error) = self.store.apply(&self.batch, &checkpoint) {
            if planted(Bug::LoseRefusedBatch) {
                self.next = Some(self.batch_end);
            } else {
                self.ready = Some(checkpoint);
            }
            return Err(error.into());
        }
        self.tail_events = self.tail_events.saturating_add(self.records.len() as u64);
        self.next = Some(self.batch_end);
        let applied = if self.is_full() { Step::Full } else { Step::Applied };
        if let Some(observer) = &mut self.options.observer {
            observer(&self.records);
        }
        self.batch.clear();
        self.records.clear();
        self.payload_bytes = 0;
        self.end_rebuild();
        Ok(applied)
    }

    /// Whether the batch is as large as one may be.
    fn is_full(&self) -> bool {
        let bytes = self.payload_bytes.max(self.batch.bytes());
        self.records.len() >= self.options.batch_events_max || bytes >= self.options.batch_bytes_max
    }

    /// Indexes records from `next` on into the batch. Returns the checkpoint behind them, `None` if there are none.
    fn fill(&mut self, next: Seq, until: Option<Seq>) -> Result<Option<Vec<u8>>, IngestError> {
        self.batch.clear();
        self.records.clear();
        self.batch_end = next;
        self.indexer.begin();
        self.payload_bytes = 0;
        let view = self.store.view();
        for record in self.log.scan(next) {
            if until.is_some_and(|until| self.batch_end >= until) {
                break;
            }
            let expected = self.batch_end;
            let mut pending = Pending::new(&mut self.batch, &view);
            let indexed = match record {
                Ok(record) if record.seq() != expected => {
                    return Err(IngestError::Gap { expected, found: record.seq() });
                }
                Ok(record) => {
                    let indexed = self.indexer.index(&record, &mut pending);
                    self.payload_bytes += record.payload().len();
                    self.records.push(record);
                    self.batch_end = expected.next();
                    indexed
                }
                // It will not become readable by waiting, and must not keep what lies behind it from being found. The
                // indexer leaves a note in its place.
                Err(ReadError::Damaged(damage)) => {
                    self.batch_end = damage.seq_to.max(expected.next());
                    self.indexer.damaged(expected, self.batch_end, &damage, &mut pending)
                }
                // What came before it is taken first. Then the next step meets it again.
                Err(_) if self.batch_end > next => break,
                Err(error) => return Err(error.into()),
            };
            if let Err(error) = indexed {
                return Err(failed(&pending, expected, error));
            }
            if self.is_full() {
                break;
            }
        }
        let mut pending = Pending::new(&mut self.batch, &view);
        if let Err(error) = self.indexer.finish(&mut pending) {
            return Err(failed(&pending, self.batch_end, error));
        }
        Ok(self.checkpoint_behind_batch(next))
    }

    /// The checkpoint that the batch is applied with. It names the last record that could be read: the damaged ones
    /// behind it are met again after a restart, and noted again.
    fn checkpoint_behind_batch(&self, next: Seq) -> Option<Vec<u8>> {
        match self.records.last() {
            Some(last) => Some(self.indexer.checkpoint(last.seq(), last.leaf())),
            None if self.batch_end > next => Some(self.store.checkpoint().unwrap_or_default()),
            None => None,
        }
    }

    /// Has the store write itself out when too much would have to be replayed.
    fn bound_tail(&mut self) -> Result<(), IngestError> {
        if self.store.is_read_only() || self.tail_events < self.options.index_tail_events_max {
            return Ok(());
        }
        let durable_checkpoint = self.store.durable_checkpoint();
        if durable_checkpoint != self.durable_checkpoint {
            // It moved by itself: only what came after it is the tail.
            let resumed = self.indexer.resume(durable_checkpoint.as_deref(), &self.log);
            if let (Resume::From(durable_end), Some(next)) = (resumed, self.next) {
                self.tail_events = next.get().saturating_sub(durable_end.get());
            }
            self.durable_checkpoint = durable_checkpoint;
        }
        if self.tail_events >= self.options.index_tail_events_max {
            self.store.flush()?;
            self.durable_checkpoint = self.store.durable_checkpoint();
            self.tail_events = 0;
        }
        Ok(())
    }

    fn end_rebuild(&mut self) {
        let done = |rebuild: &mut Rebuild| self.next.is_some_and(|next| next >= rebuild.target);
        self.rebuilding.take_if(done);
    }
}

/// What an indexer's error means: the index may be what is damaged.
fn failed(pending: &Pending<'_>, seq: Seq, error: impl Error + Send + Sync + 'static) -> IngestError {
    match pending.damage() {
        Some(_) => IngestError::Damaged(Box::new(error)),
        None => IngestError::Indexer { seq, source: Box::new(error) },
    }
}
