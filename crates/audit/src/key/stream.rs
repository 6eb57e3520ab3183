//! The streams: every event is in one for each value that it has in a dimension.
//!
//! A stream's name is the number of the dimension, in a byte, and the value. An event's position in it is its time and
//! its `Seq`. When an event is superseded, its position ends at the `Seq` of what superseded it.
//!
//! Format: FORMAT.md#index-streams

use std::borrow::Cow;

use super::MalformedKey;
use crate::{Body, Event};

macro_rules! dimensions {
    ($($name:ident = $code:literal, $text:literal, $meaning:literal;)*) => {
        /// What events can be asked by. An event has at most one value in each.
        // The numbers stand in the names of streams.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Dimension {
            $(#[doc = $meaning] $name = $code,)*
        }

        impl Dimension {
            /// Every dimension, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name of the dimension.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The dimension of this name, if there is one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|dimension| dimension.as_str() == name)
            }
        }
    };
}

dimensions! {
    Workspace = 1, "workspace", "The workspace.";
    Lane = 2, "lane", "The lane within the workspace.";
    Session = 3, "session", "The session.";
    Run = 4, "run", "The run.";
    Agent = 5, "agent", "The agent that did it.";
    Actor = 6, "actor", "Who acted, where that is not the agent.";
    Kind = 7, "kind", "The kind of event.";
    Tool = 8, "tool", "The tool that was used.";
    Model = 9, "model", "The model that answered.";
    Action = 10, "action", "What was done.";
    Outcome = 11, "outcome", "How it went.";
    Correlation = 12, "correlation", "What it has in common with other events.";
    Subject = 13, "subject", "What a query audit asked about: `params.subject` of an event of the kind `query_audit`.";
}

impl Dimension {
    /// The value that `event` has in this dimension, if it has one.
    #[must_use]
    pub fn of(self, event: &Event) -> Option<Cow<'_, str>> {
        let value = match self {
            Self::Workspace => event.workspace_id.as_deref(),
            Self::Lane => event.lane_id.as_deref(),
            Self::Session => event.session_id.as_deref(),
            Self::Run => event.run_id.as_deref(),
            Self::Agent => event.agent_id.as_deref(),
            Self::Actor => event.actor.as_deref(),
            Self::Kind => Some(event.kind().as_str()),
            Self::Tool => match &event.body {
                Body::ToolCall(call) => Some(call.tool_id.as_str()),
                _ => None,
            },
            Self::Model => match &event.body {
                Body::ModelCall(call) => Some(call.model_id.as_str()),
                _ => None,
            },
            Self::Action => event.action.as_deref(),
            Self::Outcome => event.outcome.as_deref(),
            Self::Correlation => event.correlation_id.as_deref(),
            Self::Subject => match &event.body {
                Body::QueryAudit(audit) => audit.params.subject.as_deref(),
                _ => None,
            },
        };
        value.map(Cow::Borrowed)
    }
}

/// The name of the stream of the query audits that no agent signed. Nothing else would find them: a stream holds events
/// that have a value, not those that have none.
pub(crate) const ANONYMOUS_AUDITS: [u8; 1] = [14];

/// The name of the stream of the events that have this value; also what the names of all those streams start with whose
/// value starts with it.
pub(crate) fn name(dimension: Dimension, value: &str) -> Vec<u8> {
    [&[dimension as u8], value.as_bytes()].concat()
}

/// The value that the events of a stream have.
pub(crate) fn value_of(name: Vec<u8>) -> Result<String, MalformedKey> {
    let mut value = name;
    if value.is_empty() {
        return Err(MalformedKey::new("name of a stream"));
    }
    value.remove(0);
    String::from_utf8(value).map_err(|_| MalformedKey::new("name of a stream"))
}

/// The names of the streams that one event is in. Used again for the next, it need not allocate.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Names {
    /// Replaces them by those of `event`.
    pub(crate) fn set(&mut self, event: &Event) {
        self.bytes.clear();
        self.ends.clear();
        for &dimension in Dimension::ALL {
            if let Some(value) = dimension.of(event) {
                self.bytes.push(dimension as u8);
                self.bytes.extend_from_slice(value.as_bytes());
                self.ends.push(self.bytes.len());
            }
        }
        if matches!(event.body, Body::QueryAudit(_)) && event.agent_id.is_none() {
            self.bytes.extend_from_slice(&ANONYMOUS_AUDITS);
            self.ends.push(self.bytes.len());
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, end)| self.bytes.get(start..*end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{QueryAudit, RunStarted, ToolCall};

    #[test]
    fn an_event_is_in_the_stream_of_each_value_it_has() {
        let call = ToolCall { tool_id: "Bash".into(), ..ToolCall::default() };
        let mut names = Names::default();
        names.set(&Event::new(Body::RunStarted(RunStarted::default())).with_run("another"));
        names.set(&Event::new(Body::ToolCall(call)).with_run("r"));
        let found: Vec<&[u8]> = names.iter().collect();
        let expected = [(Dimension::Run, "r"), (Dimension::Kind, "tool_call"), (Dimension::Tool, "Bash")];
        assert_eq!(found, expected.map(|(dimension, value)| name(dimension, value)));
    }

    #[test]
    fn only_query_audits_without_an_agent_are_among_the_anonymous_ones() {
        let mut names = Names::default();
        let mut is_anonymous = |event: &Event| {
            names.set(event);
            names.iter().any(|name| name == ANONYMOUS_AUDITS)
        };
        let mut audit = Event::new(Body::QueryAudit(QueryAudit::new()));
        assert!(is_anonymous(&audit));
        audit.agent_id = Some(String::new());
        assert!(!is_anonymous(&audit));
        assert!(!is_anonymous(&Event::new(Body::RunStarted(RunStarted::default()))));
        assert!(Dimension::ALL.iter().all(|dimension| *dimension as u8 != ANONYMOUS_AUDITS[0]));
    }

    #[test]
    fn a_name_gives_its_value_and_other_bytes_are_refused() {
        assert_eq!(value_of(name(Dimension::Tool, "a\0ü")), Ok("a\0ü".to_owned()));
        assert_eq!(value_of(name(Dimension::Tool, "")), Ok(String::new()));
        assert!(value_of(Vec::new()).is_err() && value_of(vec![8, 0xFF]).is_err());
    }
}
