//! The oracle: what a log was asked to keep, what it said of it and when, and so what must be found at any moment.
//!
//! It knows three sets. *Acknowledged* records, and those that readers were shown, must be found, each at its number.
//! *Void* ones, that were refused or that a reopened log didn't have, must never be found again. All others were sent
//! and never answered, or answered with "unknown": they may be found, in their order, batches whole.
//!
//! Moments are numbers of operations on the disk: what the log said after so many of them binds it from then on.

use std::collections::BTreeSet;

use crate::laboratory::workload::{Size, number_of, payload};

/// A number of operations on the disk.
pub type Moment = usize;

/// How the world ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The process died; what it had written is there.
    Kill,
    /// The power was cut; what it had synced is there.
    PowerCut,
}

/// A promise that wasn't kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{claim}: {detail}")]
pub struct Violation {
    /// What should hold.
    pub claim: &'static str,
    /// What was seen.
    pub detail: String,
}

impl Violation {
    /// A promise that wasn't kept.
    #[must_use]
    pub fn new(claim: &'static str, detail: impl Into<String>) -> Violation {
        Violation { claim, detail: detail.into() }
    }
}

/// Fails unless the claim holds.
pub fn claim(holds: bool, claim: &'static str, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(claim, detail())) }
}

/// What became of one record.
#[derive(Debug, Clone)]
struct Sent {
    size: Size,
    /// The number of the first record of its batch, and how many there are.
    batch: (u64, u64),
    begun: Moment,
    /// It was said to be with the system, under this number, until the power was cut.
    written: Option<(Moment, u64)>,
    written_until: Moment,
    /// It was said to be on stable storage, under this number.
    acknowledged: Option<(Moment, u64)>,
    void: Option<Moment>,
}

/// All that a log was asked to keep, and what it said.
#[derive(Debug, Clone, Default)]
pub struct History {
    sent: Vec<Sent>,
    /// The records that readers were shown, by their number in the log, and since when.
    shown: Vec<(Moment, u64)>,
    /// When the log said anything.
    said: BTreeSet<Moment>,
}

impl History {
    /// Records are about to be sent, as one batch. Returns their payloads.
    pub fn send(&mut self, now: Moment, sizes: &[Size]) -> Vec<Vec<u8>> {
        let first = self.sent.len() as u64;
        let batch = (first, sizes.len() as u64);
        let sent = |size: &Size| Sent {
            size: *size,
            batch,
            begun: now,
            written: None,
            written_until: Moment::MAX,
            acknowledged: None,
            void: None,
        };
        self.sent.extend(sizes.iter().map(sent));
        (first..).zip(sizes).map(|(number, size)| payload(number, *size)).collect()
    }

    /// The number of the record that will be sent next.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.sent.len() as u64
    }

    /// This record was acknowledged as durable, under this `Seq`.
    pub fn acknowledge(&mut self, now: Moment, number: u64, seq: u64) {
        self.of(number).acknowledged.get_or_insert((now, seq));
        self.said.insert(now);
    }

    /// This record was acknowledged as written.
    pub fn written(&mut self, now: Moment, number: u64, seq: u64) {
        self.of(number).written = Some((now, seq));
        self.said.insert(now);
    }

    /// This record was refused: it isn't in the log and won't appear there.
    pub fn refuse(&mut self, now: Moment, number: u64) {
        self.of(number).void = Some(now);
        self.said.insert(now);
    }

    /// The power was cut.
    pub fn power_was_cut(&mut self, now: Moment) {
        for sent in &mut self.sent {
            sent.written_until = sent.written_until.min(now);
        }
    }

    /// Somebody was shown these records, from the first one on.
    pub fn show(&mut self, now: Moment, found: &[Vec<u8>]) -> Result<(), Violation> {
        let numbers = found.iter().map(|payload| number_of(payload).unwrap_or(u64::MAX));
        for (seq, number) in numbers.enumerate() {
            if let Some((_, shown)) = self.shown.get(seq) {
                claim(*shown == number, "a record that was shown stays the same", || {
                    format!("record {seq} was number {shown} and is number {number}")
                })?;
            } else {
                self.shown.push((now, number));
                self.said.insert(now);
            }
        }
        Ok(())
    }

    /// The log was opened again and holds these records: whatever else was sent is gone for good.
    pub fn reopened(&mut self, now: Moment, found: &[Vec<u8>]) -> Result<(), Violation> {
        self.show(now, found)?;
        let mut seqs = vec![None; self.sent.len()];
        for (seq, payload) in (0..).zip(found) {
            let number = number_of(payload).and_then(|number| usize::try_from(number).ok());
            if let Some(slot) = number.and_then(|number| seqs.get_mut(number)) {
                *slot = Some(seq);
            }
        }
        for (sent, seq) in self.sent.iter_mut().zip(seqs) {
            match seq {
                Some(seq) => drop(sent.acknowledged.get_or_insert((now, seq))),
                None => drop(sent.void.get_or_insert(now)),
            }
        }
        self.said.insert(now);
        Ok(())
    }

    /// How often the log had said something by this moment.
    #[must_use]
    pub fn said_until(&self, moment: Moment) -> usize {
        self.said.range(..=moment).count()
    }

    /// How many records were acknowledged by this moment.
    #[must_use]
    pub fn acknowledged_until(&self, moment: Moment) -> usize {
        let is_acknowledged = |sent: &&Sent| sent.acknowledged.is_some_and(|(at, _)| at <= moment);
        self.sent.iter().filter(is_acknowledged).count()
    }

    /// Checks what is found in the log after the world ended at this moment.
    pub fn check(&self, moment: Moment, ending: Ending, found: &[Vec<u8>]) -> Result<(), Violation> {
        let present = self.check_found(moment, found)?;
        self.check_kept(moment, ending, found)?;
        for number in &present {
            let (first, records) = self.sent[index(*number)].batch;
            claim(
                (first..first + records).all(|member| present.contains(&member)),
                "a batch is found whole",
                || format!("record {number} is there, and not all of {first} to {}", first + records - 1),
            )?;
        }
        let shown = self.shown.iter().take_while(|(at, _)| *at <= moment);
        for (seq, (_, number)) in shown.enumerate() {
            claim(
                found.get(seq).and_then(|payload| number_of(payload)) == Some(*number),
                "what was shown is found",
                || format!("record {seq}, number {number}, was shown; {} records are found", found.len()),
            )?;
        }
        Ok(())
    }

    /// Nothing is found that wasn't sent, that was refused, twice, or out of order.
    fn check_found(&self, moment: Moment, found: &[Vec<u8>]) -> Result<BTreeSet<u64>, Violation> {
        let mut present = BTreeSet::new();
        for (seq, bytes) in (0_u64..).zip(found) {
            let number = number_of(bytes).filter(|number| index(*number) < self.sent.len());
            let number = number.ok_or_else(|| {
                Violation::new("nothing is invented", format!("record {seq} was never sent"))
            })?;
            let sent = &self.sent[index(number)];
            claim(*bytes == payload(number, sent.size), "no record is changed", || format!("record {seq}"))?;
            claim(sent.begun <= moment, "nothing is found before it was sent", || format!("record {seq}"))?;
            claim(sent.void.is_none_or(|void| void > moment), "what was refused is never found", || {
                format!("record {seq}, number {number}: {sent:?}, at moment {moment}")
            })?;
            let last = present.last().copied();
            claim(last.is_none_or(|last| last < number), "records keep their order", || {
                format!("record {seq} is number {number}, the one before {last:?}")
            })?;
            present.insert(number);
        }
        Ok(present)
    }

    /// Everything promised is found, under its number.
    fn check_kept(&self, moment: Moment, ending: Ending, found: &[Vec<u8>]) -> Result<(), Violation> {
        for (number, sent) in (0_u64..).zip(&self.sent) {
            let holds = |(at, _): &(Moment, u64)| *at <= moment;
            let acknowledged = sent.acknowledged.filter(holds);
            let survives = ending == Ending::Kill && moment < sent.written_until;
            let written = sent.written.filter(holds).filter(|_| survives);
            let Some((_, seq)) = acknowledged.or(written) else { continue };
            let kept = found.get(index(seq)).and_then(|payload| number_of(payload)) == Some(number);
            let claimed = if acknowledged.is_some() {
                "an acknowledged record is found"
            } else {
                "a written record survives the end of its process"
            };
            claim(kept, claimed, || {
                format!(
                    "number {number}, record {seq}; {} records are found; {sent:?} at {moment}",
                    found.len()
                )
            })?;
        }
        Ok(())
    }

    fn of(&mut self, number: u64) -> &mut Sent {
        &mut self.sent[index(number)]
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
