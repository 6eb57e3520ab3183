//! Which runs, and which one.

use clap::Args;
use runledger::{PageToken, RunStatus};

use super::{Listing, Moment, Times, page_token};

/// `runs …`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct RunsArguments {
    /// In these states: repeat it, or separate them with commas
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub(crate) status: Vec<RunStatus>,
    /// Whose process died before they ended; the same as --status interrupted
    #[arg(long)]
    pub(crate) interrupted: bool,
    /// By this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Of this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Of this skill
    #[arg(long, value_name = "ID")]
    pub(crate) skill: Option<String>,
    /// That this caller asked for
    #[arg(long, value_name = "ID")]
    pub(crate) caller: Option<String>,
    /// That were asked for on this channel
    #[arg(long, value_name = "ID")]
    pub(crate) channel: Option<String>,
    /// That are parts of this run
    #[arg(long, value_name = "RUN", visible_alias = "children-of")]
    pub(crate) parent: Option<String>,
    /// That this run descends from, the nearest first; says where the chain of them breaks off. Goes with no other filter
    #[arg(long, value_name = "RUN", conflicts_with_all = ["status", "interrupted", "agent", "session", "skill", "caller",
        "channel", "parent", "top_level", "dry_runs", "offset", "from", "to", "finished_before", "by_end", "page", "order", "limit", "as_of", "as_of_seq"])]
    pub(crate) ancestors_of: Option<String>,
    /// That are a part of no other run
    #[arg(long, conflicts_with = "parent")]
    pub(crate) top_level: bool,
    /// Dry runs too
    #[arg(long)]
    pub(crate) dry_runs: bool,
    /// Pass over so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) offset: usize,
    /// When they started
    #[command(flatten)]
    pub(crate) times: Times,
    /// That ended before this time, interrupted ones too
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) finished_before: Option<String>,
    /// Order them by when they ended, those that did; else by when they started
    #[arg(long)]
    pub(crate) by_end: bool,
    /// Go on where the list before ended: the token that it printed on standard error
    #[arg(long, value_name = "TOKEN", value_parser = page_token)]
    pub(crate) page: Option<PageToken>,
    /// In what order, and how many
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// As of when
    #[command(flatten)]
    pub(crate) moment: Moment,
}

/// `run RUN`
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The run's id, as `runs` prints it
    pub(crate) run: String,
    /// As of when
    #[command(flatten)]
    pub(crate) moment: Moment,
}

/// `transcript RUN`
#[derive(Debug, Args)]
pub(crate) struct TranscriptArguments {
    /// The run's id, as `runs` prints it
    pub(crate) run: String,
}
