//! Tags 10 and 11: the streams. Every event is in the stream of all times, and in one stream for each value that it
//! has in a dimension. The values are empty: the key says it all.
//!
//! Format: FORMAT.md#index-keys

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
        let mut prefix = vec![Tag::Dimension.byte(), dimension as u8];
        push_text(&mut prefix, value);
        Self(prefix)
    }

    /// The key of the event at `position`.
    pub(crate) fn key(&self, position: Position) -> Vec<u8> {
        [&self.0[..], &position.to_bytes()[..]].concat()
    }

    /// The position that a key of this stream names.
    pub(crate) fn position(&self, key: &[u8]) -> Result<Position, MalformedKey> {
        Position::from_bytes(key.strip_prefix(&self.0[..]).ok_or(MalformedKey::new("stream key"))?)
    }
}

/// The keys of every stream that `event` is in.
pub(crate) fn keys(event: &Event, position: Position) -> impl Iterator<Item = Vec<u8>> {
    let by_dimension = Dimension::ALL.iter().filter_map(move |&dimension| {
        dimension.of(event).map(|value| StreamPrefix::dimension(dimension, value).key(position))
    });
    std::iter::once(StreamPrefix::time().key(position)).chain(by_dimension)
}

#[cfg(test)]
mod tests {
    use runledger_wal::Seq;

    use super::*;
    use crate::{RunStarted, Timestamp, ToolCall};

    const POSITION: Position = Position { time: Timestamp::from_nanoseconds(-3), seq: Seq::new(9) };

    #[test]
    fn an_event_is_in_the_stream_of_each_value_it_has() {
        let call = ToolCall { tool_id: "Bash".into(), ..ToolCall::default() };
        let event = Event::new(Body::ToolCall(call)).with_run("r");
        let keys: Vec<_> = keys(&event, POSITION).collect();
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
        assert!(keys(&event, POSITION).all(|key| other.position(&key).is_err()));
    }
}
