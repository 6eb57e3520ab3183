//! Where a simulation takes its decisions from: random ones that follow from a seed, all of them in turn, or those of
//! an earlier run.
//!
//! INVARIANT: what a run does follows from its choices alone, so that the same choices give the same run.

use crate::random::Random;

/// Decides.
pub trait Choose {
    /// A number below `options`. With one option nothing is decided, and nothing is remembered.
    fn below(&mut self, options: usize) -> usize;
}

impl Choose for Random {
    fn below(&mut self, options: usize) -> usize {
        if options <= 1 {
            return 0;
        }
        usize::try_from(self.less_than(options as u64)).expect("it is less than a usize")
    }
}

/// The seed of the part of this number of a run with this seed.
#[must_use]
pub fn derived_seed(seed: u64, part: u64) -> u64 {
    Random::new(seed ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93)).bits()
}

/// How a crash treats what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Each thing by itself.
    Mixed,
    /// Nothing reached the medium, with few exceptions.
    MostlyFirst,
    /// Everything did, with few exceptions.
    MostlyLast,
}

/// Random choices that lean to one side: a disk that lost one sector of many, or that got one of many, is rarer among
/// even choices than it is in life.
#[derive(Debug, Clone)]
pub struct Leaning {
    random: Random,
    mood: Mood,
}

impl Leaning {
    /// The choices of this seed, its leaning included.
    #[must_use]
    pub fn new(seed: u64) -> Leaning {
        let mut random = Random::new(seed);
        let mood = [Mood::Mixed, Mood::MostlyFirst, Mood::MostlyLast][random.below(3)];
        Leaning { random, mood }
    }
}

impl Choose for Leaning {
    fn below(&mut self, options: usize) -> usize {
        let free = self.mood == Mood::Mixed || self.random.once_in(4);
        match self.mood {
            _ if free => self.random.below(options),
            Mood::MostlyLast => options.saturating_sub(1),
            Mood::MostlyFirst | Mood::Mixed => 0,
        }
    }
}

/// All sequences of choices, one after the other, in the order of an odometer.
#[derive(Debug, Clone, Default)]
pub struct Odometer {
    /// What was chosen, and among how many.
    wheels: Vec<(usize, usize)>,
    at: usize,
}

impl Odometer {
    /// Goes to the next sequence. `false` if that was the last.
    pub fn advance(&mut self) -> bool {
        self.wheels.truncate(self.at);
        self.at = 0;
        while let Some((chosen, options)) = self.wheels.pop() {
            if chosen + 1 < options {
                self.wheels.push((chosen + 1, options));
                return true;
            }
        }
        false
    }
}

impl Choose for Odometer {
    fn below(&mut self, options: usize) -> usize {
        if options <= 1 {
            return 0;
        }
        if self.at == self.wheels.len() {
            self.wheels.push((0, options));
        }
        self.at += 1;
        self.wheels[self.at - 1].0
    }
}

/// Remembers what another one chose.
pub struct Recorder<'a> {
    from: &'a mut dyn Choose,
    /// What was chosen, in order.
    pub chosen: Vec<usize>,
}

impl<'a> Recorder<'a> {
    /// Chooses as `from` does.
    pub fn new(from: &'a mut dyn Choose) -> Recorder<'a> {
        Recorder { from, chosen: Vec::new() }
    }
}

impl Choose for Recorder<'_> {
    fn below(&mut self, options: usize) -> usize {
        if options <= 1 {
            return 0;
        }
        let chosen = self.from.below(options);
        self.chosen.push(chosen);
        chosen
    }
}

/// The choices of an earlier run; the first option where they end or don't fit.
#[derive(Debug, Clone)]
pub struct Replay<'a> {
    chosen: &'a [usize],
    at: usize,
}

impl<'a> Replay<'a> {
    /// Chooses these.
    #[must_use]
    pub fn new(chosen: &'a [usize]) -> Replay<'a> {
        Replay { chosen, at: 0 }
    }
}

impl Choose for Replay<'_> {
    fn below(&mut self, options: usize) -> usize {
        if options <= 1 {
            return 0;
        }
        self.at += 1;
        self.chosen.get(self.at - 1).copied().filter(|chosen| *chosen < options).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odometer_gives_every_sequence_once() {
        let mut odometer = Odometer::default();
        let mut seen = Vec::new();
        loop {
            // The second choice exists only after some first ones, as sectors exist only in some lengths.
            let first = odometer.below(3);
            let second = if first == 1 { odometer.below(2) } else { odometer.below(1) };
            seen.push((first, second, odometer.below(2)));
            if !odometer.advance() {
                break;
            }
        }
        let expected =
            [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1), (2, 0, 0), (2, 0, 1)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_was_recorded_is_chosen_again() {
        let mut random = Random::new(7);
        let mut recorder = Recorder::new(&mut random);
        let first: Vec<_> = (1..20).map(|options| recorder.below(options)).collect();
        let chosen = recorder.chosen;
        let mut replay = Replay::new(&chosen);
        assert_eq!((1..20).map(|options| replay.below(options)).collect::<Vec<_>>(), first);
    }
}
