//! The proof behind every figure: the log is closed, its files are opened again, and every record that it acknowledged
//! is compared with what was appended.
//!
//! This shows that the bytes were written where they belong, not that the disk kept its promise: for that, pull the plug.

use anyhow::{Context as _, Result, bail, ensure};

use super::Round;
use crate::wal::engine::Log;
use crate::wal::payload::Payloads;

/// What has to be there.
pub(super) enum Acknowledged {
    /// For each writer the numbers of its records, in the order of its payloads.
    ByNumber(Vec<Vec<u64>>),
    /// So many records of the one writer there was, in the order of its payloads.
    InOrder(u64),
}

/// Closes the log, reads everything back and compares it; returns how many records there are.
pub(super) fn check(
    round: &Round<'_>,
    log: Box<dyn Log>,
    acknowledged: &Acknowledged,
    payloads: &Payloads,
) -> Result<u64> {
    let handed_on = log.close().context("close")?;
    let mut expected = Expected::new(acknowledged);
    let mut made = Vec::new();
    let mut visit = |number: u64, found: &[u8]| {
        let Some((writer, index)) = expected.next(number)? else {
            bail!("record {number} was never acknowledged");
        };
        payloads.make(writer, index, &mut made);
        ensure!(found == made, "record {number} is not what was appended");
        Ok(())
    };
    handed_on
        .iter()
        .try_for_each(|(number, payload)| visit(*number, payload))
        .context("read what was handed on")?;
    let last = handed_on.last().map(|(number, _)| *number);
    round
        .engine
        .read(round.directory, &mut |number, payload| {
            // What was handed on may be in the files still.
            if Some(number) <= last { Ok(()) } else { visit(number, payload) }
        })
        .context("read back")?;
    expected.end()
}

/// Goes through what was acknowledged in the order of the numbers.
struct Expected {
    /// Number, writer and index of each record, the last one first.
    by_number: Option<Vec<(u64, u64, u64)>>,
    total: u64,
    seen: u64,
}

impl Expected {
    fn new(acknowledged: &Acknowledged) -> Self {
        match acknowledged {
            Acknowledged::ByNumber(writers) => {
                let mut records = Vec::new();
                for (writer, numbers) in (0..).zip(writers) {
                    records.extend((0..).zip(numbers).map(|(index, number)| (*number, writer, index)));
                }
                records.sort_unstable_by(|one, other| other.cmp(one));
                Self { total: records.len() as u64, by_number: Some(records), seen: 0 }
            }
            Acknowledged::InOrder(total) => Self { total: *total, by_number: None, seen: 0 },
        }
    }

    /// Writer and index of the record that comes next, which was found to have this number.
    fn next(&mut self, number: u64) -> Result<Option<(u64, u64)>> {
        let index = self.seen;
        self.seen += 1;
        let Some(by_number) = &mut self.by_number else {
            return Ok((index < self.total).then_some((0, index)));
        };
        let Some((wanted, writer, index)) = by_number.pop() else {
            return Ok(None);
        };
        ensure!(number == wanted, "record {wanted} is missing: {number} stands in its place");
        Ok(Some((writer, index)))
    }

    fn end(&self) -> Result<u64> {
        ensure!(self.seen == self.total, "{} acknowledged records are missing", self.total - self.seen);
        Ok(self.total)
    }
}

#[cfg(test)]
mod tests;
