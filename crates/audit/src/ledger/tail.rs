//! The log in its own order.

use std::time::Instant;

use runledger_wal::{DurableWait, Seq};

use super::Ledger;
use super::read::StoredEvent;
use crate::QueryError;
use crate::read_audit::Question;

/// Events in the order of their `Seq`, superseded ones too, up to the durable end; then more as they become durable.
///
/// As an iterator it ends at the durable end that it finds there, and goes on from there when it is asked again.
/// [`Tail::wait`] waits for more.
#[derive(Debug)]
pub struct Tail {
    ledger: Ledger,
    next: Seq,
    end: Seq,
    /// The handle that was asked for the tail, until that is recorded.
    asked: Option<Ledger>,
}

impl Ledger {
    /// The events from `from` on, in the order of the log.
    #[must_use]
    pub fn tail(&self, from: Seq) -> Tail {
        let asked = self.reader.is_some().then(|| self.clone());
        Tail { ledger: self.unrecorded(), next: from, end: from, asked }
    }
}

impl Tail {
    /// The number of the event that comes next.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// Waits until there is another event, also one that another process appends. False if `deadline` passed
    /// first, or the log was closed.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Result<bool, QueryError> {
        if self.next >= self.end {
            let waited = self.ledger.core.log.wait_durable_past(self.next, deadline)?;
            if let DurableWait::Durable(end) = waited {
                self.end = end;
            }
        }
        Ok(self.next < self.end)
    }

    fn read_next(&mut self) -> Result<Option<StoredEvent>, QueryError> {
        if let Some(asked) = &self.asked {
            let question = || Question::new("tail").number("from", self.next.get());
            asked.recorded(question, |_| Ok(Vec::<StoredEvent>::new()))?;
            self.asked = None;
        }
        if self.next >= self.end {
            self.end = self.ledger.core.log.durable_end()?.max(self.next);
        }
        if self.next >= self.end {
            return Ok(None);
        }
        let event = self.ledger.event_at(self.next)?;
        self.next = self.next.next();
        Ok(event)
    }
}

/// After an error the iterator goes on behind the record that could not be read.
impl Iterator for Tail {
    type Item = Result<StoredEvent, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next;
        let read = self.read_next();
        if read.is_err() {
            self.next = at.next();
        }
        read.transpose()
    }
}
