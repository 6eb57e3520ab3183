//! A backup is the log as of a moment, whole, or there is none; and the log doesn't notice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::segment::name::{FileKind, LOCK_NAME, file_kind, segment_name};
use crate::testing::simulated::{MOUNTED, SimulatedDisk};
use crate::testing::{kill, payload};
use crate::{
    Background, Durability, Leaf, OpenReport, Options, Problem, Reader, ReaderOptions, Seq, Wal, verify,
};

mod beside_writer;
mod failures;
mod refused;
mod restored;

fn source() -> PathBuf {
    Path::new(MOUNTED).join("source")
}

fn target() -> PathBuf {
    Path::new(MOUNTED).join("target")
}

fn unfinished() -> PathBuf {
    Path::new(MOUNTED).join("target.unfinished")
}

fn options(disk: &SimulatedDisk) -> BackupOptions {
    BackupOptions::new().storage(Arc::new(disk.clone()))
}

fn backed_up(disk: &SimulatedDisk) -> BackupReport {
    backup(&source(), &target(), &options(disk)).unwrap()
}

fn log_options(disk: &SimulatedDisk, segment_bytes: u64) -> Options {
    Options::new()
        .create(true)
        .segment_bytes(segment_bytes)
        .background(Background::Caller)
        .storage(Arc::new(disk.clone()))
}

fn open(disk: &SimulatedDisk, directory: &Path) -> (Wal, OpenReport) {
    Wal::open(directory, log_options(disk, 8 << 10)).unwrap()
}

/// All that a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    seq: Seq,
    payload: Vec<u8>,
    leaf: Leaf,
    commit_time_ns: i64,
}

fn records(disk: &SimulatedDisk, directory: &Path) -> Vec<Seen> {
    records_of(&Reader::open(directory, ReaderOptions::new().storage(Arc::new(disk.clone()))).unwrap())
}

fn records_of(reader: &Reader) -> Vec<Seen> {
    let seen = |record: Result<crate::Record, _>| {
        let record = record.unwrap();
        let (seq, leaf, commit_time_ns) = (record.seq(), record.leaf(), record.commit_time());
        Seen { seq, payload: record.payload().to_vec(), leaf, commit_time_ns }
    };
    reader.scan(Seq::ZERO).map(seen).collect()
}

fn is_clean_and_sound(disk: &SimulatedDisk, directory: &Path) {
    let report = verify(directory, &VerifyOptions::new().storage(Arc::new(disk.clone()))).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.torn_tail_bytes, report.unsealed_segments), (0, 0), "{report:?}");
}

/// Appends commits of two records and of one until so many segments were sealed.
fn fill(wal: &Wal, sealed: u64) -> u64 {
    let mut number = 0;
    while wal.counters().sealed < sealed {
        wal.append_batch(&[payload(number), payload(number + 1)], Durability::Durable).unwrap();
        wal.append(&payload(number + 2), Durability::Durable).unwrap();
        while wal.tend() {}
        number += 3;
    }
    number
}

/// How a writer left its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Closed,
    Killed,
}

/// Three small segments, the first two sealed.
fn three_segments(alignment_bytes: u32, left: Left) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let options = log_options(&disk, 8 << 10).commit_alignment_bytes(alignment_bytes);
    let (wal, _) = Wal::open(&source(), options).unwrap();
    fill(&wal, 2);
    match left {
        Left::Closed => wal.close().unwrap(),
        Left::Killed => kill(wal),
    }
    disk.after_kill()
}

fn file(disk: &SimulatedDisk, path: &Path) -> LogFile {
    LogFile::open(disk, path.to_owned(), OpenMode::Write).unwrap()
}

fn bytes_of(disk: &SimulatedDisk, path: &Path) -> Vec<u8> {
    let file = file(disk, path);
    let mut bytes = vec![0; crate::fields::in_memory(file.length().unwrap())];
    file.read_up_to(&mut bytes, 0).unwrap();
    bytes
}

fn contents(disk: &SimulatedDisk, directory: &Path) -> Vec<(String, Vec<u8>)> {
    let names = disk.list(directory).unwrap_or_default().into_iter().map(|name| name.into_string().unwrap());
    names.map(|name| (name.clone(), bytes_of(disk, &directory.join(name)))).collect()
}

/// The names of the log's segments.
fn segments(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.list(&source()).unwrap().into_iter();
    let segments = names.filter(|name| matches!(file_kind(name), FileKind::Segment(_)));
    segments.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn a_copy_is_the_same_log_and_goes_on_at_the_next_number() {
    for (alignment_bytes, left) in
        [(8, Left::Closed), (8, Left::Killed), (256, Left::Closed), (256, Left::Killed)]
    {
        let disk = three_segments(alignment_bytes, left);
        let (before, sound) = (contents(&disk, &source()), records(&disk, &source()));
        let report = backed_up(&disk);
        assert_eq!(contents(&disk, &source()), before, "the log was changed");
        assert_eq!(records(&disk, &target()), sound);
        assert_eq!((report.records, report.segments), (sound.len() as u64, 3));
        assert_eq!(report.last_commit_time, sound.last().map(|last| last.commit_time_ns));
        is_clean_and_sound(&disk, &target());
        let (wal, opened) = open(&disk, &target());
        assert!(opened.clean && opened.next_seq.get() == sound.len() as u64, "{opened:?}");
        assert_eq!(wal.reader().ledger_id(), report.ledger_id);
        let receipt = wal.append(b"on", Durability::Durable).unwrap();
        assert_eq!(receipt.seq.get(), sound.len() as u64);
        wal.close().unwrap();
        assert_eq!(records(&disk, &target())[..sound.len()], sound);
        assert_eq!(records(&disk, &source()), sound);
    }
}

#[test]
fn both_slots_of_a_copys_watermark_say_where_it_ends() {
    let disk = three_segments(8, Left::Killed);
    backed_up(&disk);
    let path = target().join(crate::segment::name::WATERMARK_NAME);
    let slots = bytes_of(&disk, &path);
    for damaged_at in [0, 4096] {
        let disk = disk.after_kill();
        file(&disk, &path).write_all(&[0xff; 128], damaged_at).unwrap();
        assert_eq!(records(&disk, &target()), records(&disk, &source()), "{damaged_at}: {slots:?}");
    }
}

#[test]
fn a_log_without_records_is_copied_and_so_is_a_copy() {
    let disk = SimulatedDisk::default();
    let (wal, _) = open(&disk, &source());
    let ledger_id = wal.reader().ledger_id();
    let report = backed_up(&disk);
    assert_eq!((report.ledger_id, report.records, report.last_commit_time), (ledger_id, 0, None));
    wal.append(b"first", Durability::Durable).unwrap();
    let second = Path::new(MOUNTED).join("second");
    assert_eq!(backup(&target(), &second, &options(&disk)).unwrap(), report);
    let (wal, opened) = open(&disk, &second);
    assert_eq!((opened.next_seq, wal.reader().ledger_id()), (Seq::ZERO, ledger_id));
}

#[test]
fn a_copy_of_a_copy_has_the_same_bytes() {
    let disk = three_segments(8, Left::Killed);
    let report = backed_up(&disk);
    let second = Path::new(MOUNTED).join("second");
    assert_eq!(backup(&target(), &second, &options(&disk)).unwrap(), report);
    let without_lock = |directory| {
        let files = contents(&disk, directory).into_iter();
        files.filter(|(name, _)| name != LOCK_NAME).collect::<Vec<_>>()
    };
    assert_eq!(without_lock(&second), without_lock(&target()));
}

#[test]
fn progress_never_goes_back_and_ends_at_all_bytes() {
    let disk = three_segments(8, Left::Closed);
    let restored = Path::new(MOUNTED).join("restored");
    for restores in [false, true] {
        let told = Arc::new(crate::sync::Mutex::new(Vec::new()));
        let hear = Arc::clone(&told);
        let options = options(&disk).progress(move |progress| hear.lock().push(progress));
        if restores {
            crate::restore(&target(), &restored, &options).unwrap();
        } else {
            backup(&source(), &target(), &options).unwrap();
        }
        let told = told.lock();
        assert!(told.is_sorted_by_key(|progress| progress.bytes_done), "{told:?}");
        assert!(told.iter().all(|progress| progress.bytes_total == told[0].bytes_total), "{told:?}");
        assert_eq!(told.last().map(|last| last.bytes_done), Some(told[0].bytes_total));
    }
}

#[test]
fn a_file_beside_the_log_goes_with_it_and_need_not_exist() {
    let disk = three_segments(8, Left::Closed);
    let [from, to] = ["report.json", "copied.json"].map(|name| Path::new(MOUNTED).join(name));
    let options = options(&disk).file_beside(&from, &to);
    backup(&source(), &target(), &options).unwrap();
    assert!(disk.open(&to, OpenMode::Read).is_err());
    let file = LogFile::open(&disk, from, OpenMode::CreateNew).unwrap();
    file.write_all(b"{\"a\":1}", 0).unwrap();
    let second = Path::new(MOUNTED).join("second");
    backup(&source(), &second, &options).unwrap();
    assert_eq!(bytes_of(&disk, &to), b"{\"a\":1}");
    let third = backup(&source(), &Path::new(MOUNTED).join("third"), &options);
    assert!(matches!(third, Err(BackupError::Taken { path }) if path == to));
    assert_eq!(bytes_of(&disk, &to), b"{\"a\":1}");
}
