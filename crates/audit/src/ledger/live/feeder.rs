//! Hands the events over that the ingestor decodes anyway, so that who asks for recent ones need not decode them again.

use std::sync::Arc;

use runledger_wal::{Record, Seq};

use super::super::read::StoredEvent;
use super::ring::Ring;
use super::slot::Slot;
use crate::{Event, Timestamp};

/// What is decoded on the way into the index, batch by batch.
#[derive(Debug)]
pub(crate) struct Feeder {
    ring: Arc<Ring>,
    fresh: Vec<(Seq, Slot)>,
    is_wanted: bool,
}

impl Feeder {
    pub(super) fn new(ring: Arc<Ring>) -> Self {
        Self { ring, fresh: Vec::new(), is_wanted: false }
    }

    /// A batch begins. What was kept of one that failed comes again.
    pub(crate) fn begin(&mut self) {
        self.fresh.clear();
        self.is_wanted = self.ring.is_awake();
    }

    /// Keeps the event of a record.
    pub(crate) fn add(&mut self, record: &Record, event: Event) {
        if self.is_wanted {
            let commit_time = Timestamp::from_nanoseconds(record.commit_time());
            let (seq, leaf) = (record.seq(), record.leaf());
            let slot = Slot::new(StoredEvent { seq, leaf, commit_time, event }, record.payload().len());
            self.fresh.push((seq, slot));
        }
    }

    /// The batch has all its records, and they are durable, whatever becomes of it in the index.
    pub(crate) fn finish(&mut self) {
        if self.is_wanted {
            self.ring.offer(self.fresh.drain(..));
        }
    }
}
