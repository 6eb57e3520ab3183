//! What spans and events become, through a subscriber.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use runledger_audit::{
    AuditSink, Body, Content, Destination, Event as Kept, Kind, QueuedEvent, RunStatus, SinkOptions,
    StoreError,
};
use runledger_capture::{SpanLayer, TraceRefused};
use tracing::level_filters::LevelFilter;
use tracing::{Level, debug, error, error_span, info, info_span, span, trace_span};
use tracing_subscriber::layer::SubscriberExt as _;

#[derive(Clone, Default)]
struct Double(Arc<Mutex<Vec<Kept>>>);

impl Destination for Double {
    fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
        // A library below that traces what it does, with a field of agents.
        info!(run_id = "inside the sink", "storing");
        self.0.lock().extend(events.iter().map(|event| Kept::clone(event)));
        Ok(())
    }
}

/// What the layer recorded of what `work` did.
fn recorded_by(layer: impl FnOnce(SpanLayer) -> SpanLayer, work: impl FnOnce()) -> Vec<Kept> {
    let double = Double::default();
    let sink = AuditSink::to(double.clone(), SinkOptions::new()).unwrap();
    let subscriber = tracing_subscriber::registry().with(layer(SpanLayer::new(sink.clone())));
    tracing::subscriber::with_default(subscriber, work);
    sink.shutdown(Instant::now() + Duration::from_secs(30)).unwrap();
    double.0.lock().clone()
}

fn recorded(work: impl FnOnce()) -> Vec<Kept> {
    recorded_by(|layer| layer, work)
}

#[test]
fn a_chat_span_becomes_a_model_call_with_tokens_recorded_late_and_the_model_that_answered() {
    let events = recorded(|| {
        let span = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "anthropic",
            gen_ai.request.model = "asked",
            gen_ai.response.model = tracing::field::Empty,
            gen_ai.usage.input_tokens = tracing::field::Empty,
            gen_ai.usage.output_tokens = tracing::field::Empty,
            gen_ai.usage.cache_read.input_tokens = 100,
            gen_ai.conversation.id = "s1",
            server.port = 443,
        );
        span.record("gen_ai.response.model", "answered");
        span.record("gen_ai.usage.input_tokens", 120);
        span.record("gen_ai.usage.output_tokens", 7);
    });
    let [event] = events.as_slice() else { panic!("{events:?}") };
    let Body::ModelCall(call) = &event.body else { panic!("{event:?}") };
    assert_eq!((call.provider_id.as_str(), call.model_id.as_str()), ("anthropic", "answered"));
    let usage = (call.usage.input_tokens, call.usage.cache_read_tokens, call.usage.output_tokens);
    assert_eq!(usage, (20, 100, 7));
    assert_eq!(event.session_id.as_deref(), Some("s1"));
    assert_eq!(event.outcome, None, "nobody said how it went");
    let metadata = event.metadata.as_ref().unwrap().as_str();
    assert!(metadata.contains(r#""server.port":443"#) && metadata.contains("durationMs"), "{metadata}");
}

#[test]
fn an_agent_span_is_a_run_and_what_is_inside_belongs_to_it() {
    let events = recorded(|| {
        let run = info_span!("invoke_agent", gen_ai.operation.name = "invoke_agent", gen_ai.agent.id = "a1");
        let _run = run.enter();
        // A span that is of no agent stands between.
        let _between = info_span!("between").entered();
        let _tool = info_span!(
            "tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "grep",
            gen_ai.tool.call.id = "c1",
            gen_ai.tool.call.arguments = r#"{"pattern": "x"}"#,
        )
        .entered();
        info!(tool_id = "grep", hits = 3, "looked");
    });
    let kinds: Vec<_> = events.iter().map(Kept::kind).collect();
    assert_eq!(kinds, [Kind::RunStarted, Kind::Custom, Kind::ToolCall, Kind::RunFinished]);
    let [started, note, tool, finished] = events.as_slice() else { panic!() };
    assert!(started.run_id.is_some() && events.iter().all(|event| event.run_id == started.run_id));
    assert!(events.iter().all(|event| event.agent_id.as_deref() == Some("a1")), "{events:?}");
    assert_eq!(tool.parent_event_id, Some(started.event_id));
    assert_eq!(note.parent_event_id, Some(tool.event_id));
    assert_eq!(finished.parent_event_id, Some(started.event_id));
    let Body::ToolCall(call) = &tool.body else { panic!() };
    assert_eq!((call.tool_id.as_str(), call.tool_call_id.as_deref()), ("grep", Some("c1")));
    let Some(Content::Inline(input)) = &call.input else { panic!() };
    assert_eq!(input.as_str(), r#"{"pattern":"x"}"#);
    assert!(note.metadata.as_ref().unwrap().as_str().contains(r#""hits":3"#));
}

#[test]
fn a_run_within_a_run_names_its_parent() {
    let events = recorded(|| {
        let _outer = info_span!("a", gen_ai.operation.name = "invoke_agent", run_id = "outer").entered();
        let _inner = info_span!("b", gen_ai.operation.name = "invoke_agent", run_id = "inner").entered();
    });
    let Body::RunStarted(inner) = &events[1].body else { panic!("{events:?}") };
    assert_eq!((events[1].run_id.as_deref(), inner.parent_run_id.as_deref()), (Some("inner"), Some("outer")));
}

#[test]
fn outcomes_are_what_was_recorded_and_never_a_constant() {
    fn outcome(work: impl FnOnce()) -> (Option<String>, String) {
        let events = recorded(work);
        let event = events.last().unwrap();
        let metadata = event.metadata.as_ref().map_or_else(String::new, ToString::to_string);
        (event.outcome.clone(), metadata)
    }
    let span = || {
        info_span!("t", tool_id = "t", gen_ai.operation.name = "execute_tool",
        otel.status_code = tracing::field::Empty, error.type = tracing::field::Empty,
        success = tracing::field::Empty, outcome = tracing::field::Empty)
    };
    let told = |field: &str, value: &dyn tracing::Value| {
        outcome(|| {
            span().record(field, value);
        })
    };
    assert_eq!(outcome(|| drop(span())).0, None);
    assert_eq!(told("otel.status_code", &"OK").0.as_deref(), Some("success"));
    assert_eq!(told("otel.status_code", &"ERROR").0.as_deref(), Some("failure"));
    assert_eq!(told("success", &false).0.as_deref(), Some("failure"));
    assert_eq!(told("outcome", &"denied").0.as_deref(), Some("denied"));
    let (failed, said) = told("error.type", &"timeout");
    assert!(failed.as_deref() == Some("failure") && said.contains("timeout"), "{said}");
    let (failed, said) = outcome(|| span().in_scope(|| error!("no such file")));
    assert!(failed.as_deref() == Some("failure") && said.contains("no such file"), "{said}");
    let (failed, said) = outcome(|| {
        let panicked = std::panic::catch_unwind(|| span().in_scope(|| panic!("planned")));
        assert!(panicked.is_err());
    });
    assert!(failed.as_deref() == Some("failure") && said.contains("panic"), "{said}");
}

#[test]
fn a_run_in_which_an_error_was_logged_has_failed_and_says_why() {
    let events = recorded(|| {
        let _run = info_span!("a", gen_ai.operation.name = "invoke_agent", run_id = "r").entered();
        let _plain = info_span!("of nobody").entered();
        error!("the model is gone");
    });
    let Body::RunFinished(run) = &events[1].body else { panic!("{events:?}") };
    assert_eq!((run.status, run.error.as_deref()), (RunStatus::Failed, Some("the model is gone")));
}

#[test]
fn what_is_of_no_agent_is_not_recorded() {
    let events = recorded(|| {
        let _span = info_span!("request", path = "/").entered();
        info!(status = 200, "served");
        error!("nobody's");
    });
    assert_eq!(events, []);
}

#[test]
fn trace_is_recorded_only_where_it_is_asked_for_and_levels_limit() {
    let work = || {
        drop(trace_span!("t", run_id = "trace"));
        debug!(run_id = "debug", "d");
        drop(error_span!("e", run_id = "error"));
    };
    let runs = |layer: fn(SpanLayer) -> SpanLayer| -> Vec<_> {
        recorded_by(layer, work).into_iter().filter_map(|event| event.run_id).collect()
    };
    assert_eq!(runs(|layer| layer), ["debug", "error"]);
    assert_eq!(runs(SpanLayer::with_trace), ["trace", "debug", "error"]);
    assert_eq!(runs(|layer| layer.with_max_level(LevelFilter::INFO).unwrap()), ["error"]);
    let double = AuditSink::to(Double::default(), SinkOptions::new()).unwrap();
    assert_eq!(SpanLayer::new(double).with_max_level(LevelFilter::TRACE).unwrap_err(), TraceRefused);
}

#[test]
fn what_recording_itself_does_is_not_recorded() {
    /// Traces while it is asked to format, as it is recorded.
    struct Chatty;
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!(target: "runledger_wal", run_id = "own", "a target of ours");
            f.write_str("chatty")
        }
    }
    let double = Double::default();
    let sink = AuditSink::to(double.clone(), SinkOptions::new()).unwrap();
    let subscriber = tracing_subscriber::registry().with(SpanLayer::new(sink.clone()));
    // For all threads, so that what the sink's thread traces would come here too.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    info!(run_id = "outside", "x");
    span!(target: "runledger", Level::INFO, "ours", run_id = "own").in_scope(|| ());
    info!(run_id = "outside", what = ?Chatty);
    info!(target: "runledgerish", run_id = "outside", "somebody else's");
    sink.shutdown(Instant::now() + Duration::from_secs(30)).unwrap();
    let runs: Vec<_> = double.0.lock().iter().filter_map(|event| event.run_id.clone()).collect();
    assert_eq!(runs, ["outside"; 3]);
}
