//! Making a compressed segment and putting it in the place of the sealed one.
//!
//! The new file is written under a name of its own, synced, and read back: only if it shows the very bytes of the old one does it
//! get the segment's name, in one rename. A segment that isn't sound in every record, leaf and footer byte stays as it is:
//! what is computed anew would hide what is wrong with it.
//!
//! CRASH: at any moment the segment's name stands for one of two files with the same plain image. A file that didn't get that far
//! is removed by the next opening.

use std::path::Path;
use std::sync::Arc;

use crate::fields::{in_memory, on_disk};
use crate::frame::FRAME_BYTES;
use crate::leaf::LeafFunction;
use crate::planted::{Bug, planted};
use crate::record::{RECORD_HEADER_BYTES, RecordHeader};
use crate::segment::compressed::file::CompressedFile;
use crate::segment::compressed::image::{strip_frame, strip_record};
use crate::segment::compressed::{
    BLOCK_BYTES, BLOCK_HEADER_BYTES, BlockHeader, CommitState, Content, Entry, Trailer,
    WHOLE_COMMIT_BYTES_MAX, encode_directory, padded,
};
use crate::segment::footer::Trailer as SealedTrailer;
use crate::segment::header::{HEADER_END, SegmentHeader};
use crate::segment::name::segment_new_name;
use crate::segment::scan::{FrameFound, Place, PlacedFrame, Walked, Window, read_frame, read_record};
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::{LogFile, StorageError};
use crate::storage::{OpenMode, Storage};

/// How hard the compressor tries. More gains a hundredth and takes several times as long.
const LEVEL: i32 = 1;

/// How much is compared at a time.
const COMPARED_BYTES: u64 = 256 << 10;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compressed {
    /// The file took so many bytes, and takes so many now.
    Done { bytes_before: u64, bytes_after: u64 },
    /// It was compressed before.
    Already,
    /// It has no footer yet.
    Unsealed,
    /// It isn't sound, or hashed by another function: it stays as it is.
    Left,
}

/// Where, and how long, segments are compressed.
pub(crate) struct Compressing<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) directory: &'a Path,
    pub(crate) ledger_id: LedgerId,
    pub(crate) leaf_function: &'a Arc<dyn LeafFunction>,
    /// Asked again and again; once it says no, the segment is left as it is.
    pub(crate) keep_going: &'a dyn Fn() -> bool,
}

/// Compresses the sealed segment that starts with this record.
pub(crate) fn compress(task: &Compressing<'_>, first_seq: Seq) -> Result<Compressed, StorageError> {
    let Compressing { storage, directory, ledger_id, leaf_function, .. } = *task;
    let opened = Segment::open_stored(storage, directory, ledger_id, first_seq, OpenMode::Read);
    let segment = match opened {
        Ok(segment) if segment.header.compressed => return Ok(Compressed::Already),
        Ok(segment) => segment,
        Err(SegmentError::Storage(error)) => return Err(error),
        Err(_) => return Ok(Compressed::Left),
    };
    let Some(trailer) = segment.trailer()? else { return Ok(Compressed::Unsealed) };
    if segment.header.leaf_function != leaf_function.id() {
        return Ok(Compressed::Left);
    }
    let path = directory.join(segment_new_name(first_seq));
    let result = make(task, &segment, &trailer, &path);
    if !matches!(result, Ok(Compressed::Done { .. })) {
        // Whatever it was that failed: who can't remove it now does so at the next opening.
        drop(storage.remove(&path));
    }
    result
}

fn make(
    task: &Compressing<'_>,
    segment: &Segment,
    trailer: &SealedTrailer,
    path: &Path,
) -> Result<Compressed, StorageError> {
    let storage = task.storage;
    let file = LogFile::open(storage, path.to_owned(), OpenMode::Create)?;
    file.set_length(0)?;
    let header = SegmentHeader {
        compressed: true,
        generation: segment.header.generation + 1,
        ..segment.header.clone()
    };
    let mut packer = Packer::new(&file, &header);
    if !packer.pack(segment, trailer, task)? {
        return Ok(Compressed::Left);
    }
    let bytes_after = packer.finish(segment.file.length()?)?;
    if !planted(Bug::SkipCompressedSync) {
        file.sync()?;
    }
    if !planted(Bug::TrustPlainImage) && !is_the_same(&file, &header, segment, task)? {
        return Ok(Compressed::Left);
    }
    let (bytes_before, target) = (segment.file.length()?, segment.file.path());
    // CRASH: a whole file that nobody knows of.
    storage.rename(path, target).map_err(|error| StorageError::new("rename", path, error))?;
    let directory = target.parent().unwrap_or(Path::new("."));
    storage.sync_directory(directory).map_err(|error| StorageError::new("sync", directory, error))?;
    Ok(Compressed::Done { bytes_before, bytes_after })
}

/// Whether the new file shows the old one's bytes, behind the header.
fn is_the_same(
    file: &LogFile,
    header: &SegmentHeader,
    segment: &Segment,
    task: &Compressing<'_>,
) -> Result<bool, StorageError> {
    let shown = CompressedFile::open(file.clone(), header, task.leaf_function)?;
    let bytes = segment.file.length()?;
    if shown.plain_bytes() != bytes {
        return Ok(false);
    }
    let shown = file.clone().wrapped(|_| Arc::new(shown));
    let (mut old, mut new) = (Window::new(&segment.file, bytes), Window::new(&shown, bytes));
    let mut at = HEADER_END;
    while at < bytes {
        let length = COMPARED_BYTES.min(bytes - at);
        let is_same = match (old.get(at, length)?, new.get(at, length)?) {
            (Some(old), Some(new)) => old == new,
            _ => false,
        };
        if !is_same || !(task.keep_going)() {
            return Ok(false);
        }
        at += length;
    }
    Ok(true)
}

/// Writes blocks one after the other.
struct Packer<'a> {
    file: &'a LogFile,
    header: &'a SegmentHeader,
    compressor: zstd::bulk::Compressor<'static>,
    entries: Vec<Entry>,
    /// Where in the file the next block starts.
    offset: u64,
    block: OpenBlock,
}

/// A block that is being filled.
#[derive(Debug, Default)]
struct OpenBlock {
    state: CommitState,
    first_seq: Seq,
    plain_offset: u64,
    /// The stretch of the plain image.
    plain: Vec<u8>,
    stripped: Vec<u8>,
}

impl<'a> Packer<'a> {
    fn new(file: &'a LogFile, header: &'a SegmentHeader) -> Packer<'a> {
        let compressor = zstd::bulk::Compressor::new(LEVEL).expect("the level is one that the library has");
        let block =
            OpenBlock { first_seq: header.first_seq, plain_offset: HEADER_END, ..OpenBlock::default() };
        Packer { file, header, compressor, entries: Vec::new(), offset: HEADER_END, block }
    }

    /// Takes all of a sealed segment. `false` if something in it isn't sound.
    fn pack(
        &mut self,
        segment: &Segment,
        trailer: &SealedTrailer,
        task: &Compressing<'_>,
    ) -> Result<bool, StorageError> {
        self.file.write_all(&self.header.encode(), 0)?;
        let mut window = Window::new(&segment.file, trailer.footer_offset);
        let (mut place, end) =
            (Place::start_of(&segment.header), segment.header.first_seq.plus(trailer.records));
        while place.seq < end {
            let FrameFound::Frame(commit) = read_frame(&mut window, &segment.header, place)? else {
                return Ok(false);
            };
            if !(task.keep_going)()
                || !self.pack_commit(&mut window, place, &commit, &**task.leaf_function)?
            {
                return Ok(false);
            }
            place = commit.place_after();
        }
        self.close_block(place.seq, CommitState::default())?;
        self.pack_footer(segment, place)?;
        Ok(true)
    }

    fn pack_commit(
        &mut self,
        window: &mut Window<'_>,
        place: Place,
        commit: &PlacedFrame,
        leaf_function: &dyn LeafFunction,
    ) -> Result<bool, StorageError> {
        let bytes = commit.end() - place.offset;
        let (whole, held) = (bytes <= WHOLE_COMMIT_BYTES_MAX, on_disk(self.block.plain.len()));
        if held >= BLOCK_BYTES || (held > 0 && held + bytes > WHOLE_COMMIT_BYTES_MAX) {
            self.close_block(commit.frame.first_seq, CommitState::default())?;
        }
        let Some(frame) = window.get(commit.offset, FRAME_BYTES as u64)?.and_then(<[u8]>::first_chunk) else {
            return Ok(false);
        };
        self.block.plain.resize(self.block.plain.len() + in_memory(commit.offset - place.offset), 0);
        self.block.plain.extend_from_slice(frame);
        strip_frame(frame, whole, &mut self.block.stripped);
        let (mut seq, mut offset) = (commit.frame.first_seq, commit.records_offset());
        while seq < commit.frame.end_seq() {
            let state = CommitState {
                frame_offset: commit.offset,
                rest_bytes: commit.end() - offset,
                commit_time_ns: commit.frame.commit_time_ns,
            };
            if !whole && on_disk(self.block.plain.len()) >= BLOCK_BYTES {
                self.close_block(seq, state)?;
            }
            let record = match read_record(window, offset, commit.end(), Some(leaf_function))? {
                Walked::Sound(record) => record,
                Walked::Bad { record, .. } if planted(Bug::TrustPlainImage) => record,
                Walked::Bad { .. } | Walked::Lost(_) => return Ok(false),
            };
            let Some(bytes) = window.get(offset, record.total_bytes())? else { return Ok(false) };
            self.take_record(&record, bytes);
            (seq, offset) = (seq.next(), offset + record.total_bytes());
        }
        Ok(offset == commit.end())
    }

    fn take_record(&mut self, record: &RecordHeader, bytes: &[u8]) {
        let payload_end = RECORD_HEADER_BYTES + in_memory(u64::from(record.payload_bytes));
        let payload = bytes.get(RECORD_HEADER_BYTES..payload_end).unwrap_or_default();
        strip_record(record.payload_bytes, payload, &mut self.block.stripped);
        self.block.plain.extend_from_slice(bytes);
    }

    /// What stands behind the last commit: padding and footer.
    fn pack_footer(&mut self, segment: &Segment, place: Place) -> Result<(), StorageError> {
        let file_bytes = segment.file.length()?;
        let mut at = place.offset;
        while at < file_bytes {
            let mut plain = vec![0; in_memory(BLOCK_BYTES.min(file_bytes - at))];
            let read = segment.file.read_up_to(&mut plain, at)?;
            plain.truncate(read.max(1));
            let stripped = plain.clone();
            let bytes = on_disk(plain.len());
            let state = CommitState::default();
            let block = OpenBlock { state, first_seq: place.seq, plain_offset: at, plain, stripped };
            self.write_block(Content::Footer, &block)?;
            at += bytes;
        }
        Ok(())
    }

    /// Writes the block that is being filled, if there is anything in it, and begins the next with this record.
    fn close_block(&mut self, next: Seq, state: CommitState) -> Result<(), StorageError> {
        let plain_offset = self.block.plain_offset + on_disk(self.block.plain.len());
        let block = OpenBlock { state, first_seq: next, plain_offset, ..OpenBlock::default() };
        let full = std::mem::replace(&mut self.block, block);
        if full.plain.is_empty() {
            return Ok(());
        }
        self.write_block(Content::Commits(full.state), &full)
    }

    fn write_block(&mut self, content: Content, block: &OpenBlock) -> Result<(), StorageError> {
        let compressed = self.compressor.compress(&block.stripped);
        let mut stored = compressed.map_err(|error| self.file.error("compress", error))?;
        let compressed_bytes = on_disk(stored.len());
        stored.resize(padded(stored.len()), 0);
        let contents_at = self.offset + BLOCK_HEADER_BYTES as u64;
        let header = BlockHeader {
            content,
            plain_offset: block.plain_offset,
            plain_bytes: on_disk(block.plain.len()),
            first_seq: block.first_seq,
            compressed_bytes,
            stripped_bytes: on_disk(block.stripped.len()),
            stored_crc: crc32c::crc32c_append(self.header.seed(contents_at), &stored),
            plain_crc: crc32c::crc32c(&block.plain),
        };
        let mut bytes = header.encode(self.header.seed(self.offset)).to_vec();
        bytes.extend_from_slice(&stored);
        self.file.write_all(&bytes, self.offset)?;
        self.entries.push(Entry::of(&header, self.offset));
        self.offset += header.total_bytes();
        Ok(())
    }

    /// Writes directory and trailer. Returns the file's length.
    fn finish(self, plain_bytes: u64) -> Result<u64, StorageError> {
        let directory = encode_directory(&self.entries);
        let trailer = Trailer {
            header: self.header.clone(),
            directory_offset: self.offset,
            blocks: on_disk(self.entries.len()),
            plain_bytes,
            directory_crc: crc32c::crc32c(&directory),
        };
        self.file.write_all(&directory, self.offset)?;
        let trailer_offset = self.offset + on_disk(directory.len());
        let trailer = trailer.encode();
        self.file.write_all(&trailer, trailer_offset)?;
        Ok(trailer_offset + on_disk(trailer.len()))
    }
}
