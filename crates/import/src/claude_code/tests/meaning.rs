//! What lines mean: messages, answers, tool calls, runs.

use runledger_audit::{Body, Kind, RunFinished, RunStatus, StoredEvent};

use super::{answer, asked, calls, counts, line, line_of, session, tool_use, tools};
use crate::testing::Archive;

#[test]
fn lines_answers_tools_and_the_run_are_found_and_a_second_import_appends_nothing() {
    let archive = Archive::new();
    let text = session().join("\n");
    let report = archive.import(&text);
    assert_eq!((counts(report), report.runs), ((9, 0, 0), 1));
    // 9 lines, 2 answers, 1 tool call, the run's start and end, the list of lines.
    assert_eq!((report.appended, archive.length()), (15, 15));

    let run = archive.ledger.run("s").unwrap().unwrap();
    assert_eq!((run.goal.as_str(), run.status.as_str(), run.tool_calls), ("mend the mill", "completed", 1));
    assert_eq!((run.input_tokens, run.output_tokens), (6, 13));
    assert_eq!((run.cache_read_tokens, run.cache_write_tokens), (10, 14));
    assert_eq!(run.started_at.to_string(), "2026-03-01T10:00:01.5Z");
    assert_eq!(run.ended_at.unwrap().to_string(), "2026-03-01T10:00:07.5Z");
    assert_eq!(run.inputs.unwrap().as_str(), r#""mend the mill\nplease""#);
    assert_eq!(run.metadata.unwrap().as_str(), r#"{"cwd":"/work/mill","version":"1"}"#);

    let again = archive.import(&text);
    assert_eq!((again.appended, counts(again), again.runs), (0, (9, 9, 0), 1));
    assert_eq!(archive.transcript("s"), text.as_bytes());
}

#[test]
fn a_run_whose_end_somebody_else_has_told_keeps_it() {
    let archive = Archive::new();
    archive.ledger.finish_run("s", RunFinished::new(RunStatus::Failed)).unwrap();
    let text = session().join("\n");
    // All but the end.
    assert_eq!(archive.import(&text).appended, 14);
    let run = archive.ledger.run("s").unwrap().unwrap();
    assert_eq!((run.goal.as_str(), run.status), ("mend the mill", RunStatus::Failed));
    assert_eq!(archive.import(&text).appended, 0);
    assert_eq!(archive.transcript("s"), text.as_bytes());
}

#[test]
fn a_line_shows_what_it_means_and_repeats_nothing() {
    let archive = Archive::new();
    archive.import(session().join("\n"));
    let custom: Vec<String> = archive
        .events(&[Kind::Custom])
        .into_iter()
        .filter_map(|stored| match stored.event.body {
            Body::Custom(custom) if custom.type_name.starts_with("claude-code/") => Some(custom.type_name),
            _ => None,
        })
        .collect();
    let expected = [
        "claude-code/file-history-snapshot",
        "claude-code/progress/bash_progress",
        "claude-code/system/turn_duration",
        "claude-code/summary",
    ];
    assert_eq!(custom, expected);
    let messages = archive.events(&[Kind::Message]);
    let shown = |stored: &StoredEvent| {
        let Body::Message(message) = &stored.event.body else { unreachable!("only messages were asked for") };
        let said = archive.said(stored, message.content.as_ref());
        (message.role.clone(), stored.event.actor.clone().unwrap(), said.chars().take(12).collect::<String>())
    };
    let expected = [
        ("user", "user", "\"mend the mi"),
        ("assistant", "assistant", "[{\"type\":\"te"),
        ("assistant", "assistant", "[{\"type\":\"to"),
        ("user", "tool", "[{\"type\":\"to"),
        ("assistant", "assistant", "[{\"type\":\"te"),
    ];
    let expected = expected.map(|(role, actor, said)| (role.to_owned(), actor.to_owned(), said.to_owned()));
    assert_eq!(messages.iter().map(shown).collect::<Vec<_>>(), expected);
}

#[test]
fn a_tool_call_has_the_hashes_of_both_values_and_the_time_between() {
    let archive = Archive::new();
    archive.import(session().join("\n"));
    let (stored, call) = tools(&archive).remove(0);
    assert_eq!(archive.said(&stored, call.input.as_ref()), r#"{"open": 0.50}"#);
    assert_eq!(archive.said(&stored, call.output.as_ref()), r#""half open""#);
    let hash = |text: &str| Some(crate::hash::sha256(text.as_bytes()));
    assert_eq!((call.input_hash, call.output_hash), (hash(r#"{"open": 0.50}"#), hash(r#""half open""#)));
    assert_eq!((call.tool_id.as_str(), call.duration_ms), ("Sluice", Some(2000)));
    assert_eq!(stored.event.outcome.as_deref(), Some("success"));
}

#[test]
fn a_forked_session_counts_once() {
    let of = |session: &str| session_lines_of(session);
    let mut totals = Vec::new();
    for order in [["s", "t"], ["t", "s"]] {
        let archive = Archive::new();
        for session in order {
            archive.import(of(session).join("\n"));
        }
        assert_eq!((calls(&archive).len(), tools(&archive).len()), (1, 1));
        assert_eq!(
            archive.import(of("s").join("\n")).appended + archive.import(of("t").join("\n")).appended,
            0
        );
        assert_eq!(archive.transcript("t"), of("t").join("\n").as_bytes());
        totals.push(archive.runs());
    }
    assert_eq!(totals[0], totals[1]);
}

fn session_lines_of(session: &str) -> Vec<String> {
    let result = r#""type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"tool-1","content":"x"}]}"#;
    vec![
        line_of(session, "a1", 2, &answer("msg-1", 9, &tool_use("tool-1"))),
        line_of(session, "u1", 3, result),
    ]
}

#[test]
fn a_sub_agent_is_a_child_run_with_its_own_tokens() {
    let progress = |uuid: &str, second, speaker: &str, message: &str| {
        let data = format!(
            r#""type":"progress","parentToolUseID":"tool-9","data":{{"type":"agent_progress","agentId":"ab1","prompt":"count the cogs","message":{{"type":"{speaker}","message":{message}}}}}"#
        );
        line(uuid, second, &data)
    };
    let said = |content: &str| {
        format!(
            r#"{{"id":"msg-7","role":"assistant","model":"m-2","usage":{{"output_tokens":5}},"content":{content}}}"#
        )
    };
    let text = [
        asked("u1", 1, "mend it"),
        line("a1", 2, &answer("msg-1", 9, "[]")),
        progress("p1", 3, "user", r#"{"role":"user","content":[{"type":"text","text":"count the cogs"}]}"#),
        progress("p2", 4, "assistant", &said(&tool_use("tool-2"))),
        progress(
            "p3",
            6,
            "user",
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"tool-2","content":[]}]}"#,
        ),
    ]
    .join("\n");
    let archive = Archive::new();
    assert_eq!(archive.import(&text).runs, 2);
    let (run, child) = ("s", "s:ab1");
    let [run, child] = [run, child].map(|id| archive.ledger.run(id).unwrap().unwrap());
    assert_eq!((run.output_tokens, run.tool_calls, child.output_tokens, child.tool_calls), (9, 0, 5, 1));
    assert_eq!((child.goal.as_str(), child.parent_run_id.as_deref()), ("count the cogs", Some("s")));
    assert_eq!((child.agent_id.as_deref(), child.status.as_str()), (Some("ab1"), "completed"));
    assert_eq!(
        (child.started_at.to_string(), run.goal.as_str()),
        ("2026-03-01T10:00:03.5Z".into(), "mend it")
    );
    assert_eq!((archive.import(&text).appended, archive.import(&text).runs), (0, 2));
    assert_eq!((archive.transcript("s"), archive.transcript("s:ab1")), (text.clone().into(), text.into()));
}

#[test]
fn a_sub_agent_with_a_transcript_of_its_own_is_the_same_child_run() {
    let progress = line(
        "p1",
        3,
        r#""type":"progress","data":{"type":"agent_progress","agentId":"ab1","prompt":"count the cogs","message":{"type":"assistant","message":{"id":"msg-7","role":"assistant","model":"m-2","usage":{"output_tokens":5},"content":[]}}}"#,
    );
    let main = [asked("u1", 1, "mend it"), progress].join("\n");
    let own = line("x1", 4, &format!(r#""isSidechain":true,"agentId":"ab1",{}"#, answer("msg-7", 6, "[]")));
    let mut states = Vec::new();
    for order in [[&main, &own], [&own, &main]] {
        let archive = Archive::new();
        for text in order {
            archive.import(text);
        }
        let child = archive.ledger.run("s:ab1").unwrap().unwrap();
        assert_eq!((child.output_tokens, child.parent_run_id.as_deref()), (6, Some("s")));
        assert_eq!((child.goal.as_str(), child.agent_id.as_deref()), ("count the cogs", Some("ab1")));
        assert_eq!(archive.transcript("s"), main.as_bytes());
        assert_eq!(archive.transcript("s:ab1"), own.as_bytes());
        assert_eq!(archive.import(&main).appended + archive.import(&own).appended, 0);
        states.push(archive.ledger.run("s").unwrap());
    }
    assert_eq!(states[0], states[1]);
}

#[test]
fn names_too_long_for_the_ledger_do_not_stop_an_import() {
    let long = "x".repeat(5000);
    let text = format!(
        r#"{{"type":"{long}","uuid":"{long}","sessionId":"{long}","cwd":"{long}","subtype":"{long}"}}"#
    );
    let archive = Archive::new();
    assert_eq!(counts(archive.import(&text)), (1, 0, 0));
    let session = archive.events(&[])[0].event.session_id.clone().unwrap();
    assert_eq!(archive.transcript(&session), text.as_bytes());
}
