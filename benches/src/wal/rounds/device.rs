//! What a durable append costs the device, with everything that the file system adds.
//!
//! The device's counts are everybody's, so this wants an otherwise idle disk. What the log prepares once in a while, a
//! segment or a checkpoint, counts if it falls into the window; before the window begins, the device has come to rest.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::Round;
use super::kept::{self, Acknowledged};
use crate::job::Outcome;
use crate::observed::DeviceCounts;
use crate::wal::engine::Room;
use crate::wal::payload::{PAYLOAD_BYTES, Payloads, payload};

/// What is appended before the device comes to rest.
const WARM_UP_RECORDS: u64 = 1000;

/// What an engine prepares, where it prepares anything.
const ROOM_BYTES: u64 = 64 << 20;

/// The device is at rest when nothing was written for so long, which is more than the file system's journal waits
/// between two looks at what is dirty.
const REST: Duration = Duration::from_millis(500);

/// After so long it is taken as it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// One round of so many records.
pub(super) fn run(round: &Round<'_>, records: u64) -> Result<Outcome> {
    let log = round.engine.open(round.directory, Room::Prepared(ROOM_BYTES)).context("open a new log")?;
    let mut numbers = Vec::new();
    let mut append_up_to = |end| {
        for index in numbers.len() as u64..end {
            numbers.push(log.append(&payload(0, index)).context("append")?);
        }
        Ok::<_, anyhow::Error>(())
    };
    append_up_to(WARM_UP_RECORDS)?;
    DeviceCounts::wait_for_rest(round.directory, REST, PATIENCE);
    let (before, syncs_before, begin) = (DeviceCounts::read(round.directory), log.syncs(), Instant::now());
    append_up_to(WARM_UP_RECORDS + records)?;
    let elapsed = begin.elapsed();
    let device = DeviceCounts::read(round.directory).zip(before);
    let syncs = log.syncs().zip(syncs_before).map(|(after, before)| after - before);
    let verified = kept::check(round, log, &Acknowledged::ByNumber(vec![numbers]), &Payloads::Fixed)?;
    Ok(Outcome {
        records,
        bytes: records * PAYLOAD_BYTES as u64,
        elapsed,
        syncs,
        device_flushes: device.map(|(after, before)| after.flushes - before.flushes),
        device_bytes: device.map(|(after, before)| after.bytes_written - before.bytes_written),
        verified,
        ..Outcome::default()
    })
}
