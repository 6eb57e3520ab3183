//! One model call per answer.
//!
//! A transcript repeats an answer's `message.id` and usage in every line that shows a piece of it, while the usage grows;
//! the last line of the file counts. An answer counts once in the whole ledger, also where a forked session repeats it,
//! and the version of it that was seen latest wins, whichever file is imported first.

use std::collections::HashMap;

use runledger_audit::{Body, Event, ModelCall, Timestamp};

use super::line::{Reading, usage_of};
use super::session::Session;
use crate::error::ImportError;
use crate::sink::Sink;

const PROVIDER: &str = "anthropic";

/// The answers of one file, in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct ModelCalls {
    events: Vec<Event>,
    by_message: HashMap<String, usize>,
}

impl ModelCalls {
    /// Takes note of a record that shows an answer, or a piece of one.
    pub(crate) fn add(&mut self, reading: &Reading<'_>, session: &Session, time: Timestamp) {
        let Some(said) = reading.said.as_ref().filter(|said| said.speaker == "assistant") else { return };
        let Some(message_id) = said.message.name("id") else { return };
        let call = ModelCall {
            provider_id: PROVIDER.to_owned(),
            model_id: said.message.name("model").unwrap_or_else(|| "unknown".to_owned()),
            usage: said.message.object("usage").map(|usage| usage_of(&usage)).unwrap_or_default(),
            stop_reason: said.message.name("stop_reason"),
            message_id: Some(message_id.clone()),
            ..ModelCall::default()
        };
        let event = Event {
            timestamp: time,
            workspace_id: reading.object().name("cwd"),
            session_id: Some(session.id.clone()),
            run_id: Some(reading.run_id(session)),
            agent_id: Some(reading.agent_id(session).to_owned()),
            actor: Some("assistant".to_owned()),
            source_id: Some(format!("claude-code/message/{message_id}")),
            ..Event::new(Body::ModelCall(call))
        };
        let next = self.events.len();
        let index = *self.by_message.entry(message_id).or_insert(next);
        match self.events.get_mut(index) {
            Some(earlier) => *earlier = event,
            None => self.events.push(event),
        }
    }

    /// Appends the answers that the ledger doesn't have, or has in an earlier state.
    pub(crate) fn append(self, sink: &mut Sink<'_>) -> Result<(), ImportError> {
        for mut event in self.events {
            let source_id = event.source_id.as_deref().unwrap_or_default();
            if let Some(known) = sink.find_anywhere(source_id)? {
                let stored = sink.stored(known)?.event;
                if !is_newer(&event, &stored) {
                    continue;
                }
                event.supersedes = Some(stored.event_id);
            }
            sink.append(event)?;
        }
        Ok(())
    }
}

/// Whether `event` shows more of an answer than `stored`. Where two sessions show just the same, as a fork and its
/// origin do, the answer belongs to the run with the smaller id, so that the order of imports does not matter.
fn is_newer(event: &Event, stored: &Event) -> bool {
    let progress = |event: &Event| match &event.body {
        Body::ModelCall(call) => (event.timestamp, call.usage.output_tokens, call.usage.input_tokens),
        _ => (Timestamp::MIN, 0, 0),
    };
    let (new, old) = (progress(event), progress(stored));
    new > old || (new == old && event.run_id < stored.run_id)
}
