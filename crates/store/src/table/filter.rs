//! A filter that says of most absent keys that they are absent, in one cache line.
//!
//! ```text
//! filter = line…                       64 bytes each, behind the entries
//! line   = 512 bits
//! ```
//!
//! A key's hash chooses one line and six bits in it. A filter is only asked about keys whose
//! first byte is in the set that it was made for.
//!
//! Format: FORMAT.md#filter

pub(crate) const LINE_BYTES: usize = 64;
const LINE_BITS: u64 = 512;
/// With six probes, about one absent key in a hundred passes.
const BITS_PER_KEY: u64 = 10;
/// Odd numbers; each turns a hash into one probe by multiplication.
const PROBE_SALTS: [u32; 6] = [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b];

/// A set of first bytes of keys: of which keys the filter knows.
///
/// Keys that are only ever scanned, never looked up whole, need no place in the filter.
///
/// ```
/// use runledger_store::FirstBytes;
///
/// let looked_up = FirstBytes::of(b"is");
/// assert!(looked_up.contains(b"i/42") && !looked_up.contains(b"t/42") && !looked_up.contains(b""));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstBytes(pub(crate) [u8; 32]);

impl FirstBytes {
    /// All first bytes.
    pub const fn all() -> Self {
        Self([0xff; 32])
    }

    /// No first bytes: tables get no filter.
    pub const fn none() -> Self {
        Self([0; 32])
    }

    /// These ones.
    pub fn of(first_bytes: &[u8]) -> Self {
        let mut set = Self::none();
        for byte in first_bytes {
            if let Some(bits) = set.0.get_mut(usize::from(byte / 8)) {
                *bits |= 1 << (byte % 8);
            }
        }
        set
    }

    /// Whether `key` starts with one of them. The empty key has no first byte.
    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        let Some(&byte) = key.first() else { return false };
        self.0.get(usize::from(byte / 8)).is_some_and(|bits| bits & (1 << (byte % 8)) != 0)
    }
}

/// A filter in memory: while a table is written, and over a run of the memory table.
#[derive(Debug)]
pub(crate) struct Filter {
    lines: Vec<[u8; LINE_BYTES]>,
}

impl Filter {
    /// For about `keys` keys.
    pub(crate) fn for_keys(keys: u64) -> Self {
        let lines = keys.saturating_mul(BITS_PER_KEY).div_ceil(LINE_BITS).min(u64::from(u32::MAX));
        Self { lines: vec![[0; LINE_BYTES]; usize::try_from(lines).unwrap_or(0)] }
    }

    pub(crate) fn add(&mut self, key: &[u8]) {
        let hash = hash(key);
        let index = line_index(hash, self.lines.len() as u64);
        let Some(line) = usize::try_from(index).ok().and_then(|index| self.lines.get_mut(index)) else {
            return;
        };
        for (byte, mask) in probes(hash) {
            if let Some(bits) = line.get_mut(byte) {
                *bits |= mask;
            }
        }
    }

    /// Whether the key may be among those that were added.
    pub(crate) fn may_contain(&self, sought: Sought<'_>) -> bool {
        let line = usize::try_from(line_index(sought.hash, self.lines.len() as u64));
        let line = line.ok().and_then(|index| self.lines.get(index));
        line.is_none_or(|line| sought.may_be_in(line))
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.lines.as_slice())
    }

    pub(crate) fn lines(&self) -> u64 {
        self.lines.len() as u64
    }

    /// The filter's bytes.
    pub(crate) fn finish(self) -> impl Iterator<Item = [u8; LINE_BYTES]> {
        self.lines.into_iter()
    }
}

/// A key that is looked up in several places, hashed once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sought<'k> {
    pub(crate) key: &'k [u8],
    hash: u64,
}

impl<'k> Sought<'k> {
    pub(crate) fn new(key: &'k [u8]) -> Self {
        Self { key, hash: hash(key) }
    }

    /// Where the key's line starts in a filter of so many lines; `None` if it has none.
    pub(crate) fn line_start(self, lines: u64) -> Option<u64> {
        (lines > 0).then(|| line_index(self.hash, lines) * LINE_BYTES as u64)
    }

    /// Whether the key may be among the keys of the filter that has this line for it.
    pub(crate) fn may_be_in(self, line: &[u8]) -> bool {
        probes(self.hash).all(|(byte, mask)| line.get(byte).is_some_and(|bits| bits & mask != 0))
    }
}

/// The upper half of the hash chooses the line.
fn line_index(hash: u64, lines: u64) -> u64 {
    ((hash >> 32) * lines) >> 32
}

/// The lower half chooses the bits: byte and mask of each.
fn probes(hash: u64) -> impl Iterator<Item = (usize, u8)> {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    let lower = hash as u32;
    PROBE_SALTS.iter().map(move |salt| {
        let bit = (u64::from(lower.wrapping_mul(*salt)) * LINE_BITS) >> 32;
        let byte = usize::try_from(bit / 8).unwrap_or(0);
        (byte, 1u8 << (bit % 8))
    })
}

/// A 64-bit hash that is part of the format: words of eight bytes, each folded in by a full multiplication.
pub(crate) fn hash(key: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    const FINISHER: u64 = 0xd6e8_feb8_6659_fd93;
    let mut state = fold(key.len() as u64 ^ FINISHER, MULTIPLIER);
    let (words, tail) = key.as_chunks::<8>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), MULTIPLIER);
    }
    let mut last = [0u8; 8];
    for (to, from) in last.iter_mut().zip(tail) {
        *to = *from;
    }
    fold(fold(state ^ u64::from_le_bytes(last), MULTIPLIER), FINISHER)
}

#[expect(clippy::cast_possible_truncation, reason = "both halves of the product are used")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}
