//! `append`: events from standard input, acknowledged in order as they become safe.
//!
//! Two threads, so that nothing waits for the next line: one reads, parses and submits; this one waits for what is in
//! flight, in order, and prints it at once. A permit per event bounds how many are in flight. The reading thread is
//! never joined: it may sit in a read that nobody will ever answer, and the program ends with this one.

mod lines;
mod submitting;

use std::io::Write;
use std::sync::mpsc;

use anyhow::{Context as _, Result};
use runledger::{AppendError, Durability, ErrorClass};
use serde::Serialize;

use self::submitting::{Intake, Outcome, Permit, Submitter};
use super::{Context, opening};
use crate::arguments::{AppendArguments, DurabilityArgument};
use crate::exit::{Exit, sentence};
use crate::output::{Output, remark};

/// A line of input that was not stored, or of which nobody knows, as standard error shows it.
#[derive(Serialize)]
struct LineError {
    line: u64,
    error: String,
}

/// Runs the command.
pub(super) fn run(arguments: &AppendArguments, context: &mut Context) -> Result<Exit> {
    let ledger = opening::for_writing(&context.ledger)?;
    let (released, permits) = mpsc::channel();
    for _ in 0..arguments.in_flight {
        released.send(Permit).context("the channel of permits is open")?;
    }
    let (outcomes, arriving) = mpsc::channel();
    let intake = Intake::into(ledger.clone());
    let durability = durability(arguments.durability);
    let submitter = Submitter { intake: intake.clone(), durability, permits, outcomes };
    std::thread::Builder::new()
        .name("append-input".to_owned())
        .spawn(move || submitter.run(std::io::stdin().lock()))
        .context("cannot start the thread that reads standard input")?;

    let output = &mut context.output;
    let mut ended = acknowledge(&arriving, &released, output);
    intake.shut();
    if ended.is_err() {
        ended = acknowledge_rest(&arriving, output).and(ended);
    }
    // What was acknowledged as merely written or buffered is still made durable; an error above comes first.
    let closed = ledger.close();
    let exit = ended?;
    closed?;
    Ok(exit)
}

fn durability(argument: DurabilityArgument) -> Durability {
    match argument {
        DurabilityArgument::Durable => Durability::Durable,
        DurabilityArgument::Written => Durability::Written,
        DurabilityArgument::Buffered => Durability::Buffered,
    }
}

/// Waits for what arrives, in order, and prints it. Ends with the input, or with the first failure.
fn acknowledge(
    arriving: &mpsc::Receiver<Outcome>,
    released: &mpsc::Sender<Permit>,
    output: &mut Output,
) -> Result<Exit> {
    let mut exit = Exit::Fine;
    while let Ok(outcome) = arriving.recv() {
        match conclude(outcome, output)? {
            // The other end goes away when the input has ended: then nobody needs a permit.
            Some(permit) => _ = released.send(permit),
            None => exit = Exit::Refused,
        }
    }
    Ok(exit)
}

/// Says of the lines that were in flight when storage failed what became of each. Some may be stored, and some may
/// turn out to be at the next opening.
fn acknowledge_rest(arriving: &mpsc::Receiver<Outcome>, output: &mut Output) -> Result<()> {
    while let Ok(outcome) = arriving.try_recv() {
        match conclude(outcome, output) {
            Err(error) if error.is::<std::io::Error>() => return Err(error),
            // Each failed line has been named; the first one's error is the command's.
            _ => {}
        }
    }
    Ok(())
}

/// Waits for what became of a line and prints it: its number, and the permit is free again; or, on standard error, why
/// it has none.
fn conclude(outcome: Outcome, output: &mut Output) -> Result<Option<Permit>> {
    let (line, error) = match outcome {
        Outcome::Submitted { line, submitted, permit } => match submitted.wait() {
            Ok(receipt) => {
                writeln!(output, "{{\"seq\":{},\"eventId\":\"{}\"}}", receipt.seq, receipt.event_id)?;
                output.flush()?;
                return Ok(Some(permit));
            }
            Err(error) => (line, error),
        },
        Outcome::Refused { line, error } => {
            report(line, error);
            return Ok(None);
        }
        Outcome::Failed { line, error } => (line, error),
        Outcome::Unreadable(error) => return Err(error).context("cannot read standard input"),
    };
    report(line, failure(&error));
    Err(error).with_context(|| format!("storing stopped at line {line}"))
}

/// What a failure of storage means for its line.
fn failure(error: &AppendError) -> String {
    let meaning = if error.is_outcome_unknown() { "outcome unknown" } else { "not stored" };
    format!("{meaning}: {}", sentence(error))
}

fn report(line: u64, error: String) {
    let error = LineError { line, error };
    remark(serde_json::to_string(&error).unwrap_or(error.error));
}

/// Whether an error is about the one event that was given, so that others may follow.
fn is_about_the_event(class: ErrorClass) -> bool {
    class == ErrorClass::Refused
}
