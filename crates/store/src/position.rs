//! Where an event stands: its time, and its number where times tie.

/// The length of a position in a key.
pub(crate) const POSITION_BYTES: usize = 16;

/// A place that streams lead to. Positions ascend by time, then by number.
///
/// The store asks one thing of numbers: each batch has higher ones than all batches before. So no position is ever
/// posted twice, and what was known before a number can still be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// When, in any unit and from any origin, as long as later is more.
    pub time: u64,
    /// Which one: above those of all earlier batches.
    pub number: u64,
}

impl Position {
    /// The lowest.
    pub const MIN: Self = Self { time: 0, number: 0 };
    /// The highest.
    pub const MAX: Self = Self { time: u64::MAX, number: u64::MAX };

    /// The position right behind this one; `None` behind the last.
    pub fn next(self) -> Option<Self> {
        match self.number.checked_add(1) {
            Some(number) => Some(Self { number, ..self }),
            None => Some(Self { time: self.time.checked_add(1)?, number: 0 }),
        }
    }

    #[inline]
    pub(crate) fn from_bytes(bytes: [u8; POSITION_BYTES]) -> Self {
        let (time, number) = (bytes.first_chunk(), bytes.last_chunk());
        let of = |half: Option<&[u8; 8]>| half.map_or(0, |half| u64::from_be_bytes(*half));
        Self { time: of(time), number: of(number) }
    }

    /// Bytes that sort as positions do.
    #[inline]
    pub(crate) fn to_bytes(self) -> [u8; POSITION_BYTES] {
        (u128::from(self.time) << 64 | u128::from(self.number)).to_be_bytes()
    }
}

/// The numbers of some positions, or of what ends them: from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl NumberRange {
    /// The smallest range with all of both.
    pub(crate) fn union(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => {
                Some(Self { first: one.first.min(other.first), last: one.last.max(other.last) })
            }
            (one, other) => one.or(other),
        }
    }

    /// The range of `numbers`; `None` if there are none.
    pub(crate) fn of(numbers: impl IntoIterator<Item = u64>) -> Option<Self> {
        numbers
            .into_iter()
            .fold(None, |range, number| Self::union(range, Some(Self { first: number, last: number })))
    }

    pub(crate) fn contains(self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }
}
