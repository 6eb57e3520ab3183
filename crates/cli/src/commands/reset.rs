//! `reset`: deletes the ledger, once somebody has said that it is the right one.
//!
//! On a terminal the answer to a question says so; elsewhere only the ledger's id does, so that no script deletes a ledger
//! that it doesn't know.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::Result;
use runledger::{LedgerId, ResetPlan, ResetReport};
use serde::Serialize;

use super::Context;
use crate::arguments::ResetArguments;
use crate::exit::{Exit, Refused};
use crate::output::{counted, note, remark};
use crate::terminal_text::visible;

/// The report as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResetJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    bytes: u64,
    resumed: bool,
    left: Vec<&'a str>,
}

/// Runs the command.
pub(super) fn run(arguments: &ResetArguments, context: &mut Context) -> Result<Exit> {
    let plan = runledger::plan_reset(&context.ledger)?;
    let place = visible(&context.ledger.display().to_string());
    let subject = describe(&plan, &place);
    match &arguments.yes {
        Some(given) => check(given, &plan, &subject)?,
        None if io::stdin().is_terminal() && io::stderr().is_terminal() => {
            ask(&plan, &subject, &mut io::stdin().lock())?;
        }
        None => {
            let id = shown_id(&plan);
            return Err(Refused(format!("this would delete {subject}; `--yes {id}` does it")).into());
        }
    }
    let ledger_id = plan.ledger_id.unwrap_or_else(nobody);
    let report = runledger::reset(&context.ledger, ledger_id)?;
    write(&report, &subject, context)?;
    Ok(Exit::Fine)
}

/// What is deleted, in words.
fn describe(plan: &ResetPlan, place: &str) -> String {
    let what = if plan.resumes { "the rest of ledger" } else { "ledger" };
    let records = plan
        .records
        .map_or_else(|| "an unknown number of records".to_owned(), |records| counted(records, "record"));
    format!("{what} {} at {place}: {records}, {}", shown_id(plan), counted(plan.bytes, "byte"))
}

/// The id that must be given. Where nothing says any more whose rest it is, one that no ledger has.
fn shown_id(plan: &ResetPlan) -> LedgerId {
    plan.ledger_id.unwrap_or_else(nobody)
}

fn nobody() -> LedgerId {
    LedgerId::from_bytes([0; 16])
}

/// Sees that the id that was given is the ledger's.
fn check(given: &str, plan: &ResetPlan, subject: &str) -> Result<(), Refused> {
    if given.trim().eq_ignore_ascii_case(&shown_id(plan).to_string()) {
        return Ok(());
    }
    Err(Refused(format!("nothing was deleted: this is {subject}")))
}

/// Asks on the terminal.
fn ask(plan: &ResetPlan, subject: &str, input: &mut impl BufRead) -> Result<()> {
    remark(format_args!("This deletes {subject}."));
    remark("It cannot be undone. Type the ledger's id, or `yes`, to delete it:");
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    let answer = answer.trim();
    if answer == "yes" {
        return Ok(());
    }
    Ok(check(answer, plan, subject)?)
}

fn write(report: &ResetReport, subject: &str, context: &mut Context) -> Result<()> {
    let deleted = &report.deleted;
    let left: Vec<String> = report.left.iter().map(|path| path.display().to_string()).collect();
    if context.output.is_json() {
        let json = ResetJson {
            ledger_id: deleted.ledger_id.map(|id| id.to_string()),
            records: deleted.records,
            bytes: deleted.bytes,
            resumed: deleted.resumes,
            left: left.iter().map(String::as_str).collect(),
        };
        writeln!(context.output, "{}", serde_json::to_string(&json)?)?;
    } else {
        writeln!(context.output, "deleted {subject}")?;
    }
    for path in &left {
        note(format_args!("left {}: it isn't the ledger's", visible(path)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "07070707-0707-0707-0707-070707070707";

    fn answered(answer: &str) -> bool {
        let folder = tempfile::tempdir().unwrap();
        drop(runledger::Ledger::open(folder.path().join("l")).unwrap());
        let mut plan = runledger::plan_reset(folder.path().join("l")).unwrap();
        plan.ledger_id = Some(LedgerId::from_bytes([7; 16]));
        ask(&plan, "ledger", &mut answer.as_bytes()).is_ok()
    }

    #[test]
    fn only_yes_and_the_ledgers_id_are_a_yes() {
        for yes in ["yes\n", "yes", " yes \r\n", ID, &format!("{}\n", ID.to_uppercase())] {
            assert!(answered(yes), "{yes:?}");
        }
        for no in ["", "\n", "y\n", "no\n", "Yes!\n", "07070707\n", "08080808-0707-0707-0707-070707070707\n"]
        {
            assert!(!answered(no), "{no:?}");
        }
    }
}
