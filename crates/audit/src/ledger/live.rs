//! What follows the log as it grows: the ring of recent events, and those who subscribed to what comes.
//!
//! INVARIANT: neither waits for the index, and whoever appends waits for neither. Both are fed by the log alone, up to its
//! durable end; what the ingestor hands over on its way only spares them reading it.
//!
//! It holds the log's reader and no handle of the ledger: a subscription never keeps a ledger open.

mod feeder;
mod recent;
mod ring;
mod slot;
mod subscribers;
mod subscription;

use std::sync::Arc;

pub(crate) use self::feeder::Feeder;
pub use self::recent::Recent;
pub(super) use self::ring::Bounds;
use self::ring::Ring;
use self::subscribers::Subscribers;
pub use self::subscription::{SubscribeFrom, Subscription, SubscriptionError};

/// What the clones of a handle, and its subscriptions, share.
pub(super) struct Live {
    ring: Arc<Ring>,
    subscribers: Arc<Subscribers>,
}

/// How the ring and the subscriptions of this process fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LiveHealth {
    /// Subscriptions of this handle and its clones.
    pub subscriptions: u64,
    /// How many durable events the last of them has not looked at.
    pub lag_events_max: u64,
    /// Recent events that are kept in memory.
    pub recent_events: u64,
    /// How many bytes these are in the log.
    pub recent_bytes: u64,
}

impl Live {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { ring: Arc::new(Ring::new(bounds)), subscribers: Arc::default() }
    }

    /// What hands over decoded events on their way into the index.
    pub(super) fn feeder(&self) -> Feeder {
        Feeder::new(Arc::clone(&self.ring))
    }

    pub(super) fn health(&self, durable_end: runledger_wal::Seq) -> LiveHealth {
        let (subscriptions, lag_events_max) = self.subscribers.count_and_lag(durable_end);
        let (recent_events, recent_bytes) = self.ring.size();
        LiveHealth { subscriptions, lag_events_max, recent_events, recent_bytes }
    }
}
