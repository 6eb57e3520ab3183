//! An explanation as `--json` prints it.

use runledger::{CheckedCondition, Explanation, JoinedCondition};
use serde::Serialize;

/// How a question is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExplanationJson<'a> {
    known_end: u64,
    joined: Vec<JoinedJson<'a>>,
    checked: Vec<CheckedJson<'a>>,
    candidates: u64,
    events_read: u64,
    matches: u64,
    ended_at_limit: bool,
    count_method: &'static str,
    took_microseconds: u128,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JoinedJson<'a> {
    condition: &'a str,
    streams: usize,
    values_looked_at: usize,
    positions: u64,
    seeks: u64,
    refused: u64,
    blocks_read: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckedJson<'a> {
    condition: &'a str,
    values_looked_at: usize,
}

impl<'a> From<&'a Explanation> for ExplanationJson<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        Self {
            known_end: explanation.known_end.get(),
            joined: explanation.joined.iter().map(JoinedJson::from).collect(),
            checked: explanation.checked.iter().map(CheckedJson::from).collect(),
            candidates: explanation.candidates,
            events_read: explanation.events_read,
            matches: explanation.matches,
            ended_at_limit: explanation.ended_at_limit,
            count_method: explanation.count_method.as_str(),
            took_microseconds: explanation.took.as_micros(),
        }
    }
}

impl<'a> From<&'a JoinedCondition> for JoinedJson<'a> {
    fn from(joined: &'a JoinedCondition) -> Self {
        Self {
            condition: &joined.condition,
            streams: joined.streams,
            values_looked_at: joined.values_looked_at,
            positions: joined.positions,
            seeks: joined.seeks,
            refused: joined.refused,
            blocks_read: joined.blocks_read,
        }
    }
}

impl<'a> From<&'a CheckedCondition> for CheckedJson<'a> {
    fn from(checked: &'a CheckedCondition) -> Self {
        Self { condition: &checked.condition, values_looked_at: checked.values_looked_at }
    }
}
