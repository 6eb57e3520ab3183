//! `verify`: reads the whole log, re-hashes everything, and names what is damaged.

use std::io::Write;

use anyhow::Result;
use runledger::{Damage, VerifyReport};
use serde::Serialize;

use super::{Context, opening};
use crate::arguments::VerifyArguments;
use crate::exit::Exit;
use crate::output::{BAD, GOOD, Output, counted};

/// The report as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyJson<'a> {
    records: u64,
    segments: u64,
    damaged: Vec<DamageJson<'a>>,
    torn_tail_bytes: u64,
    ambiguous: bool,
}

/// Damage as `--json` prints it. `seqTo` is the first record behind it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DamageJson<'a> {
    segment: &'a str,
    seq_from: u64,
    seq_to: u64,
    offset: u64,
    problem: String,
}

impl<'a> From<&'a Damage> for DamageJson<'a> {
    fn from(damage: &'a Damage) -> Self {
        Self {
            segment: &damage.segment,
            seq_from: damage.seq_from.get(),
            seq_to: damage.seq_to.get(),
            offset: damage.offset,
            problem: damage.problem.to_string(),
        }
    }
}

/// Runs the command.
pub(super) fn run(arguments: &VerifyArguments, context: &mut Context) -> Result<Exit> {
    let progress = opening::progress("verifying", "{decimal_bytes} of {decimal_total_bytes}");
    let report = match arguments.threads {
        Some(threads) => runledger::verify_on(threads, &context.ledger, progress)?,
        None => runledger::verify(&context.ledger, progress)?,
    };
    if context.output.is_json() {
        let json = VerifyJson {
            records: report.records,
            segments: report.segments,
            damaged: report.damaged.iter().map(DamageJson::from).collect(),
            torn_tail_bytes: report.torn_tail_bytes,
            ambiguous: report.ambiguous,
        };
        writeln!(context.output, "{}", serde_json::to_string(&json)?)?;
    } else {
        write_text(&report, &mut context.output)?;
    }
    Ok(if report.damaged.is_empty() { Exit::Fine } else { Exit::Damage })
}

fn write_text(report: &VerifyReport, output: &mut Output) -> Result<()> {
    let (records, segments) = (counted(report.records, "record"), counted(report.segments, "segment"));
    writeln!(output, "{records} in {segments}, all bytes read")?;
    write_damage(&report.damaged, output)?;
    if report.torn_tail_bytes > 0 {
        writeln!(
            output,
            "{} of a write that was never acknowledged at the end",
            counted(report.torn_tail_bytes, "byte")
        )?;
    }
    if report.ambiguous {
        writeln!(output, "power may have been lost: the end may once have been acknowledged")?;
    }
    Ok(())
}

/// Writes what is damaged, or that nothing is.
pub(super) fn write_damage(damaged: &[Damage], output: &mut Output) -> Result<()> {
    for damage in damaged {
        writeln!(output, "{} {damage}", output.paint(BAD, "damaged:"))?;
    }
    if damaged.is_empty() {
        writeln!(output, "{}", output.paint(GOOD, "none damaged"))?;
    }
    Ok(())
}
