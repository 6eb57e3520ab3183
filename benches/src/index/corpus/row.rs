//! An event as a row of bytes, for engines that know nothing of events: its fields, and what it holds.
//!
//! ```text
//! row = time(8, LE) id(16) 12 × (length(1) name) contents
//! ```

use anyhow::{Context as _, Result};

use super::event::{PAYLOAD_BYTES, filler};
use super::names::Dimension;
use super::{Fact, generate};

/// Bytes before the fields.
const HEAD_BYTES: usize = 24;

pub(super) fn encode(number: u64, fact: &Fact, line: Option<&[u8]>) -> Vec<u8> {
    let mut row = Vec::with_capacity(line.map_or(PAYLOAD_BYTES, |line| PAYLOAD_BYTES + line.len()));
    row.extend_from_slice(&fact.time_ns.to_le_bytes());
    row.extend_from_slice(&generate::id(number, fact.time_ns));
    for dimension in Dimension::ALL {
        let name = dimension.of(fact).map_or_else(String::new, |value| dimension.name(value));
        row.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        row.extend_from_slice(name.as_bytes());
    }
    match line {
        Some(line) => row.extend_from_slice(line),
        None => row.extend_from_slice(filler(number, PAYLOAD_BYTES.saturating_sub(row.len())).as_bytes()),
    }
    row
}

/// A row that is looked at where it lies.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    /// The row of these bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All of it.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn time_ns(self) -> Result<i64> {
        Ok(i64::from_le_bytes(*self.0.first_chunk().context("a row without a time")?))
    }

    pub(crate) fn id(self) -> Result<&'a [u8; 16]> {
        self.0.get(8..).and_then(|rest| rest.first_chunk()).context("a row without an id")
    }

    /// The name in this dimension, empty where there is none.
    pub(crate) fn name(self, dimension: Dimension) -> Result<&'a [u8]> {
        let mut rest = self.0.get(HEAD_BYTES..).context("a row without fields")?;
        for _ in 0..dimension as usize {
            let length = usize::from(*rest.first().context("a row with too few fields")?);
            rest = rest.get(1 + length..).context("a row that is cut off")?;
        }
        let length = usize::from(*rest.first().context("a row with too few fields")?);
        rest.get(1..=length).context("a row that is cut off")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Corpus;
    use super::*;

    #[test]
    fn a_row_says_what_the_event_says() {
        let corpus = Corpus::generate(1000);
        for (number, fact) in (0..).zip(corpus.facts()) {
            let bytes = corpus.row(number).unwrap();
            let row = Row::new(&bytes);
            assert_eq!(row.time_ns().unwrap(), fact.time_ns);
            assert_eq!(*row.id().unwrap(), corpus.id(number).unwrap());
            for dimension in Dimension::ALL {
                let name = dimension.of(fact).map_or_else(String::new, |value| dimension.name(value));
                assert_eq!(row.name(dimension).unwrap(), name.as_bytes());
            }
        }
    }

    #[test]
    fn rows_are_as_long_as_the_ledger_s_payloads() {
        const EVENTS: u64 = 2000;
        let (corpus, directory) = (Corpus::generate(EVENTS), tempfile::tempdir().unwrap());
        let ledger = runledger::Ledger::open(directory.path().join("ledger")).unwrap();
        for number in 0..EVENTS {
            let _waits_for_all =
                ledger.submit(corpus.event(number).unwrap(), runledger::Durability::Buffered).unwrap();
        }
        ledger.close().unwrap();
        let log = directory.path().join("ledger").join("wal");
        let reader = runledger_wal::Reader::open(&log, runledger_wal::ReaderOptions::default()).unwrap();
        let (mut replay, mut payloads) = (reader.replay(runledger_wal::Seq::ZERO), 0);
        while let Some(record) = replay.next_record() {
            payloads += record.unwrap().payload().len();
        }
        let rows: usize = (0..EVENTS).map(|number| corpus.row(number).unwrap().len()).sum();
        assert!(
            payloads.abs_diff(rows) < payloads / 50,
            "{} and {}",
            payloads as u64 / EVENTS,
            rows as u64 / EVENTS
        );
    }
}
