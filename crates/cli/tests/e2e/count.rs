//! `count`: all, by a filter, by values.

use serde_json::json;

use crate::program::Sandbox;

#[test]
fn counts_are_as_many_as_the_events_that_are_listed() {
    let sandbox = Sandbox::with_session();
    for filter in [&[][..], &["--tool", "Bash"], &["--like", "kind=*_call"], &["--as-of-seq", "3"]] {
        let listed = sandbox.run(["events", "--json"].iter().chain(filter)).expect(0).lines().len();
        let counted = sandbox.run(["count", "--json"].iter().chain(filter)).expect(0).value();
        assert_eq!(counted, json!({ "count": listed }), "{filter:?}");
        let text = sandbox.run(["count"].iter().chain(filter)).expect(0).text();
        assert_eq!(text, format!("{listed}\n"), "{filter:?}");
    }
}

#[test]
fn counts_by_value_come_the_greatest_first_and_name_what_has_none() {
    let sandbox = Sandbox::new();
    let note = |agent: &str| format!(r#"{{"kind":"custom",{agent}"body":{{"type":"note"}}}}"#);
    let (by_a, by_b, by_nobody) = (r#""agentId":"a","#, r#""agentId":"b","#, "");
    let input = [by_a, by_b, by_nobody, by_b].map(note).join("\n");
    sandbox.run_with_input(["append"], input).expect(0);
    let counts = sandbox.run(["count", "--by", "agent", "--json"]).expect(0).lines();
    let expected = [("b".into(), 2), ("a".into(), 1), (serde_json::Value::Null, 1)];
    assert_eq!(counts, expected.map(|(agent, count)| json!({ "agent": agent, "count": count })));
    let text = sandbox.run(["count", "--by", "agent", "--agent", "b"]).expect(0).text();
    assert_eq!(text, "count  agent\n    2  b\n");
    assert!(sandbox.run(["count", "--by", "agent"]).expect(0).text().ends_with("    1  (none)\n"));
    let refused = sandbox.run(["count", "--by", "mood"]).expect(2);
    assert!(refused.stderr.contains("correlation"), "{}", refused.stderr);
}
