//! `stats`: counts that agree with what the other commands show.

use crate::program::Sandbox;

#[test]
fn statistics_agree_with_the_log() {
    let sandbox = Sandbox::with_session();
    let events = sandbox.run(["tail"]).expect(0).lines();
    let stats = sandbox.run(["stats", "--json"]).expect(0).value();
    assert_eq!(stats["records"], events.len());
    assert_eq!(stats["indexed"], events.len());
    assert_eq!(stats["runs"], 2);
    let of_kind = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
    for kind in ["message", "tool_call", "model_call", "run_started"] {
        assert_eq!(stats["eventsByKind"][kind], of_kind(kind), "{kind}");
    }
    assert_eq!(stats["anomalies"], serde_json::json!([]));
    assert!(stats["logBytes"].as_u64().unwrap() > 0 && stats["logSegments"].as_u64().unwrap() > 0);
    let text = sandbox.run(["stats"]).expect(0).text();
    assert!(text.contains("tool_call") && text.contains("log"), "{text}");
}
