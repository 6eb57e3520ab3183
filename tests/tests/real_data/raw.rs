//! Counts tokens and calls straight from the files, by another way than the importers: whole values in memory, fused
//! lines read as a stream of values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// The figures of one thread of a session: the main one, or a sub-agent's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Thread {
    /// Usage by message id; the last line counts.
    answers: BTreeMap<String, [u64; 4]>,
    /// Ids of tool uses.
    pub(crate) tool_uses: BTreeSet<String>,
}

impl Thread {
    pub(crate) fn message_ids(&self) -> usize {
        self.answers.len()
    }

    /// Input, output, cache-read and cache-write tokens.
    pub(crate) fn tokens(&self) -> [u64; 4] {
        self.answers
            .values()
            .fold([0; 4], |sum, usage| std::array::from_fn(|index| sum[index] + usage[index]))
    }

    fn take(&mut self, message: &Value) {
        let usage = &message["usage"];
        let figure = |name: &str| usage[name].as_u64().unwrap_or(0);
        let tokens =
            ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
                .map(figure);
        self.answers.insert(message["id"].as_str().unwrap().to_owned(), tokens);
        for part in message["content"].as_array().into_iter().flatten() {
            if part["type"] == "tool_use" {
                self.tool_uses.insert(part["id"].as_str().unwrap().to_owned());
            }
        }
    }
}

/// The threads of a file: the main one under "", sub-agents under their ids; and the session.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) threads: BTreeMap<String, Thread>,
    /// Lines that are not one JSON value.
    pub(crate) bad_lines: u64,
}

pub(crate) fn read(path: &Path) -> Session {
    let bytes = std::fs::read(path).unwrap();
    let mut session = Session { id: String::new(), threads: BTreeMap::new(), bad_lines: 0 };
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        session.bad_lines += u64::from(serde_json::from_slice::<Value>(line).is_err());
        for value in serde_json::Deserializer::from_slice(line).into_iter::<Value>().map_while(Result::ok) {
            session.take(&value);
        }
    }
    session
}

impl Session {
    fn take(&mut self, line: &Value) {
        if let Some(id) = line["sessionId"].as_str() {
            id.clone_into(&mut self.id);
        }
        let data = &line["data"];
        if line["type"] == "assistant" {
            self.threads.entry(String::new()).or_default().take(&line["message"]);
        } else if line["type"] == "progress" && data["type"] == "agent_progress" {
            let thread = self.threads.entry(data["agentId"].as_str().unwrap().to_owned()).or_default();
            if data["message"]["type"] == "assistant" {
                thread.take(&data["message"]["message"]);
            }
        }
    }
}
