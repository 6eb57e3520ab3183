//! The crash laboratory as a program. `cargo xtask crash` builds and runs it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use runledger_tests::index_laboratory::{examine, following, questions};
use runledger_tests::laboratory::campaign::{Campaign, silence_panics};
use runledger_tests::laboratory::decay::{self, ALL_LEFT, Specimen};
use runledger_tests::laboratory::disk::medium::Geometry;
use runledger_tests::laboratory::explorer::{Coverage, Finding, Tally, explore};
use runledger_tests::laboratory::history::Violation;
use runledger_tests::laboratory::{exhaustive, shrink, sweep};

/// Crashes logs in a simulated world, and checks that they keep their promises.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    work: Work,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Work {
    /// Random lives, until so many states of the disk were recovered and checked.
    States {
        /// How many.
        states: u64,
        /// Everything follows from it.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// One of the lives of a seed, looked at closely.
    Life {
        /// Its number.
        life: u64,
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// All lives of so many steps, and all states that each can leave.
    Exhaustive {
        /// How many steps.
        steps: u32,
    },
    /// Every call failed, once and for good, in every way that it can fail.
    Calls,
    /// Every byte of logs at rest flipped, and bytes put where they don't belong.
    Decay,
    /// An index that follows a log: crash states, a busy thread, refused changes, and the ledger's answers.
    Index {
        /// How many states, at least.
        #[arg(default_value_t = 30_000)]
        states: u64,
        /// Everything follows from it.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Bugs planted in the log and in the index, and looked for by all of the above.
    #[cfg(feature = "planted-bugs")]
    Planted {
        /// Only this one.
        #[arg(long)]
        bug: Option<String>,
    },
    /// The names of the bugs that take several threads to be seen: the model of the commit protocol looks for them.
    #[cfg(feature = "planted-bugs")]
    ThreadedBugs,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    silence_panics();
    let started = Instant::now();
    let result = match arguments.work {
        Work::States { states, seed } => random(states, seed),
        Work::Life { life, seed } => look_closely(life, seed),
        Work::Exhaustive { steps } => exhaustively(steps),
        Work::Calls => calls(),
        Work::Decay => return decayed(started),
        Work::Index { states, seed } => return index(states, seed, started),
        #[cfg(feature = "planted-bugs")]
        Work::Planted { bug } => return planted::run(bug.as_deref(), arguments.json),
        #[cfg(feature = "planted-bugs")]
        Work::ThreadedBugs => return planted::name_threaded(),
    };
    let seed = match arguments.work {
        Work::States { seed, .. } | Work::Life { seed, .. } => Some(seed),
        _ => None,
    };
    match result {
        Ok(tally) => {
            println!("{}", summary(tally, started.elapsed(), seed, arguments.json));
            ExitCode::SUCCESS
        }
        Err(finding) => {
            report(*finding);
            ExitCode::FAILURE
        }
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn random(states: u64, seed: u64) -> Result<Tally, Box<Finding>> {
    let progress = |tally: Tally, elapsed: Duration| {
        eprintln!("{}", summary(tally, elapsed, Some(seed), false));
    };
    Campaign { seed, states, threads: threads() }.run(&progress)
}

fn look_closely(life: u64, seed: u64) -> Result<Tally, Box<Finding>> {
    let workload = Campaign { seed, states: 0, threads: 1 }.life(life);
    println!("{workload:?}");
    explore(&workload, Coverage::Sample(200))
}

fn exhaustively(steps: u32) -> Result<Tally, Box<Finding>> {
    exhaustive::explore_all(steps, Geometry { sector_bytes: 4096, ..Geometry::ASSUMED })
}

fn calls() -> Result<Tally, Box<Finding>> {
    let mut total = Tally::default();
    for life in sweep::lives() {
        total.add(sweep::fail_each_call(&life, 1)?);
    }
    Ok(total)
}

fn decayed(started: Instant) -> ExitCode {
    let flipped = || -> Result<u64, Violation> {
        decay::stale_bytes_are_never_accepted()?;
        decay::misplaced_frames_are_never_accepted()?;
        decay::gaps_behind_an_old_watermark_are_refused()?;
        decay::compressing_hides_no_damage()?;
        let mut flips = 0;
        for left in ALL_LEFT {
            let specimen = Specimen::prepare(left)?;
            specimen.lose_each_file()?;
            flips += specimen.flip_each_byte(7)?;
        }
        Ok(flips)
    };
    match flipped() {
        Ok(flips) => {
            println!("{flips} flipped bits, all noticed, in {:.1} s", started.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}

fn index(states: u64, seed: u64, started: Instant) -> ExitCode {
    let looked = || -> Result<u64, Violation> {
        following::views_show_whole_batches()?;
        following::a_refused_change_loses_no_record()?;
        following::an_index_of_another_log_is_emptied()?;
        questions::pages_are_the_answer()?;
        questions::counts_leave_out_what_was_replaced()?;
        questions::readers_answer_what_the_log_says()?;
        questions::an_index_of_another_past_is_not_believed()?;
        questions::an_event_that_is_sent_again_is_stored_once()?;
        Ok(examine::explore_threads(seed)? + examine::explore(seed, states)?)
    };
    match looked() {
        Ok(states) => {
            let seconds = started.elapsed().as_secs_f64();
            println!("{states} crash states of an index and its log, {seconds:.1} s, seed {seed}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is approximate")]
fn summary(tally: Tally, elapsed: Duration, seed: Option<u64>, json: bool) -> String {
    let Tally { lives, moments, states, .. } = tally;
    let seconds = elapsed.as_secs_f64();
    let rate = states as f64 / seconds.max(0.001);
    if json {
        let seed = seed.map_or("null".to_owned(), |seed| seed.to_string());
        return format!(
            "{{\"states\":{states},\"lives\":{lives},\"moments\":{moments},\"seconds\":{seconds:.1},\"statesPerSecond\":{rate:.0},\"seed\":{seed}}}"
        );
    }
    let seed = seed.map_or(String::new(), |seed| format!(", seed {seed}"));
    format!("{states} crash states of {lives} lives at {moments} moments, {seconds:.1} s, {rate:.0}/s{seed}")
}

/// Says what was found, and then the smallest form of it.
fn report(finding: Finding) {
    println!("broken: {}", finding.violation);
    println!("making it smaller …");
    let Finding { workload, end, violation } = shrink::shrink(finding);
    println!("broken: {violation}");
    println!("{workload:#?}");
    match end {
        Some(end) => println!("{end:#?}"),
        None => println!("while it lived"),
    }
}

#[cfg(feature = "planted-bugs")]
mod planted {
    use std::process::ExitCode;

    use runledger_tests::index_laboratory;
    use runledger_tests::laboratory::suspects::{Verdict, look_for};
    use runledger_wal::Bug;

    /// Plants all bugs that one thread can show, or the one of this name.
    pub(crate) fn run(name: Option<&str>, json: bool) -> ExitCode {
        let wanted = |bug: &&Bug| name.map_or(!bug.needs_threads(), |name| bug.name() == name);
        let mut escaped = 0;
        for bug in Bug::ALL.iter().filter(wanted) {
            let verdict = look_for(*bug, 1);
            escaped += usize::from(verdict.by.is_none());
            println!("{}", line(&verdict, json));
        }
        index_laboratory::suspects::look_for_each(name, |verdict| {
            escaped += usize::from(verdict.by.is_none());
            println!("{}", line(verdict, json));
        });
        if escaped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Names those that are left to others.
    pub(crate) fn name_threaded() -> ExitCode {
        for bug in Bug::ALL.iter().filter(|bug| bug.needs_threads()) {
            println!("{}", bug.name());
        }
        ExitCode::SUCCESS
    }

    fn line(verdict: &Verdict, json: bool) -> String {
        let Verdict { bug, by } = verdict;
        let caught = by.is_some();
        if json {
            let by = by.as_ref().map_or("null".to_owned(), |by| format!("\"{by}\""));
            return format!("{{\"bug\":\"{bug}\",\"caught\":{caught},\"by\":{by}}}");
        }
        format!("{bug:34} {}", by.as_deref().unwrap_or("ESCAPED"))
    }
}
