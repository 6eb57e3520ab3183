//! The commands on recordings of real agents, where `RUNLEDGER_REAL_DATA` names a folder that has them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::program::{Sandbox, seqs};

/// A ledger of all recordings of one tool; nothing, and a word on stderr, where there are none.
pub(crate) fn imported(format: &str) -> Option<Sandbox> {
    let Some(root) = std::env::var_os("RUNLEDGER_REAL_DATA") else {
        eprintln!("skipped: RUNLEDGER_REAL_DATA is not set");
        return None;
    };
    let sandbox = Sandbox::new();
    let folder = PathBuf::from(root).join(format);
    sandbox.run(["import".as_ref(), format.as_ref(), folder.as_os_str()]).expect(0);
    Some(sandbox)
}

fn figures(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or(0.0)
}

#[test]
fn sums_of_usage_are_the_same_by_every_grouping_and_those_of_the_runs() {
    for format in ["claude-code", "swe-agent", "tau-bench"] {
        let Some(sandbox) = imported(format) else { return };
        let runs = sandbox.run(["runs", "--json", "--limit", "1000000", "--dry-runs"]).expect(0).lines();
        let of_calls = sandbox.run(["count", "--kind", "model_call", "--json"]).expect(0).value();
        for by in ["model", "agent", "tool", "run", "session", "day"] {
            let report = sandbox.run(["usage", "--json", "--by", by]).expect(0).value();
            let total = &report["total"];
            assert_eq!(total["modelCalls"], of_calls["count"], "{format} by {by}");
            for name in [
                "modelCalls",
                "toolCalls",
                "failures",
                "inputTokens",
                "outputTokens",
                "cacheReadTokens",
                "costUsd",
            ] {
                let groups = report["groups"].as_array().unwrap();
                let sum: f64 = groups.iter().map(|group| figures(group, name)).sum();
                assert!((sum - figures(total, name)).abs() < 1e-6, "{format}: {name} by {by}");
            }
            if format == "claude-code" {
                // No caller gave figures of its own, so that the runs have those of their events.
                for name in ["inputTokens", "outputTokens", "cacheReadTokens", "toolCalls"] {
                    let sum: f64 = runs.iter().map(|run| figures(run, name)).sum();
                    assert!((sum - figures(total, name)).abs() < 1e-6, "{name} of the runs");
                }
            }
        }
    }
}

#[test]
fn every_question_has_an_answer_on_real_transcripts() {
    let Some(sandbox) = imported("claude-code") else { return };
    let runs = sandbox.run(["runs", "--json", "--limit", "1000"]).expect(0).lines();
    let ids: BTreeSet<&str> = runs.iter().map(|run| run["runId"].as_str().unwrap()).collect();
    for run in runs.iter().filter(|run| run["parentRunId"].is_string()).take(5) {
        let id = run["runId"].as_str().unwrap();
        let finished = sandbox.run(["runs", "--json", "--ancestors-of", id]).expect(0);
        let above = finished.lines();
        let end: Value = serde_json::from_str(finished.stderr.trim()).unwrap();
        assert!(!above.is_empty() || end["chainEnd"] == "missing", "{id}");
        assert!(above.iter().all(|run| ids.contains(run["runId"].as_str().unwrap())));
    }
    let failed = ["events", "--json", "--kind", "tool_call", "--outcome", "failure", "--limit", "3"];
    for seq in seqs(&sandbox.run(failed).expect(0).lines()) {
        let tree = sandbox.run(["why", &seq.to_string(), "--json"]).expect(0).value();
        assert!(tree["decision"]["cameFrom"].as_array().is_some_and(|causes| !causes.is_empty()), "{tree}");
        assert!(sandbox.run(["why", &seq.to_string()]).expect(0).text().contains("in run "));
    }
    let audits = sandbox.run(["audits", "--json"]).expect(0).lines();
    assert!(audits.is_empty(), "these tools audit no queries");
    sandbox.run(["trace", "--agent", "claude-code"]).expect(0);
}

#[test]
fn a_search_finds_what_a_search_through_the_lines_finds() {
    let Some(sandbox) = imported("claude-code") else { return };
    let (text, limit) = ("cargo test", "1000000");
    let arguments = ["events", "--json", "--kind", "message", "--limit", limit];
    let all = sandbox.run(arguments).expect(0).text();
    // A message of an imported line holds that line, so that its JSON has all that it says.
    let expected = all.lines().filter(|line| line.contains(text)).count();
    let found = sandbox.run(arguments.iter().chain(&["--grep", text])).expect(0).lines().len();
    assert_eq!(found, expected);
    let newest = ["events", "--json", "--grep", text, "--order", "desc", "--limit", "1"];
    assert_eq!(sandbox.run(newest).expect(0).lines().len(), expected.min(1));
}

#[test]
fn a_backup_of_real_recordings_answers_the_same_and_a_reset_leaves_nothing() {
    for format in ["claude-code", "swe-agent", "tau-bench"] {
        let Some(sandbox) = imported(format) else { return };
        let report = sandbox.run(["backup", "copy", "--json"]).expect(0).value();
        sandbox.run(["restore", "copy", "--ledger", "back"]).expect(0);
        for question in [
            &["tail"][..],
            &["runs", "--json", "--limit", "1000000"],
            &["usage", "--json", "--by", "model"],
            &["count", "--by", "kind", "--json"],
        ] {
            let answer =
                |ledger: &str| sandbox.run(question.iter().chain(&["--ledger", ledger])).expect(0).text();
            assert!(answer("back") == answer("ledger"), "{format}: {question:?}");
        }
        let id = report["ledgerId"].as_str().unwrap();
        assert_eq!(
            sandbox.run(["reset", "--yes", id, "--json"]).expect(0).value()["records"],
            report["records"]
        );
        assert_eq!(std::fs::read_dir(sandbox.ledger()).unwrap().count(), 0);
        sandbox.run(["verify", "--ledger", "copy"]).expect(0);
    }
}
