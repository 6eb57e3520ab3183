//! The bytes of schema version 1, frozen: one file per kind, and one of an event that carries as little as can be.
//!
//! A file that exists is never written again: what a ledger holds must decode for ever, and an equal event must give
//! equal bytes, or a retried append would look like a conflict. A new kind's file is made by the ignored test below.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use runledger_wal::LeafFunction as _;

use super::tests::encode;
use super::{EventLeaf, decode};
use crate::body::{Extra, WorkspaceAction};
use crate::{
    Body, Content, ContributingAssertion, Custom, Digest, Epoch, Event, EventId, Json, Kind, Message,
    ModelCall, QueryAudit, QueryId, QueryParams, RunFinished, RunLog, RunStarted, RunStatistics, RunStatus,
    RunStatusChanged, SourceLine, SourceRange, Timestamp, ToolCall, Unparsed, Usage, WorkspaceEvent,
    WriterInstance,
};

const SALT: [u8; 16] = *b"golden salt 0123";
const BYTES_PER_LINE: usize = 32;

/// Every golden event under its file's name.
pub(super) fn events() -> Vec<(String, Event)> {
    let kinds = Kind::ALL.iter().map(|&kind| (kind.as_str().to_owned(), full_event(body(kind))));
    kinds.chain([("smallest".to_owned(), smallest_event())]).collect()
}

/// An event that says nothing but that it was. Every field is spelled out, so that a new one is seen here.
fn smallest_event() -> Event {
    Event {
        event_id: EventId::from_bytes([0x11; 16]),
        timestamp: Timestamp::from_nanoseconds(0),
        workspace_id: None,
        lane_id: None,
        session_id: None,
        run_id: None,
        parent_event_id: None,
        correlation_id: None,
        agent_id: None,
        actor: None,
        action: None,
        target: None,
        outcome: None,
        metadata: None,
        source_id: None,
        supersedes: None,
        writer_instance: None,
        source: None,
        body: Body::Custom(Custom::default()),
        extra: vec![],
    }
}

fn full_event(body: Body) -> Event {
    Event {
        event_id: EventId::from_bytes([0x22; 16]),
        timestamp: Timestamp::from_nanoseconds(1_790_000_000_123_456_789),
        workspace_id: Some(text("/home/ada/engine")),
        lane_id: Some(text("main")),
        session_id: Some(text("session-7")),
        run_id: Some(text("run-7")),
        parent_event_id: Some(EventId::from_bytes([0x33; 16])),
        correlation_id: Some(text("ticket-42")),
        agent_id: Some(text("planner")),
        actor: Some(text("ada")),
        action: Some(text("ask")),
        target: Some(text("engine.rs")),
        outcome: Some(text("success")),
        metadata: Some(json(r#"{"cwd":"/home/ada","depth":1.50}"#)),
        source_id: Some(text("notes/line/12")),
        supersedes: Some(EventId::from_bytes([0x44; 16])),
        writer_instance: Some(WriterInstance::from_bytes([0x55; 16])),
        source: Some(SourceLine { bytes: b"{\"said\":\"caf\xe9\"}".to_vec(), continues: true }),
        body,
        extra: vec![("mood".to_owned(), json("\"calm\""))],
    }
}

fn body(kind: Kind) -> Body {
    let extra = vec![("priority".to_owned(), json("7")), ("tags".to_owned(), json(r#"["a","b"]"#))];
    match kind {
        Kind::RunStarted => Body::RunStarted(RunStarted {
            goal: Some(text("Find why the engine stalls")),
            status: Some(RunStatus::Running),
            started_at: Some(Timestamp::from_nanoseconds(-1)),
            skill_id: Some(text("debug")),
            caller_id: Some(text("cli")),
            channel_id: Some(text("terminal")),
            parent_run_id: Some(text("run-6")),
            inputs: Some(inline(r#"{"file":"engine.rs"}"#)),
            extra,
        }),
        Kind::RunStatusChanged => Body::RunStatusChanged(RunStatusChanged {
            status: RunStatus::BudgetExceeded,
            ended_at: Some(Timestamp::from_nanoseconds(i64::MAX)),
            reason: Some(text("out of tokens")),
            extra,
        }),
        Kind::RunFinished => Body::RunFinished(RunFinished {
            status: RunStatus::Failed,
            ended_at: Some(Timestamp::from_nanoseconds(i64::MIN)),
            output: Some(inline("null")),
            error: Some(text("the engine stalled")),
            statistics: statistics(),
            extra,
        }),
        Kind::RunLog => Body::RunLog(RunLog {
            sequence: u64::MAX,
            event_type: "step".to_owned(),
            payload: Some(inline("[1,2,3]")),
            extra,
        }),
        Kind::Message => Body::Message(Message {
            role: "assistant".to_owned(),
            content: Some(at(None, 8, 6)),
            model: Some(text("model-1")),
            message_id: Some(text("msg_01")),
            usage: Some(usage()),
            extra,
        }),
        Kind::ToolCall => Body::ToolCall(ToolCall {
            tool_id: "grep".to_owned(),
            tool_action: Some(text("search")),
            tool_call_id: Some(text("toolu_0123456789")),
            input_hash: Some(Digest::from_bytes([0xaa; 32])),
            output_hash: Some(Digest::from_bytes([0xbb; 32])),
            duration_ms: Some(1234),
            input: Some(inline(r#"{"pattern":"stall"}"#)),
            output: Some(at(Some(EventId::from_bytes([0x66; 16])), 100, 2000)),
            extra,
        }),
        Kind::ModelCall => Body::ModelCall(ModelCall {
            provider_id: "provider-1".to_owned(),
            model_id: "model-1".to_owned(),
            message_id: Some(text("msg_01")),
            usage: usage(),
            cost_usd: Some(0.0125),
            stop_reason: Some(text("end_turn")),
            extra,
        }),
        Kind::WorkspaceEvent => Body::WorkspaceEvent(WorkspaceEvent {
            event: WorkspaceAction::ApprovalResolved,
            payload_hash: Some(Digest::from_bytes([0xcc; 32])),
            approval_id: Some(text("approval-9")),
            extra,
        }),
        Kind::Custom => Body::Custom(Custom {
            type_name: "weather".to_owned(),
            data: Some(inline(r#"{"sky":"\ud83c\udf24","degrees":1e2}"#)),
            extra,
        }),
        Kind::Unparsed => Body::Unparsed(Unparsed { reason: Some(text("not JSON")), extra }),
        Kind::QueryAudit => Body::QueryAudit(query_audit(extra)),
    }
}

fn query_audit(extra: Extra) -> QueryAudit {
    let assertion = ContributingAssertion {
        assertion_hash: Digest::from_bytes([0xdd; 32]),
        weight: 0.75,
        source_hash: Digest::from_bytes([0xee; 32]),
        source: Some(text("the manual, page 12")),
        lifecycle: text("approved"),
        extra: vec![("page".to_owned(), json("12"))],
    };
    let bare = ContributingAssertion { weight: -0.25, source: None, extra: vec![], ..assertion.clone() };
    QueryAudit {
        query_id: QueryId::from_bytes([0x77; 32]),
        params: QueryParams {
            subject: Some(text("engine/stall")),
            predicate: Some(text("caused_by")),
            lifecycle: Some(text("approved")),
            epoch: Some(Epoch::from(7)),
            lens: Some(text("safety")),
        },
        result_hash: Some(Digest::from_bytes([0x88; 32])),
        result_value: Some(inline(r#"{"cause":"air in the fuel"}"#)),
        result_confidence: Some(0.875),
        contributing_assertions: vec![assertion, bare],
        extra,
    }
}

fn statistics() -> RunStatistics {
    RunStatistics {
        tool_calls: Some(1),
        runtime_seconds: Some(2.5),
        input_tokens: Some(3),
        output_tokens: Some(4),
        cache_read_tokens: Some(5),
        cache_write_tokens: None,
        thinking_tokens: Some(7),
        cost_usd: Some(0.125),
    }
}

fn usage() -> Usage {
    Usage {
        input_tokens: 1,
        output_tokens: 2,
        cache_read_tokens: 3,
        cache_write_tokens: 4,
        thinking_tokens: 5,
    }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn inline(text: &str) -> Content {
    Content::Inline(json(text))
}

fn at(event: Option<EventId>, offset: u32, length: u32) -> Content {
    Content::At(SourceRange { event, offset, length })
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/codec/golden/v1").join(format!("{name}.hex"))
}

/// The leaf, then the payload in lines of hexadecimal digits.
fn written(payload: &[u8]) -> String {
    let leaf = hex(&EventLeaf.leaf(payload).to_bytes());
    let lines = payload.chunks(BYTES_PER_LINE).map(hex).collect::<Vec<_>>().join("\n");
    format!("leaf {leaf}\n{lines}\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn payload_in(file: &str) -> Vec<u8> {
    let digits: String = file.lines().skip(1).collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn every_kind_has_its_frozen_bytes_and_leaf() {
    for (name, event) in events() {
        let golden = fs::read_to_string(path(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(written(&encode(&event, SALT).unwrap()), golden, "{name}");
    }
}

#[test]
fn frozen_bytes_decode_to_the_event() {
    for (name, event) in events() {
        let golden = fs::read_to_string(path(&name)).unwrap();
        assert_eq!(decode(&payload_in(&golden)).unwrap(), event, "{name}");
    }
}

#[test]
fn the_event_on_the_format_page_is_the_smallest_one() {
    let page = include_str!("../../../../FORMAT.md");
    let (_, rest) = page.split_once("```event\n").unwrap();
    let (dump, _) = rest.split_once("```").unwrap();
    let mut payload = Vec::new();
    for line in dump.lines() {
        let (offset, bytes) = line.split_once("  ").unwrap();
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), payload.len());
        payload.extend(bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    assert_eq!(payload, encode(&smallest_event(), SALT).unwrap());
    assert!(page.contains(&hex(&EventLeaf.leaf(&payload).to_bytes())));
}

#[test]
fn every_frozen_file_is_tested() {
    let names: Vec<_> = events().into_iter().map(|(name, _)| path(&name)).collect();
    for entry in fs::read_dir(path("any").parent().unwrap()).unwrap() {
        let file = entry.unwrap().path();
        assert!(names.contains(&file), "{}", file.display());
    }
}

#[test]
#[ignore = "run by hand when a kind is added: writes the files that are missing, and never one that is there"]
fn write_missing_files() {
    for (name, event) in events() {
        if let Ok(mut file) = OpenOptions::new().write(true).create_new(true).open(path(&name)) {
            file.write_all(written(&encode(&event, SALT).unwrap()).as_bytes()).unwrap();
        }
    }
}
