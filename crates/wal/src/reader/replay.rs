//! Records in order, each lent until the next one is wanted.

use crate::error::ReadError;
use crate::reader::Reader;
use crate::reader::cursor::{Cursor, Step};
use crate::reader::run::{Purpose, Run};
use crate::record::{Record, RecordRef};
use crate::seq::Seq;

/// The records of a log in order, up to those that were durable when the replay began. See [`Reader::replay`].
#[derive(Debug)]
#[must_use = "a replay reads nothing until it is asked for a record"]
pub struct Replay {
    cursor: Cursor,
    /// The record that was read by itself.
    alone: Option<Record>,
}

impl Replay {
    pub(super) fn new(reader: Reader, from: Seq) -> Replay {
        Replay { cursor: Cursor::new(reader, from, Purpose::Lend), alone: None }
    }

    /// The number of the record that comes next.
    #[must_use]
    pub fn position(&self) -> Seq {
        self.cursor.position()
    }

    /// The next record; `None` behind the last one. After an error that names damaged records the next one is the
    /// record behind them.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    #[inline]
    pub fn next_record(&mut self) -> Option<Result<RecordRef<'_>, ReadError>> {
        if self.cursor.step_in_commit() {
            return self.cursor.run().and_then(Run::lend).map(Ok);
        }
        self.next_commit()
    }

    #[inline(never)]
    fn next_commit(&mut self) -> Option<Result<RecordRef<'_>, ReadError>> {
        match self.cursor.step()? {
            Ok(Step::InRun) => self.cursor.run().and_then(Run::lend).map(Ok),
            Ok(Step::Alone(record)) => Some(Ok(self.alone.insert(record).lend())),
            Err(error) => Some(Err(error)),
        }
    }
}
