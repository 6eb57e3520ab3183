//! One announced, timed step of a longer command.
//!
//! Announcements go to standard error and stand before the step, so that a log that ends early shows what hung.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// Announces `name`, does the work, and says how long it took.
pub(crate) fn timed<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    announce(name);
    let started = Instant::now();
    let outcome = work().with_context(|| name.to_owned())?;
    eprintln!("== {name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(outcome)
}

/// Runs `command` as the step `name`; anything but success is an error.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<()> {
    timed(name, || succeed(command))
}

/// Says that the step `name` begins.
pub(crate) fn announce(name: &str) {
    eprintln!("== {name}");
}

/// Runs `command` and turns a failing exit into an error that shows the command.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// The command as somebody would type it.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    command.get_args().fold(name, |line, argument| format!("{line} {}", argument.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_an_error_that_names_the_command() {
        let error = succeed(Command::new("/bin/sh").args(["-c", "exit 3"])).unwrap_err();
        let message = format!("{error:#}");
        assert!(message.contains("sh -c exit 3") && message.contains('3'), "{message}");
    }

    #[test]
    fn a_command_that_cannot_start_is_an_error() {
        assert!(succeed(&mut Command::new("/nonexistent/program")).is_err());
    }

    #[test]
    fn a_failing_step_is_named_in_the_error() {
        let error = timed("lint", || -> Result<()> { bail!("three warnings") }).unwrap_err();
        assert_eq!(format!("{error:#}"), "lint: three warnings");
    }
}
