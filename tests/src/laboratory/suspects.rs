//! The tests are tested: every bug that can be planted in the log is planted, and somebody must find it.

use runledger_wal::{Bug, plant};

use crate::laboratory::campaign::Campaign;
use crate::laboratory::decay::{self, ALL_LEFT, Specimen};
use crate::laboratory::explorer::Finding;
use crate::laboratory::history::Violation;
use crate::laboratory::sweep;

/// How many states random lives may take to find a bug.
const STATES_MAX: u64 = 150_000;

/// Which calls of a life are made to fail: each of so many.
const CALL_STRIDE: usize = 3;

/// Which bytes are flipped, where all are alike: one of so many.
const FLIP_STRIDE: usize = 97;

/// What became of a planted bug.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Its name.
    pub bug: &'static str,
    /// Who found it, and by which broken promise. Nothing if nobody did.
    pub by: Option<String>,
}

/// Somebody who looks for bugs, and says which promise was broken.
type Detective = (&'static str, fn(u64) -> Option<Violation>);

/// In the order in which they are asked.
const DETECTIVES: [Detective; 4] = [
    ("crash states", |seed| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let campaign = Campaign { seed, states: STATES_MAX, threads };
        campaign.run(&|_, _| ()).err().map(|finding| finding.violation)
    }),
    ("decay", |_| {
        ALL_LEFT.into_iter().find_map(|left| {
            let specimen = Specimen::prepare(left);
            let looked =
                specimen.and_then(|it| it.lose_each_file().and_then(|()| it.flip_each_byte(FLIP_STRIDE)));
            looked.err()
        })
    }),
    ("stale, misplaced and missing bytes", |_| {
        let misplaced = decay::misplaced_frames_are_never_accepted;
        let gaps = decay::gaps_behind_an_old_watermark_are_refused;
        decay::stale_bytes_are_never_accepted()
            .and_then(|()| misplaced())
            .and_then(|()| gaps())
            .and_then(|()| decay::compressing_hides_no_damage())
            .err()
    }),
    ("failing calls", |_| {
        let fails = |life| sweep::fail_each_call(life, CALL_STRIDE).err();
        sweep::lives().iter().find_map(fails).map(|finding: Box<Finding>| finding.violation)
    }),
];

/// Plants a bug and has it looked for.
#[must_use]
pub fn look_for(bug: Bug, seed: u64) -> Verdict {
    plant(Some(bug));
    let found = DETECTIVES.iter().find_map(|(name, detective)| {
        let violation = detective(seed)?;
        Some(format!("{name}: {}", violation.claim))
    });
    plant(None);
    Verdict { bug: bug.name(), by: found }
}
