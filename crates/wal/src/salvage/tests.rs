//! Whatever is damaged: salvage never panics, never invents a record, gives none a wrong number, changes nothing in
//! the old log, and keeps every record whose own bytes are intact.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::*;
use crate::segment::Segment;
use crate::segment::name::{FileKind, WATERMARK_NAME, file_kind};
use crate::segment::scan::{CommitFound, Place, Window, read_commit};
use crate::testing::simulated::{MOUNTED, SimulatedDisk};
use crate::testing::{kill, payload};
use crate::{Background, CopiedRange, Durability, Reader, ReaderOptions, Wal};

mod damage;
mod files;
mod place;

fn old() -> PathBuf {
    Path::new(MOUNTED).join("old")
}

fn new() -> PathBuf {
    Path::new(MOUNTED).join("new")
}

fn options(disk: &SimulatedDisk) -> SalvageOptions {
    SalvageOptions::new().storage(Arc::new(disk.clone())).segment_bytes(8 << 10)
}

fn salvaged(disk: &SimulatedDisk) -> SalvageReport {
    salvage(&old(), &new(), &options(disk)).unwrap()
}

/// A record as a reader sees it, and the first record of its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    payload: Vec<u8>,
    commit_time_ns: i64,
}

fn records(disk: &SimulatedDisk, directory: &Path) -> Vec<Seen> {
    let reader = Reader::open(directory, ReaderOptions::new().storage(Arc::new(disk.clone()))).unwrap();
    let seen = |record: Result<crate::Record, _>| {
        let record = record.unwrap();
        Seen { payload: record.payload().to_vec(), commit_time_ns: record.commit_time() }
    };
    reader.scan(Seq::ZERO).map(seen).collect()
}

/// Three small segments, the first two sealed, of commits with two records and with one; killed or closed.
fn three_segments(alignment_bytes: u32, closes: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let options = Options::new()
        .create(true)
        .segment_bytes(8 << 10)
        .commit_alignment_bytes(alignment_bytes)
        .background(Background::Caller)
        .storage(Arc::new(disk.clone()));
    let (wal, _) = Wal::open(&old(), options).unwrap();
    let mut number = 0;
    while wal.counters().sealed < 2 {
        wal.append_batch(&[payload(number), payload(number + 1)], Durability::Durable).unwrap();
        wal.append(&payload(number + 2), Durability::Durable).unwrap();
        while wal.tend() {}
        number += 3;
    }
    if closes {
        wal.close().unwrap();
    } else {
        kill(wal);
    }
    disk.after_kill()
}

fn file(disk: &SimulatedDisk, name: &str) -> LogFile {
    LogFile::open(disk, old().join(name), OpenMode::Write).unwrap()
}

fn contents(disk: &SimulatedDisk, name: &str) -> Vec<u8> {
    let file = file(disk, name);
    let mut bytes = vec![0; crate::fields::in_memory(file.length().unwrap())];
    file.read_up_to(&mut bytes, 0).unwrap();
    bytes
}

fn segments(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.list(&old()).unwrap();
    let is_segment = |name: &OsString| matches!(file_kind(name), FileKind::Segment(_));
    names.into_iter().filter(is_segment).map(|name| name.into_string().unwrap()).collect()
}

/// The disk with other bytes at this place of a file.
fn with(disk: &SimulatedDisk, name: &str, at: usize, bytes: &[u8]) -> SimulatedDisk {
    let damaged = disk.after_kill();
    file(&damaged, name).write_all(bytes, at as u64).unwrap();
    damaged
}

/// Where the bytes of a record lie.
#[derive(Debug, Clone)]
struct Lies {
    name: String,
    from: u64,
    to: u64,
}

/// Where each record of a sound log lies.
fn places(disk: &SimulatedDisk) -> BTreeMap<Seq, Lies> {
    let mut places = BTreeMap::new();
    for name in segments(disk) {
        let file = file(disk, &name);
        let mut block = [0; 4096];
        file.read_up_to(&mut block, 0).unwrap();
        let header = crate::segment::header::SegmentHeader::decode(&block).unwrap();
        let segment = Segment { file, header, compressed: None };
        let mut window = Window::new(&segment.file, segment.file.length().unwrap());
        let mut place = Place::start_of(&segment.header);
        loop {
            let mut offsets = Vec::new();
            let found =
                read_commit(&mut window, &segment.header, place, &mut |offset, _| offsets.push(offset));
            let CommitFound::Sound(commit) = found.unwrap() else { break };
            offsets.push(commit.end());
            for (index, lies) in offsets.windows(2).enumerate() {
                let lies = Lies { name: name.clone(), from: lies[0], to: lies[1] };
                places.insert(commit.frame.first_seq.plus(index as u64), lies);
            }
            place = commit.place_after();
        }
    }
    assert!(!places.is_empty());
    places
}

/// Sees that the new log holds records of the old one alone, each under the number that the report gives it, and that
/// times never go back.
fn check_copy(disk: &SimulatedDisk, sound: &[Seen], report: &SalvageReport, when: &str) -> Vec<Seen> {
    let copied = records(disk, &new());
    assert_eq!(copied.len() as u64, report.records, "{when}");
    for record in &copied {
        let is_known = sound.iter().any(|known| known.payload == record.payload);
        assert!(is_known, "{when}: invented {record:?}");
    }
    assert!(copied.is_sorted_by_key(|record| record.commit_time_ns), "{when}");
    let mut numbered = 0;
    for range in &report.copied.entries {
        for index in 0..range.records {
            let at = |seq: Seq| crate::fields::in_memory(seq.get() + index);
            let (known, found) = (&sound[at(range.old_from)], &copied[at(range.new_from)]);
            assert_eq!(known.payload, found.payload, "{when}: {report:?}");
        }
        numbered += range.records;
    }
    assert_eq!(numbered + report.unplaced_records, report.records, "{when}: {report:?}");
    copied
}

#[test]
fn a_sound_log_is_copied_whole_with_times_and_commits_and_there_is_no_gap() {
    for (alignment_bytes, closes) in [(8, true), (8, false), (256, true), (256, false)] {
        let disk = three_segments(alignment_bytes, closes);
        let sound = records(&disk, &old());
        let before: Vec<_> = segments(&disk).iter().map(|name| contents(&disk, name)).collect();
        let report = salvaged(&disk);
        assert!(report.is_spotless(), "{report:?}");
        assert_eq!((report.records_lost, report.torn_tail_bytes), (0, 0));
        assert_eq!(records(&disk, &new()), sound);
        let whole = CopiedRange { old_from: Seq::ZERO, new_from: Seq::ZERO, records: sound.len() as u64 };
        assert_eq!(report.copied.entries, [whole]);
        assert_ne!(Some(report.new_ledger), report.old_ledger);
        let after: Vec<_> = segments(&disk).iter().map(|name| contents(&disk, name)).collect();
        assert!(before == after, "the old log was changed");
        let log = Options::new().storage(Arc::new(disk.clone())).segment_bytes(8 << 10);
        let (wal, opened) = Wal::open(&new(), log).unwrap();
        assert!(opened.clean && opened.next_seq.get() == sound.len() as u64, "{opened:?}");
        wal.append(b"on", Durability::Durable).unwrap();
    }
}

#[test]
fn salvaging_twice_gives_the_same_records_and_so_does_salvaging_the_copy() {
    let disk = three_segments(8, false);
    let name = segments(&disk).remove(1);
    let disk = with(&disk, &name, 5000, &[0xff; 600]);
    let first = salvaged(&disk);
    let once = records(&disk, &new());
    let again = Path::new(MOUNTED).join("again");
    let second = salvage(&old(), &again, &options(&disk)).unwrap();
    assert_eq!(records(&disk, &again), once);
    assert_eq!(first.copied, second.copied);
    let third = Path::new(MOUNTED).join("third");
    let copied = salvage(&new(), &third, &options(&disk)).unwrap();
    assert!(copied.is_spotless(), "{copied:?}");
    assert_eq!(records(&disk, &third), once);
}
