//! What `usage` sums up, and by what.

use clap::{Args, ValueEnum};

use super::FilterArguments;

/// `usage …`
#[derive(Debug, Args)]
pub(crate) struct UsageArguments {
    /// What calls are grouped by; every grouping adds up to the same total
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = UsageGrouping::Model)]
    pub(crate) by: UsageGrouping,
    /// Which calls
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
}

/// `--by`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UsageGrouping {
    /// The model that answered
    Model,
    /// The agent
    Agent,
    /// The tool that was used
    Tool,
    /// The run
    Run,
    /// The session
    Session,
    /// The local day, or the day in UTC with --utc
    Day,
}
