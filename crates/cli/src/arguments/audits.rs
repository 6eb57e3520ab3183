//! Questions about what agents looked up, and why they did what they did.

use clap::{ArgGroup, Args};
use runledger::{Glob, PageToken};

use super::{Times, page_token};

/// `trace …`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("when").args(["time"]).conflicts_with_all(["from", "to"]))]
pub(crate) struct TraceArguments {
    /// What this agent looked up
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// What somebody without a name looked up
    #[arg(long, conflicts_with = "agent")]
    pub(crate) anonymous: bool,
    /// Around this time, in the same forms as --from
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) time: Option<String>,
    /// At most so long before or after --time: 30m, "2 hours"
    #[arg(long, value_name = "SPAN", default_value = "30m", requires = "time")]
    pub(crate) window: String,
    /// What was asked about this: a pattern as in --like, for example 'auth/*'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) subject: Option<Glob>,
    /// Between which times, both of them included
    #[command(flatten)]
    pub(crate) times: Times,
    /// At most so many queries
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    /// Go on where the account before ended: the token that it printed on standard error
    #[arg(long, value_name = "TOKEN", value_parser = page_token)]
    pub(crate) page: Option<PageToken>,
}

/// `why EVENT`
#[derive(Debug, Args)]
pub(crate) struct WhyArguments {
    /// The event's id, or its number in the log
    #[arg(value_name = "ID|SEQ")]
    pub(crate) event: String,
}

/// `chain CORRELATION`
#[derive(Debug, Args)]
pub(crate) struct ChainArguments {
    /// The correlation's id
    pub(crate) correlation: String,
}

/// `audits …`
#[derive(Debug, Args)]
pub(crate) struct AuditsArguments {
    /// Of this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Of nobody who gave a name
    #[arg(long, conflicts_with = "agent")]
    pub(crate) anonymous: bool,
    /// About this: a pattern as in --like, for example 'auth/*'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) subject: Option<Glob>,
    /// Between which times, both of them included
    #[command(flatten)]
    pub(crate) times: Times,
    /// Only the last so many, the newest first
    #[arg(long, value_name = "N", conflicts_with = "limit")]
    pub(crate) recent: Option<usize>,
    /// At most so many, the oldest first; there is no maximum
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    /// Go on where the list before ended: the token that it printed on standard error
    #[arg(long, value_name = "TOKEN", value_parser = page_token)]
    pub(crate) page: Option<PageToken>,
}

/// `audit QUERY-ID|SEQ`
#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    /// The query's id, or its event's number in the log
    #[arg(value_name = "QUERY-ID|SEQ")]
    pub(crate) audit: String,
}
