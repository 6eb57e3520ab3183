//! The generator: runs of a hundred events, several at a time, at times that come in bursts.
//!
//! One event of thirty has the time of the one before it, one of a hundred is dated back by up to ten minutes, and now
//! and then nothing happens for a while: an index that guesses positions from times has to earn its guess.

use super::Fact;
use super::names::{ACTIONS, KIND_WEIGHTS, MODELS, OUTCOMES, TOOLS};

/// Events of a run.
const RUN_EVENTS: u8 = 100;

/// Runs of a session.
const SESSION_RUNS: u32 = 10;

/// Events of a correlation: a fifth of a run.
const CORRELATION_EVENTS: u32 = 20;

/// Runs under way at a time.
const LANES: usize = 16;

/// When the first event happens: in June 2025.
const BEGIN_NS: i64 = 1_750_000_000_000_000_000;

const MILLISECOND_NS: u64 = 1_000_000;

/// A source of numbers that look random, and are the same each time: `SplitMix64` (Steele, Lea and Flood, 2014).
pub(crate) struct Random(u64);

impl Random {
    /// Numbers that differ from those of another seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD134_2543_DE82_EF95))
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which isn't 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number below `end` as a place.
    fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or(0)
    }

    /// The number of one of the names, by their weights.
    fn weighted(&mut self, names: &[(&str, u32)]) -> u8 {
        let total: u32 = names.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(total.into());
        for (number, (_, weight)) in (0..).zip(names) {
            match left.checked_sub((*weight).into()) {
                Some(rest) => left = rest,
                None => return number,
            }
        }
        0
    }
}

/// So many events. The last runs are cut short if their number isn't a multiple of a hundred.
pub(super) fn facts(events: u64) -> Vec<Fact> {
    let mut random = Random::new(1);
    let mut facts = Vec::with_capacity(usize::try_from(events).unwrap_or(0));
    let runs = u32::try_from(events.div_ceil(RUN_EVENTS.into())).unwrap_or(u32::MAX);
    let (mut next_run, mut at_work, mut speaker) = (0, Vec::new(), 0);
    let mut clock_ns = BEGIN_NS;
    while (facts.len() as u64) < events {
        while at_work.len() < LANES && next_run < runs {
            at_work.push((next_run, 0));
            next_run += 1;
        }
        // Seven of ten events follow one of the same run.
        if random.below(10) >= 7 || speaker >= at_work.len() {
            speaker = random.place(at_work.len());
        }
        let Some((run, in_run)) = at_work.get_mut(speaker) else { break };
        let time_ns = time_of_next(&mut random, &mut clock_ns);
        facts.push(fact(&mut random, *run, *in_run, time_ns));
        *in_run += 1;
        if *in_run == RUN_EVENTS {
            at_work.swap_remove(speaker);
        }
    }
    facts
}

fn fact(random: &mut Random, run: u32, in_run: u8, time_ns: i64) -> Fact {
    let session = run / SESSION_RUNS;
    let kind = match in_run {
        0 => 0,
        99 => 1,
        _ => random.weighted(KIND_WEIGHTS),
    };
    Fact {
        time_ns,
        run,
        correlation: run * (u32::from(RUN_EVENTS) / CORRELATION_EVENTS)
            + u32::from(in_run) / CORRELATION_EVENTS,
        session,
        agent: agent_of(run),
        workspace: low_byte(session % 20),
        lane: low_byte(run % 4),
        actor: low_byte(session % 50),
        kind,
        tool: (kind == 3).then(|| random.weighted(&TOOLS)),
        model: (kind == 4).then(|| random.weighted(&MODELS)),
        action: random.weighted(&ACTIONS),
        outcome: random.weighted(&OUTCOMES),
        in_run,
    }
}

/// Of each hundred runs, forty are those of eight busy agents, fifty those of one agent each, ten those of the rest.
fn agent_of(run: u32) -> u8 {
    let (hundred, place) = (run / 100, (run % 100 * 37 + run / 100 * 13) % 100);
    low_byte(match place {
        0..40 => place % 8,
        40..90 => 8 + place - 40,
        _ => 58 + (hundred * 10 + place - 90) % 42,
    })
}

fn time_of_next(random: &mut Random, clock_ns: &mut i64) -> i64 {
    let gap_ns = match random.below(1000) {
        0..30 => 0,
        30..600 => random.below(40 * MILLISECOND_NS),
        600..998 => random.below(2000 * MILLISECOND_NS),
        _ => random.below(20 * 60 * 1000 * MILLISECOND_NS),
    };
    *clock_ns += signed(gap_ns);
    let back_ns = if random.below(100) == 0 { random.below(10 * 60 * 1000 * MILLISECOND_NS) } else { 0 };
    *clock_ns - signed(back_ns)
}

/// The identity of an event: the milliseconds of its time, and bits that look random.
pub(super) fn id(number: u64, time_ns: i64) -> [u8; 16] {
    let mut random = Random::new(number ^ 0x5bd1_e995);
    let milliseconds = time_ns.unsigned_abs() / MILLISECOND_NS;
    let high = milliseconds << 16 | 0x7000 | random.next() & 0x0fff;
    let low = 1 << 63 | random.next() >> 2;
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

fn low_byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

fn signed(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_run_has_a_hundred_events_in_order_and_agents_have_their_shares() {
        let facts = facts(100_000);
        let (mut next, mut by_agent) = (BTreeMap::new(), BTreeMap::new());
        for fact in &facts {
            let expected = next.entry(fact.run).or_insert(0);
            assert_eq!(fact.in_run, *expected);
            *expected += 1;
            *by_agent.entry(fact.agent).or_insert(0) += 1;
        }
        assert!(next.len() == 1000 && next.values().all(|events| *events == RUN_EVENTS));
        assert!(by_agent.len() == 100 && by_agent[&0] == 5000 && by_agent[&8] == 1000);
    }

    #[test]
    fn times_come_in_bursts_with_ties_and_some_are_dated_back() {
        let facts = facts(10_000);
        let steps = || facts.windows(2).map(|pair| pair[1].time_ns - pair[0].time_ns);
        assert!((200..500).contains(&steps().filter(|step| *step == 0).count()));
        assert!((50..400).contains(&steps().filter(|step| *step < 0).count()));
        assert!(steps().any(|step| step > 60_000_000_000));
        assert_eq!(facts, super::facts(10_000));
    }

    #[test]
    fn ids_are_uuids_of_version_7_and_differ() {
        let id = id(1, BEGIN_NS);
        assert_eq!((id[6] >> 4, id[8] >> 6), (7, 2));
        assert_eq!(runledger::EventId::from_bytes(id).time().unwrap().as_nanoseconds(), BEGIN_NS);
        assert_ne!(id, super::id(2, BEGIN_NS));
    }
}
