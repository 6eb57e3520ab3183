//! Events of every kind with anything in them that the vocabulary allows, for property tests of this crate.
//!
//! Extra fields get names that no version knows (`x…`), since others are refused.

mod query_audit;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::body::{Extra, WorkspaceAction};
use crate::{
    Body, Content, Custom, Digest, Event, EventId, Json, Message, ModelCall, RunFinished, RunLog, RunStarted,
    RunStatistics, RunStatus, RunStatusChanged, SourceLine, SourceRange, Timestamp, ToolCall, Unparsed,
    Usage, WorkspaceEvent, WriterInstance,
};

/// Any event.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let identity = (id(), timestamp(), option::of(id()), option::of(id()), option::of(any::<[u8; 16]>()));
    let contents = (option::of(json()), option::of(source()), extra());
    (identity, vec(option::of(text()), 11), contents, body()).prop_map(|(identity, ids, contents, body)| {
        let (event_id, timestamp, parent_event_id, supersedes, writer) = identity;
        let (metadata, source, extra) = contents;
        let mut ids = ids.into_iter();
        let mut next_id = || ids.next().flatten();
        Event {
            event_id,
            timestamp,
            workspace_id: next_id(),
            lane_id: next_id(),
            session_id: next_id(),
            run_id: next_id(),
            parent_event_id,
            correlation_id: next_id(),
            agent_id: next_id(),
            actor: next_id(),
            action: next_id(),
            target: next_id(),
            outcome: next_id(),
            metadata,
            source_id: next_id(),
            supersedes,
            writer_instance: writer.map(WriterInstance::from_bytes),
            source,
            body,
            extra,
        }
    })
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        run_started().prop_map(Body::RunStarted),
        (status(), option::of(timestamp()), option::of(text()), extra()).prop_map(
            |(status, ended_at, reason, extra)| {
                Body::RunStatusChanged(RunStatusChanged { status, ended_at, reason, extra })
            }
        ),
        run_finished().prop_map(Body::RunFinished),
        (any::<u64>(), text(), option::of(content()), extra()).prop_map(
            |(sequence, event_type, payload, extra)| {
                Body::RunLog(RunLog { sequence, event_type, payload, extra })
            }
        ),
        message().prop_map(Body::Message),
        tool_call().prop_map(Body::ToolCall),
        model_call().prop_map(Body::ModelCall),
        (prop::sample::select(&WorkspaceAction::ALL), option::of(digest()), option::of(text()), extra())
            .prop_map(|(event, payload_hash, approval_id, extra)| {
                Body::WorkspaceEvent(WorkspaceEvent { event, payload_hash, approval_id, extra })
            }),
        (text(), option::of(content()), extra()).prop_map(|(type_name, data, extra)| Body::Custom(Custom {
            type_name,
            data,
            extra
        })),
        (option::of(text()), extra()).prop_map(|(reason, extra)| Body::Unparsed(Unparsed { reason, extra })),
        query_audit::query_audit().prop_map(Body::QueryAudit),
    ]
}

fn run_started() -> impl Strategy<Value = RunStarted> {
    (
        option::of(status()),
        option::of(timestamp()),
        vec(option::of(text()), 5),
        option::of(content()),
        extra(),
    )
        .prop_map(|(status, started_at, texts, inputs, extra)| {
            let mut texts = texts.into_iter();
            let mut next_text = || texts.next().flatten();
            RunStarted {
                goal: next_text(),
                status,
                started_at,
                skill_id: next_text(),
                caller_id: next_text(),
                channel_id: next_text(),
                parent_run_id: next_text(),
                inputs,
                extra,
            }
        })
}

fn run_finished() -> impl Strategy<Value = RunFinished> {
    (status(), option::of(timestamp()), option::of(content()), option::of(text()), statistics(), extra())
        .prop_map(|(status, ended_at, output, error, statistics, extra)| RunFinished {
            status,
            ended_at,
            output,
            error,
            statistics,
            extra,
        })
}

fn statistics() -> impl Strategy<Value = RunStatistics> {
    (vec(option::of(any::<u64>()), 6), option::of(finite()), option::of(finite())).prop_map(
        |(counts, runtime_seconds, cost_usd)| {
            let mut counts = counts.into_iter();
            let mut next_count = || counts.next().flatten();
            RunStatistics {
                tool_calls: next_count(),
                runtime_seconds,
                input_tokens: next_count(),
                output_tokens: next_count(),
                cache_read_tokens: next_count(),
                cache_write_tokens: next_count(),
                thinking_tokens: next_count(),
                cost_usd,
            }
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    (text(), option::of(content()), option::of(text()), option::of(text()), option::of(usage()), extra())
        .prop_map(|(role, content, model, message_id, usage, extra)| Message {
            role,
            content,
            model,
            message_id,
            usage,
            extra,
        })
}

fn tool_call() -> impl Strategy<Value = ToolCall> {
    let names = (text(), option::of(text()), option::of(text()));
    let hashes = (option::of(digest()), option::of(digest()), option::of(any::<u64>()));
    (names, hashes, option::of(content()), option::of(content()), extra()).prop_map(
        |(
            (tool_id, tool_action, tool_call_id),
            (input_hash, output_hash, duration_ms),
            input,
            output,
            extra,
        )| {
            ToolCall {
                tool_id,
                tool_action,
                tool_call_id,
                input_hash,
                output_hash,
                duration_ms,
                input,
                output,
                extra,
            }
        },
    )
}

fn model_call() -> impl Strategy<Value = ModelCall> {
    (text(), text(), option::of(text()), usage(), option::of(finite()), option::of(text()), extra()).prop_map(
        |(provider_id, model_id, message_id, usage, cost_usd, stop_reason, extra)| ModelCall {
            provider_id,
            model_id,
            message_id,
            usage,
            cost_usd,
            stop_reason,
            extra,
        },
    )
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = || prop_oneof![Just(0), any::<u64>()];
    (count(), count(), count(), count(), count()).prop_map(
        |(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, thinking_tokens)| Usage {
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            thinking_tokens,
        },
    )
}

fn id() -> impl Strategy<Value = EventId> {
    any::<[u8; 16]>().prop_map(EventId::from_bytes)
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_nanoseconds)
}

fn status() -> impl Strategy<Value = RunStatus> {
    prop::sample::select(&RunStatus::ALL)
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn finite() -> impl Strategy<Value = f64> {
    // -0 equals 0 and prints as another number, so it would hide whether the sign survived; the rest is exact.
    prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::POSITIVE | prop::num::f64::ZERO
}

/// Strings that need escaping, that are longer and shorter than an archive keeps in place, and empty ones.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z0-9-]{1,40}", "\\PC{0,12}", any::<String>()]
}

fn extra() -> impl Strategy<Value = Extra> {
    prop_oneof![
        3 => Just(Extra::new()),
        1 => prop::collection::btree_map("x[a-z\"\\\\\u{e9}\n]{0,6}", json(), 0..3)
            .prop_map(|fields| fields.into_iter().collect()),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        json().prop_map(Content::Inline),
        // Offsets are small so that many of these ranges lie within the event's own line.
        (option::of(id()), 0..40_u32, 0..40_u32)
            .prop_map(|(event, offset, length)| Content::At(SourceRange { event, offset, length })),
    ]
}

fn source() -> impl Strategy<Value = SourceLine> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..60),
        json().prop_map(|value| value.as_str().as_bytes().to_vec()),
        any::<String>().prop_map(String::into_bytes),
    ];
    (bytes, any::<bool>()).prop_map(|(bytes, continues)| SourceLine { bytes, continues })
}

/// JSON as other programs write it: numbers beyond any machine type, lone surrogates, white space, deep nesting.
pub(crate) fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just(r#""\ud800 \u0000""#.to_owned()),
        Just("1e999".to_owned()),
        Just(format!("{}1{}", "[".repeat(300), "]".repeat(300))),
        "-?[1-9][0-9]{0,40}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            vec(("[a-z]{0,3}", inner), 0..4).prop_map(|fields| {
                let fields = fields.iter().map(|(name, value)| format!("\"{name}\" :{value}"));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(",\t"))
            }),
        ]
    })
    .prop_map(|text| Json::parse(&text).unwrap())
}
