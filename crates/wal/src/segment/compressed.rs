//! A sealed segment in fewer bytes: how it lies on disk.
//!
//! Format: FORMAT.md#compressed-segment
//!
//! Behind the header come blocks, each of which holds a stretch of the segment as it was appended (its *plain image*) and can be read
//! without the others; then a directory of the blocks, and a trailer. What follows from the payloads is left out: leaves
//! and checksums. So whoever reads gets the very bytes that were sealed, under the offsets that they had: see
//! [`file::CompressedFile`].
//!
//! INVARIANT: a plain image is never shown that differs from the sealed segment in one bit, unless its bytes are known to be
//! lost. Whoever makes a compressed segment reads all of it back before it takes the other one's place.
//!
//! Directory and trailer only say again what the blocks say: without them the blocks are found one after the other.

use crate::damage::{Problem, check_crc, check_field, check_max, check_zero};
use crate::fields::{array_at, i64_at, part, put, u32_at, u64_at};
use crate::options::SEGMENT_BYTES_MAX;
use crate::record::RECORD_BYTES_MAX;
use crate::segment::header::{HEADER_BYTES, HEADER_END, SegmentHeader};
use crate::seq::Seq;

pub(crate) mod file;
pub(crate) mod image;
pub(crate) mod write;

/// A block is closed when it holds so much of the plain image: as much as one look-up has to read.
pub(crate) const BLOCK_BYTES: u64 = 64 << 10;

/// A commit of up to so many bytes lies in one block. A longer one is split between records.
pub(crate) const WHOLE_COMMIT_BYTES_MAX: u64 = 128 << 10;

/// No block holds more of the plain image than this: the longest record, and what a block may hold in front of it.
const PLAIN_BYTES_MAX: u64 = RECORD_BYTES_MAX as u64 + (1 << 20);

/// Where a block may start.
const BLOCK_ALIGNMENT_BYTES: usize = 8;

pub(crate) const BLOCK_HEADER_BYTES: usize = 96;
pub(crate) const ENTRY_BYTES: usize = 32;
pub(crate) const DIRECTORY_HEADER_BYTES: usize = 16;
pub(crate) const TRAILER_BYTES: usize = 192;

/// How much of a segment's header the trailer repeats: all of it that isn't zero.
const HEADER_COPY_BYTES: usize = 128;

pub(crate) const BLOCK_MAGIC: [u8; 8] = *b"RLBLOCK1";
const BLOCK_MAGIC_TEXT: &str = "RLBLOCK1";
const DIRECTORY_MAGIC: [u8; 8] = *b"RLBLKDIR";
const DIRECTORY_MAGIC_TEXT: &str = "RLBLKDIR";
const TRAILER_MAGIC: [u8; 8] = *b"RLCOMPRS";
const TRAILER_MAGIC_TEXT: &str = "RLCOMPRS";

const BLOCK_PART: &str = "compressed block";
const DIRECTORY_PART: &str = "block directory";
const TRAILER_PART: &str = "compressed segment's trailer";

/// The length of so many bytes with the zeroes behind them, up to where a block may start.
pub(crate) const fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(BLOCK_ALIGNMENT_BYTES)
}

/// What of the plain image a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Commits, without what follows from their payloads.
    Commits(CommitState),
    /// What stands behind the last commit, as it is.
    Footer,
}

/// Where in a commit a block starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CommitState {
    /// The offset of the frame of the commit that it starts within, in the plain image; 0 if it starts between commits.
    pub(crate) frame_offset: u64,
    /// How many bytes of that commit's records are still to come.
    pub(crate) rest_bytes: u64,
    /// That commit's time, in nanoseconds since the Unix epoch.
    pub(crate) commit_time_ns: i64,
}

/// What stands in front of a block's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) content: Content,
    /// Where in the plain image it starts.
    pub(crate) plain_offset: u64,
    /// How much of that it holds.
    pub(crate) plain_bytes: u64,
    /// The number of the first record that starts in it; of a footer, the one behind the segment's last.
    pub(crate) first_seq: Seq,
    /// The length of its contents in the file, without the zeroes behind them.
    pub(crate) compressed_bytes: u64,
    /// The length of its contents when they are decompressed.
    pub(crate) stripped_bytes: u64,
    /// Over the contents in the file and the zeroes behind them.
    pub(crate) stored_crc: u32,
    /// Over the part of the plain image.
    pub(crate) plain_crc: u32,
}

impl BlockHeader {
    /// The block's bytes in the file, header and padding included.
    pub(crate) fn total_bytes(&self) -> u64 {
        BLOCK_HEADER_BYTES as u64 + self.stored_bytes()
    }

    /// The length of its contents in the file and of the zeroes behind them.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.compressed_bytes.next_multiple_of(BLOCK_ALIGNMENT_BYTES as u64)
    }

    pub(crate) fn plain_end(&self) -> u64 {
        self.plain_offset + self.plain_bytes
    }

    /// The header's bytes for a place whose seed this is.
    pub(crate) fn encode(&self, seed: u32) -> [u8; BLOCK_HEADER_BYTES] {
        let mut block = [0; BLOCK_HEADER_BYTES];
        let (kind, state) = match self.content {
            Content::Commits(state) => (0_u32, state),
            Content::Footer => (1, CommitState::default()),
        };
        put(&mut block, 0, &BLOCK_MAGIC);
        put(&mut block, 8, &kind.to_le_bytes());
        put(&mut block, 16, &self.plain_offset.to_le_bytes());
        put(&mut block, 24, &self.plain_bytes.to_le_bytes());
        put(&mut block, 32, &self.first_seq.get().to_le_bytes());
        put(&mut block, 40, &state.frame_offset.to_le_bytes());
        put(&mut block, 48, &state.rest_bytes.to_le_bytes());
        put(&mut block, 56, &state.commit_time_ns.to_le_bytes());
        put(&mut block, 64, &self.compressed_bytes.to_le_bytes());
        put(&mut block, 72, &self.stripped_bytes.to_le_bytes());
        put(&mut block, 80, &self.stored_crc.to_le_bytes());
        put(&mut block, 84, &self.plain_crc.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, part(&block, 0..92));
        put(&mut block, 92, &crc.to_le_bytes());
        block
    }

    /// Reads a header at a place whose seed this is, and checks that what it says is possible.
    pub(crate) fn decode(block: &[u8; BLOCK_HEADER_BYTES], seed: u32) -> Result<BlockHeader, Problem> {
        let magic: [u8; 8] = array_at(block, 0);
        if magic != BLOCK_MAGIC {
            return Err(Problem::magic(BLOCK_PART, BLOCK_MAGIC_TEXT, &magic));
        }
        check_crc(BLOCK_PART, crc32c::crc32c_append(seed, part(block, 0..92)), u32_at(block, 92))?;
        check_zero(BLOCK_PART, "reserved bytes", part(block, 12..16))?;
        check_zero(BLOCK_PART, "reserved bytes", part(block, 88..92))?;
        let kind = u32_at(block, 8);
        check_max(BLOCK_PART, "kind", 1, u64::from(kind))?;
        let state = CommitState {
            frame_offset: u64_at(block, 40),
            rest_bytes: u64_at(block, 48),
            commit_time_ns: i64_at(block, 56),
        };
        let header = BlockHeader {
            content: if kind == 0 { Content::Commits(state) } else { Content::Footer },
            plain_offset: u64_at(block, 16),
            plain_bytes: u64_at(block, 24),
            first_seq: Seq::new(u64_at(block, 32)),
            compressed_bytes: u64_at(block, 64),
            stripped_bytes: u64_at(block, 72),
            stored_crc: u32_at(block, 80),
            plain_crc: u32_at(block, 84),
        };
        check_max(BLOCK_PART, "plain offset", SEGMENT_BYTES_MAX, header.plain_offset)?;
        check_max(BLOCK_PART, "plain length", PLAIN_BYTES_MAX, header.plain_bytes)?;
        check_max(BLOCK_PART, "decompressed length", header.plain_bytes, header.stripped_bytes)?;
        // What can't be compressed becomes a little longer.
        check_max(BLOCK_PART, "compressed length", 2 * PLAIN_BYTES_MAX, header.compressed_bytes)?;
        check_max(BLOCK_PART, "first seq", Seq::MAX.get(), header.first_seq.get())?;
        Ok(header)
    }
}

/// What the directory says of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where in the file it starts.
    pub(crate) offset: u64,
    pub(crate) plain_offset: u64,
    pub(crate) first_seq: Seq,
    pub(crate) start: Start,
}

/// Where in the plain image a block starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    BetweenCommits,
    /// Within the commit whose frame stands at this offset of the plain image.
    WithinCommit(u64),
    /// Behind the last commit.
    Footer,
}

/// How a [`Start::Footer`] is written; no frame stands there.
const FOOTER_MARK: u64 = u64::MAX;

impl Entry {
    pub(crate) fn of(header: &BlockHeader, offset: u64) -> Entry {
        let start = match header.content {
            Content::Footer => Start::Footer,
            Content::Commits(CommitState { rest_bytes: 0, .. }) => Start::BetweenCommits,
            Content::Commits(state) => Start::WithinCommit(state.frame_offset),
        };
        Entry { offset, plain_offset: header.plain_offset, first_seq: header.first_seq, start }
    }

    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut block = [0; ENTRY_BYTES];
        let start = match self.start {
            Start::BetweenCommits => 0,
            Start::WithinCommit(frame_offset) => frame_offset,
            Start::Footer => FOOTER_MARK,
        };
        put(&mut block, 0, &self.offset.to_le_bytes());
        put(&mut block, 8, &self.plain_offset.to_le_bytes());
        put(&mut block, 16, &self.first_seq.get().to_le_bytes());
        put(&mut block, 24, &start.to_le_bytes());
        block
    }

    fn decode(block: &[u8; ENTRY_BYTES]) -> Entry {
        let start = match u64_at(block, 24) {
            0 => Start::BetweenCommits,
            FOOTER_MARK => Start::Footer,
            frame_offset => Start::WithinCommit(frame_offset),
        };
        let (offset, plain_offset) = (u64_at(block, 0), u64_at(block, 8));
        Entry { offset, plain_offset, first_seq: Seq::new(u64_at(block, 16)), start }
    }
}

/// The directory's bytes.
pub(crate) fn encode_directory(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DIRECTORY_HEADER_BYTES + entries.len() * ENTRY_BYTES);
    bytes.extend_from_slice(&DIRECTORY_MAGIC);
    bytes.extend_from_slice(&crate::fields::on_disk(entries.len()).to_le_bytes());
    for entry in entries {
        bytes.extend_from_slice(&entry.encode());
    }
    bytes
}

/// Reads a directory, and checks that its blocks follow each other, in the file and in the plain image, from the header on.
pub(crate) fn decode_directory(bytes: &[u8], trailer: &Trailer) -> Result<Vec<Entry>, Problem> {
    check_crc(DIRECTORY_PART, crc32c::crc32c(bytes), trailer.directory_crc)?;
    let (head, entries) = bytes.split_at_checked(DIRECTORY_HEADER_BYTES).unwrap_or((&[], &[]));
    if !head.starts_with(&DIRECTORY_MAGIC) {
        return Err(Problem::magic(DIRECTORY_PART, DIRECTORY_MAGIC_TEXT, part(bytes, 0..bytes.len().min(8))));
    }
    check_field(DIRECTORY_PART, "block count", trailer.blocks, u64_at(head, 8))?;
    let (blocks, rest) = entries.as_chunks::<ENTRY_BYTES>();
    check_field(DIRECTORY_PART, "bytes behind the last entry", 0, crate::fields::on_disk(rest.len()))?;
    let entries: Vec<_> = blocks.iter().map(Entry::decode).collect();
    let (mut offset, mut plain, mut seq) = (HEADER_END, HEADER_END, Seq::ZERO);
    for (number, entry) in entries.iter().enumerate() {
        let first = number == 0;
        let follows = |found: u64, least: u64| if first { found == least } else { found > least };
        if !follows(entry.offset, offset) || !follows(entry.plain_offset, plain) || entry.first_seq < seq {
            return Err(Problem::Foreign {
                reason: "its directory names blocks that don't follow each other",
            });
        }
        (offset, plain, seq) = (entry.offset, entry.plain_offset, entry.first_seq);
    }
    check_max(DIRECTORY_PART, "offset of a block", trailer.directory_offset, offset)?;
    check_max(DIRECTORY_PART, "plain offset", trailer.plain_bytes, plain)?;
    Ok(entries)
}

/// The last bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) header: SegmentHeader,
    pub(crate) directory_offset: u64,
    pub(crate) blocks: u64,
    /// The length of the plain image.
    pub(crate) plain_bytes: u64,
    pub(crate) directory_crc: u32,
}

impl Trailer {
    pub(crate) fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut block = [0; TRAILER_BYTES];
        put(&mut block, 0, part(&self.header.encode(), 0..HEADER_COPY_BYTES));
        put(&mut block, 128, &self.directory_offset.to_le_bytes());
        put(&mut block, 136, &self.blocks.to_le_bytes());
        put(&mut block, 144, &self.plain_bytes.to_le_bytes());
        put(&mut block, 152, &self.directory_crc.to_le_bytes());
        let crc = crc32c::crc32c(part(&block, 0..180));
        put(&mut block, 180, &crc.to_le_bytes());
        put(&mut block, 184, &TRAILER_MAGIC);
        block
    }

    /// Reads the last bytes of a file of this length. Depends on nothing else in the file, so that it can stand for a header
    /// that is damaged.
    pub(crate) fn decode(block: &[u8; TRAILER_BYTES], file_bytes: u64) -> Result<Trailer, Problem> {
        let magic: [u8; 8] = array_at(block, 184);
        if magic != TRAILER_MAGIC {
            return Err(Problem::magic(TRAILER_PART, TRAILER_MAGIC_TEXT, &magic));
        }
        check_crc(TRAILER_PART, crc32c::crc32c(part(block, 0..180)), u32_at(block, 180))?;
        check_zero(TRAILER_PART, "reserved bytes", part(block, 156..180))?;
        let trailer = Trailer {
            header: decode_header_copy(part(block, 0..HEADER_COPY_BYTES))?,
            directory_offset: u64_at(block, 128),
            blocks: u64_at(block, 136),
            plain_bytes: u64_at(block, 144),
            directory_crc: u32_at(block, 152),
        };
        check_max(TRAILER_PART, "length of the plain image", SEGMENT_BYTES_MAX, trailer.plain_bytes)?;
        let entries = trailer.blocks.checked_mul(ENTRY_BYTES as u64);
        let behind = (DIRECTORY_HEADER_BYTES + TRAILER_BYTES) as u64;
        let needed = entries.and_then(|entries| entries.checked_add(behind));
        let end = needed.and_then(|needed| trailer.directory_offset.checked_add(needed));
        check_field(TRAILER_PART, "end of the directory", file_bytes, end.unwrap_or(u64::MAX))?;
        Ok(trailer)
    }

    /// The length of the directory.
    pub(crate) fn directory_bytes(&self) -> usize {
        DIRECTORY_HEADER_BYTES + crate::fields::in_memory(self.blocks) * ENTRY_BYTES
    }
}

fn decode_header_copy(copy: &[u8]) -> Result<SegmentHeader, Problem> {
    let mut block = [0; HEADER_BYTES];
    put(&mut block, 0, copy);
    let crc = crc32c::crc32c(part(&block, 0..HEADER_BYTES - 4));
    put(&mut block, HEADER_BYTES - 4, &crc.to_le_bytes());
    match SegmentHeader::decode(&block) {
        Ok(header) if header.compressed => Ok(header),
        Ok(_) => {
            Err(Problem::Foreign { reason: "its trailer repeats the header of another kind of segment" })
        }
        Err(crate::segment::header::HeaderError::Damaged(problem)) => Err(problem),
        Err(crate::segment::header::HeaderError::NewerVersion(found)) => {
            let known = u64::from(crate::segment::header::FORMAT_VERSION);
            Err(Problem::Range {
                part: TRAILER_PART,
                field: "format version",
                min: 1,
                max: known,
                found: u64::from(found),
            })
        }
    }
}

#[cfg(test)]
mod tests;
