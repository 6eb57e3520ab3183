//! One thread appends and doesn't wait until records are durable.
//!
//! The payloads are made before the window: one of them takes as long to make as a fifth of an append. So both the log
//! and its reference read them from memory rather than from the processor's cache.

use std::time::Instant;

use anyhow::{Context as _, Result};

use super::Round;
use super::kept::{self, Acknowledged};
use crate::job::Outcome;
use crate::wal::engine::{Room, Unwaited};
use crate::wal::payload::{PAYLOAD_BYTES, Payloads, payload};

/// What is appended before anything counts: buffers grow, and the log makes its first segments.
const WARM_UP_RECORDS: u64 = 50_000;

/// One round of so many records.
pub(super) fn run(round: &Round<'_>, records: u64, wait: Unwaited) -> Result<Outcome> {
    let log = round.engine.open(round.directory, Room::Lasting).context("open a new log")?;
    let payloads: Vec<_> = (0..=WARM_UP_RECORDS + records).map(|index| payload(0, index)).collect();
    let (warm_up, rest) = payloads.split_at(usize::try_from(WARM_UP_RECORDS)?);
    let (settling, measured) = rest.split_first().context("a payload stands between both")?;
    let append = |payload: &[u8; PAYLOAD_BYTES]| log.append_unwaited(payload, wait).context("append");
    warm_up.iter().try_for_each(append)?;
    // With a durable record in front of it the window begins with nothing in the queue. The bare loop has no queue.
    let has_queue = log.syncs().is_some();
    if has_queue {
        log.append(settling).context("settle")?;
    }
    let begin = Instant::now();
    measured.iter().try_for_each(append)?;
    let elapsed = begin.elapsed();
    let verified = if has_queue {
        let total = payloads.len() as u64;
        kept::check(round, log, &Acknowledged::InOrder(total), &Payloads::Fixed)?
    } else {
        0
    };
    let bytes = records * PAYLOAD_BYTES as u64;
    Ok(Outcome { records, bytes, elapsed, verified, ..Outcome::default() })
}
