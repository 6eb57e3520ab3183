//! The formats that can be imported, and how a file's own content tells its format.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use runledger_audit::Kind;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::lines::{Line, Lines};
use crate::object::Object;

/// How many lines of a file are looked at for its format.
const DETECTION_LINES_MAX: usize = 32;

/// A format to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Transcripts of Claude Code: one JSON object per line.
    ClaudeCode,
    /// Conversations of tau-bench: one JSON list.
    TauBench,
    /// Trajectories of SWE-agent: one JSON object per file.
    SweAgent,
    /// Runledger's own event JSON, one event per line.
    Jsonl,
    /// Whichever of the others a file's content is.
    Auto,
}

/// The text names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {text:?}, expected one of {}", Format::names())]
pub struct UnknownFormat {
    text: String,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::ClaudeCode, Self::TauBench, Self::SweAgent, Self::Jsonl, Self::Auto];

    /// The name of the format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::TauBench => "tau-bench",
            Self::SweAgent => "swe-agent",
            Self::Jsonl => "jsonl",
            Self::Auto => "auto",
        }
    }

    /// The extensions of the files that are taken from a folder.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::ClaudeCode | Self::Jsonl => &["jsonl"],
            Self::TauBench | Self::SweAgent => &["json", "traj"],
            Self::Auto => &["jsonl", "json", "traj"],
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.as_str() == text);
        known.ok_or_else(|| UnknownFormat { text: text.to_owned() })
    }
}

/// The format that the content of the file at `path` is, never [`Format::Auto`]; `None` if it is none of them.
pub(crate) fn detect(path: &Path) -> io::Result<Option<Format>> {
    let by_line = detect_lines(BufReader::new(File::open(path)?))?;
    if by_line.is_some() {
        return Ok(by_line);
    }
    detect_document(BufReader::new(File::open(path)?))
}

/// By the first line that says it.
fn detect_lines(input: impl io::BufRead) -> io::Result<Option<Format>> {
    let mut lines = Lines::new(input);
    for _ in 0..DETECTION_LINES_MAX {
        let Some(line) = lines.next_line()? else { break };
        let format = line_format(&line);
        if format.is_some() {
            return Ok(format);
        }
    }
    Ok(None)
}

fn line_format(line: &Line) -> Option<Format> {
    let object: Object<'_> = serde_json::from_slice(&line.bytes).ok()?;
    if object.get("trajectory").is_some_and(|steps| steps.get().starts_with('[')) {
        return Some(Format::SweAgent);
    }
    let own_fields = ["eventId", "body", "timestamp", "sessionId", "runId"];
    if let Some(kind) = object.text("kind")
        && (Kind::from_name(&kind).is_some() || own_fields.iter().any(|field| object.get(field).is_some()))
    {
        return Some(Format::Jsonl);
    }
    object.text("type")?;
    let marks = ["uuid", "sessionId", "message", "snapshot", "summary", "leafUuid", "messageId"];
    marks.iter().any(|field| object.get(field).is_some()).then_some(Format::ClaudeCode)
}

/// By the outermost structure of a file that is one JSON value, which may span many lines. Reads on until that is
/// known, and keeps nothing of what it reads.
fn detect_document(input: impl Read) -> io::Result<Option<Format>> {
    let mut deserializer = serde_json::Deserializer::from_reader(input);
    match deserializer.deserialize_any(DocumentVisitor) {
        Err(error) if error.is_io() => Err(error.into()),
        // What was found is reported as an error, to end the reading early.
        Err(error) => {
            Ok(FOUND.into_iter().find(|format| error.to_string().starts_with(&found_mark(*format))))
        }
        Ok(()) => Ok(None),
    }
}

const FOUND: [Format; 2] = [Format::TauBench, Format::SweAgent];

fn found_mark(format: Format) -> String {
    format!("found:{format}")
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        match list.next_element::<FirstKeys>()? {
            Some(keys) if keys.has_conversation => {
                Err(serde::de::Error::custom(found_mark(Format::TauBench)))
            }
            _ => Ok(()),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "trajectory" {
                return Err(serde::de::Error::custom(found_mark(Format::SweAgent)));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Whether an object has the fields of a conversation.
struct FirstKeys {
    has_conversation: bool,
}

impl<'de> serde::Deserialize<'de> for FirstKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = std::collections::BTreeMap::<String, IgnoredAny>::deserialize(deserializer)?;
        Ok(Self { has_conversation: fields.contains_key("traj") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(text: &str) -> Option<Format> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        detect(file.path()).unwrap()
    }

    #[test]
    fn names_round_trip_and_an_unknown_one_lists_the_known_ones() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        let error = "jsonlines".parse::<Format>().unwrap_err().to_string();
        assert_eq!(
            error,
            r#"unknown format "jsonlines", expected one of claude-code, tau-bench, swe-agent, jsonl, auto"#
        );
    }

    #[test]
    fn the_content_tells_the_format() {
        for (text, format) in [
            ("{\"type\":\"summary\",\"leafUuid\":\"x\"}", Some(Format::ClaudeCode)),
            ("\n{\"torn\n{\"sessionId\":\"s\",\"type\":\"queue-operation\"}\n", Some(Format::ClaudeCode)),
            ("{\"kind\":\"custom\"}\n", Some(Format::Jsonl)),
            ("{\"kind\":\"heartbeat\",\"runId\":\"r\"}\n", Some(Format::Jsonl)),
            ("{\"trajectory\":[]}", Some(Format::SweAgent)),
            ("{\n \"info\": {},\n \"trajectory\": [\n", Some(Format::SweAgent)),
            ("[{\"traj\":[]}]", Some(Format::TauBench)),
            ("[\n {\n  \"task_id\": 1,\n  \"traj\": []\n }\n]", Some(Format::TauBench)),
            ("", None),
            ("[]", None),
            ("[1]", None),
            ("{\n \"name\": \"a package\"\n}", None),
            ("{\"type\":\"module\"}", None),
            ("a text\nof two lines", None),
        ] {
            assert_eq!(detected(text), format, "{text:?}");
        }
    }
}
