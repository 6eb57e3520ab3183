//! `runs` and `run`: summaries, flat in JSON, and a run with its events.

use serde_json::Value;

use crate::program::{SESSION_RUN, Sandbox, seqs};

/// Two runs of our own: one that ended with figures of its caller, one that failed.
fn two_runs() -> Sandbox {
    let sandbox = Sandbox::new();
    let input = [
        r#"{"kind":"run_started","runId":"first","agentId":"a","sessionId":"s","timestamp":"2026-02-08T09:00:00Z","body":{"goal":"count","skillId":"k","callerId":"ann"}}"#,
        r#"{"kind":"model_call","runId":"first","timestamp":"2026-02-08T09:00:01Z","body":{"providerId":"p","modelId":"m","inputTokens":10,"outputTokens":5,"costUsd":0.25}}"#,
        r#"{"kind":"tool_call","runId":"first","timestamp":"2026-02-08T09:00:02Z","body":{"toolId":"t"}}"#,
        r#"{"kind":"run_finished","runId":"first","timestamp":"2026-02-08T09:00:03Z","body":{"status":"ok"}}"#,
        r#"{"kind":"run_started","runId":"second","agentId":"b","timestamp":"2026-02-08T10:00:00Z","body":{"parentRunId":"first","channelId":"mail"}}"#,
        r#"{"kind":"run_finished","runId":"second","timestamp":"2026-02-08T10:00:01Z","body":{"status":"failed","error":"no more"}}"#,
    ];
    sandbox.run_with_input(["append"], input.join("\n")).expect(0);
    sandbox
}

fn run_ids(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let runs = sandbox.run(["runs", "--json"].iter().chain(arguments)).expect(0).lines();
    runs.iter().map(|run| run["runId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_run_is_one_flat_object_with_its_figures() {
    let run = two_runs().run(["runs", "--json", "--status", "completed"]).expect(0).value();
    for (field, expected) in [
        ("runId", Value::from("first")),
        ("goal", "count".into()),
        ("status", "completed".into()),
        ("startedAt", "2026-02-08T09:00:00Z".into()),
        ("endedAt", "2026-02-08T09:00:03Z".into()),
        ("agentId", "a".into()),
        ("skillId", "k".into()),
        ("events", 4.into()),
        ("toolCalls", 1.into()),
        ("inputTokens", 10.into()),
        ("outputTokens", 5.into()),
        ("totalTokens", 15.into()),
        ("costUsd", 0.25.into()),
        ("runtimeSeconds", 3.0.into()),
    ] {
        assert_eq!(run[field], expected, "{field}");
    }
}

#[test]
fn runs_are_newest_first_and_each_filter_keeps_what_matches() {
    let sandbox = two_runs();
    assert_eq!(run_ids(&sandbox, &[]), ["second", "first"]);
    assert_eq!(run_ids(&sandbox, &["--order", "asc"]), ["first", "second"]);
    assert_eq!(run_ids(&sandbox, &["--limit", "1"]), ["second"]);
    assert_eq!(run_ids(&sandbox, &["--limit", "1", "--offset", "1"]), ["first"]);
    assert_eq!(run_ids(&sandbox, &["--status", "failed,timeout"]), ["second"]);
    assert_eq!(run_ids(&sandbox, &["--agent", "a"]), ["first"]);
    assert_eq!(run_ids(&sandbox, &["--session", "s"]), ["first"]);
    assert_eq!(run_ids(&sandbox, &["--parent", "first"]), ["second"]);
    assert_eq!(run_ids(&sandbox, &["--children-of", "first"]), ["second"]);
    assert_eq!(run_ids(&sandbox, &["--top-level"]), ["first"]);
    assert_eq!(run_ids(&sandbox, &["--skill", "k"]), ["first"]);
    assert_eq!(run_ids(&sandbox, &["--caller", "ann"]), ["first"]);
    assert_eq!(run_ids(&sandbox, &["--channel", "mail"]), ["second"]);
    assert_eq!(run_ids(&sandbox, &["--from", "2026-02-08T10:00:00Z"]), ["second"]);
    assert_eq!(run_ids(&sandbox, &["--to", "2026-02-08T10:00:00Z"]), ["first"]);
    let refused = sandbox.run(["runs", "--status", "done"]).expect(2);
    assert!(refused.stderr.contains("budget_exceeded"), "{}", refused.stderr);
}

#[test]
fn a_run_is_followed_by_its_events_in_order() {
    let sandbox = two_runs();
    let lines = sandbox.run(["run", "first", "--json"]).expect(0).lines();
    assert_eq!((&lines[0]["runId"], &lines[0]["status"]), (&"first".into(), &"completed".into()));
    assert_eq!(seqs(&lines[1..]), [0, 1, 2, 3]);
    sandbox.run(["run", "third"]).expect_error(1, "no run \"third\"");
}

#[test]
fn for_people_a_run_names_its_status_its_children_and_its_cost() {
    let sandbox = two_runs();
    let text = sandbox.run(["run", "first", "--text"]).expect(0).text();
    for words in ["count", "completed", "second", "10 in, 5 out", "$0.2500", "run_finished"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    // What it may have said and read, of any length, comes after how it ended.
    assert!(text.lines().nth(1).unwrap().starts_with("status"), "{text}");
    let list = sandbox.run(["runs"]).expect(0).text();
    assert_eq!(list.lines().count(), 3, "two under their headings");
    assert!(list.contains("failed") && list.contains("second"), "{list}");
}

#[test]
fn a_sub_agent_is_a_run_of_its_own_and_its_tokens_count_there_only() {
    let sandbox = Sandbox::with_session();
    let child = sandbox.run(["runs", "--json", "--parent", SESSION_RUN]).expect(0).value();
    // Two answers of the sub-agent: 61 and 57 tokens.
    assert_eq!(child["outputTokens"], 118);
    let parent = sandbox.run(["run", SESSION_RUN, "--json"]).expect(0).lines().remove(0);
    // The last line of each of six answers: 131, 118, 164, 203, 84, 96.
    assert_eq!((&parent["outputTokens"], &parent["toolCalls"]), (&796.into(), &5.into()));
    assert_eq!(parent["status"], "completed");
}

#[test]
fn interrupted_runs_are_those_whose_process_died() {
    let sandbox = two_runs();
    let mut writer = crate::program::LiveWriter::start(&sandbox, &[]);
    writer.append(r#"{"kind":"run_started","runId":"third"}"#);
    assert!(run_ids(&sandbox, &["--interrupted"]).is_empty());
    writer.kill();
    sandbox.run_with_input(["append"], "").expect(0);
    assert_eq!(run_ids(&sandbox, &["--interrupted"]), ["third"]);
    assert_eq!(run_ids(&sandbox, &["--interrupted", "--status", "failed"]), ["third", "second"]);
}

#[test]
fn ancestors_come_nearest_first_and_a_missing_one_is_named() {
    let sandbox = two_runs();
    let started = |run: &str, parent: &str| {
        format!(r#"{{"kind":"run_started","runId":"{run}","body":{{"parentRunId":"{parent}"}}}}"#)
    };
    let input = [started("third", "second"), started("orphan", "gone"), started("x", "y"), started("y", "x")];
    sandbox.run_with_input(["append"], input.join("\n")).expect(0);
    assert_eq!(run_ids(&sandbox, &["--ancestors-of", "third"]), ["second", "first"]);
    for (run, end) in [
        ("third", r#"{"chainEnd":"top","runId":null}"#),
        ("orphan", r#"{"chainEnd":"missing","runId":"gone"}"#),
        ("x", r#"{"chainEnd":"cycle","runId":"x"}"#),
    ] {
        let finished = sandbox.run(["runs", "--json", "--ancestors-of", run]).expect(0);
        assert_eq!(finished.stderr, format!("{end}\n"), "{run}");
    }
    let text = sandbox.run(["runs", "--ancestors-of", "orphan"]).expect(0);
    assert!(text.stderr.contains("\"gone\" is not in the ledger"), "{}", text.stderr);
    assert!(sandbox.run(["runs", "--ancestors-of", "x"]).expect(0).stderr.contains("comes back"));
    sandbox.run(["runs", "--ancestors-of", "nobody"]).expect_error(1, "no run \"nobody\"");
    sandbox.run(["runs", "--ancestors-of", "third", "--agent", "a"]).expect(2);
}

#[test]
fn runs_that_ended_before_a_time_are_listed_by_their_end_and_in_pages() {
    let sandbox = two_runs();
    let still_running = r#"{"kind":"run_started","runId":"third","timestamp":"2026-02-08T08:00:00Z"}"#;
    sandbox.run_with_input(["append"], still_running).expect(0);
    assert_eq!(run_ids(&sandbox, &["--finished-before", "2026-02-08T10:00:00Z"]), ["first"]);
    assert_eq!(run_ids(&sandbox, &["--finished-before", "2026-02-08T11:00:00Z"]), ["second", "first"]);
    assert_eq!(run_ids(&sandbox, &["--by-end", "--order", "asc"])[..2], ["first", "second"]);
    let (mut found, mut page) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec!["runs", "--json", "--limit", "1"];
        arguments.extend(page.iter().flat_map(|token| ["--page", token]));
        let finished = sandbox.run(arguments).expect(0);
        found.extend(finished.lines().iter().map(|run| run["runId"].as_str().unwrap().to_owned()));
        let Some(next) = finished.stderr.lines().find(|line| line.starts_with('{')) else { break };
        let next: Value = serde_json::from_str(next).unwrap();
        page = Some(next["nextPage"].as_str().unwrap().to_owned());
    }
    assert_eq!(found, ["second", "first", "third"]);
}
