//! The events that every engine is given: the same for all, and for every run of the same size.
//!
//! An event is held as a few numbers, its [`Fact`]; names and contents are made from them when an engine takes the event
//! in, so that ten million events fit into memory and each engine gets what it would be called with: the ledger an
//! [`Event`], the others a row of bytes of the same length and the fields that they index.

use std::path::Path;

use anyhow::Result;
use runledger::Event;

use crate::transcripts;

mod event;
mod generate;
mod naive;
mod names;
mod row;

pub(crate) use generate::Random;
pub(crate) use names::{AGENTS, Dimension, KINDS, OUTCOMES, TOOLS};
pub(crate) use row::Row;

/// One event in numbers. Values of dimensions are numbers of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) time_ns: i64,
    pub(crate) run: u32,
    pub(crate) correlation: u32,
    pub(crate) session: u32,
    pub(crate) agent: u8,
    pub(crate) workspace: u8,
    pub(crate) lane: u8,
    pub(crate) actor: u8,
    pub(crate) kind: u8,
    pub(crate) tool: Option<u8>,
    pub(crate) model: Option<u8>,
    pub(crate) action: u8,
    pub(crate) outcome: u8,
    /// Its place in its run.
    pub(crate) in_run: u8,
}

/// All events, in the order in which they are appended: an event's number is its place.
pub(crate) struct Corpus {
    facts: Vec<Fact>,
    /// What the events hold beside their fields. Events of the generator make it from their number.
    lines: Option<Vec<Vec<u8>>>,
}

impl Corpus {
    /// So many events of the generator.
    pub(crate) fn generate(events: u64) -> Self {
        Self { facts: generate::facts(events), lines: None }
    }

    /// An event for each line of real transcripts, which it holds.
    pub(crate) fn of_transcripts(directory: &Path) -> Result<Self> {
        let lines = transcripts::lines(directory)?;
        Ok(Self { facts: generate::facts(lines.len() as u64), lines: Some(lines) })
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> u64 {
        self.facts.len() as u64
    }

    /// All of them.
    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The event of this number. Behind the last one, runs go on as they began: as many events again, and again, each
    /// later than the one that it is made of.
    pub(crate) fn fact(&self, number: u64) -> Option<Fact> {
        let (again, place) = (number / self.len().max(1), number % self.len().max(1));
        let mut fact = *self.facts.get(usize::try_from(place).ok()?)?;
        if again > 0 {
            let span_ns = self.facts.last()?.time_ns - self.facts.first()?.time_ns;
            fact.time_ns += span_ns * i64::try_from(again).ok()?;
            // No run begins or ends twice.
            fact.kind = fact.kind.max(2);
        }
        Some(fact)
    }

    /// Its identity: a version 7 UUID of its time, as the ledger would give it.
    pub(crate) fn id(&self, number: u64) -> Option<[u8; 16]> {
        Some(generate::id(number, self.fact(number)?.time_ns))
    }

    /// The event as a user of the ledger would make it.
    pub(crate) fn event(&self, number: u64) -> Option<Event> {
        Some(event::of(number, &self.fact(number)?, self.line(number)))
    }

    /// The event as a row of bytes.
    pub(crate) fn row(&self, number: u64) -> Option<Vec<u8>> {
        Some(row::encode(number, &self.fact(number)?, self.line(number)))
    }

    fn line(&self, number: u64) -> Option<&[u8]> {
        Some(self.lines.as_ref()?.get(usize::try_from(number % self.len()).ok()?)?)
    }
}
