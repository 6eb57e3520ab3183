//! What the numbers of an event stand for.

use runledger::Kind;

use super::Fact;

/// What events can be asked by, in the order of a row's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    Run,
    Agent,
    Correlation,
    Workspace,
    Lane,
    Session,
    Actor,
    Kind,
    Tool,
    Model,
    Action,
    Outcome,
}

impl Dimension {
    pub(crate) const ALL: [Self; 12] = [
        Self::Run,
        Self::Agent,
        Self::Correlation,
        Self::Workspace,
        Self::Lane,
        Self::Session,
        Self::Actor,
        Self::Kind,
        Self::Tool,
        Self::Model,
        Self::Action,
        Self::Outcome,
    ];

    /// What a column is called.
    #[cfg(feature = "peers")]
    pub(crate) const fn column(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Agent => "agent",
            Self::Correlation => "correlation",
            Self::Workspace => "workspace",
            Self::Lane => "lane",
            Self::Session => "session",
            Self::Actor => "actor",
            Self::Kind => "kind",
            Self::Tool => "tool",
            Self::Model => "model",
            Self::Action => "action",
            Self::Outcome => "outcome",
        }
    }

    /// The name of this number.
    pub(crate) fn name(self, value: u32) -> String {
        let listed = |names: &[(&str, u32)]| {
            let found = usize::try_from(value).ok().and_then(|value| names.get(value));
            found.map_or_else(String::new, |(name, _)| (*name).to_owned())
        };
        match self {
            Self::Run => format!("r{value:07}"),
            Self::Agent => format!("agent{value:03}"),
            Self::Correlation => format!("c{value:07}"),
            Self::Workspace => format!("ws-{value:02}"),
            Self::Lane => format!("lane-{value}"),
            Self::Session => format!("s{value:06}"),
            Self::Actor => format!("user-{value:02}"),
            Self::Kind => listed(&KIND_NAMES),
            Self::Tool => listed(&TOOLS),
            Self::Model => listed(&MODELS),
            Self::Action => listed(&ACTIONS),
            Self::Outcome => listed(&OUTCOMES),
        }
    }

    /// The number that an event has here, if it has one.
    pub(crate) fn of(self, fact: &Fact) -> Option<u32> {
        Some(match self {
            Self::Run => fact.run,
            Self::Agent => fact.agent.into(),
            Self::Correlation => fact.correlation,
            Self::Workspace => fact.workspace.into(),
            Self::Lane => fact.lane.into(),
            Self::Session => fact.session,
            Self::Actor => fact.actor.into(),
            Self::Kind => fact.kind.into(),
            Self::Tool => fact.tool?.into(),
            Self::Model => fact.model?.into(),
            Self::Action => fact.action.into(),
            Self::Outcome => fact.outcome.into(),
        })
    }
}

/// Agents 0 to 7 have five of a hundred runs each, 8 to 57 one each, the others share the rest.
pub(crate) const AGENTS: u32 = 100;

/// Kinds, by number. How often they come is the generator's to say.
pub(crate) const KINDS: [Kind; 6] =
    [Kind::RunStarted, Kind::RunFinished, Kind::Message, Kind::ToolCall, Kind::ModelCall, Kind::RunLog];

const KIND_NAMES: [(&str, u32); 6] = [
    (KINDS[0].as_str(), 0),
    (KINDS[1].as_str(), 0),
    (KINDS[2].as_str(), 36),
    (KINDS[3].as_str(), 36),
    (KINDS[4].as_str(), 20),
    (KINDS[5].as_str(), 8),
];

/// Tools, and how many of a hundred tool calls each has.
pub(crate) const TOOLS: [(&str, u32); 16] = [
    ("shell", 25),
    ("read", 20),
    ("edit", 15),
    ("search", 10),
    ("list", 6),
    ("fetch", 5),
    ("write", 4),
    ("test", 3),
    ("ask", 2),
    ("plan", 2),
    ("delegate", 2),
    ("notebook", 2),
    ("look", 1),
    ("sql", 1),
    ("calendar", 1),
    ("mail", 1),
];

/// Models, and how many of a hundred answers each has.
pub(crate) const MODELS: [(&str, u32); 6] =
    [("large-4", 40), ("mid-4", 25), ("small-4", 15), ("large-3", 10), ("small-3", 6), ("tiny-1", 4)];

/// Actions, and how many of a hundred events each has.
pub(crate) const ACTIONS: [(&str, u32); 10] = [
    ("read", 30),
    ("write", 20),
    ("answer", 15),
    ("search", 10),
    ("execute", 10),
    ("plan", 5),
    ("approve", 4),
    ("deny", 2),
    ("delegate", 2),
    ("report", 2),
];

/// Outcomes, and how many of a hundred events each has.
pub(crate) const OUTCOMES: [(&str, u32); 4] = [("ok", 75), ("error", 12), ("denied", 7), ("timeout", 6)];

/// The kinds that an event within a run has, by weight.
pub(super) const KIND_WEIGHTS: &[(&str, u32)] = &KIND_NAMES;
