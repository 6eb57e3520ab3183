//! The command line: what can be said, and the help that explains it.
//!
//! Texts become values here only where one look at the text decides (a number, a kind, a status). Times are left as
//! text: a command reads all of its times against one and the same "now".

mod audits;
mod filter;
mod runs;
mod usage;

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use runledger::{Dimension, Order, PageToken};

pub(crate) use self::audits::{
    AuditArguments, AuditsArguments, ChainArguments, TraceArguments, WhyArguments,
};
pub(crate) use self::filter::{Conditions, FilterArguments, Moment, Times};
pub(crate) use self::runs::{RunArguments, RunsArguments, TranscriptArguments};
pub(crate) use self::usage::{UsageArguments, UsageGrouping};

/// Where the ledger is when nothing says so.
const DEFAULT_LEDGER: &str = ".runledger";

/// The environment variable that names the ledger where `--ledger` does not.
const LEDGER_VARIABLE: &str = "RUNLEDGER_DIR";

/// Asks a ledger what AI agents did, and puts more into it.
#[derive(Debug, Parser)]
#[command(name = "runledger", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The ledger's directory
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR", help = "The ledger's directory [default: $RUNLEDGER_DIR, else ./.runledger]")]
    ledger: Option<PathBuf>,
    /// Print one JSON object, or one per line for lists
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Print for people, also where events would be JSON because standard output is no terminal
    #[arg(long, global = true, help_heading = GLOBAL, conflicts_with = "json")]
    pub(crate) text: bool,
    /// Read and show times in UTC, where they would be local
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) utc: bool,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The heading of the options that stand before or after any command.
const GLOBAL: &str = "Options of all commands";

/// The end of `--help`.
const EXIT_CODES: &str = "Exit codes: 0 fine, 1 not found, 2 usage or refused, 3 damage, 4 repaired (recover only), \
     5 storage failure, 6 held by another writer.";

impl Arguments {
    /// The ledger's directory: the option, else the environment, else the current directory's own.
    pub(crate) fn ledger_directory(&self) -> PathBuf {
        let named = self.ledger.clone();
        let from_environment = || std::env::var_os(LEDGER_VARIABLE).filter(|value| !value.is_empty());
        named.or_else(|| from_environment().map(PathBuf::from)).unwrap_or_else(|| DEFAULT_LEDGER.into())
    }

    /// The ledger's directory as far as the caller chose one on the command line.
    pub(crate) fn ledger_option(&self) -> Option<PathBuf> {
        self.ledger.clone()
    }
}

/// The commands, in the order of the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read recordings of agent tools into the ledger; what is there already is not added again
    Import(ImportArguments),
    /// Append events from standard input, one JSON object per line, and print each one's number once it is safe
    Append(AppendArguments),
    /// List events in time order
    Events(Box<EventsArguments>),
    /// Count events, all or by what they have in common
    Count(Box<CountArguments>),
    /// Show one event with all that it says
    Event(EventArguments),
    /// List runs with their status, tokens and cost
    Runs(Box<RunsArguments>),
    /// Show a run, then its events in order (with --json: first the run, then one event per line)
    Run(RunArguments),
    /// Sum up what models and tools were used: tokens, cost, calls, failures
    Usage(Box<UsageArguments>),
    /// Account for what an agent looked up: what it asked, what came back, and from which assertions
    Trace(TraceArguments),
    /// Say why an event came to be: back through its run and its queries to the sources
    Why(WhyArguments),
    /// List the events of a correlation and of those that it follows from, in time order
    Chain(ChainArguments),
    /// List query audits
    Audits(AuditsArguments),
    /// Show one query audit with all that it says
    Audit(AuditArguments),
    /// Give an imported session back, byte for byte as its tool wrote it
    Transcript(TranscriptArguments),
    /// Print events in the order of the log
    Tail(TailArguments),
    /// Re-hash everything and name what is damaged
    Verify(VerifyArguments),
    /// Repair what a crash left behind; damage to acknowledged events is named and left alone
    Recover(RecoverArguments),
    /// Copy the ledger into a folder, beside whoever writes to it, and verify the copy
    Backup(BackupArguments),
    /// Make the ledger from a backup, where there is none
    Restore(RestoreArguments),
    /// Delete the ledger, for good
    Reset(ResetArguments),
    /// Store full segments of the log in less space; a ledger that is open does so by itself with those that are older than
    /// an hour
    Compress,
    /// Say how much the ledger holds
    Stats,
    /// Say whether all is well, as far as it can be told from outside of the writer: how far the index is behind, and what
    /// fails. Exit code 0: all is well; 5: not
    Health,
    /// Look after the index, which is derived from the log and may be deleted at any time
    #[command(subcommand)]
    Index(IndexCommand),
    /// Print a script that completes the commands and options of this program in a shell
    Completions(CompletionsArguments),
    /// Print the manual page
    Man,
    /// See it work, in a new temporary folder unless --ledger names one: an example session, a crash in the middle of
    /// appends, and three questions
    Demo,
    /// What the demo kills: appends events until it dies.
    #[command(hide = true)]
    DemoWriter,
}

/// `index …`
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum IndexCommand {
    /// Build the index anew from the log
    Rebuild,
}

/// `verify …`
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// How many segments of the log are checked at a time [default: as many as the machine runs threads at a time]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZero<usize>>,
}

/// `recover …`
#[derive(Debug, Args)]
pub(crate) struct RecoverArguments {
    /// Repair nothing, and copy every intact record into a new ledger in this folder, which must be empty or not exist.
    /// Exit code 0: nothing was wrong; 4: something was, and all records were copied; 3: records are missing, or were
    /// found where nothing vouches for them
    #[arg(long, value_name = "NEWDIR")]
    pub(crate) salvage: Option<PathBuf>,
}

/// `backup TARGET`
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The folder of the copy, which must be empty or not exist. The copy is the same ledger: write to one of the two only
    #[arg(value_name = "TARGET")]
    pub(crate) target: PathBuf,
}

/// `restore BACKUP`
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The folder that a backup was made in. It is verified first, and not changed; the ledger's directory (`--ledger`) must be
    /// empty or not exist
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: PathBuf,
}

/// `reset`
#[derive(Debug, Args)]
pub(crate) struct ResetArguments {
    /// Don't ask: delete the ledger if this is its id. Without a terminal nothing is deleted otherwise
    #[arg(long, value_name = "LEDGER_ID")]
    pub(crate) yes: Option<String>,
}

/// `import FORMAT PATH…`
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// What wrote the files: claude-code, tau-bench, swe-agent, jsonl (events as this program prints them), or auto
    pub(crate) format: runledger::import::Format,
    /// Files, or folders that are read recursively
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

/// `append …`
#[derive(Debug, Args)]
pub(crate) struct AppendArguments {
    /// How many events may be on their way to the disk at a time; more share a sync
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX))]
    pub(crate) in_flight: u32,
    /// What must be reached before an event's number is printed
    #[arg(long, value_enum, default_value_t = DurabilityArgument::Durable)]
    pub(crate) durability: DurabilityArgument,
}

/// More than this in flight gains nothing and only costs memory.
const IN_FLIGHT_MAX: i64 = 65_536;

/// `--durability`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DurabilityArgument {
    /// On stable storage
    Durable,
    /// Handed to the operating system: survives this process, not the machine
    Written,
    /// In this process's memory, on its way
    Buffered,
}

/// `events …`
#[derive(Debug, Args)]
pub(crate) struct EventsArguments {
    /// Which events
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// In what order, and how many
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// Go on where the list before ended: the token that it printed on standard error
    #[arg(long, value_name = "TOKEN", value_parser = page_token)]
    pub(crate) page: Option<PageToken>,
    /// Only those that hold this text somewhere in what `event` shows of them; every event that the filters let through is
    /// read
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new(), conflicts_with = "explain")]
    pub(crate) grep: Option<String>,
    /// Look for the text of --grep in upper and lower case alike
    #[arg(long, requires = "grep")]
    pub(crate) ignore_case: bool,
    /// Print how the question is answered in place of the answer: what is joined, in which order, and what that takes
    #[arg(long)]
    pub(crate) explain: bool,
}

/// `count …`
#[derive(Debug, Args)]
pub(crate) struct CountArguments {
    /// Which events
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// Count by the values of this: workspace, lane, session, run, agent, actor, kind, tool, model, action, outcome,
    /// correlation, or subject
    #[arg(long, value_name = "WHAT", value_parser = dimension)]
    pub(crate) by: Option<Dimension>,
}

/// In what order a list is printed, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// Oldest or newest first [default: asc for events, desc for runs]
    #[arg(long, value_enum)]
    pub(crate) order: Option<OrderArgument>,
    /// At most so many; there is no maximum
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
}

/// `--order`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OrderArgument {
    /// Oldest first
    Asc,
    /// Newest first
    Desc,
}

impl From<OrderArgument> for Order {
    fn from(order: OrderArgument) -> Self {
        match order {
            OrderArgument::Asc => Self::Ascending,
            OrderArgument::Desc => Self::Descending,
        }
    }
}

/// `event ID|SEQ`
#[derive(Debug, Args)]
pub(crate) struct EventArguments {
    /// The event's id, or its number in the log
    #[arg(value_name = "ID|SEQ")]
    pub(crate) event: String,
}

/// `completions SHELL`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// Whose script: bash, elvish, fish, powershell or zsh
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `tail …`
#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// Go on as events are appended, by whichever process
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Start at this number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub(crate) from: u64,
    /// Start with what is appended from now on
    #[arg(long, requires = "follow", conflicts_with = "from")]
    pub(crate) new: bool,
    /// Which events
    #[command(flatten)]
    pub(crate) conditions: Conditions,
}

fn dimension(text: &str) -> Result<Dimension, String> {
    Dimension::from_name(text).ok_or_else(|| format!("expected one of {}", filter::dimension_names()))
}

fn page_token(text: &str) -> Result<PageToken, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// Reads the command line; a usage error, `--help` and `--version` end the program with clap's own words and codes.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Arguments {
    Arguments::parse_from(arguments)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use runledger::Kind;

    use super::*;

    fn read(line: &str) -> Arguments {
        Arguments::try_parse_from(line.split(' ')).unwrap()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in ["runledger --ledger L --json runs", "runledger runs --ledger L --json"] {
            let arguments = read(line);
            assert_eq!((arguments.ledger_directory(), arguments.json), ("L".into(), true), "{line}");
        }
    }

    #[test]
    fn kinds_come_repeated_or_separated_and_an_unknown_one_lists_the_known() {
        let arguments = read("runledger events --kind message,tool_call --kind run_log");
        let Command::Events(events) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!(events.filter.conditions.kind, [Kind::Message, Kind::ToolCall, Kind::RunLog]);
        let error = Arguments::try_parse_from(["runledger", "events", "--kind", "noise"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("workspace_event"), "{error}");
    }
}
