//! The command line: what can be said, and the help that explains it.
//!
//! Texts become values here only where one look at the text decides (a number, a kind, a status). Times are left as
//! text: a command reads all of its times against one and the same "now".

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use runledger::{Kind, Order, PageToken, RunStatus};

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
    /// Show one event with all that it says
    Event(EventArguments),
    /// List runs with their status, tokens and cost
    Runs(RunsArguments),
    /// Show a run, then its events in order (with --json: first the run, then one event per line)
    Run(RunArguments),
    /// Give an imported session back, byte for byte as its tool wrote it
    Transcript(TranscriptArguments),
    /// Print events in the order of the log
    Tail(TailArguments),
    /// Re-hash everything and name what is damaged
    Verify(VerifyArguments),
    /// Repair what a crash left behind; damage to acknowledged events is named and left alone
    Recover(RecoverArguments),
    /// Say how much the ledger holds
    Stats,
    /// Say whether all is well, as far as it can be told from outside of the writer: how far the index is behind, and what
    /// fails. Exit code 0: all is well; 5: not
    Health,
    /// Look after the index, which is derived from the log and may be deleted at any time
    #[command(subcommand)]
    Index(IndexCommand),
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
    /// Of this run
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Of this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// By this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// By this actor
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Of these kinds: repeat it, or separate them with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    pub(crate) kind: Vec<Kind>,
    /// With this tool
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Option<String>,
    /// Answers of this model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// With this action
    #[arg(long, value_name = "NAME")]
    pub(crate) action: Option<String>,
    /// That went like this: success, failure, …
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Option<String>,
    /// With this correlation id
    #[arg(long, value_name = "ID")]
    pub(crate) correlation: Option<String>,
    /// In this workspace
    #[arg(long, value_name = "ID")]
    pub(crate) workspace: Option<String>,
    /// In this lane of a workspace
    #[arg(long, value_name = "ID")]
    pub(crate) lane: Option<String>,
    /// When, in what order, and how many
    #[command(flatten)]
    pub(crate) window: Window,
    /// As of when
    #[command(flatten)]
    pub(crate) moment: Moment,
    /// Go on where the list before ended: the token that it printed on standard error
    #[arg(long, value_name = "TOKEN", value_parser = page_token)]
    pub(crate) page: Option<PageToken>,
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

/// The options that all lists share.
#[derive(Debug, Args)]
pub(crate) struct Window {
    /// Not before this time: RFC 3339, a local date (and time), a number since 1970, or a span such as 6h, meaning ago
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Before this time, in the same forms
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
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

/// `runs …`
#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    /// In these states: repeat it, or separate them with commas
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub(crate) status: Vec<RunStatus>,
    /// By this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Of this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// That are parts of this run
    #[arg(long, value_name = "RUN")]
    pub(crate) parent: Option<String>,
    /// Dry runs too
    #[arg(long)]
    pub(crate) dry_runs: bool,
    /// Pass over so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) offset: usize,
    /// When they started, in what order, and how many
    #[command(flatten)]
    pub(crate) window: Window,
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

/// `tail …`
#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// Go on as events are appended, by whichever process
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Start at this number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub(crate) from: u64,
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("expected one of {}", names.join(", "))
    })
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
        assert_eq!(events.kind, [Kind::Message, Kind::ToolCall, Kind::RunLog]);
        let error = Arguments::try_parse_from(["runledger", "events", "--kind", "noise"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("workspace_event"), "{error}");
    }
}
