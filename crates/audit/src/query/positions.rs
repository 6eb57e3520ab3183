//! The positions of one stream of the index.

use std::ops::Bound;

use runledger_store::{Cursor, KeyRange, ReadError, View};

use super::join::{Positions, precedes};
use crate::key::stream::StreamPrefix;
use crate::key::{MalformedKey, Position};
use crate::{Order, Timestamp};

/// A stream of the index could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The index could not be read.
    #[error("cannot read the index")]
    Store(#[from] ReadError),
    /// The index holds what this version did not write.
    #[error(transparent)]
    Malformed(#[from] MalformedKey),
}

/// A cursor over one stream, within bounds of time.
pub(crate) struct StreamPositions {
    prefix: StreamPrefix,
    cursor: Cursor,
    order: Order,
    /// Where the cursor stands.
    head: Option<Position>,
    /// How often it had to search.
    seeks: u64,
}

impl StreamPositions {
    /// The positions of `prefix` from `from` on and before `to`.
    pub(crate) fn new(
        view: &View,
        prefix: StreamPrefix,
        order: Order,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
    ) -> Self {
        let bound = |time: Timestamp| prefix.key(Position { time, ..Position::MIN });
        let lower = Bound::Included(bound(from.unwrap_or(Timestamp::MIN)));
        let upper = match to {
            Some(to) => Bound::Excluded(bound(to)),
            None => Bound::Included(prefix.key(Position::MAX)),
        };
        let cursor = view.cursor(KeyRange::new((lower, upper)));
        Self { prefix, cursor, order, head: None, seeks: 0 }
    }

    fn stand(&mut self) -> Result<Option<Position>, StreamError> {
        self.head = self.cursor.key().map(|key| self.prefix.position(key)).transpose()?;
        Ok(self.head)
    }

    /// To the neighbour, which is often the one that is sought, and costs no search.
    fn step(&mut self) -> Result<Option<Position>, StreamError> {
        match self.order {
            Order::Ascending => self.cursor.move_next()?,
            Order::Descending => self.cursor.move_prev()?,
        }
        self.stand()
    }

    fn search(&mut self, target: Position) -> Result<Option<Position>, StreamError> {
        self.seeks += 1;
        let key = self.prefix.key(target);
        match self.order {
            Order::Ascending => self.cursor.seek(&key)?,
            Order::Descending => self.cursor.seek_for_prev(&key)?,
        }
        self.stand()
    }
}

impl Positions for StreamPositions {
    type Error = StreamError;

    fn seek(&mut self, target: Position) -> Result<Option<Position>, StreamError> {
        match self.head {
            None => self.search(target),
            Some(head) if !precedes(head, target, self.order) => Ok(Some(head)),
            Some(_) => match self.step()? {
                Some(next) if precedes(next, target, self.order) => self.search(target),
                found => Ok(found),
            },
        }
    }
}
