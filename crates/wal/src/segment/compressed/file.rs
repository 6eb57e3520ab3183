//! A compressed segment as the file that it was before: read by offsets of its plain image.
//!
//! What can't be had any more, because a block is damaged, shows as bytes that are no frame, no record and no footer; and
//! [`CompressedFile::problem_at`] says why. So whoever reads segments reads these too, and finds damage where it is.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::damage::{Problem, check_crc, check_field};
use crate::fields::{in_memory, on_disk};
use crate::leaf::LeafFunction;
use crate::map::Map;
use crate::planted::{Bug, planted};
use crate::segment::compressed::image::{PlacedRecord, Restorer, place_of_record};
use crate::segment::compressed::{
    BLOCK_ALIGNMENT_BYTES, BLOCK_HEADER_BYTES, BLOCK_MAGIC, BlockHeader, Content, Entry, Start,
    TRAILER_BYTES, Trailer, decode_directory,
};
use crate::segment::header::{HEADER_END, SegmentHeader};
use crate::segment::scan::Window;
use crate::seq::Seq;
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{LockMode, StorageFile};
use crate::sync::Mutex;

/// How many blocks are kept that were read last: enough for one who reads in order and some who look here and there.
const BLOCKS_KEPT: usize = 4;

/// What stands for bytes that are lost. No structure of a segment starts with it, and it isn't taken for unwritten space.
const LOST: u8 = 0xdb;

/// The longest directory that is read: that of a segment of the greatest length, several times over.
const DIRECTORY_BYTES_MAX: usize = 64 << 20;

/// A block of commits in memory.
#[derive(Debug)]
pub(crate) struct PlainBlock {
    header: BlockHeader,
    bytes: Arc<[u8]>,
}

/// A record in a block.
#[derive(Debug)]
pub(crate) struct FoundRecord {
    pub(crate) block: Arc<[u8]>,
    /// Where it starts in the block.
    pub(crate) at: usize,
    /// Where it starts in the plain image.
    pub(crate) offset: u64,
    pub(crate) commit_time_ns: i64,
}

/// Records that can't be shown.
#[derive(Debug)]
pub(crate) struct LostRecords {
    /// Which.
    pub(crate) seqs: Range<Seq>,
    /// Where they lie in the plain image.
    pub(crate) offset: u64,
    /// Why.
    pub(crate) problem: Problem,
}

/// A compressed segment that is open for reading.
#[derive(Debug)]
pub(crate) struct CompressedFile {
    file: LogFile,
    restorer: Restorer,
    entries: Vec<Entry>,
    plain_bytes: u64,
    /// Why the blocks had to be found without the directory.
    directory_problem: Option<Problem>,
    kept: Mutex<VecDeque<(usize, Arc<PlainBlock>)>>,
    /// What is wrong with blocks that were found damaged, by their places in the directory.
    damaged: Mutex<BTreeMap<usize, Problem>>,
}

/// Why a block can't be shown.
enum BlockError {
    Storage(StorageError),
    Damaged(Problem),
}

impl From<StorageError> for BlockError {
    fn from(error: StorageError) -> BlockError {
        BlockError::Storage(error)
    }
}

impl From<Problem> for BlockError {
    fn from(problem: Problem) -> BlockError {
        BlockError::Damaged(problem)
    }
}

impl CompressedFile {
    /// Reads the directory of a file that has this header, or finds the blocks without one.
    pub(crate) fn open(
        file: LogFile,
        header: &SegmentHeader,
        leaf_function: &Arc<dyn LeafFunction>,
    ) -> Result<CompressedFile, StorageError> {
        let restorer = Restorer { header: header.clone(), leaf_function: Arc::clone(leaf_function) };
        let ((entries, plain_bytes), directory_problem) = match read_directory(&file, header)? {
            Ok(directory) => (directory, None),
            Err(problem) => (find_blocks(&file, header)?, Some(problem)),
        };
        let (kept, damaged) = (Mutex::default(), Mutex::default());
        Ok(CompressedFile { file, restorer, entries, plain_bytes, directory_problem, kept, damaged })
    }

    /// The header that the end of a file repeats, if there is a sound one.
    pub(crate) fn repeated_header(file: &LogFile) -> Result<Option<SegmentHeader>, StorageError> {
        Ok(read_trailer(file)?.ok().map(|trailer| trailer.header))
    }

    /// The first record behind the segment.
    pub(crate) fn end(&self) -> Option<Seq> {
        let footer = self.entries.iter().find(|entry| entry.start == Start::Footer);
        footer.map(|entry| entry.first_seq)
    }

    /// Where in the plain image the last commit ends.
    pub(crate) fn commits_limit(&self) -> u64 {
        let footer = self.entries.iter().find(|entry| entry.start == Start::Footer);
        footer.map_or(self.plain_bytes, |entry| entry.plain_offset)
    }

    /// Where in the file each block starts, and the number of its first record.
    #[cfg(test)]
    pub(crate) fn block_offsets(&self) -> Vec<(u64, Seq)> {
        self.entries.iter().map(|entry| (entry.offset, entry.first_seq)).collect()
    }

    /// The length of the file on disk.
    pub(crate) fn stored_bytes(&self) -> Result<u64, StorageError> {
        self.file.length()
    }

    /// The length of the plain image.
    pub(crate) fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    /// What is wrong with the file that touches no block: its directory, its trailer, or bytes between the blocks.
    pub(crate) fn problem_beside_blocks(&self) -> Result<Option<(u64, Problem)>, StorageError> {
        let file_bytes = self.file.length()?;
        if let Some(problem) = &self.directory_problem {
            return Ok(Some((file_bytes.saturating_sub(TRAILER_BYTES as u64), problem.clone())));
        }
        let ends = self.entries.iter().skip(1).map(|entry| entry.offset);
        let ends = ends.chain(read_trailer(&self.file)?.ok().map(|trailer| trailer.directory_offset));
        for (entry, end) in self.entries.iter().zip(ends) {
            if let Ok(header) = read_block_header(&self.file, &self.restorer.header, entry.offset)? {
                let found = entry.offset + header.total_bytes();
                if let Err(problem) = check_field("compressed block", "end", end, found) {
                    return Ok(Some((entry.offset, problem)));
                }
            }
        }
        Ok(None)
    }

    /// Why the plain image can't be shown at this offset, and for which part of the compressed file that holds; `None` if
    /// nothing is known to be wrong there.
    pub(crate) fn problem_at(&self, plain_offset: u64) -> Option<Problem> {
        let damaged = self.damaged.lock();
        damaged.get(&self.index_of_offset(plain_offset)?).cloned()
    }

    /// The record of this number.
    pub(crate) fn record(&self, seq: Seq) -> Result<Result<FoundRecord, LostRecords>, StorageError> {
        let Some(index) = self.index_of_record(seq) else {
            let problem = Problem::Missing;
            return Ok(Err(LostRecords { seqs: seq..seq.next(), offset: HEADER_END, problem }));
        };
        let lost = |problem| {
            let entry = self.entries.get(index).expect("it was found in them");
            let end = self.entries.get(index + 1).map_or(seq.next(), |next| next.first_seq.max(seq.next()));
            Ok(Err(LostRecords { seqs: entry.first_seq..end, offset: entry.plain_offset, problem }))
        };
        let block = match self.block(index) {
            Ok(block) => block,
            Err(BlockError::Storage(error)) => return Err(error),
            Err(BlockError::Damaged(problem)) => return lost(problem),
        };
        match self.place_in(&block, seq) {
            Some(PlacedRecord { at, commit_time_ns, .. }) => {
                let offset = block.header.plain_offset + on_disk(at);
                Ok(Ok(FoundRecord { block: Arc::clone(&block.bytes), at, offset, commit_time_ns }))
            }
            // Between two blocks that are sound others are missing.
            None => lost(Problem::Missing),
        }
    }

    /// Where in the plain image the frame stands of the commit that this record is in; `None` if that is lost.
    pub(crate) fn frame_offset_of(&self, seq: Seq) -> Option<u64> {
        let block = self.block(self.index_of_record(seq)?).ok()?;
        Some(self.place_in(&block, seq)?.frame_offset)
    }

    /// A record behind this one with which a commit starts: the first of the next block that starts between commits. `None`
    /// if none does.
    pub(crate) fn commit_behind(&self, seq: Seq) -> Option<Seq> {
        let mut behind = self.entries.iter().skip_while(|entry| entry.first_seq <= seq);
        let next = behind.find(|entry| !matches!(entry.start, Start::WithinCommit(_)))?;
        (next.start == Start::BetweenCommits).then_some(next.first_seq)
    }

    fn place_in(&self, block: &PlainBlock, seq: Seq) -> Option<PlacedRecord> {
        let BlockHeader { content: Content::Commits(state), plain_offset, first_seq, .. } = block.header
        else {
            return None;
        };
        let index = seq.get().checked_sub(first_seq.get())?;
        place_of_record(&self.restorer.header, &block.bytes, plain_offset, state, index)
    }

    fn index_of_record(&self, seq: Seq) -> Option<usize> {
        let after = self.entries.partition_point(|entry| entry.first_seq <= seq);
        let index = after.checked_sub(1)?;
        self.entries.get(index).filter(|entry| entry.start != Start::Footer)?;
        Some(index)
    }

    fn index_of_offset(&self, plain_offset: u64) -> Option<usize> {
        self.entries.partition_point(|entry| entry.plain_offset <= plain_offset).checked_sub(1)
    }

    /// Where the plain image of this block ends, if it is lost.
    fn lost_end(&self, index: usize) -> u64 {
        self.entries.get(index + 1).map_or(self.plain_bytes, |next| next.plain_offset)
    }

    /// A block, read and checked.
    fn block(&self, index: usize) -> Result<Arc<PlainBlock>, BlockError> {
        if let Some((_, block)) = self.kept.lock().iter().find(|(kept, _)| *kept == index) {
            return Ok(Arc::clone(block));
        }
        if let Some(problem) = self.damaged.lock().get(&index) {
            return Err(problem.clone().into());
        }
        let entry = *self.entries.get(index).expect("callers found the block in the directory");
        let block = match self.read_block(&entry) {
            Ok(block) => Arc::new(block),
            Err(BlockError::Damaged(problem)) => {
                self.damaged.lock().insert(index, problem.clone());
                return Err(problem.into());
            }
            Err(error) => return Err(error),
        };
        let mut kept = self.kept.lock();
        if kept.len() >= BLOCKS_KEPT {
            kept.pop_front();
        }
        kept.push_back((index, Arc::clone(&block)));
        Ok(block)
    }

    fn read_block(&self, entry: &Entry) -> Result<PlainBlock, BlockError> {
        const PART: &str = "compressed block";
        let restorer = &self.restorer;
        let header = read_block_header(&self.file, &restorer.header, entry.offset)??;
        if Entry::of(&header, entry.offset) != *entry {
            return Err(Problem::Foreign { reason: "a block isn't the one that the directory names" }.into());
        }
        let mut stored = vec![0; in_memory(header.stored_bytes())];
        let offset = entry.offset + BLOCK_HEADER_BYTES as u64;
        let read = self.file.read_up_to(&mut stored, offset)?;
        if read < stored.len() {
            let (expected, found) = (offset + header.stored_bytes(), offset + on_disk(read));
            return Err(Problem::Ends { part: PART, expected, found }.into());
        }
        if !planted(Bug::ShowBlockUnchecked) {
            let crc = crc32c::crc32c_append(restorer.header.seed(offset), &stored);
            check_crc(PART, crc, header.stored_crc)?;
        }
        stored.truncate(in_memory(header.compressed_bytes));
        let unsound = || Problem::Foreign { reason: "a compressed block can't be decompressed" };
        let stripped_bytes = in_memory(header.stripped_bytes);
        let stripped = zstd::bulk::decompress(&stored, stripped_bytes).map_err(|_| unsound())?;
        if stripped.len() != stripped_bytes {
            return Err(unsound().into());
        }
        let plain = match header.content {
            Content::Commits(state) => {
                restorer.restore(&stripped, state, header.plain_offset, header.plain_bytes)?
            }
            Content::Footer => stripped,
        };
        if !planted(Bug::ShowBlockUnchecked) && !planted(Bug::TrustPlainImage) {
            check_crc("plain image of a compressed block", crc32c::crc32c(&plain), header.plain_crc)?;
        }
        Ok(PlainBlock { header, bytes: plain.into() })
    }

    /// Reads from one block, or what stands for it.
    fn read_plain(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StorageError> {
        let lost = |buffer: &mut [u8], end: u64| {
            let bytes = usize::try_from(end - offset).map_or(buffer.len(), |bytes| bytes.min(buffer.len()));
            buffer.get_mut(..bytes).unwrap_or_default().fill(LOST);
            bytes
        };
        let Some(index) = self.index_of_offset(offset) else {
            // The first block can't be found.
            return Ok(lost(
                buffer,
                self.entries.first().map_or(self.plain_bytes, |entry| entry.plain_offset),
            ));
        };
        let block = match self.block(index) {
            Ok(block) => block,
            Err(BlockError::Damaged(_)) => return Ok(lost(buffer, self.lost_end(index))),
            Err(BlockError::Storage(error)) => return Err(error),
        };
        let at = in_memory(offset - block.header.plain_offset);
        let Some(there) = block.bytes.get(at..).filter(|there| !there.is_empty()) else {
            // What follows stood in a block that can't be found.
            return Ok(lost(buffer, self.lost_end(index)));
        };
        let bytes = there.len().min(buffer.len());
        let (to, from) = (buffer.get_mut(..bytes), there.get(..bytes));
        to.unwrap_or_default().copy_from_slice(from.unwrap_or_default());
        Ok(bytes)
    }
}

/// Reads the header of the block at this offset.
fn read_block_header(
    file: &LogFile,
    header: &SegmentHeader,
    offset: u64,
) -> Result<Result<BlockHeader, Problem>, StorageError> {
    let mut block = [0; BLOCK_HEADER_BYTES];
    let read = file.read_up_to(&mut block, offset)?;
    if read < BLOCK_HEADER_BYTES {
        let (expected, found) = (offset + BLOCK_HEADER_BYTES as u64, offset + on_disk(read));
        return Ok(Err(Problem::Ends { part: "compressed block", expected, found }));
    }
    Ok(BlockHeader::decode(&block, header.seed(offset)))
}

/// The trailer, if the file ends with a sound one.
fn read_trailer(file: &LogFile) -> Result<Result<Trailer, Problem>, StorageError> {
    let file_bytes = file.length()?;
    let mut block = [0; TRAILER_BYTES];
    let offset = file_bytes.saturating_sub(TRAILER_BYTES as u64);
    file.read_up_to(&mut block, offset)?;
    Ok(Trailer::decode(&block, file_bytes))
}

/// The blocks and the length of the plain image, if directory and trailer are sound.
fn read_directory(
    file: &LogFile,
    header: &SegmentHeader,
) -> Result<Result<(Vec<Entry>, u64), Problem>, StorageError> {
    let trailer = match read_trailer(file)? {
        Ok(trailer) => trailer,
        Err(problem) => return Ok(Err(problem)),
    };
    if trailer.header != *header || trailer.directory_bytes() > DIRECTORY_BYTES_MAX {
        return Ok(Err(Problem::Foreign { reason: "its trailer is another segment's" }));
    }
    let mut bytes = vec![0; trailer.directory_bytes()];
    file.read_up_to(&mut bytes, trailer.directory_offset)?;
    Ok(decode_directory(&bytes, &trailer).map(|entries| (entries, trailer.plain_bytes)))
}

/// The blocks that can be found without the directory: from the header on, each behind the one before; behind one whose
/// header is bad, the next that passes, which its seed ties to its place.
fn find_blocks(file: &LogFile, header: &SegmentHeader) -> Result<(Vec<Entry>, u64), StorageError> {
    let file_bytes = file.length()?;
    let mut window = Window::new(file, file_bytes);
    let (mut entries, mut plain_end, mut seq, mut at) =
        (Vec::<Entry>::new(), HEADER_END, Seq::ZERO, HEADER_END);
    while let Some(block) = window.get(at, BLOCK_HEADER_BYTES as u64)? {
        let found = match block.first_chunk() {
            Some(block) if block.starts_with(&BLOCK_MAGIC) => {
                BlockHeader::decode(block, header.seed(at)).ok()
            }
            _ => None,
        };
        let follows = |block: &BlockHeader| block.plain_offset >= plain_end && block.first_seq >= seq;
        match found.filter(follows) {
            Some(block) => {
                entries.push(Entry::of(&block, at));
                (plain_end, seq) = (block.plain_end(), block.first_seq);
                at += block.total_bytes();
            }
            None => at += BLOCK_ALIGNMENT_BYTES as u64,
        }
    }
    Ok((entries, plain_end))
}

impl StorageFile for CompressedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if buffer.is_empty() || offset >= self.plain_bytes {
            return Ok(0);
        }
        if offset < HEADER_END {
            let bytes = buffer.len().min(in_memory(HEADER_END - offset));
            return self.file.raw().read_at(buffer.get_mut(..bytes).unwrap_or_default(), offset);
        }
        self.read_plain(buffer, offset).map_err(StorageError::into_io)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.plain_bytes)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn set_length(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.raw().sync_data()
    }

    fn try_lock(&self, _: LockMode) -> io::Result<bool> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Ok(None)
    }
}
