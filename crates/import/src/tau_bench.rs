//! Conversations of tau-bench: a JSON list, each element of which is one conversation of an agent with a simulated
//! customer, in the shape of a chat, with a reward.
//!
//! Each conversation is a run. There are no times in it: the file's stands for all of them, and the order is that of the
//! log. There is no usage either: an answer is a model call without tokens.

mod elements;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::io::Read;

use runledger_audit::{
    Body, Json, Message, ModelCall, RunFinished, RunStarted, RunStatistics, RunStatus, Timestamp, ToolCall,
};
use serde_json::value::RawValue;

use self::elements::{Elements, Part};
use crate::document::{DOCUMENT_BYTES_MAX, DocumentName, DocumentRun, keep_unreadable};
use crate::error::{FileError, ImportError};
use crate::goal::goal;
use crate::hash::{sha256, sha256_prefix};
use crate::object::{Object, list, text};
use crate::sink::Sink;
use crate::source_file::SourceFile;

const FORMAT: &str = "tau-bench";

/// What the name of a result file has behind the model's name: the domains of the benchmark.
const DOMAINS: [&str; 3] = ["-airline", "-retail", "-telecom"];

/// The longest name of a task that becomes a part of its run's id.
const TASK_NAME_BYTES_MAX: usize = 256;

/// Imports a list of conversations. `read` is told how many bytes each took.
pub(crate) fn import(
    sink: &mut Sink<'_>,
    file: &mut SourceFile<'_>,
    read: &mut dyn FnMut(u64),
) -> Result<(), FileError> {
    let (time, model) = (file.modified(), model_of(file.stem()));
    let mut elements = Elements::new(file.reader()?, DOCUMENT_BYTES_MAX);
    while let Some(part) = elements.next_part()? {
        match part {
            Part::Element(bytes) => {
                match serde_json::from_slice::<Object<'_>>(&bytes) {
                    Ok(object) if object.get("traj").is_some() => {
                        conversation(sink, &bytes, &object, &model, time)?;
                    }
                    _ => keep_unreadable(sink, FORMAT, time, "not a conversation", &mut &bytes[..])?,
                }
                read(bytes.len() as u64);
            }
            Part::Broken { reason, bytes } => {
                keep_unreadable(sink, FORMAT, time, reason, &mut bytes.chain(elements.rest()))?;
            }
        }
    }
    Ok(sink.settle().map_err(ImportError::from)?)
}

/// The model, as far as the name of its result file tells it.
fn model_of(stem: &str) -> String {
    let model = DOMAINS.iter().find_map(|domain| stem.strip_suffix(domain));
    model.filter(|model| !model.is_empty()).unwrap_or("unknown").to_owned()
}

fn provider_of(model: &str) -> &'static str {
    match model {
        _ if model.starts_with("claude") => "anthropic",
        _ if ["gpt", "o1", "o3", "o4"].iter().any(|family| model.starts_with(family)) => "openai",
        _ => "unknown",
    }
}

fn conversation(
    sink: &mut Sink<'_>,
    bytes: &[u8],
    object: &Object<'_>,
    model: &str,
    time: Timestamp,
) -> Result<(), ImportError> {
    let plain = |field: &str| {
        let value = object.get(field)?;
        Some(text(value).map_or_else(|| value.get().to_owned(), std::borrow::Cow::into_owned))
    };
    let plain = |field: &str| plain(field).filter(|name| name.len() <= TASK_NAME_BYTES_MAX);
    let [task, trial] =
        ["task_id", "trial"].map(|field| plain(field).unwrap_or_else(|| "unknown".to_owned()));
    let name = DocumentName {
        format: FORMAT,
        run_id: format!("{FORMAT}/{task}/{trial}/{}", sha256_prefix(bytes, 12)),
        agent_id: FORMAT.to_owned(),
        time,
    };
    let Some(mut run) = DocumentRun::begin(sink, name, "tau-bench/conversation", bytes)? else {
        return Ok(());
    };
    let messages: Vec<Object<'_>> =
        object.get("traj").map(list).unwrap_or_default().into_iter().filter_map(Object::of).collect();
    start(&mut run, object, &messages, time)?;
    let mut results = Results::of(&messages);
    for (index, message) in messages.iter().enumerate() {
        said(&mut run, index, message, model)?;
        for (use_index, tool_use) in
            message.get("tool_calls").map(list).unwrap_or_default().into_iter().enumerate()
        {
            if let Some(tool_use) = Object::of(tool_use) {
                tool_call(&mut run, &format!("tool/{index}/{use_index}"), &tool_use, &mut results)?;
            }
        }
    }
    end(run, object, time)
}

fn start(
    run: &mut DocumentRun<'_, '_, '_>,
    object: &Object<'_>,
    messages: &[Object<'_>],
    time: Timestamp,
) -> Result<(), ImportError> {
    let task = object.object("info").and_then(|info| info.get("task"));
    let instruction = task.and_then(Object::of).and_then(|task| task.text("instruction"));
    let asked = || messages.iter().find(|message| message.text("role").is_some_and(|role| role == "user"));
    let start = RunStarted {
        goal: instruction.or_else(|| asked()?.text("content")).and_then(|asked| goal(&asked)),
        status: Some(RunStatus::Completed),
        started_at: Some(time),
        inputs: task.and_then(|task| run.content(task)),
        ..RunStarted::default()
    };
    let metadata: serde_json::Map<String, serde_json::Value> = [("taskId", "task_id"), ("trial", "trial")]
        .into_iter()
        .filter_map(|(name, field)| {
            Some((name.to_owned(), serde_json::from_str(object.get(field)?.get()).ok()?))
        })
        .collect();
    run.append("run/started", Body::RunStarted(start), |event| {
        event.metadata = Json::from_value(&metadata).ok();
    })
}

/// A message, and the model call that it was, if the agent said it.
fn said(
    run: &mut DocumentRun<'_, '_, '_>,
    index: usize,
    message: &Object<'_>,
    model: &str,
) -> Result<(), ImportError> {
    let role = message.name("role").unwrap_or_else(|| "unknown".to_owned());
    let is_answer = role == "assistant";
    // An answer that only uses tools has null for content: what it says is the uses.
    let content = message.get("content").filter(|content| content.get() != "null");
    let content = content.or_else(|| message.get("tool_calls")).and_then(|content| run.content(content));
    let body = Message {
        role: role.clone(),
        content,
        model: is_answer.then(|| model.to_owned()),
        ..Message::default()
    };
    run.append(&format!("message/{index}"), Body::Message(body), |event| event.actor = Some(role))?;
    if is_answer {
        let call = ModelCall {
            provider_id: provider_of(model).to_owned(),
            model_id: model.to_owned(),
            ..ModelCall::default()
        };
        run.append(&format!("model/{index}"), Body::ModelCall(call), |event| {
            event.actor = Some("assistant".to_owned());
        })?;
    }
    Ok(())
}

fn tool_call<'a>(
    run: &mut DocumentRun<'_, '_, '_>,
    source_id: &str,
    tool_use: &Object<'a>,
    results: &mut Results<'a>,
) -> Result<(), ImportError> {
    let function = tool_use.object("function").unwrap_or_default();
    let call_id = tool_use.name("id");
    let input = function.get("arguments");
    let output = call_id.as_deref().and_then(|id| results.next(id));
    let hash = |value: &RawValue| sha256(value.get().as_bytes());
    let outcome = output.map(|output| {
        // Tools of this benchmark report a failure as a text that begins so.
        let failed = text(output).is_some_and(|output| output.starts_with("Error"));
        if failed { "failure".to_owned() } else { "success".to_owned() }
    });
    let body = ToolCall {
        tool_id: function.name("name").unwrap_or_else(|| "unknown".to_owned()),
        tool_call_id: call_id,
        input_hash: input.map(hash),
        output_hash: output.map(hash),
        input: input.and_then(|input| run.content(input)),
        output: output.and_then(|output| run.content(output)),
        ..ToolCall::default()
    };
    run.append(source_id, Body::ToolCall(body), |event| {
        event.actor = Some("assistant".to_owned());
        event.outcome = outcome;
    })
}

fn end(run: DocumentRun<'_, '_, '_>, object: &Object<'_>, time: Timestamp) -> Result<(), ImportError> {
    let outcome = object.number("reward").map(|reward| if reward >= 1.0 { "success" } else { "failure" });
    let end = RunFinished {
        status: RunStatus::Completed,
        ended_at: Some(time),
        output: object.get("reward").and_then(|reward| run.content(reward)),
        error: None,
        statistics: RunStatistics::default(),
        extra: Vec::new(),
    };
    run.end(Body::RunFinished(end), |event| event.outcome = outcome.map(str::to_owned))
}

/// The results of tools, by the id of their use. Ids repeat: the n-th result of one belongs to its n-th use.
struct Results<'a>(HashMap<String, VecDeque<&'a RawValue>>);

impl<'a> Results<'a> {
    fn of(messages: &[Object<'a>]) -> Self {
        let mut results: HashMap<String, VecDeque<&'a RawValue>> = HashMap::new();
        for message in
            messages.iter().filter(|message| message.text("role").is_some_and(|role| role == "tool"))
        {
            if let (Some(id), Some(content)) = (message.name("tool_call_id"), message.get("content")) {
                results.entry(id).or_default().push_back(content);
            }
        }
        Self(results)
    }

    fn next(&mut self, id: &str) -> Option<&'a RawValue> {
        self.0.get_mut(id)?.pop_front()
    }
}
