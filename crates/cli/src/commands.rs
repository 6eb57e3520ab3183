//! The commands, one file each. Each takes its own arguments, asks the library, prints, and says how it ended.

mod event_filter;
mod explanation_json;
mod grep;
mod opening;
mod pages;

mod append;
mod audits;
mod backup;
mod chain;
mod compress;
mod count;
mod demo;
mod event;
mod events;
mod health;
mod import;
mod index;
mod manual;
mod recover;
mod reset;
mod run;
mod runs;
mod salvage;
mod stats;
mod tail;
mod trace;
mod transcript;
mod usage;
mod verify;
mod why;

use std::path::PathBuf;

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::arguments::{Arguments, Command, IndexCommand};
use crate::exit::Exit;
use crate::output::{Form, Output};

/// What every command works with.
struct Context {
    /// The ledger's directory.
    ledger: PathBuf,
    output: Output,
    /// All times of one call are read against this one, and in its zone.
    now: Zoned,
}

/// Does what the command line says.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let form = match (arguments.json, arguments.text) {
        (true, _) => Form::Json,
        (false, true) => Form::Text,
        (false, false) => Form::Unsaid,
    };
    let now = if arguments.utc { Zoned::now().with_time_zone(TimeZone::UTC) } else { Zoned::now() };
    let output = Output::new(form, now.time_zone().clone());
    let mut context = Context { ledger: arguments.ledger_directory(), output, now };
    let exit = match &arguments.command {
        Command::Import(import) => import::run(import, &mut context),
        Command::Append(append) => append::run(append, &mut context),
        Command::Events(events) => events::run(events, &mut context),
        Command::Count(count) => count::run(count, &mut context),
        Command::Event(event) => event::run(event, &mut context),
        Command::Runs(runs) => runs::run(runs, &mut context),
        Command::Run(run) => run::run(run, &mut context),
        Command::Usage(usage) => usage::run(usage, &mut context),
        Command::Trace(trace) => trace::run(trace, &mut context),
        Command::Why(why) => why::run(why, &mut context),
        Command::Chain(chain) => chain::run(chain, &mut context),
        Command::Audits(audits) => audits::list(audits, &mut context),
        Command::Audit(audit) => audits::show(audit, &mut context),
        Command::Transcript(transcript) => transcript::run(transcript, &mut context),
        Command::Tail(tail) => tail::run(tail, &mut context),
        Command::Verify(verify) => verify::run(verify, &mut context),
        Command::Recover(recover) => match &recover.salvage {
            Some(new_ledger) => salvage::run(new_ledger, &mut context),
            None => recover::run(&mut context),
        },
        Command::Backup(backup) => backup::run(&backup.target, &mut context),
        Command::Restore(restore) => backup::restore(&restore.backup, &mut context),
        Command::Reset(reset) => reset::run(reset, &mut context),
        Command::Compress => compress::run(&mut context),
        Command::Stats => stats::run(&mut context),
        Command::Health => health::run(&mut context),
        Command::Index(IndexCommand::Rebuild) => index::rebuild(&mut context),
        Command::Completions(completions) => manual::completions(completions, &mut context),
        Command::Man => manual::man(&mut context),
        Command::Demo => demo::run(arguments.ledger_option(), &mut context),
        Command::DemoWriter => demo::writer::run(&mut context),
    }?;
    // Buffered output that can't be written is a failure too; a drop would hide it.
    std::io::Write::flush(&mut context.output)?;
    Ok(exit)
}
