//! The log in its own order.

use std::time::Instant;

use runledger_wal::{DurableWait, Record, Scan, Seq};

use super::Ledger;
use super::read::StoredEvent;
use crate::QueryError;
use crate::ledger_read::Question;

/// So few records are read one by one; to scan them would read the log in larger pieces.
const READ_ONE_BY_ONE_MAX: u64 = 8;

/// Events in the order of their `Seq`, superseded ones too, up to the durable end; then more as they become durable.
///
/// As an iterator it ends at the durable end that it finds there, and goes on from there when it is asked again.
/// [`Tail::wait`] waits for more.
#[derive(Debug)]
pub struct Tail {
    ledger: Ledger,
    next: Seq,
    end: Seq,
    /// Goes through the records from `next` on, where there are many.
    scan: Option<Scan>,
    /// The handle that was asked for the tail, until that is recorded.
    asked: Option<Ledger>,
}

impl Ledger {
    /// The events from `from` on, in the order of the log.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, Ledger, Seq};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for run in ["a", "b"] {
    ///     ledger.append(Event::new(Body::Custom(Custom::default())).with_run(run))?;
    /// }
    /// let mut seqs = Vec::new();
    /// for stored in ledger.tail(Seq::ZERO) {
    ///     seqs.push(stored?.seq.get());
    /// }
    /// assert_eq!(seqs, [0, 1]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tail(&self, from: Seq) -> Tail {
        let asked = self.reader.is_some().then(|| self.clone());
        Tail { ledger: self.unrecorded(), next: from, end: from, scan: None, asked }
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
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use runledger_audit::{Body, Custom, Event, Ledger, Seq};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let mut tail = ledger.tail(Seq::ZERO);
    /// assert!(!tail.wait(Some(Instant::now() + Duration::from_millis(1)))?, "there is nothing yet");
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// assert!(tail.wait(None)?);
    /// assert_eq!(tail.next().expect("it waited for it")?.seq.get(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The watermark can't be read; none if the writer is in this process.
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
        let Some(record) = self.read_record()? else { return Ok(None) };
        self.next = record.seq().next();
        StoredEvent::decode(&record).map(Some)
    }

    fn read_record(&mut self) -> Result<Option<Record>, QueryError> {
        let log = &self.ledger.core.log;
        if self.end.get() - self.next.get() > READ_ONE_BY_ONE_MAX && self.scan.is_none() {
            self.scan = Some(log.scan(self.next));
        }
        if let Some(scan) = &mut self.scan {
            match scan.next() {
                Some(read) => return Ok(Some(read?)),
                // It ended where the log did when it began.
                None => self.scan = None,
            }
        }
        Ok(log.read(self.next)?)
    }

    /// Behind what an error named.
    fn go_on_behind(&mut self, at: Seq) {
        let behind = self.scan.take().map_or(at, |scan| scan.position());
        self.next = behind.max(self.next).max(at.next());
    }
}

/// After an error the iterator goes on behind what could not be read: one record, or all that are lost together.
impl Iterator for Tail {
    type Item = Result<StoredEvent, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next;
        let read = self.read_next();
        if read.is_err() {
            self.go_on_behind(at);
        }
        read.transpose()
    }
}
