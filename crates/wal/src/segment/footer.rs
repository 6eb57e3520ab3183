//! What a sealed segment ends with: where its records and commits lie, and the tree over its leaves.
//!
//! Format: FORMAT.md#footer
//!
//! A footer is a pure function of the segment's header and commits, so it can always be rebuilt, and a footer that is
//! half written can be told from one that was damaged: by comparing it with the one that belongs there.

use crate::damage::{Problem, check_crc, check_field, check_zero};
use crate::fields::{array_at, i64_at, on_disk, part, put, u32_at, u64_at};
use crate::segment::header::{HEADER_END, SegmentHeader};
use crate::seq::Seq;
use crate::tree::CompactRange;

/// The length of the trailer, the last bytes of a sealed file.
pub(crate) const TRAILER_BYTES: usize = 64;

const FOOTER_HEADER_BYTES: usize = 16;
const OFFSET_BYTES: u64 = 8;
const COMMIT_BYTES: u64 = 24;
const NODE_BYTES: u64 = 40;

/// What a footer starts with.
pub(crate) const FOOTER_MAGIC: [u8; 8] = *b"RLFOOTER";
const TRAILER_MAGIC: [u8; 8] = *b"RLSEALED";
const TRAILER_MAGIC_TEXT: &str = "RLSEALED";
const PART: &str = "footer";
const TRAILER_PART: &str = "trailer";

/// One commit of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommitEntry {
    pub(crate) first_seq: Seq,
    pub(crate) commit_time_ns: i64,
    /// Where its frame lies.
    pub(crate) offset: u64,
}

/// What a footer is built from, gathered while the segment's commits are walked through.
#[derive(Debug)]
pub(crate) struct FooterBuilder {
    offsets: Vec<u8>,
    records: u64,
    commits: Vec<CommitEntry>,
    tree: CompactRange,
}

impl FooterBuilder {
    pub(crate) fn new(first_seq: Seq) -> FooterBuilder {
        let tree = CompactRange::starting_at(first_seq.get());
        FooterBuilder { offsets: Vec::new(), records: 0, commits: Vec::new(), tree }
    }

    pub(crate) fn add_commit(&mut self, commit: CommitEntry) {
        self.commits.push(commit);
    }

    pub(crate) fn add_record(&mut self, offset: u64, leaf: crate::seq::Leaf) {
        self.offsets.extend_from_slice(&offset.to_le_bytes());
        self.records += 1;
        self.tree.push_leaf(leaf);
    }

    /// The footer's bytes, for this place: where a commit could start behind the segment's last one.
    pub(crate) fn encode(&self, header: &SegmentHeader, footer_offset: u64) -> Vec<u8> {
        let nodes = self.tree.nodes();
        let mut bytes = Vec::with_capacity(self.offsets.len() + 256 + 24 * self.commits.len());
        bytes.extend_from_slice(&FOOTER_MAGIC);
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.offsets);
        for commit in &self.commits {
            bytes.extend_from_slice(&commit.first_seq.get().to_le_bytes());
            bytes.extend_from_slice(&commit.commit_time_ns.to_le_bytes());
            bytes.extend_from_slice(&commit.offset.to_le_bytes());
        }
        bytes.extend_from_slice(&on_disk(nodes.len()).to_le_bytes());
        for node in nodes {
            bytes.extend_from_slice(&u64::from(node.level).to_le_bytes());
            bytes.extend_from_slice(&node.hash);
        }
        let trailer = Trailer {
            footer_offset,
            records: self.records,
            commits: on_disk(self.commits.len()),
            nodes: on_disk(nodes.len()),
            last_commit_time_ns: self.commits.last().map_or(0, |commit| commit.commit_time_ns),
            footer_crc: crc32c::crc32c_append(header.seed(footer_offset), &bytes),
        };
        let trailer_offset = footer_offset + on_disk(bytes.len());
        bytes.extend_from_slice(&trailer.encode(header.seed(trailer_offset)));
        bytes
    }
}

/// Whether bytes bear one of the two marks that a footer and its trailer bear, at its place.
pub(crate) fn is_marked_as_footer(bytes: &[u8]) -> bool {
    bytes.starts_with(&FOOTER_MAGIC) || bytes.ends_with(&TRAILER_MAGIC)
}

/// The last bytes of a sealed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Where the footer starts: where a commit could, behind the last one.
    pub(crate) footer_offset: u64,
    pub(crate) records: u64,
    pub(crate) commits: u64,
    pub(crate) nodes: u64,
    pub(crate) last_commit_time_ns: i64,
    pub(crate) footer_crc: u32,
}

impl Trailer {
    fn encode(&self, seed: u32) -> [u8; TRAILER_BYTES] {
        let mut block = [0; TRAILER_BYTES];
        put(&mut block, 0, &self.footer_offset.to_le_bytes());
        put(&mut block, 8, &self.records.to_le_bytes());
        put(&mut block, 16, &self.commits.to_le_bytes());
        put(&mut block, 24, &self.nodes.to_le_bytes());
        put(&mut block, 32, &self.last_commit_time_ns.to_le_bytes());
        put(&mut block, 40, &self.footer_crc.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, part(&block, 0..52));
        put(&mut block, 52, &crc.to_le_bytes());
        put(&mut block, 56, &TRAILER_MAGIC);
        block
    }

    /// Reads the last bytes of a file of this length, and checks that they describe a footer that fits into it.
    pub(crate) fn decode(
        block: &[u8; TRAILER_BYTES],
        header: &SegmentHeader,
        file_bytes: u64,
    ) -> Result<Trailer, Problem> {
        let magic: [u8; 8] = array_at(block, 56);
        if magic != TRAILER_MAGIC {
            return Err(Problem::magic(TRAILER_PART, TRAILER_MAGIC_TEXT, &magic));
        }
        let trailer_offset = file_bytes.saturating_sub(on_disk(TRAILER_BYTES));
        let crc = crc32c::crc32c_append(header.seed(trailer_offset), part(block, 0..52));
        check_crc(TRAILER_PART, crc, u32_at(block, 52))?;
        check_zero(TRAILER_PART, "reserved bytes", part(block, 44..52))?;
        let trailer = Trailer {
            footer_offset: u64_at(block, 0),
            records: u64_at(block, 8),
            commits: u64_at(block, 16),
            nodes: u64_at(block, 24),
            last_commit_time_ns: i64_at(block, 32),
            footer_crc: u32_at(block, 40),
        };
        let footer_bytes = trailer.footer_bytes().unwrap_or(u64::MAX);
        check_field(
            TRAILER_PART,
            "footer length",
            file_bytes.saturating_sub(trailer.footer_offset),
            footer_bytes,
        )?;
        if trailer.footer_offset < HEADER_END {
            let (max, found) = (file_bytes, trailer.footer_offset);
            return Err(Problem::Range {
                part: TRAILER_PART,
                field: "footer offset",
                min: HEADER_END,
                max,
                found,
            });
        }
        Ok(trailer)
    }

    /// The footer in all the bytes of a segment, trailer included.
    pub(crate) fn footer_of<'a>(&self, segment: &'a [u8]) -> &'a [u8] {
        segment.get(crate::fields::in_memory(self.footer_offset)..).unwrap_or_default()
    }

    /// The length of footer and trailer together; nothing if the counts are absurd.
    fn footer_bytes(&self) -> Option<u64> {
        let offsets = self.records.checked_mul(OFFSET_BYTES)?;
        let commits = self.commits.checked_mul(COMMIT_BYTES)?;
        let nodes = self.nodes.checked_mul(NODE_BYTES)?.checked_add(8)?;
        let fixed = on_disk(FOOTER_HEADER_BYTES + TRAILER_BYTES);
        fixed.checked_add(offsets)?.checked_add(commits)?.checked_add(nodes)
    }
}

/// A footer that was read whole and checked: where each record and commit of its segment lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footer {
    trailer: Trailer,
}

impl Footer {
    /// Checks the footer that this trailer describes. `footer` is the file from the footer's offset on.
    pub(crate) fn check(trailer: Trailer, footer: &[u8], header: &SegmentHeader) -> Result<Footer, Problem> {
        let footer_bytes = trailer.footer_bytes().unwrap_or(u64::MAX);
        check_field(PART, "length", footer_bytes, on_disk(footer.len()))?;
        let body = part(footer, 0..footer.len() - TRAILER_BYTES);
        check_crc(PART, crc32c::crc32c_append(header.seed(trailer.footer_offset), body), trailer.footer_crc)?;
        let magic: [u8; 8] = array_at(body, 0);
        if magic != FOOTER_MAGIC {
            return Err(Problem::magic(PART, "RLFOOTER", &magic));
        }
        check_zero(PART, "reserved bytes", part(body, 8..16))?;
        Ok(Footer { trailer })
    }

    /// Where the record so many places after the segment's first one lies. `footer` is what was checked.
    pub(crate) fn record_offset(&self, footer: &[u8], index: u64) -> Option<u64> {
        if index >= self.trailer.records {
            return None;
        }
        let at = FOOTER_HEADER_BYTES + crate::fields::in_memory(index * OFFSET_BYTES);
        Some(u64_at(footer, at))
    }

    /// The commit that this record belongs to.
    pub(crate) fn commit_of(&self, footer: &[u8], seq: Seq) -> Option<CommitEntry> {
        self.commit(footer, self.commits_up_to(footer, seq).checked_sub(1)?)
    }

    /// Where the commit after the one that this record belongs to starts; `None` if that is the last one.
    pub(crate) fn commit_after(&self, footer: &[u8], seq: Seq) -> Option<Seq> {
        self.commit(footer, self.commits_up_to(footer, seq)).map(|commit| commit.first_seq)
    }

    /// How many commits start at this record or before it.
    fn commits_up_to(&self, footer: &[u8], seq: Seq) -> u64 {
        let (mut low, mut high) = (0, self.trailer.commits);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.commit(footer, middle).is_some_and(|commit| commit.first_seq <= seq) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn commit(&self, footer: &[u8], index: u64) -> Option<CommitEntry> {
        if index >= self.trailer.commits {
            return None;
        }
        let bytes = self.trailer.records * OFFSET_BYTES + index * COMMIT_BYTES;
        let at = FOOTER_HEADER_BYTES + crate::fields::in_memory(bytes);
        Some(CommitEntry {
            first_seq: Seq::new(u64_at(footer, at)),
            commit_time_ns: i64_at(footer, at + 8),
            offset: u64_at(footer, at + 16),
        })
    }
}
