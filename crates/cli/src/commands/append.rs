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

use self::submitting::{Outcome, Permit};
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
    let submitter = submitting::Submitter {
        ledger: ledger.clone(),
        durability: durability(arguments.durability),
        permits,
        outcomes,
    };
    std::thread::Builder::new()
        .name("append-input".to_owned())
        .spawn(move || submitter.run(std::io::stdin().lock()))
        .context("cannot start the thread that reads standard input")?;

    let ended = acknowledge(&arriving, &released, &mut context.output);
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

/// Waits for what arrives, in order, and prints it. Ends with the input, or with the first failure of storage.
fn acknowledge(
    arriving: &mpsc::Receiver<Outcome>,
    released: &mpsc::Sender<Permit>,
    output: &mut Output,
) -> Result<Exit> {
    let mut exit = Exit::Fine;
    while let Ok(outcome) = arriving.recv() {
        match outcome {
            Outcome::Submitted { line, submitted, permit } => match submitted.wait() {
                Ok(receipt) => {
                    writeln!(output, "{{\"seq\":{},\"eventId\":\"{}\"}}", receipt.seq, receipt.event_id)?;
                    output.flush()?;
                    // The other end goes away when the input has ended: then nobody needs a permit.
                    let _ = released.send(permit);
                }
                Err(error) => {
                    report(line, &failure(&error));
                    report_rest(arriving);
                    return Err(error).with_context(|| format!("storing stopped at line {line}"));
                }
            },
            Outcome::Refused { line, error } => {
                report(line, &error);
                exit = Exit::Refused;
            }
            Outcome::Failed { line, error } => {
                report(line, &failure(&error));
                report_rest(arriving);
                return Err(error).with_context(|| format!("storing stopped at line {line}"));
            }
            Outcome::Unreadable(error) => return Err(error).context("cannot read standard input"),
        }
    }
    Ok(exit)
}

/// Says of the other lines that were in flight when storage failed what became of each: some may be there after the
/// next opening, nobody knows.
fn report_rest(arriving: &mpsc::Receiver<Outcome>) {
    while let Ok(outcome) = arriving.try_recv() {
        match outcome {
            Outcome::Submitted { line, submitted, permit: Permit } => {
                if let Err(error) = submitted.wait() {
                    report(line, &failure(&error));
                }
            }
            Outcome::Refused { line, error } => report(line, &error),
            Outcome::Failed { line, error } => report(line, &failure(&error)),
            Outcome::Unreadable(_) => {}
        }
    }
}

/// What a failure of storage means for its line.
fn failure(error: &AppendError) -> String {
    let meaning = if error.is_outcome_unknown() { "outcome unknown" } else { "not stored" };
    format!("{meaning}: {}", sentence(error))
}

fn report(line: u64, error: &str) {
    let error = LineError { line, error: error.to_owned() };
    remark(serde_json::to_string(&error).unwrap_or(error.error));
}

/// Whether an error is about the one event that was given, so that others may follow.
fn is_about_the_event(class: ErrorClass) -> bool {
    class == ErrorClass::Refused
}
