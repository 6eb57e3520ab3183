//! Tag 20: what the index knows of a run. The value is an archive of [`RunRecord`].
//!
//! Figures only: texts (goal, inputs, output) stay in the events, which the record names by their `Seq`.
//!
//! Format: FORMAT.md#index-keys

use rkyv::{Archive, Deserialize, Serialize};

use super::{MalformedKey, Tag};

pub(crate) fn key(run_id: &str) -> Vec<u8> {
    [&[Tag::Run.byte()], run_id.as_bytes()].concat()
}

/// What every such key starts with.
pub(crate) fn prefix() -> Vec<u8> {
    vec![Tag::Run.byte()]
}

/// The id of the run that a key names.
pub(crate) fn decode(key: &[u8]) -> Result<&str, MalformedKey> {
    let run_id = key.strip_prefix(&[Tag::Run.byte()]).and_then(|id| std::str::from_utf8(id).ok());
    run_id.ok_or(MalformedKey::new("run key"))
}

/// Totals over the events of a run, those that were superseded not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) events: u64,
    pub(crate) tool_calls: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cache_read_tokens: u64,
    pub(crate) cache_write_tokens: u64,
    pub(crate) thinking_tokens: u64,
    /// How many of the model calls named a cost, and their sum in millionths of a US dollar. An integer, so that taking
    /// a superseded call out again leaves no rounding behind.
    pub(crate) priced_calls: u64,
    pub(crate) cost_usd_millionths: i64,
}

/// What the index knows of a run. Times are nanoseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Archive, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// The first event of the run that was put into its figures. Never changes: it breaks ties between runs.
    pub(crate) first_seq: Option<u64>,
    /// The last event that changed any of this: as of that `Seq` and later, this is what was known.
    pub(crate) changed_seq: u64,
    /// Time of the run's earliest event; stands in for the start of a run that nobody announced.
    pub(crate) first_activity: i64,
    pub(crate) last_activity: i64,
    /// The newest `run_started` event of the run.
    pub(crate) started_seq: Option<u64>,
    pub(crate) started_at: Option<i64>,
    /// Code of the state that the run began in.
    pub(crate) started_status: u8,
    /// The newest event that changed the state, and the state's code.
    pub(crate) status_seq: Option<u64>,
    pub(crate) status: u8,
    /// The newest `run_finished` event of the run.
    pub(crate) finished_seq: Option<u64>,
    pub(crate) ended_at: Option<i64>,
    /// The event since which nothing more can be said of the state.
    pub(crate) end_seq: Option<u64>,
    pub(crate) session_id: Option<String>,
    pub(crate) agent_id: Option<String>,
    pub(crate) skill_id: Option<String>,
    pub(crate) caller_id: Option<String>,
    pub(crate) channel_id: Option<String>,
    pub(crate) parent_run_id: Option<String>,
    /// Whether it came from an importer: such a run is never interrupted.
    pub(crate) imported: bool,
    pub(crate) writer_instance: Option<[u8; 16]>,
    pub(crate) totals: Totals,
}

impl RunRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        rkyv::to_bytes::<rkyv::rancor::Error>(self)
            .expect("a record of numbers and short texts always fits an archive")
            .into_vec()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, MalformedKey> {
        let mut aligned = rkyv::util::AlignedVec::<16>::with_capacity(bytes.len());
        aligned.extend_from_slice(bytes);
        rkyv::from_bytes::<Self, rkyv::rancor::Error>(&aligned).map_err(|_| MalformedKey::new("run record"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_from_any_alignment_and_damage_is_refused() {
        let record = RunRecord {
            started_at: Some(-4),
            session_id: Some("a session with a long name".into()),
            totals: Totals { output_tokens: u64::MAX, ..Totals::default() },
            ..RunRecord::default()
        };
        let bytes = record.encode();
        let shifted = [&[0], &bytes[..]].concat();
        assert_eq!(RunRecord::decode(&shifted[1..]), Ok(record));
        assert!(RunRecord::decode(&bytes[..bytes.len() / 2]).is_err());
        assert!(RunRecord::decode(&[]).is_err());
    }
}
