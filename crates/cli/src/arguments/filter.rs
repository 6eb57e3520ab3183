//! The options that say which events, and as of when.

use clap::Args;
use runledger::{AnyOf, Dimension, Glob, Kind};

/// Which events, between which times, as of when.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Which events
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// When
    #[command(flatten)]
    pub(crate) times: Times,
    /// As of when
    #[command(flatten)]
    pub(crate) moment: Moment,
}

/// Which events. Options of different names must all hold; of several values of one option any.
#[derive(Debug, Args)]
pub(crate) struct Conditions {
    /// Of this run; like all options down to --kind, it may be repeated, and then means any of these
    #[arg(long, value_name = "ID")]
    run: Vec<String>,
    /// Of this session
    #[arg(long, value_name = "ID")]
    session: Vec<String>,
    /// By this agent
    #[arg(long, value_name = "ID")]
    agent: Vec<String>,
    /// By this actor
    #[arg(long, value_name = "NAME")]
    actor: Vec<String>,
    /// With this tool
    #[arg(long, value_name = "NAME")]
    tool: Vec<String>,
    /// Answers of this model
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// With this action
    #[arg(long, value_name = "NAME")]
    action: Vec<String>,
    /// That went like this: success, failure, …
    #[arg(long, value_name = "OUTCOME")]
    outcome: Vec<String>,
    /// With this correlation id
    #[arg(long, value_name = "ID")]
    correlation: Vec<String>,
    /// Query audits about this subject
    #[arg(long, value_name = "SUBJECT")]
    subject: Vec<String>,
    /// In this workspace
    #[arg(long, value_name = "ID")]
    workspace: Vec<String>,
    /// In this lane of a workspace
    #[arg(long, value_name = "ID")]
    lane: Vec<String>,
    /// Of these kinds: repeat it, or separate them with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    pub(crate) kind: Vec<Kind>,
    /// With a value like this, as in --like tool='Web*': * is any run of characters, ? one, [a-z] one of these, [!a-z]
    /// none of these, and \ takes the next character as it is. May be repeated, and stand beside the option of that name
    #[arg(long, value_name = "WHAT=PATTERN", value_parser = like)]
    like: Vec<(Dimension, Glob)>,
}

/// Between which times.
#[derive(Debug, Args)]
pub(crate) struct Times {
    /// Not before this time: RFC 3339, a local date (and time), a number since 1970, or a span such as 6h, meaning ago
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Before this time, in the same forms
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
}

/// As of when to answer.
#[derive(Debug, Args)]
pub(crate) struct Moment {
    /// As the ledger knew it at this time, by when events were committed; the same forms as --from
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) as_of: Option<String>,
    /// As the ledger knew it right after the event with this number
    #[arg(long, value_name = "SEQ", conflicts_with = "as_of")]
    pub(crate) as_of_seq: Option<u64>,
}

impl Conditions {
    /// What is wanted of a dimension, if anything is.
    pub(crate) fn wanted(&self, dimension: Dimension) -> Option<AnyOf> {
        let texts: &[String] = match dimension {
            Dimension::Run => &self.run,
            Dimension::Session => &self.session,
            Dimension::Agent => &self.agent,
            Dimension::Actor => &self.actor,
            Dimension::Tool => &self.tool,
            Dimension::Model => &self.model,
            Dimension::Action => &self.action,
            Dimension::Outcome => &self.outcome,
            Dimension::Correlation => &self.correlation,
            Dimension::Subject => &self.subject,
            Dimension::Workspace => &self.workspace,
            Dimension::Lane => &self.lane,
            _ => &[],
        };
        let globs = self.like.iter().filter(|(of, _)| *of == dimension).map(|(_, glob)| glob.clone());
        let is_wanted = !texts.is_empty() || self.like.iter().any(|(of, _)| *of == dimension);
        is_wanted.then(|| globs.fold(texts.iter().collect(), AnyOf::or))
    }

    /// The kinds that are wanted: those that were named, and those whose names are like a pattern.
    pub(crate) fn kinds(&self) -> Option<Vec<Kind>> {
        let patterns: Vec<&Glob> =
            self.like.iter().filter(|(of, _)| *of == Dimension::Kind).map(|(_, glob)| glob).collect();
        if patterns.is_empty() {
            return Some(self.kind.clone());
        }
        let is_like = |kind: &&Kind| patterns.iter().any(|glob| glob.matches(kind.as_str()));
        let kinds: Vec<Kind> = self.kind.iter().chain(Kind::ALL.iter().filter(is_like)).copied().collect();
        (!kinds.is_empty()).then_some(kinds)
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn like(text: &str) -> Result<(Dimension, Glob), String> {
    let (name, pattern) = text.split_once('=').ok_or("expected WHAT=PATTERN, as in tool=Web*")?;
    let dimension = Dimension::from_name(name)
        .ok_or_else(|| format!("expected one of {} before the `=`", dimension_names()))?;
    Ok((dimension, pattern.parse().map_err(|error| format!("{error}"))?))
}

/// The names of all dimensions.
pub(super) fn dimension_names() -> String {
    Dimension::ALL.iter().map(|dimension| dimension.as_str()).collect::<Vec<_>>().join(", ")
}
