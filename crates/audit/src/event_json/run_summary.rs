//! A run as one line of JSON: its own fields and its figures in one flat object.

use super::object_writer::ObjectWriter;
use crate::RunSummary;

impl RunSummary {
    /// The run as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = ObjectWriter::new();
        json.text("runId", &self.run_id);
        json.text("goal", &self.goal);
        json.word("status", self.status);
        json.word("startedAt", self.started_at);
        json.optional_word("endedAt", self.ended_at);
        json.optional_text("sessionId", self.session_id.as_deref());
        json.optional_text("agentId", self.agent_id.as_deref());
        json.optional_text("skillId", self.skill_id.as_deref());
        json.optional_text("callerId", self.caller_id.as_deref());
        json.optional_text("channelId", self.channel_id.as_deref());
        json.optional_text("parentRunId", self.parent_run_id.as_deref());
        let values = [("metadata", &self.metadata), ("inputs", &self.inputs), ("output", &self.output)];
        for (name, value) in values {
            if let Some(value) = value {
                json.raw(name, value.as_str());
            }
        }
        json.optional_text("error", self.error.as_deref());
        json.word("lastActivityAt", self.last_activity_at);
        json.unsigned("events", self.events);
        json.unsigned("toolCalls", self.tool_calls);
        json.optional_figure("runtimeSeconds", Some(self.runtime_seconds));
        json.unsigned("inputTokens", self.input_tokens);
        json.unsigned("outputTokens", self.output_tokens);
        json.unsigned("cacheReadTokens", self.cache_read_tokens);
        json.unsigned("cacheWriteTokens", self.cache_write_tokens);
        json.unsigned("thinkingTokens", self.thinking_tokens);
        json.unsigned("totalTokens", self.total_tokens);
        json.optional_figure("costUsd", self.cost_usd);
        json.finish()
    }
}
