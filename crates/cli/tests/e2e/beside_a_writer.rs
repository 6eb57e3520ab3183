//! Every command that reads works beside a live writer, sees what it acknowledged, and does not disturb it.

use crate::program::{LiveWriter, SESSION_RUN, Sandbox, note};

#[test]
fn readers_see_each_acknowledged_event_at_once() {
    let sandbox = Sandbox::with_session();
    let before = sandbox.run(["tail"]).expect(0).lines().len() as u64;
    let mut writer = LiveWriter::start(&sandbox, &["--in-flight", "4"]);
    for number in 0..5 {
        let acknowledged = writer.append(&note(number));
        let seq = acknowledged["seq"].as_u64().unwrap();
        assert_eq!(seq, before + number);
        let event = sandbox.run(["event", &seq.to_string()]).expect(0).value();
        assert_eq!(event["eventId"], acknowledged["eventId"]);
        let by_id = sandbox.run(["event", acknowledged["eventId"].as_str().unwrap()]).expect(0).value();
        assert_eq!(by_id["seq"], seq);
        let found = sandbox.run(["events", "--agent", "tester"]).expect(0).lines();
        assert_eq!(found.len() as u64, number + 1);
        assert_eq!(sandbox.run(["tail", "--from", &seq.to_string()]).expect(0).lines().len(), 1);
        assert_eq!(sandbox.run(["stats", "--json"]).expect(0).value()["records"], seq + 1);
    }
    let report = sandbox.run(["verify", "--json"]).expect(0).value();
    assert_eq!((&report["records"], &report["tornTailBytes"]), (&(before + 5).into(), &0.into()));
    assert!(!sandbox.run(["runs"]).expect(0).stdout.is_empty());
    sandbox.run(["run", SESSION_RUN]).expect(0);
    sandbox.run(["transcript", SESSION_RUN]).expect(0);
    assert_eq!(writer.append(&note(5))["seq"], before + 5);
    assert_eq!(writer.close(), 0);
}

#[test]
fn a_run_whose_writer_was_killed_is_running_for_readers_and_interrupted_after_the_next_opening() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(r#"{"kind":"run_started","runId":"r"}"#);
    let status = |sandbox: &Sandbox| sandbox.run(["runs", "--json"]).expect(0).value()["status"].clone();
    assert_eq!(status(&sandbox), "running");
    writer.kill();
    assert_eq!(status(&sandbox), "running", "nobody has looked after it yet");
    let finished = sandbox.run_with_input(["append"], "").expect(0);
    assert!(finished.stderr.contains("run r was interrupted"), "{}", finished.stderr);
    assert_eq!(status(&sandbox), "interrupted");
}

#[test]
fn sums_and_searches_have_each_acknowledged_event_at_once() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    for number in 1..4_u64 {
        let body = format!(r#"{{"providerId":"p","modelId":"m","inputTokens":{number}}}"#);
        writer.append(&format!(r#"{{"kind":"model_call","runId":"r","agentId":"a","body":{body}}}"#));
        let usage = sandbox.run(["usage", "--json", "--by", "run"]).expect(0).value();
        let expected = (1..=number).sum::<u64>();
        assert_eq!(
            (&usage["total"]["inputTokens"], &usage["groups"][0]["run"]),
            (&expected.into(), &"r".into())
        );
        let needle = format!("\"inputTokens\":{number},");
        assert_eq!(sandbox.run(["events", "--grep", &needle]).expect(0).lines().len(), 1);
        assert_eq!(sandbox.run(["runs", "--json", "--agent", "a"]).expect(0).value()["events"], number);
    }
    assert_eq!(writer.close(), 0);
}

#[test]
fn what_failed_beside_a_writer_leaves_it_undisturbed() {
    let sandbox = Sandbox::new();
    let mut writer = LiveWriter::start(&sandbox, &[]);
    writer.append(&note(0));
    for (arguments, code) in [
        (&["why", "999"][..], 1),
        (&["chain", "nothing"], 1),
        (&["audit", "nonsense"], 2),
        (&["audits", "--page", "12ab"], 2),
        (&["trace", "--time", "soon"], 2),
        (&["usage", "--kind", "message"], 2),
        (&["events", "--like", "tool=["], 2),
        (&["runs", "--ancestors-of", "nobody"], 1),
        (&["runs", "--finished-before", "later"], 2),
        (&["tail", "--like", "kind=x*"], 2),
    ] {
        let finished = sandbox.run(arguments).expect(code);
        assert!(finished.stdout.is_empty() && !finished.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(writer.append(&note(1))["seq"], 1);
    assert_eq!(writer.close(), 0);
}
