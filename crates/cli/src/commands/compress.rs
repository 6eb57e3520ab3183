//! `compress`: full segments of the log in less space.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::{Context, opening};
use crate::exit::Exit;
use crate::output::{BAD, counted};

/// The report as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CompressJson {
    segments: u64,
    left: u64,
    bytes_before: u64,
    bytes_after: u64,
}

/// Runs the command.
pub(super) fn run(context: &mut Context) -> Result<Exit> {
    let progress = opening::progress("compressing", "{pos} of {len} segments");
    let report = runledger::compress(&context.ledger, progress)?;
    let (segments, left) = (report.segments, report.left);
    let (bytes_before, bytes_after) = (report.bytes_before, report.bytes_after);
    let output = &mut context.output;
    if output.is_json() {
        let json = CompressJson { segments, left, bytes_before, bytes_after };
        writeln!(output, "{}", serde_json::to_string(&json)?)?;
    } else if segments == 0 {
        writeln!(output, "nothing to compress: the last segment is still written to")?;
    } else {
        let counted = counted(segments, "segment");
        writeln!(output, "compressed {counted}: {bytes_before} bytes before, {bytes_after} now")?;
    }
    if left > 0 && !output.is_json() {
        let counted = counted(left, "segment");
        writeln!(output, "{} {counted} can't be: see `runledger verify`", output.paint(BAD, "damaged:"))?;
    }
    Ok(if left == 0 { Exit::Fine } else { Exit::Damage })
}
