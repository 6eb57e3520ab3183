//! The positions of one stream of the index.

use std::ops::Bound;

use runledger_store::{Cursor, KeyRange, ReadError, View};
use runledger_wal::Seq;

use super::join::Positions;
use super::rank::Rank;
use crate::key::stream::{self, StreamPrefix};
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

/// In which order a stream is walked, and between which times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    pub(crate) order: Order,
    /// Inclusive.
    pub(crate) from: Option<Timestamp>,
    /// Exclusive.
    pub(crate) to: Option<Timestamp>,
}

/// How much work reading took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Effort {
    /// How often a key was searched for.
    pub(crate) seeks: u64,
    /// How many keys were looked at.
    pub(crate) rows: u64,
}

impl std::ops::AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        self.seeks += other.seeks;
        self.rows += other.rows;
    }
}

/// How many steps a stream tries before it searches, until it has learned better.
const PATIENCE_AT_FIRST: u32 = 4;
/// So many steps cost about half a search.
const PATIENCE_MAX: u32 = 64;

/// A cursor over one stream, within bounds of time.
pub(crate) struct StreamPositions {
    cursor: Cursor,
    order: Order,
    /// The stream's prefix, then a position, which each search overwrites.
    key: Vec<u8>,
    /// Where the cursor stands.
    head: Option<Rank>,
    /// How many steps are tried before a search.
    patience: u32,
    /// Of a history: what was superseded before this is passed over.
    superseded_from: Option<Seq>,
    effort: Effort,
}

impl StreamPositions {
    /// The positions of `prefix`.
    pub(crate) fn new(view: &View, prefix: &StreamPrefix, walk: Walk) -> Self {
        let cursor = view.cursor(range(prefix, walk));
        let key = [prefix.as_bytes(), &[0; Position::LENGTH]].concat();
        let (head, effort, patience) = (None, Effort::default(), PATIENCE_AT_FIRST);
        Self { cursor, order: walk.order, key, head, patience, superseded_from: None, effort }
    }

    /// What `prefix` has no more, of that what was superseded at `superseded_from` or later.
    pub(crate) fn history(view: &View, prefix: &StreamPrefix, walk: Walk, superseded_from: Seq) -> Self {
        let positions = Self::new(view, &prefix.history(), walk);
        Self { superseded_from: Some(superseded_from), ..positions }
    }

    pub(crate) fn effort(&self) -> Effort {
        self.effort
    }

    /// Reads where the cursor stands, and goes on to what counts.
    fn stand(&mut self) -> Result<Option<Rank>, StreamError> {
        loop {
            self.effort.rows += 1;
            // The cursor's range ends with the stream, so that its prefix need not be compared again.
            let Some((key, value)) = self.cursor.entry().filter(|(key, _)| key.len() == self.key.len())
            else {
                let stands = self.cursor.key().is_some();
                self.head = None;
                return if stands { Err(MalformedKey::new("stream key").into()) } else { Ok(None) };
            };
            if let Some(from) = self.superseded_from
                && stream::decode_history_value(value)? < from
            {
                self.move_on()?;
                continue;
            }
            let position = key.last_chunk().ok_or(MalformedKey::new("stream key"))?;
            self.head = Some(Rank::from_key_bytes(*position, self.order));
            return Ok(self.head);
        }
    }

    fn move_on(&mut self) -> Result<(), ReadError> {
        match self.order {
            Order::Ascending => self.cursor.move_next(),
            Order::Descending => self.cursor.move_prev(),
        }
    }

    /// What is sought is often near. A step costs about a hundredth of a search, so that some are tried first: more
    /// where that led to the target of late, fewer where it did not.
    fn step_or_search(&mut self, target: Rank) -> Result<Option<Rank>, StreamError> {
        for _ in 0..self.patience {
            self.move_on()?;
            let found = self.stand()?;
            if found.is_none_or(|rank| rank >= target) {
                self.patience = (self.patience * 2).min(PATIENCE_MAX);
                return Ok(found);
            }
        }
        self.patience = (self.patience / 2).max(1);
        self.search(target)
    }

    fn search(&mut self, target: Rank) -> Result<Option<Rank>, StreamError> {
        self.effort.seeks += 1;
        if let Some(position) = self.key.last_chunk_mut() {
            *position = target.to_key_bytes(self.order);
        }
        match self.order {
            Order::Ascending => self.cursor.seek(&self.key)?,
            Order::Descending => self.cursor.seek_for_prev(&self.key)?,
        }
        self.stand()
    }
}

/// The keys of a stream within the bounds of a walk.
pub(crate) fn range(prefix: &StreamPrefix, walk: Walk) -> KeyRange {
    let bound = |time: Timestamp| prefix.key(Position { time, ..Position::MIN });
    let lower = Bound::Included(bound(walk.from.unwrap_or(Timestamp::MIN)));
    let upper = match walk.to {
        Some(to) => Bound::Excluded(bound(to)),
        None => Bound::Included(prefix.key(Position::MAX)),
    };
    KeyRange::new((lower, upper))
}

impl Positions for StreamPositions {
    type Error = StreamError;

    fn seek(&mut self, target: Rank) -> Result<Option<Rank>, StreamError> {
        match self.head {
            None => self.search(target),
            Some(head) if head >= target => Ok(Some(head)),
            Some(_) => self.step_or_search(target),
        }
    }
}
