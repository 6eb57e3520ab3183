//! Transcripts as the tool writes them, in small: what the tests of this folder are made of.

mod broken_lines;
mod kills;
mod meaning;
mod saves;

use runledger_audit::{Body, Kind, ModelCall, StoredEvent, ToolCall};

use crate::ImportReport;
use crate::testing::Archive;

/// A line of the session, written at this second.
fn line(uuid: &str, second: u32, rest: &str) -> String {
    line_of("s", uuid, second, rest)
}

fn line_of(session: &str, uuid: &str, second: u32, rest: &str) -> String {
    format!(
        r#"{{"uuid":"{uuid}","sessionId":"{session}","cwd":"/work/mill","version":"1","timestamp":"2026-03-01T10:00:{second:02}.500Z",{rest}}}"#
    )
}

fn asked(uuid: &str, second: u32, text: &str) -> String {
    line(uuid, second, &format!(r#""type":"user","message":{{"role":"user","content":"{text}"}}"#))
}

fn answer(message: &str, output_tokens: u32, content: &str) -> String {
    format!(
        r#""type":"assistant","message":{{"id":"{message}","role":"assistant","model":"m-1","usage":{{"input_tokens":3,"output_tokens":{output_tokens},"cache_read_input_tokens":5,"cache_creation_input_tokens":7}},"content":{content}}}"#
    )
}

fn tool_use(id: &str) -> String {
    format!(r#"[{{"type":"tool_use","id":"{id}","name":"Sluice","input":{{"open": 0.50}}}}]"#)
}

fn result(uuid: &str, second: u32, id: &str, failed: bool) -> String {
    line(
        uuid,
        second,
        &format!(
            r#""type":"user","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{id}","is_error":{failed},"content":"half open"}}]}}"#
        ),
    )
}

/// A session with a bit of everything that is well-formed.
fn session() -> Vec<String> {
    vec![
        r#"{"type":"file-history-snapshot","messageId":"x","snapshot":{"timestamp":"2026-03-01T10:00:00Z"}}"#
            .into(),
        asked("u1", 1, "mend the mill\\nplease"),
        line("a1", 2, &answer("msg-1", 1, r#"[{"type":"text","text":"looking"}]"#)),
        line("a2", 3, &answer("msg-1", 9, &tool_use("tool-1"))),
        line("p1", 4, r#""type":"progress","data":{"type":"bash_progress","output":"…"}"#),
        result("u2", 5, "tool-1", false),
        line("y1", 6, r#""type":"system","subtype":"turn_duration","durationMs":12"#),
        line("a3", 7, &answer("msg-2", 4, r#"[{"type":"text","text":"done"}]"#)),
        r#"{"type":"summary","summary":"The mill","leafUuid":"a3"}"#.into(),
    ]
}

fn calls(archive: &Archive) -> Vec<(StoredEvent, ModelCall)> {
    let call = |stored: StoredEvent| match stored.event.body.clone() {
        Body::ModelCall(call) => (stored, call),
        other => panic!("{other:?} is no model call"),
    };
    archive.events(&[Kind::ModelCall]).into_iter().map(call).collect()
}

fn tools(archive: &Archive) -> Vec<(StoredEvent, ToolCall)> {
    let call = |stored: StoredEvent| match stored.event.body.clone() {
        Body::ToolCall(call) => (stored, call),
        other => panic!("{other:?} is no tool call"),
    };
    archive.events(&[Kind::ToolCall]).into_iter().map(call).collect()
}

fn counts(report: ImportReport) -> (u64, u64, u64) {
    (report.records_read, report.duplicates, report.unparsed)
}
