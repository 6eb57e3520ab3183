//! What models and tools were used: tokens, cost, calls and failures, by what they have in common.
//!
//! INVARIANT: the groups of a report add up to its total, figure by figure, whatever it is grouped by. So cost is
//! summed in whole millionths of a dollar, and what has no value in the grouping is a group of its own.

use std::sync::Arc;

use crate::{Body, Event, Timestamp};

/// The outcomes that count as failures.
pub const FAILURE_OUTCOMES: [&str; 10] = [
    "failure",
    "failed",
    "error",
    "timeout",
    "denied",
    "rejected",
    "refused",
    "canceled",
    "cancelled",
    "budget_exceeded",
];

/// Whether an event of this outcome failed: one of [`FAILURE_OUTCOMES`], in lower case as it stands there.
///
/// ```
/// assert!(runledger_audit::is_failure("timeout"));
/// assert!(!runledger_audit::is_failure("success") && !runledger_audit::is_failure("unknown"));
/// ```
#[must_use]
pub fn is_failure(outcome: &str) -> bool {
    FAILURE_OUTCOMES.contains(&outcome)
}

/// What calls are grouped by.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum UsageBy {
    /// The model that answered. Tool calls have none.
    Model,
    /// The agent.
    Agent,
    /// The tool that was used. Model calls have none.
    Tool,
    /// The run.
    Run,
    /// The session.
    Session,
    /// The day on which the call was made.
    Day(Days),
}

impl UsageBy {
    /// The value that an event is grouped under, if it has one.
    pub(crate) fn value_of(&self, event: &Event) -> Option<String> {
        match (self, &event.body) {
            (Self::Model, Body::ModelCall(call)) => Some(call.model_id.clone()),
            (Self::Tool, Body::ToolCall(call)) => Some(call.tool_id.clone()),
            (Self::Model | Self::Tool, _) => None,
            (Self::Agent, _) => event.agent_id.clone(),
            (Self::Run, _) => event.run_id.clone(),
            (Self::Session, _) => event.session_id.clone(),
            (Self::Day(days), _) => Some(days.day_of(event.timestamp)),
        }
    }

    /// What the groups are called: `model`, `agent`, `tool`, `run`, `session` or `day`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Run => "run",
            Self::Session => "session",
            Self::Day(_) => "day",
        }
    }
}

/// When days begin and end.
#[derive(Clone)]
pub struct Days {
    offset_seconds: Arc<dyn Fn(Timestamp) -> i32 + Send + Sync>,
}

impl Days {
    /// At midnight in UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self::at_offset(0)
    }

    /// At midnight where clocks are always so many seconds ahead of UTC (behind it, when negative).
    #[must_use]
    pub fn at_offset(seconds: i32) -> Self {
        Self::by_offset(move |_| seconds)
    }

    /// At midnight where clocks are ahead of UTC by what `offset_seconds` gives for a time: where they change twice a
    /// year.
    pub fn by_offset(offset_seconds: impl Fn(Timestamp) -> i32 + Send + Sync + 'static) -> Self {
        Self { offset_seconds: Arc::new(offset_seconds) }
    }

    /// The day of a time, as in `2026-02-08`.
    fn day_of(&self, time: Timestamp) -> String {
        let ahead = i64::from((self.offset_seconds)(time)).saturating_mul(1_000_000_000);
        let local = Timestamp::from_nanoseconds(time.as_nanoseconds().saturating_add(ahead)).to_string();
        local.split_once('T').map_or(local.clone(), |(day, _)| day.to_owned())
    }
}

impl std::fmt::Debug for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Days").finish_non_exhaustive()
    }
}

/// Sums over calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageFigures {
    /// Answers of models.
    pub model_calls: u64,
    /// Uses of tools.
    pub tool_calls: u64,
    /// Calls of either kind that failed, by [`is_failure`].
    pub failures: u64,
    /// Tokens read, those of the cache not counted.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Tokens spent on reasoning, as far as they were told apart.
    pub thinking_tokens: u64,
    /// Calls whose cost is known.
    pub priced_calls: u64,
    /// Their cost, in millionths of a US dollar, each rounded to that.
    pub cost_usd_millionths: i64,
}

impl UsageFigures {
    /// Input and output tokens.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Calls of models and tools.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.model_calls.saturating_add(self.tool_calls)
    }

    /// The cost in US dollars, as far as it was said.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact up to 9 billion dollars")]
    pub fn cost_usd(&self) -> Option<f64> {
        (self.priced_calls > 0).then(|| self.cost_usd_millionths as f64 / 1e6)
    }

    /// Adds one call.
    pub(crate) fn add(&mut self, event: &Event) {
        let cost = match &event.body {
            Body::ModelCall(call) => {
                self.model_calls += 1;
                let tokens = [
                    (&mut self.input_tokens, call.usage.input_tokens),
                    (&mut self.output_tokens, call.usage.output_tokens),
                    (&mut self.cache_read_tokens, call.usage.cache_read_tokens),
                    (&mut self.cache_write_tokens, call.usage.cache_write_tokens),
                    (&mut self.thinking_tokens, call.usage.thinking_tokens),
                ];
                for (sum, tokens) in tokens {
                    *sum = sum.saturating_add(tokens);
                }
                call.cost_usd
            }
            Body::ToolCall(_) => {
                self.tool_calls += 1;
                None
            }
            _ => return,
        };
        self.failures += u64::from(event.outcome.as_deref().is_some_and(is_failure));
        if let Some(cost) = cost {
            self.priced_calls += 1;
            self.cost_usd_millionths =
                self.cost_usd_millionths.saturating_add(crate::rollup::millionths(cost));
        }
    }
}

/// One group of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageGroup {
    /// What its calls have in common; `None` for those that have no value in the grouping.
    pub value: Option<String>,
    /// Their sums.
    pub figures: UsageFigures,
}

/// What was used, by what it was grouped by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageReport {
    /// The groups, in the order of their values; what has none comes last.
    pub groups: Vec<UsageGroup>,
    /// The sums over all calls.
    pub total: UsageFigures,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_where_it_is_asked_about() {
        let time: Timestamp = "2026-02-08T23:30:00Z".parse().unwrap();
        assert_eq!(Days::utc().day_of(time), "2026-02-08");
        assert_eq!(Days::at_offset(3_600).day_of(time), "2026-02-09");
        assert_eq!(Days::at_offset(-86_400).day_of(time), "2026-02-07");
        let summer: Timestamp = "2026-07-08T22:30:00Z".parse().unwrap();
        let vienna = Days::by_offset(move |time| if time < summer { 3_600 } else { 7_200 });
        assert_eq!((vienna.day_of(time), vienna.day_of(summer)), ("2026-02-09".into(), "2026-07-09".into()));
    }

    #[test]
    fn a_day_is_found_also_at_the_ends_of_time() {
        assert_eq!(Days::utc().day_of(Timestamp::MIN), "1677-09-21");
        assert_eq!(Days::at_offset(i32::MAX).day_of(Timestamp::MAX), "2262-04-11");
    }
}
