//! `why`: the tree from a decision back to the sources.

use crate::program::{LiveWriter, Sandbox};
use crate::snapshots::fixed;

#[test]
fn a_decision_leads_back_through_its_run_and_its_queries_to_the_sources() {
    let sandbox = fixed();
    let text = sandbox.run(["why", "7"]).expect(0).text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("message assistant: Tokens are valid"), "{text}");
    for words in [
        "follows from tool_call shell: systemctl restart login",
        "in run fix-login find out why logins fail",
        "started by run deploy roll out release 7",
        "knew auth/login owner",
        "weight 0.75",
        "source wiki: who owns what",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    // What another agent asked later is no reason.
    assert!(!text.contains("billing") && !text.contains("event 11"), "{text}");
    let id = sandbox.run(["event", "7", "--json"]).expect(0).value()["eventId"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.run(["why", &id]).expect(0).text(), text);
    for line in &lines[1..] {
        assert!(line.contains("─ "), "a branch leads to {line:?}");
    }
}

#[test]
fn a_missing_cause_is_named_and_a_cycle_ends() {
    let sandbox = fixed();
    let orphan = sandbox.run(["why", "16"]).expect(0);
    assert!(orphan.text().contains("gone, which is not in the ledger"), "{}", orphan.text());
    assert!(orphan.stderr.contains("1 gap"), "{}", orphan.stderr);
    let input = [
        r#"{"kind":"run_started","runId":"x","body":{"parentRunId":"y"}}"#,
        r#"{"kind":"run_started","runId":"y","body":{"parentRunId":"x"}}"#,
        r#"{"kind":"custom","runId":"x","body":{"type":"decision"}}"#,
    ];
    sandbox.run_with_input(["append"], input.join("\n")).expect(0);
    let circle = sandbox.run(["why", "19"]).expect(0);
    assert!(circle.text().contains("a cycle") && circle.stderr.contains("1 cycle"), "{}", circle.text());
}

#[test]
fn an_event_that_is_not_there_is_not_found_and_nonsense_is_refused() {
    let sandbox = fixed();
    sandbox.run(["why", "999"]).expect_error(1, "no event 999");
    sandbox.run(["why", "0197f000-0000-7000-8000-000000099999"]).expect_error(1, "no event");
    sandbox.run(["why", "because"]).expect_error(2, "neither an event id nor a number");
    sandbox.run(["why"]).expect(2);
}

#[test]
fn every_event_of_a_session_has_a_reason_or_none_beside_a_live_writer_too() {
    let sandbox = Sandbox::with_session();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(r#"{"kind":"custom","runId":"live","body":{"type":"decision"}}"#);
    let events = sandbox.run(["events", "--json", "--limit", "1000"]).expect(0).lines();
    for event in &events {
        let seq = event["seq"].to_string();
        let why = sandbox.run(["why", &seq, "--json"]).expect(0).value();
        assert_eq!(why["decision"]["event"]["seq"], event["seq"]);
    }
    assert_eq!(writer.close(), 0);
}
