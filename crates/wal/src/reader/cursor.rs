//! A place in a log that moves from record to record: what scanning and replaying have in common.
//!
//! The way is made by runs through one segment each. What a run doesn't give is read by itself; so the two can't
//! disagree about what is damaged.

use crate::error::ReadError;
use crate::reader::Reader;
use crate::reader::cache::Look;
use crate::reader::run::{Moved, Purpose, Run};
use crate::record::Record;
use crate::seq::Seq;

/// A place in a log.
#[derive(Debug)]
pub(super) struct Cursor {
    reader: Reader,
    purpose: Purpose,
    next: Seq,
    /// What the first step learned.
    started: Option<Started>,
    run: Option<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Started {
    /// Where the way ends.
    end: Seq,
    /// What was seen of the directory since then is as good as new.
    look: Look,
}

/// Where the next record is.
#[derive(Debug)]
pub(super) enum Step {
    /// Where the run stands: see [`Cursor::run`].
    InRun,
    /// Here.
    Alone(Record),
}

impl Cursor {
    pub(super) fn new(reader: Reader, from: Seq, purpose: Purpose) -> Cursor {
        Cursor { reader, purpose, next: from, started: None, run: None }
    }

    /// The number of the record that comes next.
    pub(super) fn position(&self) -> Seq {
        self.next
    }

    pub(super) fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// As [`Cursor::step`], if the next record is where the run stands and needs no more than to be pointed at: most are.
    #[inline]
    pub(super) fn step_in_commit(&mut self) -> bool {
        let moved = self.run.as_mut().is_some_and(|run| run.move_to_next(self.next));
        if moved {
            self.next = self.next.next();
        }
        moved
    }

    /// Goes on to the next record.
    pub(super) fn step(&mut self) -> Option<Result<Step, ReadError>> {
        let Started { end, look } = match self.started {
            Some(started) => started,
            None => match self.start() {
                Ok(started) => started,
                Err(error) => return Some(Err(error)),
            },
        };
        let seq = self.next;
        if seq >= end {
            return None;
        }
        let mut moved = self.run.as_mut().map_or(Moved::Over, |run| run.move_to(seq, end));
        if moved == Moved::Over {
            self.run = self.run_from(seq, end);
            moved = self.run.as_mut().map_or(Moved::Over, |run| run.move_to(seq, end));
        }
        if moved == Moved::There {
            self.next = seq.next();
            return Some(Ok(Step::InRun));
        }
        let read = self.reader.read_durable(seq, end, look);
        self.next = match &read {
            Ok(_) => seq.next(),
            Err(ReadError::Damaged(damage)) => damage.seq_to.max(seq.next()),
            // Not a statement about the data: there is no use in going on.
            Err(_) => end,
        };
        Some(read.map(Step::Alone))
    }

    fn start(&mut self) -> Result<Started, ReadError> {
        let end = self.reader.durable_end();
        // Not before the end is known: what was seen of the directory earlier may lack what lies before it.
        let look = self.reader.inner.cache.look();
        let started = end.map(|end| Started { end, look });
        // A way that can't begin has ended.
        self.started = Some(*started.as_ref().unwrap_or(&Started { end: self.next, look }));
        started
    }

    /// A run that starts with this record, if what is remembered of the log says where it is.
    fn run_from(&mut self, seq: Seq, end: Seq) -> Option<Run> {
        let inner = &self.reader.inner;
        let segment = inner.cache.segment(inner, seq, end).ok()?;
        Run::over(segment, seq, self.purpose, self.run.take())
    }
}
