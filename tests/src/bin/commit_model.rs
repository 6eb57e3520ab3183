//! `commit-model [--bug NAME] [--schedules N] [--seed S]`: checks every claim of the commit protocol's model.
//!
//! Without a bug it says under how many schedules each claim held, and fails if one doesn't. With the name of a bug to
//! plant (and the feature for that), it prints `{"bug":…,"caught":…,"by":…}`, and fails if no claim finds the bug.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Parser;
use runledger_tests::commit_model::{CLAIMS, Claim, Held, SCHEDULES_DEFAULT, SEED_DEFAULT};

/// Checks the claims of the commit protocol's model.
#[derive(Parser)]
struct Arguments {
    /// Plants this bug, and succeeds if a claim finds it. Needs the feature planted-bugs.
    #[arg(long)]
    bug: Option<String>,
    /// How many schedules each claim is run under.
    #[arg(long, default_value_t = SCHEDULES_DEFAULT)]
    schedules: usize,
    /// Which schedules.
    #[arg(long, default_value_t = SEED_DEFAULT)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let checked = match &arguments.bug {
        Some(bug) => check_bug(bug, &arguments),
        None => Ok(check_claims(&arguments)),
    };
    match checked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// Checks all claims, as many at a time as there are processors, and says how each one held.
fn check_claims(arguments: &Arguments) -> bool {
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let check_some = || {
        let mut schedules = 0;
        let mut sound = true;
        while let Some(claim) = CLAIMS.get(next.fetch_add(1, Ordering::Relaxed)) {
            match claim.check(arguments.schedules, arguments.seed) {
                Ok(held) => {
                    schedules += held.schedules;
                    sound &= tell(claim, &held);
                }
                Err(broken) => {
                    eprintln!("{broken}");
                    sound = false;
                }
            }
        }
        (schedules, sound)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (schedules, sound) = std::thread::scope(|scope| {
        let checking: Vec<_> = (0..threads).map(|_| scope.spawn(check_some)).collect();
        let done = checking.into_iter().map(|thread| thread.join().unwrap_or((0, false)));
        done.fold((0, true), |(all, sound), (some, sound_too)| (all + some, sound && sound_too))
    });
    let (claims, seconds) = (CLAIMS.len(), begun.elapsed().as_secs_f64());
    println!("{claims} claims, {schedules} schedules from seed {}, {seconds:.1} s", arguments.seed);
    sound
}

fn tell(claim: &Claim, held: &Held) -> bool {
    let Held { schedules, unmet } = held;
    if unmet.is_empty() {
        println!("{}: held under {schedules} schedules", claim.name);
    } else {
        eprintln!("{}: none of {schedules} schedules met {}", claim.name, unmet.join(", "));
    }
    unmet.is_empty()
}

/// Plants a bug and says which claim finds it.
#[cfg(feature = "planted-bugs")]
fn check_bug(name: &str, arguments: &Arguments) -> Result<bool, String> {
    use runledger_wal::{Bug, plant};

    let bug = Bug::ALL.iter().copied().find(|bug| bug.name() == name);
    plant(Some(bug.ok_or_else(|| format!("there is no bug called {name}"))?));
    let broken = CLAIMS.iter().find_map(|claim| claim.check(arguments.schedules, arguments.seed).err());
    if let Some(broken) = &broken {
        eprintln!("{broken}");
    }
    // No name here holds anything that JSON would escape.
    let by = broken.as_ref().map(|broken| format!("\"commit_model::{}\"", broken.claim));
    let (caught, by) = (by.is_some(), by.as_deref().unwrap_or("null"));
    println!("{{\"bug\":\"{name}\",\"caught\":{caught},\"by\":{by}}}");
    Ok(caught)
}

#[cfg(not(feature = "planted-bugs"))]
fn check_bug(_: &str, _: &Arguments) -> Result<bool, String> {
    Err("planting a bug needs the feature planted-bugs".to_owned())
}
