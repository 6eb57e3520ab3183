//! The plain header in front of a payload's two parts, and where the parts lie.
//!
//! INVARIANT: a payload is well formed if and only if its parts, aligned to 8 bytes with zeroes between them, fill it
//! exactly. So every byte of a well-formed payload is in the header, in a part, or zero, and the leaf (a hash of
//! header and parts) binds them all.
//!
//! The header knows nothing of what a kind code or a part means.
//!
//! Format: FORMAT.md#event-payload

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = 32;

/// Bytes of the header in front of the salt.
pub(super) const PLAIN_BYTES: usize = 16;

/// Part 1 starts at a multiple of this, as its archive demands.
pub(super) const PART_ALIGNMENT_BYTES: usize = 8;

/// The fields of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PayloadHeader {
    pub(super) schema_version: u16,
    pub(super) kind_code: u16,
    pub(super) flags: u32,
    pub(super) part_0_bytes: u32,
    pub(super) part_1_bytes: u32,
    pub(super) salt: [u8; 16],
}

/// What makes bytes something else than a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// Too short for a header.
    NoHeader,
    /// The parts do not fill the payload exactly; this is the length at which they would.
    Length { expected: u64 },
    /// A byte between the parts is not zero.
    Padding { offset: usize },
}

/// A payload taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) header: PayloadHeader,
    /// The header's bytes in front of the salt.
    pub(super) plain: &'a [u8; PLAIN_BYTES],
    pub(super) part_0: &'a [u8],
    pub(super) part_1: &'a [u8],
}

impl PayloadHeader {
    /// The header's bytes.
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields = self
            .schema_version
            .to_le_bytes()
            .into_iter()
            .chain(self.kind_code.to_le_bytes())
            .chain(self.flags.to_le_bytes())
            .chain(self.part_0_bytes.to_le_bytes())
            .chain(self.part_1_bytes.to_le_bytes())
            .chain(self.salt);
        bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        bytes
    }

    /// The header in front of `payload`, and the rest; `None` when it is too short for one.
    fn parse(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (version, rest) = payload.split_first_chunk()?;
        let (kind, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let (part_0, rest) = rest.split_first_chunk()?;
        let (part_1, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let header = Self {
            schema_version: u16::from_le_bytes(*version),
            kind_code: u16::from_le_bytes(*kind),
            flags: u32::from_le_bytes(*flags),
            part_0_bytes: u32::from_le_bytes(*part_0),
            part_1_bytes: u32::from_le_bytes(*part_1),
            salt: *salt,
        };
        Some((header, rest))
    }

    /// Zero bytes between the parts; none when there is no part 1.
    fn padding_bytes(self) -> u64 {
        if self.part_1_bytes == 0 { 0 } else { u64::from(self.part_0_bytes).wrapping_neg() % 8 }
    }
}

impl<'a> Parts<'a> {
    /// Takes `payload` apart.
    pub(super) fn of(payload: &'a [u8]) -> Result<Self, Malformed> {
        let (header, rest) = PayloadHeader::parse(payload).ok_or(Malformed::NoHeader)?;
        let plain = payload.first_chunk().ok_or(Malformed::NoHeader)?;
        // In 64 bits the sum of two u32 and a few bytes cannot overflow.
        let expected =
            u64::from(header.part_0_bytes) + header.padding_bytes() + u64::from(header.part_1_bytes);
        let wrong_length = Malformed::Length { expected: expected + HEADER_BYTES as u64 };
        if rest.len() as u64 != expected {
            return Err(wrong_length);
        }
        // The sum fits the slice, so each of its terms fits a usize.
        let part_0_bytes = usize::try_from(header.part_0_bytes).map_err(|_| wrong_length)?;
        let padding_bytes = usize::try_from(header.padding_bytes()).map_err(|_| wrong_length)?;
        let (part_0, rest) = rest.split_at_checked(part_0_bytes).ok_or(wrong_length)?;
        let (padding, part_1) = rest.split_at_checked(padding_bytes).ok_or(wrong_length)?;
        if let Some(index) = padding.iter().position(|&byte| byte != 0) {
            return Err(Malformed::Padding { offset: HEADER_BYTES + part_0_bytes + index });
        }
        Ok(Self { header, plain, part_0, part_1 })
    }

    /// Where a part starts in the payload.
    pub(super) fn offset_of(&self, part: u8) -> usize {
        match part {
            0 => HEADER_BYTES,
            _ => (HEADER_BYTES + self.part_0.len()).next_multiple_of(PART_ALIGNMENT_BYTES),
        }
    }
}
