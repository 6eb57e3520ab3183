//! The decoders of the index's keys and values and of page tokens, for fuzz targets.
//!
//! Compiled only with the cargo feature `fuzzing`, and no part of this crate's interface. What decodes is given back
//! encoded again, because that is the property that a target checks: a sound key has one form.

use runledger_wal::Seq;

use crate::checkpoint::Checkpoint;
use crate::key::run::RunRecord;
use crate::key::run_place::{PLACE_BYTES, RunPlace};
use crate::key::{self, Position, Tag};
use crate::{EventFilter, PageToken, Timestamp};

/// What the index may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The value under an event id.
    EventId,
    /// The value under a source id.
    SourceId,
    /// The value under a superseded event.
    Superseded,
    /// The key of an anomaly.
    Anomaly,
    /// The key of a run.
    Run,
    /// The key of a run in the list by start.
    RunStart,
    /// The key of a run in the list by end.
    RunEnd,
    /// The key of a run that is at work.
    LiveRun,
    /// The value under it.
    LiveWriter,
    /// The key of an entry of a run's log.
    RunLog,
    /// The value under it.
    RunLogEntry,
    /// The name of a stream.
    Stream,
    /// The value under a query id.
    QueryId,
    /// The checkpoint.
    Checkpoint,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 14] = [
        Part::EventId,
        Part::SourceId,
        Part::Superseded,
        Part::Anomaly,
        Part::Run,
        Part::RunStart,
        Part::RunEnd,
        Part::LiveRun,
        Part::LiveWriter,
        Part::RunLog,
        Part::RunLogEntry,
        Part::Stream,
        Part::QueryId,
        Part::Checkpoint,
    ];

    /// The byte that a key of this part starts with.
    #[must_use]
    pub fn tag(self) -> Option<u8> {
        match self {
            Part::EventId
            | Part::SourceId
            | Part::Superseded
            | Part::LiveWriter
            | Part::RunLogEntry
            | Part::Stream
            | Part::QueryId
            | Part::Checkpoint => None,
            Part::Anomaly => key::anomaly::prefix().first().copied(),
            Part::Run => Some(Tag::Run.byte()),
            Part::RunStart => Some(Tag::RunStart.byte()),
            Part::RunEnd => Some(Tag::RunEnd.byte()),
            Part::RunLog => Some(Tag::RunLog.byte()),
            Part::LiveRun => key::live_run::prefix().first().copied(),
        }
    }
}

/// What these bytes decode to as a part of the index, encoded again.
#[must_use]
pub fn recode(part: Part, bytes: &[u8]) -> Option<Vec<u8>> {
    match part {
        Part::EventId => key::event_id::decode_value(bytes).ok().map(key::event_id::value),
        Part::SourceId => {
            key::source_id::decode_value(bytes).ok().map(|(seq, digest)| key::source_id::value(seq, digest))
        }
        Part::Superseded => {
            key::superseded::decode_value(bytes).ok().map(|(seq, id)| key::superseded::value(seq, id))
        }
        Part::Anomaly => key::anomaly::decode(bytes).ok().map(key::anomaly::key),
        Part::Run => key::run::decode(bytes).ok().map(key::run::key),
        Part::RunStart => recode_place(key::run_start::prefix(), bytes),
        Part::RunEnd => recode_place(key::run_end::prefix(), bytes),
        Part::QueryId => {
            key::query_id::decode_value(bytes).ok().map(|(seq, digest)| key::query_id::value(seq, digest))
        }
        Part::LiveRun => key::live_run::decode(bytes).ok().map(key::live_run::key),
        Part::LiveWriter => {
            let writer = key::live_run::decode_value(bytes)?;
            Some(key::live_run::value(Some(writer)))
        }
        Part::RunLog => {
            let sequence = key::run_log::decode_sequence(bytes).ok()?;
            let before = bytes.get(..bytes.len().checked_sub(size_of::<u64>())?)?;
            Some([before, &sequence.to_be_bytes()].concat())
        }
        Part::RunLogEntry => key::run_log::decode_value(bytes).ok().map(key::run_log::value),
        Part::Stream => {
            let dimension = *bytes.first()?;
            let value = key::stream::value_of(bytes.to_vec()).ok()?;
            Some([&[dimension], value.as_bytes()].concat())
        }
        Part::Checkpoint => Checkpoint::decode(bytes).ok().map(|checkpoint| checkpoint.encode()),
    }
}

/// A run's place in one of the lists that hold nothing but places.
fn recode_place(prefix: Vec<u8>, bytes: &[u8]) -> Option<Vec<u8>> {
    let place = bytes.strip_prefix(&prefix[..])?;
    let place = RunPlace::at_end_of(place).filter(|_| place.len() == PLACE_BYTES)?;
    Some([prefix, place.to_bytes().to_vec()].concat())
}

/// What these bytes decode to as the figures of a run, encoded again. They have more than one form, so only what is
/// encoded here must come back as it is.
#[must_use]
pub fn recode_run(bytes: &[u8]) -> Option<Vec<u8>> {
    RunRecord::decode(bytes).ok().map(|record| record.encode())
}

/// A token that no page has to have had, sealed like those that had one.
#[must_use]
pub fn page_token(filter: &EventFilter, seen: u64, last_time: i64, last_seq: u64) -> PageToken {
    let last = Position { time: Timestamp::from_nanoseconds(last_time), seq: Seq::new(last_seq) };
    PageToken { filter: filter.fingerprint(), order: filter.order, seen: Seq::new(seen), last }
}
