//! `cargo xtask crash`: builds and runs the crash laboratory.
//!
//! It is built with optimisation and with all assertions: a profile of its own. Planting bugs takes two more builds,
//! one of the laboratory and one of the commit protocol's model, because a bug must never be in any other program.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::repository::Repository;
use crate::step;

/// How many states CI looks at, at least.
const STATES_IN_CI: u64 = 1_000_000;

/// How many steps the lives have whose states are all looked at.
const STEPS_IN_CI: u32 = 3;

/// What is asked of the laboratory.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
pub(crate) struct Arguments {
    /// Random lives, until so many states of the disk were recovered and checked.
    #[arg(long, value_name = "N")]
    states: Option<u64>,
    /// What random lives follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One of the random lives, looked at closely.
    #[arg(long, value_name = "NUMBER", conflicts_with = "states")]
    life: Option<u64>,
    /// All lives of so many steps, and all states that they can leave.
    #[arg(long, value_name = "STEPS", conflicts_with_all = ["states", "life"])]
    exhaustive: Option<u32>,
    /// Every call failed, once and for good, in every way that it can fail.
    #[arg(long, conflicts_with_all = ["states", "life", "exhaustive"])]
    calls: bool,
    /// Every byte flipped, every file lost, bytes put where they don't belong.
    #[arg(long, conflicts_with_all = ["states", "life", "exhaustive", "calls"])]
    decay: bool,
    /// An index that follows a log, crashed, refused, and asked.
    #[arg(long, conflicts_with_all = ["states", "life", "exhaustive", "calls", "decay", "planted"])]
    index: bool,
    /// Bugs planted in the log and in the index, one after the other; fails if one isn't found.
    #[arg(long, conflicts_with_all = ["states", "life", "exhaustive", "calls", "decay"])]
    planted: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs what was asked for; everything that CI runs if nothing was.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<ExitCode> {
    let seed = arguments.seed.to_string();
    let work: Vec<String> = match arguments {
        Arguments { planted: true, json, .. } => return plant(repository, *json),
        Arguments { states: Some(states), .. } => {
            vec!["states".to_owned(), states.to_string(), "--seed".to_owned(), seed]
        }
        Arguments { life: Some(life), .. } => {
            vec!["life".to_owned(), life.to_string(), "--seed".to_owned(), seed]
        }
        Arguments { exhaustive: Some(steps), .. } => vec!["exhaustive".to_owned(), steps.to_string()],
        Arguments { calls: true, .. } => vec!["calls".to_owned()],
        Arguments { decay: true, .. } => vec!["decay".to_owned()],
        Arguments { index: true, .. } => vec!["index".to_owned(), "--seed".to_owned(), seed],
        _ => return run_all(repository).map(|()| ExitCode::SUCCESS),
    };
    let mut laboratory = laboratory(repository);
    laboratory.args(work).args(arguments.json.then_some("--json"));
    let status = laboratory.status().context("start the laboratory")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What CI runs.
pub(crate) fn run_all(repository: &Repository) -> Result<()> {
    let work = |name: &str, arguments: &[&str]| {
        step::run(&format!("crash laboratory: {name}"), laboratory(repository).args(arguments))
    };
    work("all short lives", &["exhaustive", &STEPS_IN_CI.to_string()])?;
    work("failing calls", &["calls"])?;
    work("decay", &["decay"])?;
    work("index", &["index"])?;
    work("crash states", &["states", &STATES_IN_CI.to_string()])?;
    step::timed("crash laboratory: planted bugs", || {
        let all_found = plant(repository, false)? == ExitCode::SUCCESS;
        ensure!(all_found, "a planted bug wasn't found");
        Ok(())
    })
}

fn laboratory(repository: &Repository) -> Command {
    let package = ["--package", "runledger-tests", "--bin", "crash"];
    let mut command = repository.cargo(["run", "--locked", "--quiet", "--profile", "laboratory"]);
    command.args(package).arg("--");
    command
}

/// What became of a planted bug.
#[derive(Serialize, Deserialize)]
struct Verdict {
    bug: String,
    caught: bool,
    by: Option<String>,
}

/// Plants one bug after the other, and prints who found it.
fn plant(repository: &Repository, json: bool) -> Result<ExitCode> {
    let mut escaped = 0;
    let mut tell = |verdict: &Verdict| -> Result<()> {
        escaped += u32::from(!verdict.caught);
        if json {
            println!("{}", serde_json::to_string(verdict)?);
        } else {
            println!("{:34} {}", verdict.bug, verdict.by.as_deref().unwrap_or("ESCAPED"));
        }
        Ok(())
    };
    let package = ["--locked", "--quiet", "--package", "runledger-tests"];
    let planted = |work: &[&str]| {
        let mut command = repository.cargo(["run", "--profile", "laboratory"]);
        command.args(package).args(["--bin", "crash", "--features=planted-bugs", "--"]).args(work);
        command
    };
    each_line(&mut planted(&["planted", "--json"]), |line| tell(&verdict(line)?))?;
    let mut threaded = Vec::new();
    each_line(&mut planted(&["threaded-bugs"]), |line| {
        threaded.push(line.to_owned());
        Ok(())
    })?;
    for bug in threaded {
        let mut model = repository.cargo(["run"]);
        model.args(package).args(["--bin", "commit-model", "--features=commit-model,planted-bugs", "--"]);
        // How each claim broke is of no interest here, and long.
        each_line(model.args(["--bug", &bug]).stderr(Stdio::null()), |line| tell(&verdict(line)?))?;
    }
    Ok(if escaped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Hands over what a command prints, line by line, as it is printed. That it may fail is no error here: then a verdict
/// says so.
fn each_line(command: &mut Command, mut take: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut running =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("start the laboratory")?;
    let output = running.stdout.take().context("listen to the laboratory")?;
    let mut lines = 0;
    for line in BufReader::new(output).lines() {
        take(&line.context("read what the laboratory says")?)?;
        lines += 1;
    }
    let status = running.wait().context("wait for the laboratory")?;
    ensure!(lines > 0, "the laboratory said nothing ({status})");
    Ok(())
}

fn verdict(line: &str) -> Result<Verdict> {
    serde_json::from_str(line).with_context(|| format!("understand \"{line}\""))
}
