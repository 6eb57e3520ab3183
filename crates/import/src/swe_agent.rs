//! Trajectories of SWE-agent: one JSON object per file, with the agent's steps: a thought, an action, an observation.
//!
//! Each file is a run, each step an answer of the model and the use of a tool. There are no times in it: the file's
//! stands for all of them, and the order is that of the log.

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use runledger_audit::{
    Body, Json, Message, ModelCall, RunFinished, RunStarted, RunStatistics, RunStatus, Timestamp, ToolCall,
};
use serde_json::value::RawValue;

use crate::document::{DOCUMENT_BYTES_MAX, DocumentName, DocumentRun, keep_unreadable};
use crate::error::{FileError, ImportError};
use crate::goal::goal;
use crate::hash::{sha256, sha256_prefix};
use crate::object::{NAME_BYTES_MAX, Object, list, text};
use crate::sink::Sink;
use crate::source_file::SourceFile;

const FORMAT: &str = "swe-agent";

/// Imports a trajectory. `read` is told how many bytes it took.
pub(crate) fn import(
    sink: &mut Sink<'_>,
    file: &mut SourceFile<'_>,
    read: &mut dyn FnMut(u64),
) -> Result<(), FileError> {
    let time = file.modified();
    let mut reader = file.reader()?;
    let mut bytes = Vec::new();
    reader.by_ref().take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    let object = match serde_json::from_slice::<Object<'_>>(&bytes) {
        _ if bytes.len() > DOCUMENT_BYTES_MAX => Err("longer than a document may be".to_owned()),
        Err(error) => Err(format!("not a JSON object: {error}")),
        Ok(object) if object.get("trajectory").is_none() => Err("not a trajectory".to_owned()),
        Ok(object) => Ok(object),
    };
    match object {
        Ok(object) => trajectory(sink, &bytes, &object, time)?,
        Err(reason) => {
            keep_unreadable(sink, FORMAT, time, &reason, &mut io::Cursor::new(&bytes).chain(reader))?;
        }
    }
    read(bytes.len() as u64);
    Ok(sink.settle().map_err(ImportError::from)?)
}

fn trajectory(
    sink: &mut Sink<'_>,
    bytes: &[u8],
    object: &Object<'_>,
    time: Timestamp,
) -> Result<(), ImportError> {
    let name = DocumentName {
        format: FORMAT,
        run_id: format!("{FORMAT}/{}", sha256_prefix(bytes, 12)),
        agent_id: FORMAT.to_owned(),
        time,
    };
    let Some(mut run) = DocumentRun::begin(sink, name, "swe-agent/trajectory", bytes)? else { return Ok(()) };
    let model = model_of(object).unwrap_or_else(|| "unknown".to_owned());
    start(&mut run, object, time)?;
    let steps = object.get("trajectory").map(list).unwrap_or_default();
    for (index, step) in steps.into_iter().enumerate() {
        if let Some(step) = Object::of(step) {
            answer(&mut run, index, &step, &model)?;
            tool_call(&mut run, index, &step)?;
        }
    }
    end(run, object, time)
}

/// The model that newer trajectories name in the configuration that would replay them, which is an object or the text of
/// one.
fn model_of(object: &Object<'_>) -> Option<String> {
    let config = object.get("replay_config")?;
    let name = |config: &Object<'_>| config.object("agent")?.object("model")?.name("name");
    match text(config) {
        Some(text) => name(&serde_json::from_str(&text).ok()?),
        None => name(&Object::of(config)?),
    }
}

fn start(run: &mut DocumentRun<'_, '_, '_>, object: &Object<'_>, time: Timestamp) -> Result<(), ImportError> {
    let history = object.get("history").map(list).unwrap_or_default();
    let asked = history.into_iter().filter_map(Object::of).find(|message| {
        message.text("role").is_some_and(|role| role == "user") && !message.is_true("is_demo")
    });
    let content = asked.and_then(|message| message.get("content"));
    let start = RunStarted {
        goal: content.and_then(first_text).and_then(|text| goal(&text)),
        status: Some(RunStatus::Completed),
        started_at: Some(time),
        inputs: content.and_then(|content| run.content(content)),
        ..RunStarted::default()
    };
    let metadata: Option<Json> = object
        .name("environment")
        .and_then(|environment| Json::from_value(&serde_json::json!({ "environment": environment })).ok());
    run.append("run/started", Body::RunStarted(start), |event| event.metadata = metadata)
}

/// A message's text: it is one, or has parts of which one is.
fn first_text(content: &RawValue) -> Option<String> {
    text(content).map(std::borrow::Cow::into_owned).or_else(|| {
        list(content)
            .into_iter()
            .filter_map(Object::of)
            .find_map(|part| Some(part.text("text")?.into_owned()))
    })
}

fn answer(
    run: &mut DocumentRun<'_, '_, '_>,
    index: usize,
    step: &Object<'_>,
    model: &str,
) -> Result<(), ImportError> {
    let is_said = |field: &str| step.get(field).filter(|value| !matches!(value.get(), "null" | "\"\""));
    let content = is_said("response").or_else(|| is_said("thought"));
    let message = Message {
        role: "assistant".to_owned(),
        content: content.and_then(|content| run.content(content)),
        model: Some(model.to_owned()),
        ..Message::default()
    };
    run.append(&format!("message/{index}"), Body::Message(message), |event| {
        event.actor = Some("assistant".to_owned());
    })?;
    let call =
        ModelCall { provider_id: "unknown".to_owned(), model_id: model.to_owned(), ..ModelCall::default() };
    run.append(&format!("model/{index}"), Body::ModelCall(call), |event| {
        event.actor = Some("assistant".to_owned());
    })
}

/// A step's action. Whether it went well is not said: a command's exit code is not recorded.
fn tool_call(run: &mut DocumentRun<'_, '_, '_>, index: usize, step: &Object<'_>) -> Result<(), ImportError> {
    let (input, output) = (step.get("action"), step.get("observation"));
    let action = step.text("action").unwrap_or_default();
    let hash = |value: &RawValue| sha256(value.get().as_bytes());
    let call = ToolCall {
        tool_id: command_of(&action).to_owned(),
        input_hash: input.map(hash),
        output_hash: output.map(hash),
        duration_ms: step.number("execution_time").and_then(milliseconds),
        input: input.and_then(|input| run.content(input)),
        output: output.and_then(|output| run.content(output)),
        ..ToolCall::default()
    };
    run.append(&format!("tool/{index}"), Body::ToolCall(call), |event| {
        event.actor = Some("assistant".to_owned());
    })
}

/// The word that an action begins with, if it can be a name.
fn command_of(action: &str) -> &str {
    action.split_whitespace().next().filter(|word| word.len() <= NAME_BYTES_MAX).unwrap_or("unknown")
}

fn milliseconds(seconds: f64) -> Option<u64> {
    let duration = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(duration.as_millis()).ok()
}

fn end(run: DocumentRun<'_, '_, '_>, object: &Object<'_>, time: Timestamp) -> Result<(), ImportError> {
    let info = object.object("info").unwrap_or_default();
    let figures = info.object("model_stats").unwrap_or_default();
    // Zeros are what the agent writes where it doesn't count.
    let counted = |field: &str| Some(figures.count(field)).filter(|count| *count > 0);
    let statistics = RunStatistics {
        input_tokens: counted("tokens_sent"),
        output_tokens: counted("tokens_received"),
        cost_usd: figures.number("instance_cost").filter(|cost| *cost > 0.0),
        ..RunStatistics::default()
    };
    let end = RunFinished {
        status: RunStatus::Completed,
        ended_at: Some(time),
        output: info
            .get("submission")
            .filter(|submission| submission.get() != "null")
            .and_then(|submission| run.content(submission)),
        error: None,
        statistics,
        extra: Vec::new(),
    };
    let outcome = info.name("exit_status");
    run.end(Body::RunFinished(end), |event| event.outcome = outcome)
}
