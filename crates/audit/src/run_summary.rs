//! A run as it is answered: what its start and its end said, and the figures rolled up from its events.

use crate::{Json, RunStatus, Timestamp};

/// A run. Figures that its caller gave at its end stand in for those rolled up from its events.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Its identity.
    pub run_id: String,
    /// What it was for; empty when nobody said.
    pub goal: String,
    /// The state that it is in.
    pub status: RunStatus,
    /// When it began: what its start said, else its earliest event.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What else its start said.
    pub metadata: Option<Json>,
    /// The session that it belongs to.
    pub session_id: Option<String>,
    /// The agent that ran it.
    pub agent_id: Option<String>,
    /// The skill that it ran.
    pub skill_id: Option<String>,
    /// Who asked for it.
    pub caller_id: Option<String>,
    /// Where it was asked for.
    pub channel_id: Option<String>,
    /// The run that started it.
    pub parent_run_id: Option<String>,
    /// What it was given.
    pub inputs: Option<Json>,
    /// What it gave.
    pub output: Option<Json>,
    /// What went wrong.
    pub error: Option<String>,
    /// The time of its latest event.
    pub last_activity_at: Timestamp,
    /// How many events it has, superseded ones not counted.
    pub events: u64,
    /// How many tool calls.
    pub tool_calls: u64,
    /// Seconds from its start to its end, or to its latest event while it is at work.
    pub runtime_seconds: f64,
    /// Tokens that the models read, those of the cache not counted.
    pub input_tokens: u64,
    /// Tokens that the models wrote.
    pub output_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Tokens spent on reasoning.
    pub thinking_tokens: u64,
    /// Input and output tokens.
    pub total_tokens: u64,
    /// Cost in US dollars, as far as it was said.
    pub cost_usd: Option<f64>,
}
