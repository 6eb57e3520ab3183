//! Events as text for people: what an event says in a few words, or everything that it says.
//!
//! What is shown was recorded from programs that nobody vouches for: control characters never reach the terminal.

use std::io::Write;

use runledger::{Body, Content, Json, Ledger, QueryParams, StoredEvent};
use serde_json::Value;

use crate::event_json::{self, Fields};
use crate::output::{FAINT, Output};
use crate::terminal_text::{one_line, visible};

/// How much of a field's name is shown.
const NAME_COLUMNS_MAX: usize = 40;

/// What an event says, in a few words.
pub(crate) fn what(ledger: &Ledger, stored: &StoredEvent) -> anyhow::Result<String> {
    let resolve = |content: &Option<Content>| -> anyhow::Result<Option<Json>> {
        content.as_ref().map_or(Ok(None), |content| Ok(ledger.content(stored, content)?))
    };
    Ok(match &stored.event.body {
        Body::RunStarted(body) => body.goal.clone().unwrap_or_default(),
        Body::RunStatusChanged(body) => {
            format!("{} {}", body.status, body.reason.as_deref().unwrap_or_default())
        }
        Body::RunFinished(body) => format!("{} {}", body.status, body.error.as_deref().unwrap_or_default()),
        Body::RunLog(body) => format!("#{} {}", body.sequence, body.event_type),
        Body::Message(body) => {
            let text = resolve(&body.content)?.map(|content| spoken(&content)).unwrap_or_default();
            format!("{}: {text}", body.role)
        }
        Body::ToolCall(body) => {
            let input = resolve(&body.input)?.map(|input| gist(&input)).unwrap_or_default();
            format!("{}: {input}", body.tool_id)
        }
        Body::ModelCall(body) => {
            format!(
                "{}: {} tokens in, {} out",
                body.model_id, body.usage.input_tokens, body.usage.output_tokens
            )
        }
        Body::WorkspaceEvent(body) => {
            format!("{} {}", body.event.as_str(), body.approval_id.as_deref().unwrap_or_default())
        }
        Body::Custom(body) => body.type_name.clone(),
        Body::Unparsed(body) => body.reason.clone().unwrap_or_default(),
        Body::QueryAudit(body) => {
            let answer = resolve(&body.result_value)?.map(|answer| format!(": {}", gist(&answer)));
            format!("{}{}", question(&body.params), answer.unwrap_or_default())
        }
        _ => stored.event.action.clone().unwrap_or_default(),
    })
}

/// What a query asked: its subject and predicate.
fn question(params: &QueryParams) -> String {
    let parts = [params.subject.as_deref(), params.predicate.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The words of a message: its text, and the names of its other parts.
fn spoken(content: &Json) -> String {
    match content.read::<Value>() {
        Ok(Value::String(text)) => text,
        Ok(Value::Array(parts)) => parts.iter().map(spoken_part).collect::<Vec<_>>().join(" "),
        _ => content.to_string(),
    }
}

fn spoken_part(part: &Value) -> String {
    let field = |name: &str| part.get(name).and_then(Value::as_str);
    match field("type") {
        Some("text") => field("text").unwrap_or_default().to_owned(),
        Some("thinking") => format!("(thinking) {}", field("thinking").unwrap_or_default()),
        Some("tool_use") => format!("(uses {})", field("name").unwrap_or("a tool")),
        Some("tool_result") => match part.get("content") {
            Some(Value::String(text)) => format!("(result) {text}"),
            Some(Value::Array(parts)) => {
                format!("(result) {}", parts.iter().map(spoken_part).collect::<Vec<_>>().join(" "))
            }
            _ => "(result)".to_owned(),
        },
        Some(other) => format!("({other})"),
        None => part.to_string(),
    }
}

/// What a tool was asked, in short: the first text in its input, which is a command, a path or a pattern.
fn gist(input: &Json) -> String {
    let Some(Fields(fields)) = Fields::of(input.as_str()) else {
        return input.read::<String>().unwrap_or_else(|_| input.to_string());
    };
    let text = fields.iter().find_map(|(_, value)| serde_json::from_str::<String>(value.get()).ok());
    text.unwrap_or_else(|| input.to_string())
}

/// Writes everything that an event says, one field per line, texts as they were said.
pub(crate) fn write_whole(ledger: &Ledger, stored: &StoredEvent, output: &mut Output) -> anyhow::Result<()> {
    let json = event_json::resolved(ledger, stored)?;
    let Some(Fields(fields)) = Fields::of(&json) else { return Ok(writeln!(output, "{json}")?) };
    for (name, value) in fields {
        match name.as_str() {
            "body" => write_body(value.get(), output)?,
            // The line is given back by `transcript`; what it says stands in the body.
            "source" => {
                let bytes = stored.event.source.as_ref().map_or(0, |source| source.bytes.len());
                write_field("source", &format!("a line of {bytes} bytes"), output)?;
            }
            "timestamp" => write_field("timestamp", &output.time(stored.event.timestamp), output)?,
            _ => write_field(&name, &plain(value.get()), output)?,
        }
    }
    write_field("leaf", &stored.leaf.to_string(), output)?;
    write_field("committed", &output.time(stored.commit_time), output)
}

fn write_body(body: &str, output: &mut Output) -> anyhow::Result<()> {
    let Some(Fields(fields)) = Fields::of(body) else { return write_field("body", &plain(body), output) };
    // A place in a line (`contentAt`) is of no use to a reader who sees what stands there.
    let is_place = |name: &str| {
        name.strip_suffix("At").is_some_and(|content| fields.iter().any(|(other, _)| other == content))
    };
    for (name, value) in &fields {
        if !is_place(name) {
            write_field(name, &plain(value.get()), output)?;
        }
    }
    Ok(())
}

/// A JSON string as its text, a list of message parts as what was said, another value as it is.
fn plain(value: &str) -> String {
    serde_json::from_str::<String>(value).unwrap_or_else(|_| match serde_json::from_str::<Value>(value) {
        Ok(Value::Array(parts)) if parts.iter().any(|part| part.get("type").is_some()) => {
            parts.iter().map(whole_part).collect::<Vec<_>>().join("\n")
        }
        _ => value.to_owned(),
    })
}

/// A part of a message with all that it says: a text as it was said, anything else as JSON.
fn whole_part(part: &Value) -> String {
    match part.get("type").and_then(Value::as_str) {
        Some("text" | "thinking") => spoken_part(part),
        Some("tool_use") => format!("{} {}", spoken_part(part), part.get("input").unwrap_or(&Value::Null)),
        Some("tool_result") if part.get("content").is_some() => spoken_part(part),
        _ => part.to_string(),
    }
}

/// Writes `name  text`; the further lines of a text stand under its first one.
pub(crate) fn write_field(name: &str, text: &str, output: &mut Output) -> anyhow::Result<()> {
    let mut lines = text.lines();
    let first = visible(lines.next().unwrap_or_default());
    let name = one_line(name, NAME_COLUMNS_MAX);
    let name = output.paint(FAINT, name);
    writeln!(output, "{name:<18} {first}")?;
    for line in lines {
        writeln!(output, "{:<18} {}", "", visible(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn a_message_is_its_text_and_the_names_of_its_other_parts() {
        assert_eq!(spoken(&json(r#""hello""#)), "hello");
        let parts = r#"[{"type":"text","text":"look"},{"type":"tool_use","name":"Bash","input":{}},{"type":"image"}]"#;
        assert_eq!(spoken(&json(parts)), "look (uses Bash) (image)");
        let result = r#"[{"type":"tool_result","content":[{"type":"text","text":"done"}]}]"#;
        assert_eq!(spoken(&json(result)), "(result) done");
    }

    #[test]
    fn the_gist_of_an_input_is_its_first_text() {
        assert_eq!(gist(&json(r#"{"timeout":3,"command":"ls -l"}"#)), "ls -l");
        assert_eq!(gist(&json(r#""plain""#)), "plain");
        assert_eq!(gist(&json("[1,2]")), "[1,2]");
    }
}
