//! Records in order.

use crate::error::ReadError;
use crate::reader::Reader;
use crate::reader::open_segment::Run;
use crate::record::Record;
use crate::seq::Seq;

/// The records of a log in order, up to those that were durable when the scan began. See [`Reader::scan`].
#[derive(Debug)]
#[must_use = "a scan reads nothing until it is iterated"]
pub struct Scan {
    reader: Reader,
    next: Seq,
    /// Where the scan ends, once that is known.
    end: Option<Seq>,
    run: Option<Run>,
}

impl Scan {
    pub(super) fn new(reader: Reader, from: Seq) -> Scan {
        Scan { reader, next: from, end: None, run: None }
    }

    /// The number of the record that comes next.
    #[must_use]
    pub fn position(&self) -> Seq {
        self.next
    }

    fn read(&mut self, end: Seq) -> Result<Record, ReadError> {
        let seq = self.next;
        if let Some(record) = self.run.as_mut().and_then(|run| run.read(seq, end)) {
            return Ok(record);
        }
        let record = self.reader.read_durable(seq, end)?;
        let inner = &*self.reader.inner;
        self.run = inner.cache.segment(inner, seq, end).ok().and_then(|segment| Run::over(segment, seq));
        Ok(record)
    }
}

impl Iterator for Scan {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = match self.end {
            Some(end) => end,
            None => match self.reader.durable_end() {
                Ok(end) => *self.end.insert(end),
                Err(error) => {
                    self.end = Some(self.next);
                    return Some(Err(error));
                }
            },
        };
        if self.next >= end {
            return None;
        }
        let result = self.read(end);
        self.next = match &result {
            Ok(_) => self.next.next(),
            Err(ReadError::Damaged(damage)) => damage.seq_to.max(self.next.next()),
            // Not a statement about the data: there is no use in going on.
            Err(_) => end,
        };
        Some(result)
    }
}
