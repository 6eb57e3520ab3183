//! `usage`: every grouping adds up to the same total, and what a fork repeats counts once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::program::{SESSION, SESSION_RUN, Sandbox, finish, note};

const GROUPINGS: [&str; 6] = ["model", "agent", "tool", "run", "session", "day"];

/// Calls of two models and two tools, by two agents, over midnight; one without an agent, one that is superseded.
fn calls() -> Sandbox {
    let sandbox = Sandbox::new();
    let input = [
        r#"{"kind":"model_call","timestamp":"2026-02-08T22:00:00Z","agentId":"a","runId":"r","outcome":"success","body":{"providerId":"p","modelId":"big","inputTokens":100,"outputTokens":10,"cacheReadTokens":7,"costUsd":0.1}}"#,
        r#"{"kind":"model_call","timestamp":"2026-02-08T23:30:00Z","agentId":"b","runId":"s","outcome":"error","body":{"providerId":"p","modelId":"small","inputTokens":5,"outputTokens":1,"thinkingTokens":1,"costUsd":0.2}}"#,
        r#"{"kind":"model_call","timestamp":"2026-02-09T01:00:00Z","eventId":"0197f000-0000-7000-8000-000000000001","body":{"providerId":"p","modelId":"big","inputTokens":9000,"outputTokens":9000}}"#,
        r#"{"kind":"model_call","timestamp":"2026-02-09T01:00:00Z","supersedes":"0197f000-0000-7000-8000-000000000001","body":{"providerId":"p","modelId":"big","inputTokens":1,"outputTokens":2}}"#,
        r#"{"kind":"tool_call","timestamp":"2026-02-09T02:00:00Z","agentId":"a","runId":"r","outcome":"failure","body":{"toolId":"shell"}}"#,
        r#"{"kind":"tool_call","timestamp":"2026-02-09T03:00:00Z","agentId":"a","runId":"r","body":{"toolId":"search"}}"#,
    ];
    sandbox.run_with_input(["append"], input.join("\n")).expect(0);
    sandbox.run_with_input(["append"], note(1)).expect(0);
    sandbox
}

fn usage(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    sandbox.run(["usage", "--json"].iter().chain(arguments)).expect(0).value()
}

/// The sums over the groups of a report.
fn summed(report: &Value) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for group in report["groups"].as_array().unwrap() {
        for (name, value) in group.as_object().unwrap() {
            if let Some(number) = value.as_f64() {
                *sums.entry(name.clone()).or_default() += number;
            }
        }
    }
    sums
}

#[test]
fn every_grouping_adds_up_to_the_same_total() {
    for sandbox in [calls(), Sandbox::with_session()] {
        let total = usage(&sandbox, &[])["total"].clone();
        assert!(total["modelCalls"].as_u64().unwrap() > 0 && total["failures"].as_u64().unwrap() > 0);
        for by in GROUPINGS {
            let report = usage(&sandbox, &["--by", by]);
            assert_eq!((&report["by"], &report["total"]), (&by.into(), &total), "{by}");
            for (name, sum) in summed(&report) {
                assert!((sum - total[&name].as_f64().unwrap()).abs() < 1e-9, "{name} by {by}: {report}");
            }
        }
    }
}

#[test]
fn figures_are_those_of_the_calls_and_a_superseded_one_is_not_counted() {
    let sandbox = calls();
    let total = usage(&sandbox, &[])["total"].clone();
    let expected = json!({
        "modelCalls": 3, "toolCalls": 2, "failures": 2, "inputTokens": 106, "outputTokens": 13,
        "cacheReadTokens": 7, "cacheWriteTokens": 0, "thinkingTokens": 1, "totalTokens": 119, "pricedCalls": 2,
        "costUsd": 0.3,
    });
    assert_eq!(total, expected);
    let by_model = usage(&sandbox, &["--by", "model"]);
    let values: Vec<&Value> =
        by_model["groups"].as_array().unwrap().iter().map(|group| &group["model"]).collect();
    assert_eq!(values, [&json!("big"), &json!("small"), &Value::Null]);
    let of_a = usage(&sandbox, &["--agent", "a", "--by", "tool"]);
    assert_eq!((&of_a["total"]["toolCalls"], &of_a["total"]["inputTokens"]), (&2.into(), &100.into()));
    assert_eq!(of_a["groups"].as_array().unwrap().len(), 3);
    assert_eq!(usage(&sandbox, &["--kind", "tool_call"])["total"]["modelCalls"], 0);
    assert_eq!(usage(&sandbox, &["--from", "2026-02-09T02:30:00Z"])["total"]["toolCalls"], 1);
    assert_eq!(usage(&sandbox, &["--as-of-seq", "0"])["total"]["modelCalls"], 1);
}

#[test]
fn days_are_local_and_in_utc_when_asked_for() {
    let sandbox = calls();
    let days = |zone: &str, options: &[&str]| {
        let mut command = sandbox.command(["usage", "--json", "--by", "day"].iter().chain(options));
        let report = finish(command.env("TZ", zone), Vec::new()).expect(0).value();
        let groups = report["groups"].as_array().unwrap().clone();
        groups
            .iter()
            .map(|group| {
                let calls = group["modelCalls"].as_u64().unwrap() + group["toolCalls"].as_u64().unwrap();
                (group["day"].as_str().unwrap().to_owned(), calls)
            })
            .collect::<Vec<_>>()
    };
    let (eighth, ninth) = ("2026-02-08".to_owned(), "2026-02-09".to_owned());
    assert_eq!(days("UTC", &[]), [(eighth.clone(), 2), (ninth.clone(), 3)]);
    assert_eq!(days("Europe/Vienna", &[]), [(eighth.clone(), 1), (ninth.clone(), 4)]);
    assert_eq!(days("Europe/Vienna", &["--utc"]), [(eighth.clone(), 2), (ninth, 3)]);
    assert_eq!(days("America/New_York", &[]), [(eighth, 5)]);
}

#[test]
fn an_answer_that_a_forked_session_repeats_counts_once_whichever_file_comes_first() {
    let original = std::fs::read_to_string(SESSION).unwrap();
    let fork_run = "5f1c2f64-3c1e-4b5a-9a51-6f0d2b7c9e99";
    // The fork repeats the session under an id of its own, and goes on with one answer.
    let mut fork = original.replace(SESSION_RUN, fork_run);
    let last_answer = original.lines().rfind(|line| line.contains("msg_demo_06")).unwrap();
    let own = last_answer
        .replace(SESSION_RUN, fork_run)
        .replace("msg_demo_06", "msg_demo_own")
        .replace("00000000-0000-4000-8000-", "00000000-0000-4000-8001-");
    fork.push_str(&own);
    fork.push('\n');
    let mut reports = Vec::new();
    for fork_first in [false, true] {
        let sandbox = Sandbox::new();
        let (fork_file, original_file) = (sandbox.path("fork.jsonl"), sandbox.path("original.jsonl"));
        std::fs::write(&fork_file, &fork).unwrap();
        std::fs::write(&original_file, &original).unwrap();
        let mut files = [original_file, fork_file];
        if fork_first {
            files.reverse();
        }
        sandbox.run(["import".as_ref(), "claude-code".as_ref(), files[0].as_os_str()]).expect(0);
        sandbox.run(["import".as_ref(), "claude-code".as_ref(), files[1].as_os_str()]).expect(0);
        reports.push(GROUPINGS.map(|by| usage(&sandbox, &["--by", by])));
    }
    assert_eq!(reports[0][0], reports[1][0], "by model");
    let alone = usage(&Sandbox::with_session(), &[])["total"].clone();
    let both = &reports[0][0]["total"];
    let count = |report: &Value, name: &str| report[name].as_u64().unwrap();
    assert_eq!(count(both, "modelCalls"), count(&alone, "modelCalls") + 1);
    // The last answer of the session has 96 tokens, and so has its copy under another id.
    assert_eq!(count(both, "outputTokens"), count(&alone, "outputTokens") + 96);
}

#[test]
fn for_people_it_is_a_table_with_a_total() {
    let sandbox = calls();
    let text = sandbox.run(["usage", "--by", "tool"]).expect(0).text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].starts_with("tool ") && lines[0].ends_with("cost"), "{text}");
    assert!(lines[3].starts_with("(none)") && lines[4].starts_with("total"), "{text}");
    assert!(lines[4].contains(" 119 ") && lines[4].ends_with("$0.3000"), "{text}");
}

#[test]
fn a_sum_over_nothing_is_zero_and_one_of_other_kinds_is_refused() {
    let sandbox = Sandbox::with_notes(1);
    let report = usage(&sandbox, &[]);
    assert_eq!((&report["groups"], &report["total"]["costUsd"]), (&json!([]), &Value::Null));
    sandbox.run(["usage", "--kind", "message"]).expect_error(2, "--kind names neither");
    let refused = sandbox.run(["usage", "--by", "mood"]).expect(2);
    assert!(refused.stderr.contains("day"), "{}", refused.stderr);
}
