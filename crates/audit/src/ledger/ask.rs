//! Asking the index: which view answers, how long a question waits for it, and what becomes of a damaged one.
//!
//! INVARIANT: an answer holds every event that was acknowledged before the question.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runledger_store::View;
use runledger_wal::Seq;

use super::Core;
use crate::{IndexError, QueryError};

/// How long an append waits for the index before it goes on without having asked it. Long enough for what is indexed
/// again after a crash.
const APPEND_WAIT_MAX: Duration = Duration::from_secs(5);

/// What the clones of a handle share, and how long the questions of this one wait.
#[derive(Clone)]
pub(super) struct Asker {
    core: Arc<Core>,
    wait_max: Option<Duration>,
}

impl Deref for Asker {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Asker {
    pub(super) fn new(core: Core, wait_max: Option<Duration>) -> Self {
        Self { core: Arc::new(core), wait_max }
    }

    pub(super) fn with_wait(&self, wait_max: Option<Duration>) -> Self {
        Self { core: Arc::clone(&self.core), wait_max }
    }

    /// Answers a question from a view that has every record that is durable now; `answer` is told how many those are.
    pub(super) fn ask<T>(
        &self,
        answer: impl Fn(&View, Seq) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        self.settle_interruptions();
        let end = self.log.durable_end()?;
        self.ask_past(end, |view| answer(view, end))
    }

    /// Answers a question from a view that has every record before `end`. Where the index turns out damaged, another is
    /// built and the question asked once more.
    pub(super) fn ask_past<T>(
        &self,
        end: Seq,
        answer: impl Fn(&View) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let deadline = self.wait_max.and_then(|wait| Instant::now().checked_add(wait));
        match answer(&self.index.view_past(end, deadline)?) {
            Err(QueryError::Index(IndexError::Read(damage))) => {
                self.index.report(&damage);
                answer(&self.index.view_past(end, deadline)?)
            }
            answered => answered,
        }
    }

    /// As [`Asker::ask_past`], for an append: nothing if the index can't answer now.
    pub(super) fn ask_if_following<T>(
        &self,
        end: Seq,
        answer: impl Fn(&View) -> Result<T, QueryError>,
    ) -> Result<Option<T>, QueryError> {
        let deadline = Instant::now().checked_add(APPEND_WAIT_MAX);
        let Some(view) = self.index.view_if_following(end, deadline) else { return Ok(None) };
        match answer(&view) {
            Err(QueryError::Index(IndexError::Read(damage))) => {
                self.index.report(&damage);
                Ok(None)
            }
            answered => answered.map(Some),
        }
    }
}
