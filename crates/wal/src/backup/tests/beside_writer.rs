//! While the log grows, is sealed, and has its files replaced, a copy is what it was at one moment.

use super::*;

/// Long enough that a segment is read in several pieces.
const LONG_SEGMENT_BYTES: u64 = 4 << 20;

/// How much is copied at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// A log of tiny records, so that footers are long, whose last segment but one is full and was not sealed, because nobody
/// has tended the log since.
fn full_and_unsealed(disk: &SimulatedDisk) -> Wal {
    let (wal, _) = Wal::open(&source(), log_options(disk, LONG_SEGMENT_BYTES)).unwrap();
    let batch: Vec<_> = (0..1000_u64).map(u64::to_le_bytes).collect();
    // The sizes of segments grow up to the configured one.
    while wal.counters().sealed < 3 {
        wal.append_batch(&batch, Durability::Durable).unwrap();
        while wal.tend() {}
    }
    let before = segments(disk).len();
    while segments(disk).len() == before {
        wal.append_batch(&batch, Durability::Durable).unwrap();
    }
    wal
}

#[test]
fn a_segment_that_is_sealed_while_it_is_copied_is_whole_in_the_copy() {
    let disk = SimulatedDisk::default();
    let wal = Arc::new(full_and_unsealed(&disk));
    let sound = records(&disk, &source());
    let (sealing, sealed_before) = (Arc::clone(&wal), wal.counters().sealed);
    let mut names = segments(&disk);
    names.sort();
    let full = unfinished().join(names.iter().rev().nth(1).unwrap());
    let copying = disk.clone();
    // Between two pieces, when the space in which the footer's first bytes come to lie was copied, and the rest wasn't.
    let progress = move |_| {
        let copied = copying.open(&full, OpenMode::Read).and_then(|file| file.length());
        if copied.is_ok_and(|bytes| bytes == LONG_SEGMENT_BYTES / PIECE_BYTES * PIECE_BYTES) {
            while sealing.tend() {}
        }
    };
    let report = backup(&source(), &target(), &options(&disk).progress(progress)).unwrap();
    assert!(wal.counters().sealed > sealed_before, "nothing was sealed meanwhile");
    assert_eq!(report.records, sound.len() as u64);
    assert_eq!(records(&disk, &target()), sound);
    is_clean_and_sound(&disk, &target());
}

#[test]
fn what_is_appended_and_rotated_while_a_log_is_copied_is_not_in_the_copy() {
    let disk = SimulatedDisk::default();
    let (wal, _) = open(&disk, &source());
    fill(&wal, 3);
    let (wal, sound) = (Arc::new(wal), records(&disk, &source()));
    let appending = Arc::clone(&wal);
    let progress = move |_| {
        for number in 0..100 {
            appending.append(&payload(number), Durability::Durable).unwrap();
            while appending.tend() {}
        }
    };
    let sealed_before = wal.counters().sealed;
    let report = backup(&source(), &target(), &options(&disk).progress(progress)).unwrap();
    assert!(wal.counters().sealed > sealed_before + 3);
    assert_eq!(report.records, sound.len() as u64);
    assert_eq!(records(&disk, &target()), sound);
    is_clean_and_sound(&disk, &target());
}

#[test]
fn a_file_that_is_replaced_while_it_is_copied_is_copied_as_it_was() {
    let disk = SimulatedDisk::default();
    let wal = full_and_unsealed(&disk);
    while wal.tend() {}
    let sound = records(&disk, &source());
    let replaced = Arc::new(AtomicU64::new(0));
    let (replacing, once) = (disk.clone(), Arc::clone(&replaced));
    let progress = move |_| {
        if once.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        // The first one, which is being copied, and the last, which was opened when the watermark was read.
        let last =
            Reader::open(&source(), ReaderOptions::new().storage(Arc::new(replacing.clone()))).unwrap();
        let last = last.durable_end().unwrap();
        for name in [segment_name(Seq::ZERO), name_of_last(&replacing, last)] {
            let other = source().join("other");
            let file = LogFile::open(&replacing, other.clone(), OpenMode::CreateNew).unwrap();
            file.write_all(&[0x5a; 3000], 0).unwrap();
            replacing.rename(&other, &source().join(name)).unwrap();
        }
    };
    backup(&source(), &target(), &options(&disk).progress(progress)).unwrap();
    assert!(replaced.load(Ordering::Relaxed) > 0);
    assert_eq!(records(&disk, &target()), sound);
}

fn name_of_last(disk: &SimulatedDisk, end: Seq) -> String {
    let names = segments(disk).into_iter();
    names.filter(|name| *name < segment_name(end)).max().unwrap()
}

#[test]
fn copies_made_beside_a_writer_that_never_pauses_are_prefixes_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (wal, _) = Wal::open(&log, Options::new().create(true).segment_bytes(64 << 10)).unwrap();
    let stop = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0;
            while stop.load(Ordering::Relaxed) == 0 {
                wal.append_batch(&[payload(number), payload(number + 1)], Durability::Durable).unwrap();
                number += 2;
            }
        });
        let (mut made, mut segments) = (0, 0);
        while segments < 8 {
            let copy = folder.path().join(format!("copy-{made}"));
            let acknowledged = wal.reader().durable_end().unwrap();
            let report = backup(&log, &copy, &BackupOptions::new()).unwrap();
            assert!(report.records >= acknowledged.get(), "{report:?}, {acknowledged}");
            (made, segments) = (made + 1, report.segments);
        }
        stop.store(1, Ordering::Relaxed);
        writer.join().unwrap();
        let all = records_of(&wal.reader());
        for number in 0..made {
            let copy = folder.path().join(format!("copy-{number}"));
            let copied = records_of(&Reader::open(&copy, ReaderOptions::new()).unwrap());
            assert_eq!(copied, all[..copied.len()], "copy {number}");
            let (wal, opened) = Wal::open(&copy, Options::new()).unwrap();
            assert!(opened.clean, "{opened:?}");
            assert_eq!(wal.append(b"on", Durability::Durable).unwrap().seq.get(), copied.len() as u64);
        }
    });
}
