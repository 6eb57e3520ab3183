//! Tags 10 and 11: the streams. Every event that was not superseded is in the stream of all times, and in one stream for each value that it
//! has in a dimension. The values are empty: the key says it all.
//!
//! Tags 12 and 13: their histories. When an event is superseded, its keys move there, with the `Seq` of what superseded
//! it as their value.
//!
//! Format: FORMAT.md#index-keys

use runledger_wal::Seq;

use super::{MalformedKey, Position, Tag, push_text};
use crate::{Body, Event};

macro_rules! dimensions {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// What events can be asked by. The numbers stand in keys.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub(crate) enum Dimension {
            $($name = $code,)*
        }

        impl Dimension {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What the dimension is called in messages.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

dimensions! {
    Workspace = 1, "workspace";
    Lane = 2, "lane";
    Session = 3, "session";
    Run = 4, "run";
    Agent = 5, "agent";
    Actor = 6, "actor";
    Kind = 7, "kind";
    Tool = 8, "tool";
    Model = 9, "model";
    Action = 10, "action";
    Outcome = 11, "outcome";
    Correlation = 12, "correlation";
}

impl Dimension {
    /// The value that `event` has in this dimension, if it has one.
    pub(crate) fn of(self, event: &Event) -> Option<&str> {
        match self {
            Self::Workspace => event.workspace_id.as_deref(),
            Self::Lane => event.lane_id.as_deref(),
            Self::Session => event.session_id.as_deref(),
            Self::Run => event.run_id.as_deref(),
            Self::Agent => event.agent_id.as_deref(),
            Self::Actor => event.actor.as_deref(),
            Self::Kind => Some(event.kind().as_str()),
            Self::Tool => match &event.body {
                Body::ToolCall(call) => Some(&call.tool_id),
                _ => None,
            },
            Self::Model => match &event.body {
                Body::ModelCall(call) => Some(&call.model_id),
                _ => None,
            },
            Self::Action => event.action.as_deref(),
            Self::Outcome => event.outcome.as_deref(),
            Self::Correlation => event.correlation_id.as_deref(),
        }
    }
}

/// What the keys of a stream start with; the position follows.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        dimension.of(event).map(|value| StreamPrefix::dimension(dimension, value))
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
}
