//! Trajectories in the agent's shape, written for these tests.

use runledger_audit::{Body, Kind, ToolCall};

use crate::Format;
use crate::testing::Archive;

const TRAJECTORY: &str = r#"{
  "environment": "garden",
  "trajectory": [
    {"action": "ls -l\n", "observation": "gate\r\n", "response": "Look around", "thought": "Look", "execution_time": 0.25},
    {"action": "", "observation": null, "response": "", "thought": "Nothing to do"},
    "not a step",
    {"action": "submit"}
  ],
  "history": [
    {"role": "user", "content": "A demonstration", "is_demo": true},
    {"role": "user", "content": [{"type": "text", "text": "\nMend the gate.\nIt squeaks."}]}
  ],
  "info": {"exit_status": "submitted", "submission": "diff", "model_stats": {"instance_cost": 0.5, "tokens_sent": 70, "tokens_received": 0}},
  "replay_config": "{\"agent\":{\"model\":{\"name\":\"m-1\"}}}"
}
"#;

fn tools(archive: &Archive) -> Vec<ToolCall> {
    let call = |stored: runledger_audit::StoredEvent| match stored.event.body {
        Body::ToolCall(call) => call,
        other => panic!("{other:?} is no tool call"),
    };
    archive.events(&[Kind::ToolCall]).into_iter().map(call).collect()
}

#[test]
fn a_trajectory_is_a_run_with_an_answer_and_a_tool_call_per_step() {
    let archive = Archive::new();
    let report = archive.import_as(Format::SweAgent, "a.traj", TRAJECTORY);
    assert_eq!((report.records_read, report.runs, report.unparsed), (1, 1, 0));
    // The document, start and end, and three of each: message, answer, tool call.
    assert_eq!(report.appended, 12);
    let end = archive.events(&[Kind::RunFinished]).remove(0).event;
    let run = archive.ledger.run(end.run_id.as_deref().unwrap()).unwrap().unwrap();
    assert_eq!((run.goal.as_str(), run.tool_calls, run.status.as_str()), ("Mend the gate.", 3, "completed"));
    assert_eq!((run.output.unwrap().as_str(), end.outcome.as_deref()), (r#""diff""#, Some("submitted")));
    assert_eq!(run.metadata.unwrap().as_str(), r#"{"environment":"garden"}"#);
    let tools = tools(&archive);
    let seen: Vec<_> = tools.iter().map(|call| (call.tool_id.as_str(), call.duration_ms)).collect();
    assert_eq!(seen, [("ls", Some(250)), ("unknown", None), ("submit", None)]);
    assert_eq!(tools[2].output_hash, None);
    let said: Vec<String> = archive
        .events(&[Kind::Message])
        .iter()
        .filter_map(|stored| match &stored.event.body {
            Body::Message(message) => {
                message.content.as_ref().map(|content| archive.said(stored, Some(content)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(said, [r#""Look around""#, r#""Nothing to do""#]);
    assert_eq!(archive.transcript(&run.run_id), TRAJECTORY.as_bytes());
}

#[test]
fn the_same_trajectory_under_another_name_is_known() {
    let archive = Archive::new();
    archive.import_as(Format::SweAgent, "a.traj", TRAJECTORY);
    let again = archive.import_as(Format::SweAgent, "b.traj", TRAJECTORY);
    assert_eq!((again.appended, again.duplicates, again.runs), (0, 1, 1));
}

#[test]
fn what_is_no_trajectory_is_kept_and_counted() {
    for text in ["", "{\"trajectory\": [", "[]", "{\"history\": []}", "\u{0}"] {
        let archive = Archive::new();
        let report = archive.import_as(Format::SweAgent, "a.traj", text);
        let expected = u64::from(!text.is_empty());
        assert_eq!(
            (report.records_read, report.unparsed, report.appended),
            (expected, expected, expected),
            "{text:?}"
        );
        let again = archive.import_as(Format::SweAgent, "a.traj", text);
        assert_eq!((again.appended, again.duplicates), (0, expected), "{text:?}");
        if let Some(stored) = archive.events(&[]).first() {
            assert_eq!(archive.transcript(stored.event.session_id.as_deref().unwrap()), text.as_bytes());
        }
    }
}
