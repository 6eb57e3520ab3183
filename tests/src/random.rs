//! Numbers that look random and follow from a seed: good enough to choose moments, to fill payloads, and to lose sectors.

/// A sequence of numbers. The generator is splitmix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The seed that this environment variable names, or one that nobody chose. Printed, so that a failure can be tried
    /// again.
    ///
    /// # Panics
    ///
    /// If the variable holds no number.
    #[must_use]
    pub fn seed_from(variable: &str) -> u64 {
        let seed = std::env::var(variable).map_or_else(
            |_| std::time::UNIX_EPOCH.elapsed().map_or(0, |time| u64::from(time.subsec_nanos())),
            |seed| seed.parse().expect("a seed is a number"),
        );
        println!("seed {seed} (set {variable} to choose the same moments)");
        seed
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number less than this one.
    pub fn less_than(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.less_than(times) == 0
    }
}
