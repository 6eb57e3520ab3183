//! What callers get back: [`Receipt`], [`BatchReceipt`], and [`Ticket`] for those who don't wait at once.

use std::fmt;
use std::sync::Arc;

use crate::commit::outcome::Outcome;
use crate::error::AppendError;
use crate::log::Log;
use crate::options::Durability;
use crate::seq::{Leaf, Seq};

/// A record is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its number.
    pub seq: Seq,
    /// Its hash.
    pub leaf: Leaf,
    /// How durable it is at least.
    pub durability: Durability,
}

/// A batch of records is in the log, next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReceipt {
    /// The number of the first. The others follow in order.
    pub first_seq: Seq,
    /// Their hashes, in order.
    pub leaves: Vec<Leaf>,
    /// How durable they are at least.
    pub durability: Durability,
}

/// A record that was placed in the log and that can be waited for.
///
/// Dropping it changes nothing: the record becomes durable all the same. If that fails,
/// [`Options::on_failure`](crate::Options::on_failure) is told.
#[must_use = "only waiting tells whether the record is in the log"]
pub struct Ticket {
    pub(crate) log: Arc<Log>,
    pub(crate) outcome: Arc<Outcome>,
    pub(crate) seq: Seq,
    pub(crate) leaf: Leaf,
    pub(crate) asked: Durability,
}

impl Ticket {
    /// The number that the record has, provided that [`Ticket::wait`] succeeds. If it fails without an unknown outcome,
    /// the number goes to another record.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The record's hash.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        self.leaf
    }

    /// Waits until the record has the durability that was asked for.
    ///
    /// # Errors
    ///
    /// As [`Wal::append`](crate::Wal::append).
    pub fn wait(self) -> Result<Receipt, AppendError> {
        let durability = match self.asked {
            Durability::Buffered => Durability::Buffered,
            Durability::Written | Durability::Durable => self.log.wait_for(&self.outcome)?,
        };
        Ok(Receipt { seq: self.seq, leaf: self.leaf, durability })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("seq", &self.seq).field("asked", &self.asked).finish_non_exhaustive()
    }
}
