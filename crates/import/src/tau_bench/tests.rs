//! Conversations in the benchmark's shape, written for these tests.

use runledger_audit::{Body, Kind};

use crate::Format;
use crate::testing::Archive;

/// A conversation with two uses of one tool under one id, an answer without text, and a failure.
fn conversation(task: u32, reward: &str) -> String {
    format!(
        r#"{{
    "task_id": {task}, "trial": 1, "reward": {reward},
    "info": {{"task": {{"instruction": "Buy two loaves.\nBe polite."}}}},
    "traj": [
      {{"role": "system", "content": "You keep a bakery."}},
      {{"role": "user", "content": "Two loaves, please"}},
      {{"role": "assistant", "content": null, "tool_calls": [
        {{"id": "call-1", "type": "function", "function": {{"name": "count", "arguments": "{{\"what\":\"loaves\"}}"}}}},
        {{"id": "call-1", "type": "function", "function": {{"name": "count", "arguments": "{{\"what\":\"rolls\"}}"}}}},
        {{"id": "call-2", "type": "function", "function": {{"name": "bake", "arguments": "{{}}"}}}}
      ]}},
      {{"role": "tool", "tool_call_id": "call-1", "name": "count", "content": "7"}},
      {{"role": "tool", "tool_call_id": "call-1", "name": "count", "content": "Error: no rolls"}},
      {{"role": "assistant", "content": "Here you are"}}
    ]
  }}"#
    )
}

fn import(archive: &Archive, text: &str) -> crate::ImportReport {
    archive.import_as(Format::TauBench, "gpt-4o-bakery-airline.json", text)
}

#[test]
fn each_conversation_is_a_run_with_all_its_turns_and_tool_calls() {
    let archive = Archive::new();
    let elements = [conversation(0, "1.0"), conversation(1, "0.0")];
    let text = format!("[\n  {}\n]\n", elements.join(",\n  "));
    let report = import(&archive, &text);
    assert_eq!((report.records_read, report.runs, report.unparsed), (2, 2, 0));
    // Each: the document, start and end, 6 messages, 2 answers, 3 tool calls.
    assert_eq!(report.appended, 2 * 14);
    let run = |task: u32| {
        let prefix = format!("tau-bench/{task}/1/");
        let ends = archive.events(&[Kind::RunFinished]);
        let end = ends.iter().find(|end| end.event.run_id.as_deref().unwrap().starts_with(&prefix)).unwrap();
        (
            archive.ledger.run(end.event.run_id.as_deref().unwrap()).unwrap().unwrap(),
            end.event.outcome.clone(),
        )
    };
    let (won, outcome) = run(0);
    assert_eq!(
        (won.goal.as_str(), won.tool_calls, outcome.as_deref()),
        ("Buy two loaves.", 3, Some("success"))
    );
    assert_eq!((won.output.unwrap().as_str(), won.status.as_str()), ("1.0", "completed"));
    assert_eq!(run(1).1.as_deref(), Some("failure"));
    for (index, element) in elements.iter().enumerate() {
        let (summary, _) = run(u32::try_from(index).unwrap());
        assert_eq!(archive.transcript(&summary.run_id), element.as_bytes());
    }
    let again = import(&archive, &text);
    assert_eq!((again.appended, again.duplicates, again.runs), (0, 2, 2));
}

#[test]
fn the_second_use_of_an_id_has_the_second_result() {
    let archive = Archive::new();
    import(&archive, &format!("[{}]", conversation(0, "0")));
    let calls: Vec<(String, Option<String>, Option<String>)> = archive
        .events(&[Kind::ToolCall])
        .iter()
        .map(|stored| {
            let Body::ToolCall(call) = &stored.event.body else {
                unreachable!("only tool calls were asked for")
            };
            let output = call.output.as_ref().map(|output| archive.said(stored, Some(output)));
            (archive.said(stored, call.input.as_ref()), output, stored.event.outcome.clone())
        })
        .collect();
    let expected = [
        (r#""{\"what\":\"loaves\"}""#, Some(r#""7""#), Some("success")),
        (r#""{\"what\":\"rolls\"}""#, Some(r#""Error: no rolls""#), Some("failure")),
        (r#""{}""#, None, None),
    ];
    let expected = expected.map(|(input, output, outcome)| {
        (input.to_owned(), output.map(str::to_owned), outcome.map(str::to_owned))
    });
    assert_eq!(calls, expected);
}

#[test]
fn the_model_is_told_by_the_name_of_the_file() {
    let model = |stem: &str| {
        let model = super::model_of(stem);
        let provider = super::provider_of(&model);
        (model, provider)
    };
    assert_eq!(model("gpt-4o-airline"), ("gpt-4o".to_owned(), "openai"));
    assert_eq!(model("claude-3-retail"), ("claude-3".to_owned(), "anthropic"));
    assert_eq!(model("results"), ("unknown".to_owned(), "unknown"));
    assert_eq!(model("-retail"), ("unknown".to_owned(), "unknown"));
}

#[test]
fn what_is_no_conversation_is_kept_and_counted() {
    let good = conversation(0, "1");
    for (text, records, unparsed) in [
        (format!("[{good}, 5, {{\"traj\": [}}, {good}"), 3, 2),
        (format!("{{\"traj\": {good}}}"), 1, 1),
        (format!("[{good}] trailing"), 2, 1),
        ("[]".to_owned(), 0, 0),
    ] {
        let archive = Archive::new();
        let report = import(&archive, &text);
        assert_eq!((report.records_read, report.unparsed), (records, unparsed), "{text}");
        let kept = archive.events(&[Kind::Unparsed]);
        let kept: usize = kept.iter().map(|stored| stored.event.source.as_ref().unwrap().bytes.len()).sum();
        assert_eq!(kept > 0, unparsed > 0);
        let again = import(&archive, &text);
        assert_eq!((again.appended, again.duplicates), (0, records), "{text}");
    }
}

#[test]
fn an_import_killed_anywhere_is_completed_by_the_next() {
    let text = format!("[{},{}]", conversation(0, "1"), conversation(1, "0"));
    let whole = Archive::new();
    let report = import(&whole, &text);
    for survived in 0..=report.appended {
        let archive = Archive::killed_after(survived, &whole);
        assert_eq!(import(&archive, &text).appended, report.appended - survived, "killed after {survived}");
        assert_eq!(
            (archive.state(), archive.runs()),
            (whole.state(), whole.runs()),
            "killed after {survived}"
        );
    }
}
