//! A layer for `tracing-subscriber`: spans and events that carry fields of agents become events of a ledger.
//!
//! INVARIANT: nothing that recording itself does is recorded: not on the thread that records, not on the sink's.

mod fields;
mod outcome;
mod record;

use std::cell::Cell;
use std::time::Instant;

use runledger_audit::{AuditSink, Event as LedgerEvent, EventId, Timestamp};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use self::fields::{Fields, is_agent_field};
use self::outcome::Ending;
use self::record::{Named, Span};

/// Targets of our own crates, and of what begins with that.
const OWN_TARGET: &str = "runledger";

thread_local! {
    static IS_RECORDING: Cell<bool> = const { Cell::new(false) };
}

/// Records spans and events in which agents act: those with fields of OpenTelemetry's GenAI conventions, or with `run_id`,
/// `agent_id`, `session_id`, `correlation_id`, `workspace_id`, `lane_id` or `tool_id`.
///
/// | span | becomes |
/// |---|---|
/// | `gen_ai.operation.name` is `chat`, `text_completion`, `generate_content` or `embeddings` | a `model_call` when it closes |
/// | `execute_tool` | a `tool_call` when it closes |
/// | `invoke_agent`, `create_agent` | `run_started` when it opens, `run_finished` when it closes |
/// | any other with such a field | a `custom` event of the span's name when it closes |
///
/// An event with such a field becomes a `custom` event of its target. Ids that a span or event lacks are those of the
/// spans around it; its parent is the nearest of these that is recorded too. Fields without a place of their own are kept
/// as metadata.
///
/// The outcome is what was recorded: `outcome`, `success`, `otel.status_code`, `error`, `error.type`, an event at ERROR
/// inside of the span, a panic. Where nothing of that was, it is absent. Such a run counts as completed, since it came to
/// its end.
///
/// Nothing at TRACE is recorded unless [`SpanLayer::with_trace`] asks for it: at that level libraries tell every step,
/// among them what stands in messages.
///
/// A full sink makes the thread wait that closes the span: nothing is dropped.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use std::time::{Duration, Instant};
/// use runledger_audit::{AuditSink, Ledger, SinkOptions};
/// use runledger_capture::SpanLayer;
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let ledger = Ledger::open(folder.path().join("ledger"))?;
/// let sink = AuditSink::new(ledger.clone(), SinkOptions::new())?;
/// let subscriber = tracing_subscriber::registry().with(SpanLayer::new(sink.clone()));
/// tracing::subscriber::with_default(subscriber, || {
///     let call = tracing::info_span!("call", gen_ai.operation.name = "execute_tool", gen_ai.tool.name = "grep", run_id = "r1");
///     call.in_scope(|| { /* the tool runs */ });
/// });
/// sink.flush(Instant::now() + Duration::from_secs(5))?;
/// assert_eq!(ledger.run("r1")?.expect("it has an event").tool_calls, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SpanLayer {
    sink: AuditSink,
    max_level: LevelFilter,
}

/// TRACE was asked for by [`SpanLayer::with_max_level`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("TRACE is recorded only where SpanLayer::with_trace asks for it")]
pub struct TraceRefused;

impl SpanLayer {
    /// Records what is at DEBUG or above.
    #[must_use]
    pub fn new(sink: AuditSink) -> Self {
        Self { sink, max_level: LevelFilter::DEBUG }
    }

    /// Records what is at this level or above.
    ///
    /// ```
    /// use runledger_audit::{AuditSink, Ledger, SinkOptions};
    /// use runledger_capture::SpanLayer;
    /// use tracing_subscriber::filter::LevelFilter;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let sink = AuditSink::new(Ledger::open(folder.path().join("ledger"))?, SinkOptions::new())?;
    /// assert!(SpanLayer::new(sink.clone()).with_max_level(LevelFilter::INFO).is_ok());
    /// assert!(SpanLayer::new(sink).with_max_level(LevelFilter::TRACE).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The level is TRACE.
    pub fn with_max_level(self, max_level: LevelFilter) -> Result<Self, TraceRefused> {
        if max_level == LevelFilter::TRACE {
            return Err(TraceRefused);
        }
        Ok(Self { max_level, ..self })
    }

    /// Records every level, TRACE too.
    #[must_use]
    pub fn with_trace(self) -> Self {
        Self { max_level: LevelFilter::TRACE, ..self }
    }

    /// Whether something with this metadata is looked at.
    fn looks_at(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_own = target
            .strip_prefix(OWN_TARGET)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with('_'));
        *metadata.level() <= self.max_level && !is_own && !IS_RECORDING.get() && !AuditSink::is_own_thread()
    }

    fn hand_over(&self, event: LedgerEvent) {
        IS_RECORDING.set(true);
        // After a shutdown nobody is left to be told, and the program goes on.
        let _ = self.sink.record(event);
        IS_RECORDING.set(false);
    }
}

/// Whether a span or event of this callsite can carry fields of agents.
fn is_of_agents(metadata: &Metadata<'_>) -> bool {
    metadata.fields().iter().any(|field| is_agent_field(field.name()))
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        if !self.looks_at(metadata) || !is_of_agents(metadata) {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let surroundings = surroundings(span.parent());
        let captured = Span {
            event_id: EventId::new(),
            name: metadata.name(),
            began: Instant::now(),
            began_at: Timestamp::now(),
            fields,
            surroundings,
            ending: Ending::default(),
            run_id: None,
        };
        let (captured, started) = captured.begin();
        span.extensions_mut().insert(captured);
        if let Some(started) = started {
            self.hand_over(started);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(captured) = span.extensions_mut().get_mut::<Span>() {
            values.record(&mut captured.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if !self.looks_at(metadata) {
            return;
        }
        let around = context.event_span(event);
        let is_error = *metadata.level() == Level::ERROR;
        let of_agents = is_of_agents(metadata);
        if !is_error && !of_agents {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if is_error {
            note_error(around.as_ref(), &fields);
        }
        if of_agents {
            let named = Named { name: metadata.target(), is_error };
            self.hand_over(record::event(named, fields, surroundings(around)));
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if std::thread::panicking()
            && let Some(span) = context.span(id)
            && let Some(captured) = span.extensions_mut().get_mut::<Span>()
        {
            captured.ending.panicked();
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let captured = span.extensions_mut().remove::<Span>();
        if let Some(captured) = captured {
            self.hand_over(captured.close());
        }
    }
}

/// An error inside of a span is the nearest recorded span's.
fn note_error<'a, S: Subscriber + for<'b> LookupSpan<'b>>(around: Option<&SpanRef<'a, S>>, fields: &Fields) {
    let Some(around) = around else { return };
    for span in around.scope() {
        if let Some(captured) = span.extensions_mut().get_mut::<Span>() {
            captured.ending.error(fields);
            return;
        }
    }
}

/// What the spans around say of who acts, the nearest first.
fn surroundings<'a, S: Subscriber + for<'b> LookupSpan<'b>>(
    around: Option<SpanRef<'a, S>>,
) -> record::Surroundings {
    // Each recorded span has already asked those around it.
    let nearest = around.and_then(|around| {
        around.scope().find_map(|span| span.extensions().get::<Span>().map(Span::as_surroundings))
    });
    nearest.unwrap_or_default()
}
