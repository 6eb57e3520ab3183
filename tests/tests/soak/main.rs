//! The sink under a storage that is slow and fails: nothing is lost, nothing is stored twice, nothing is out of order. Each
//! test prints its figures; `cargo xtask soak` runs the long form, and the floors are asserted there and here alike, with
//! wide margins.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod floors;

mod questions;

mod real_ledger;

mod size;

mod stalling;

use std::time::{Duration, Instant};

use runledger_audit::{Body, Content, Event, Json, ToolCall};

/// How much longer the long form is. Set by `cargo xtask soak`.
const SCALE_VARIABLE: &str = "RUNLEDGER_SOAK_SCALE";

/// How many times the usual number of events.
fn scale() -> u64 {
    std::env::var(SCALE_VARIABLE).map_or(1, |scale| scale.parse().expect("the scale is a number"))
}

/// An event as runtimes have them: some hundred bytes, in a run.
fn call(number: u64) -> Event {
    let input = Json::parse(&format!(r#"{{"command":"cargo test","number":{number}}}"#)).unwrap();
    let call = ToolCall {
        tool_id: "shell".to_owned(),
        duration_ms: Some(12),
        input: Some(Content::Inline(input)),
        ..ToolCall::default()
    };
    let event = Event::new(Body::ToolCall(call)).with_run(format!("run-{}", number % 10));
    Event { agent_id: Some("agent-1".into()), session_id: Some("session-1".into()), ..event }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// Durations, and the parts of them that matter.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn at(&self, per_cent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        *sorted.get((sorted.len() - 1) * per_cent / 100).unwrap()
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "p50 {:?}, p95 {:?}, p99 {:?}, most {:?}",
            self.at(50),
            self.at(95),
            self.at(99),
            self.at(100)
        )
    }
}
