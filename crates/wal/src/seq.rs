//! The numbers and names that records are known by: [`Seq`], [`Leaf`], [`LedgerId`].
//!
//! Newtypes, because each of them reaches the disk. They know nothing of files: how they are laid out there is
//! the business of the structures that hold them.

use std::fmt;

/// The number of a record: dense, from 0, never reused. It is a record's only address outside this crate, and its
/// index as a leaf of the log's Merkle tree.
///
/// ```
/// use runledger_wal::Seq;
/// assert_eq!(Seq::new(7).next(), Seq::new(8));
/// assert_eq!(Seq::new(7).to_string(), "7");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(u64);

impl Seq {
    /// The first record of a ledger.
    pub const ZERO: Seq = Seq(0);

    /// The highest that a sound file names. So numbers that are computed from what a file says never overflow,
    /// whoever wrote it.
    pub(crate) const MAX: Seq = Seq(u64::MAX >> 1);

    /// The `Seq` with this number.
    #[must_use]
    pub const fn new(number: u64) -> Seq {
        Seq(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The `Seq` after this one.
    ///
    /// # Panics
    ///
    /// After `u64::MAX` records, which at a million a second takes half a million years.
    #[must_use]
    #[inline]
    pub const fn next(self) -> Seq {
        self.plus(1)
    }

    /// The `Seq` so many records later.
    #[inline]
    pub(crate) const fn plus(self, records: u64) -> Seq {
        Seq(self.0.checked_add(records).expect("a ledger never holds 2^64 records"))
    }

    /// How many records lie from `earlier` up to here; 0 if it isn't earlier.
    pub(crate) const fn since(self, earlier: Seq) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A record's 32-byte hash, as its log's [`LeafFunction`](crate::LeafFunction) gives it. Chain and tree are built
/// over leaves, so that a proof outlives the payload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf([u8; 32]);

impl Leaf {
    /// The leaf with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Leaf {
        Leaf(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({self})")
    }
}

/// Which ledger a file belongs to: a UUID, drawn at random when the ledger is created and the same in all its files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerId([u8; 16]);

impl LedgerId {
    /// The id with these bytes, in network order.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> LedgerId {
        LedgerId(bytes)
    }

    /// Its bytes, in network order.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerId({self})")
    }
}
