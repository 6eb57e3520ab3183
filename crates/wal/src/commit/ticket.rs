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
#[derive(Clone)]
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
        let durability = reach(&self.log, &self.outcome, self.asked)?;
        Ok(Receipt { seq: self.seq, leaf: self.leaf, durability })
    }

    /// Waits until the record is on stable storage, whatever was asked for.
    ///
    /// # Errors
    ///
    /// As [`Wal::append`](crate::Wal::append).
    pub fn wait_durable(self) -> Result<Receipt, AppendError> {
        let durability = self.log.wait_for(&self.outcome)?;
        if durability < Durability::Durable {
            self.log.sync()?;
        }
        Ok(Receipt { seq: self.seq, leaf: self.leaf, durability: Durability::Durable })
    }

    /// Why the record was given up, if that is known by now. Waits for nothing.
    #[must_use]
    pub fn failure(&self) -> Option<AppendError> {
        self.outcome.settled()?.err()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("seq", &self.seq).field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// A batch that was placed in the log and that can be waited for.
///
/// Dropping it changes nothing, as with [`Ticket`].
#[must_use = "only waiting tells whether the batch is in the log"]
pub struct BatchTicket {
    pub(crate) log: Arc<Log>,
    pub(crate) outcome: Arc<Outcome>,
    pub(crate) first_seq: Seq,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) asked: Durability,
}

impl BatchTicket {
    /// The number that the first record has, provided that [`BatchTicket::wait`] succeeds: see [`Ticket::seq`].
    #[must_use]
    pub fn first_seq(&self) -> Seq {
        self.first_seq
    }

    /// A ticket for one record of the batch; nothing if the batch has fewer.
    #[must_use]
    pub fn ticket(&self, index: usize) -> Option<Ticket> {
        let leaf = *self.leaves.get(index)?;
        let seq = Seq::new(self.first_seq.get() + index as u64);
        let (log, outcome) = (Arc::clone(&self.log), Arc::clone(&self.outcome));
        Some(Ticket { log, outcome, seq, leaf, asked: self.asked })
    }

    /// Waits until the batch has the durability that was asked for.
    ///
    /// # Errors
    ///
    /// As [`Wal::append_batch`](crate::Wal::append_batch).
    pub fn wait(self) -> Result<BatchReceipt, AppendError> {
        let durability = reach(&self.log, &self.outcome, self.asked)?;
        Ok(BatchReceipt { first_seq: self.first_seq, leaves: self.leaves, durability })
    }
}

impl fmt::Debug for BatchTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchTicket")
            .field("first_seq", &self.first_seq)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

/// Waits until what was placed has the durability that was asked for.
fn reach(log: &Log, outcome: &Arc<Outcome>, asked: Durability) -> Result<Durability, AppendError> {
    match asked {
        Durability::Buffered => Ok(Durability::Buffered),
        Durability::Written | Durability::Durable => log.wait_for(outcome),
    }
}
