//! Tags 10 and 11: the streams. Every event that was not superseded is in the stream of all times, and in one stream for each value that it
//! has in a dimension. The values are empty: the key says it all.
//!
//! Tags 12 and 13: their histories. When an event is superseded, its keys move there, with the `Seq` of what superseded
//! it as their value.
//!
//! Format: FORMAT.md#index-keys

use std::borrow::Cow;

use runledger_wal::Seq;

use super::{MalformedKey, Position, Tag, push_text};
use crate::{Body, Event, subject};

macro_rules! dimensions {
    ($($name:ident = $code:literal, $text:literal, $meaning:literal;)*) => {
        /// What events can be asked by. An event has at most one value in each.
        // The numbers stand in keys.
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
            Self::Subject => return subject::of(event).map(Cow::Owned),
        };
        value.map(Cow::Borrowed)
    }
}

/// What the keys of a stream start with; the position follows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamPrefix(Vec<u8>);

impl StreamPrefix {
    /// The stream of all events.
    pub(crate) fn time() -> Self {
        Self(vec![Tag::Time.byte()])
    }

    /// The stream of the events that have this value.
    pub(crate) fn dimension(dimension: Dimension, value: &str) -> Self {
        let mut prefix = Vec::with_capacity(4 + value.len() + Position::LENGTH);
        prefix.extend_from_slice(&[Tag::Dimension.byte(), dimension as u8]);
        push_text(&mut prefix, value);
        Self(prefix)
    }

    /// What the streams of all those values of a dimension start with that start with `text`.
    pub(crate) fn values_from(dimension: Dimension, text: &str) -> Self {
        let mut prefix = Self::dimension(dimension, text);
        // Without the end of the text.
        prefix.0.truncate(prefix.0.len() - 2);
        prefix
    }

    /// The stream that a key of a dimension, or of its history, belongs to; and its value there.
    pub(crate) fn of_key(key: &[u8]) -> Result<(Self, String), MalformedKey> {
        let malformed = MalformedKey::new("stream key");
        let (prefix, _) = key.split_last_chunk::<{ Position::LENGTH }>().ok_or(malformed)?;
        let escaped = prefix.get(2..).and_then(|text| text.strip_suffix(&[0, 0])).ok_or(malformed)?;
        let mut bytes = Vec::with_capacity(escaped.len());
        let mut rest = escaped.iter();
        while let Some(byte) = rest.next() {
            bytes.push(*byte);
            if *byte == 0 && rest.next() != Some(&0xFF) {
                return Err(malformed);
            }
        }
        let value = String::from_utf8(bytes).map_err(|_| malformed)?;
        Ok((Self(prefix.to_vec()), value))
    }

    /// The history of this stream: what was in it once.
    pub(crate) fn history(&self) -> Self {
        let mut history = self.clone();
        if let Some(tag) = history.0.first_mut() {
            let of_all = *tag == Tag::Time.byte();
            *tag = if of_all { Tag::TimeHistory } else { Tag::DimensionHistory }.byte();
        }
        history
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key of the event at `position`.
    pub(crate) fn key(&self, position: Position) -> Vec<u8> {
        [&self.0[..], &position.to_bytes()[..]].concat()
    }

    /// The position that a key of this stream names.
    #[cfg(test)]
    fn position(&self, key: &[u8]) -> Result<Position, MalformedKey> {
        Position::from_bytes(key.strip_prefix(&self.0[..]).ok_or(MalformedKey::new("stream key"))?)
    }
}

/// Every stream that `event` is in.
pub(crate) fn of(event: &Event) -> impl Iterator<Item = StreamPrefix> {
    let by_dimension = Dimension::ALL.iter().filter_map(move |&dimension| {
        dimension.of(event).map(|value| StreamPrefix::dimension(dimension, &value))
    });
    std::iter::once(StreamPrefix::time()).chain(by_dimension)
}

/// The value of a key in a history.
pub(crate) fn history_value(superseded_by: Seq) -> Vec<u8> {
    super::short_seq(superseded_by)
}

/// What superseded the event of a key in a history.
pub(crate) fn decode_history_value(value: &[u8]) -> Result<Seq, MalformedKey> {
    super::decode_short_seq(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{RunStarted, Timestamp, ToolCall};

    const POSITION: Position = Position { time: Timestamp::from_nanoseconds(-3), seq: Seq::new(9) };

    #[test]
    fn an_event_is_in_the_stream_of_each_value_it_has() {
        let call = ToolCall { tool_id: "Bash".into(), ..ToolCall::default() };
        let event = Event::new(Body::ToolCall(call)).with_run("r");
        let keys: Vec<_> = of(&event).map(|stream| stream.key(POSITION)).collect();
        for (dimension, value) in
            [(Dimension::Run, "r"), (Dimension::Kind, "tool_call"), (Dimension::Tool, "Bash")]
        {
            let prefix = StreamPrefix::dimension(dimension, value);
            assert_eq!(
                keys.iter().filter(|key| prefix.position(key) == Ok(POSITION)).count(),
                1,
                "{dimension:?}"
            );
        }
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn a_value_is_not_found_under_another_that_starts_with_it() {
        let event = Event::new(Body::RunStarted(RunStarted::default())).with_run("run-10");
        let other = StreamPrefix::dimension(Dimension::Run, "run-1");
        assert!(of(&event).all(|stream| other.position(&stream.key(POSITION)).is_err()));
    }

    #[test]
    fn a_history_lies_apart_from_every_stream() {
        let event = Event::new(Body::RunStarted(RunStarted::default())).with_run("r");
        let streams: Vec<_> = of(&event).collect();
        let tags = [Tag::TimeHistory.byte(), Tag::DimensionHistory.byte(), Tag::DimensionHistory.byte()];
        assert_eq!(streams.iter().map(|stream| stream.history().0[0]).collect::<Vec<_>>(), tags);
        assert!(streams.iter().all(|stream| stream.history().0[1..] == stream.0[1..]));
    }

    proptest! {
        #[test]
        fn a_key_names_its_stream_and_value(value in "[\0a-cä\u{10ffff}]{0,5}", time: i64, seq: u64) {
            let position = Position { time: Timestamp::from_nanoseconds(time), seq: Seq::new(seq) };
            let stream = StreamPrefix::dimension(Dimension::Tool, &value);
            let key = stream.key(position);
            prop_assert_eq!(StreamPrefix::of_key(&key), Ok((stream, value.clone())));
            let start = StreamPrefix::values_from(Dimension::Tool, &value);
            prop_assert!(key.starts_with(start.as_bytes()));
        }

        #[test]
        fn any_bytes_are_a_key_or_refused_without_a_panic(key: Vec<u8>) {
            let _ = StreamPrefix::of_key(&key);
        }
    }
}
