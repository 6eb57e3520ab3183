//! Every command that reads, as JSON and for people: on a ledger with query audits, and on recordings of real agents where
//! `RUNLEDGER_REAL_DATA` names a folder that has them.
//!
//! A command that is neither here nor among those that write has no test on such ledgers, and fails this one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::manual::commands;
use crate::program::Sandbox;
use crate::real_data::imported;
use crate::snapshots::fixed;

/// They change or make ledgers, and each has tests of its own.
const WRITING: [&str; 9] =
    ["import", "append", "recover", "salvage", "compress", "demo", "backup", "restore", "reset"];

/// What a ledger holds, as far as commands have to be told.
struct Known {
    /// The number of an event, and its id.
    seq: String,
    event_id: String,
    run: String,
    /// Of a run that was imported.
    transcript: Option<String>,
    correlation: Option<String>,
    agent: String,
    /// The query id of an audit.
    audit: Option<String>,
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}

impl Known {
    fn of(sandbox: &Sandbox) -> Self {
        let events = sandbox.run(["events", "--json", "--limit", "1000000"]).expect(0).lines();
        let of_run = |event: &&Value| event["runId"].is_string() && event["agentId"].is_string();
        let event = events.iter().find(of_run).unwrap();
        let audits = sandbox.run(["audits", "--json"]).expect(0).lines();
        let run = text(event, "runId").unwrap();
        let has_transcript = sandbox.run(["transcript", &run]).code == 0;
        Self {
            seq: event["seq"].to_string(),
            event_id: text(event, "eventId").unwrap(),
            transcript: has_transcript.then(|| run.clone()),
            run,
            correlation: events.iter().find_map(|event| text(event, "correlationId")),
            agent: text(event, "agentId").unwrap(),
            audit: audits.first().and_then(|audit| text(audit, "queryId")),
        }
    }

    /// Commands, and whether what they ask for is there.
    fn questions(&self) -> Vec<(Vec<&str>, bool)> {
        let there = |arguments: &[&'static str]| (arguments.to_vec(), true);
        let mut questions: Vec<(Vec<&str>, bool)> = [
            &["events"][..],
            &["events", "--order", "desc", "--kind", "tool_call"],
            &["events", "--grep", "e", "--limit", "5"],
            &["events", "--explain"],
            &["count"],
            &["count", "--by", "kind"],
            &["runs"],
            &["runs", "--status", "completed,failed,interrupted", "--order", "asc"],
            &["usage"],
            &["usage", "--by", "tool"],
            &["audits"],
            &["audits", "--recent", "3"],
            &["tail"],
            &["tail", "--kind", "message"],
            &["verify"],
            &["stats"],
            &["health"],
        ]
        .into_iter()
        .map(there)
        .collect();
        questions.extend([
            (vec!["event", &self.seq], true),
            (vec!["event", &self.event_id], true),
            (vec!["run", &self.run], true),
            (vec!["runs", "--ancestors-of", &self.run], true),
            (vec!["why", &self.seq], true),
            (vec!["trace", "--agent", &self.agent], true),
            (vec!["chain", self.correlation.as_deref().unwrap_or("nobody")], self.correlation.is_some()),
            (vec!["audit", self.audit.as_deref().unwrap_or("999999999")], self.audit.is_some()),
            // The last one: it writes the index.
            (vec!["index", "rebuild"], true),
        ]);
        questions
    }
}

/// Asks everything, and gives the commands that were asked.
fn ask(sandbox: &Sandbox, of_what: &str) -> BTreeSet<String> {
    let known = Known::of(sandbox);
    let mut asked = BTreeSet::new();
    for (question, is_there) in known.questions() {
        let code = i32::from(!is_there);
        let finished = sandbox.run(question.iter().chain(&["--json"])).expect(code);
        for line in finished.lines() {
            assert!(line.is_object(), "{of_what}: {question:?} gives {line}");
        }
        let for_people = sandbox.run(question.iter().chain(&["--text"])).expect(code).text();
        let shows_controls = for_people.chars().any(|letter| letter.is_control() && letter != '\n');
        assert!(!shows_controls, "{of_what}: {question:?} shows control characters");
        asked.insert(question[0].to_owned());
    }
    if let Some(run) = &known.transcript {
        assert!(!sandbox.run(["transcript", run]).expect(0).stdout.is_empty(), "{of_what}");
        asked.insert("transcript".to_owned());
    }
    asked
}

#[test]
fn every_command_that_reads_answers_on_a_ledger_with_audits_and_on_one_with_a_transcript() {
    let with_audits = fixed();
    let mut asked = ask(&with_audits, "with audits");
    asked.extend(ask(&Sandbox::with_session(), "with a session"));
    // They ask no ledger.
    for script in [["completions", "bash"], ["man", "--json"]] {
        assert!(!with_audits.run(script).expect(0).stdout.is_empty());
        asked.insert(script[0].to_owned());
    }
    let forgotten: Vec<String> = commands(&with_audits)
        .into_iter()
        .filter(|command| !WRITING.contains(&command.as_str()) && !asked.contains(command))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?} are asked nowhere here");
}

#[test]
fn every_command_that_reads_answers_on_real_recordings() {
    for format in ["claude-code", "swe-agent", "tau-bench"] {
        let Some(sandbox) = imported(format) else { return };
        let asked = ask(&sandbox, format);
        assert!(asked.len() > 12, "{asked:?}");
    }
}
