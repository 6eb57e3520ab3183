//! Records in order, to be kept.

use crate::error::ReadError;
use crate::reader::Reader;
use crate::reader::cursor::{Cursor, Step};
use crate::reader::run::{Purpose, Run};
use crate::record::Record;
use crate::seq::Seq;

/// The records of a log in order, up to those that were durable when the scan began. See [`Reader::scan`].
#[derive(Debug)]
#[must_use = "a scan reads nothing until it is iterated"]
pub struct Scan {
    cursor: Cursor,
}

impl Scan {
    pub(super) fn new(reader: Reader, from: Seq) -> Scan {
        Scan { cursor: Cursor::new(reader, from, Purpose::Share) }
    }

    /// The number of the record that comes next.
    #[must_use]
    pub fn position(&self) -> Seq {
        self.cursor.position()
    }
}

impl Iterator for Scan {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.step_in_commit() {
            return self.cursor.run().and_then(Run::share).map(Ok);
        }
        match self.cursor.step()? {
            Ok(Step::InRun) => self.cursor.run().and_then(Run::share).map(Ok),
            Ok(Step::Alone(record)) => Some(Ok(record)),
            Err(error) => Some(Err(error)),
        }
    }
}
