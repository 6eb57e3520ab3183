//! What is done to a log in a simulated life: drawn from a seed, or put together by hand.

use runledger_wal::Durability;

use crate::laboratory::choice::Choose as _;
use crate::laboratory::disk::faults::Plan;
use crate::laboratory::disk::medium::Geometry;
use crate::random::Random;

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A record is appended.
    Append(Size, Durability),
    /// Records are appended as one batch.
    Batch(Vec<Size>, Durability),
    /// Records are submitted, and only then waited for.
    Submit(Vec<Size>),
    /// Everything placed is made durable.
    Sync,
    /// The background does one thing.
    Tend,
    /// Every sealed segment is compressed.
    Compress,
    /// The log is closed in good order.
    Close,
    /// The log's process dies.
    Kill,
    /// The power is cut; what is left of the disk follows from the seed.
    CutPower(u64),
    /// The log is repaired, if nobody has it open.
    Recover,
    /// Calls fail from now on.
    Fail(Plan),
    /// Nothing fails any more.
    Heal,
    /// The clock is put back.
    PutClockBack,
}

/// How long a payload is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub usize);

/// The shortest payload: it holds its number.
pub const PAYLOAD_BYTES_MIN: usize = 8;

/// A whole life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Everything random in it follows from this.
    pub seed: u64,
    /// The disk.
    pub geometry: Geometry,
    /// The size of a full-grown segment.
    pub segment_bytes: u64,
    /// Where commits may start.
    pub commit_alignment_bytes: u32,
    /// Whether calls are short and interrupted now and then.
    pub short_calls: bool,
    /// Whether what only looks at the log may meet failing calls too. Most calls are such looks.
    pub looks_may_fail: bool,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// In one of so many random lives segments are compressed.
const COMPRESSED_LIVES: u64 = 4;

/// How many steps a random life has at most.
const STEPS_MAX: usize = 14;

impl Workload {
    /// A life on the disk that FORMAT.md assumes, with segments as small as they can be.
    #[must_use]
    pub fn of_steps(steps: Vec<Step>) -> Workload {
        Workload {
            seed: 1,
            geometry: Geometry::ASSUMED,
            segment_bytes: 8 << 10,
            commit_alignment_bytes: 8,
            short_calls: false,
            looks_may_fail: false,
            steps,
        }
    }

    /// The random life of this seed.
    #[must_use]
    pub fn random(seed: u64) -> Workload {
        let mut random = Random::new(seed);
        let sector_bytes = if random.once_in(4) { 4096 } else { 512 };
        let powersafe = !random.once_in(4);
        let geometry = Geometry { sector_bytes, powersafe, recycles: random.once_in(2) };
        let aligned = !powersafe || random.once_in(8);
        let sector = if sector_bytes == 4096 { 4096 } else { 512 };
        let steps = 3 + random.below(STEPS_MAX - 2);
        let workload = Workload {
            seed,
            geometry,
            segment_bytes: [8, 8, 12, 16, 32][random.below(5)] << 10,
            commit_alignment_bytes: if aligned { sector } else { 8 },
            short_calls: random.once_in(4),
            looks_may_fail: random.once_in(4),
            steps: (0..steps).map(|_| random_step(&mut random)).collect(),
        };
        if random.once_in(COMPRESSED_LIVES) { workload.compressed(&mut random) } else { workload }
    }

    /// The same life, with its sealed segments compressed now and then.
    fn compressed(mut self, random: &mut Random) -> Workload {
        for _ in 0..=random.below(2) {
            let at = random.below(self.steps.len() + 1);
            self.steps.splice(at..at, [Step::Tend, Step::Tend, Step::Compress]);
        }
        self
    }
}

fn random_step(random: &mut Random) -> Step {
    match random.below(40) {
        0..=13 => Step::Append(random_size(random), random_durability(random)),
        14..=17 => {
            let records = 1 + random.below(4);
            let sizes = (0..records).map(|_| random_size(random)).collect();
            Step::Batch(sizes, random_durability(random))
        }
        18..=19 => {
            let records = 1 + random.below(3);
            Step::Submit((0..records).map(|_| random_size(random)).collect())
        }
        20..=21 => Step::Sync,
        22..=25 => Step::Tend,
        26..=27 => Step::Close,
        28..=30 => Step::Kill,
        31..=32 => Step::CutPower(random.bits()),
        33 => Step::Recover,
        34..=36 => Step::Fail(Plan {
            after: random.bits() % 16,
            failure: random.below(6),
            persists: random.once_in(2),
        }),
        37..=38 => Step::Heal,
        _ => Step::PutClockBack,
    }
}

fn random_size(random: &mut Random) -> Size {
    let more = match random.below(16) {
        0..=7 => random.below(60),
        8..=11 => random.below(700),
        12..=14 => random.below(4000),
        // Fills a segment of its own.
        _ => 8000 + random.below(9000),
    };
    Size(PAYLOAD_BYTES_MIN + more)
}

fn random_durability(random: &mut Random) -> Durability {
    match random.below(6) {
        0 => Durability::Buffered,
        1 => Durability::Written,
        _ => Durability::Durable,
    }
}

/// The payload of this number.
#[must_use]
pub fn payload(number: u64, size: Size) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    let mut filler = Random::new(number);
    while bytes.len() < size.0 {
        let word = filler.bits().to_le_bytes();
        bytes.extend_from_slice(&word[..word.len().min(size.0 - bytes.len())]);
    }
    bytes
}

/// The number that a payload says it is.
#[must_use]
pub fn number_of(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
