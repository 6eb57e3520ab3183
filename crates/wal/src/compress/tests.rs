//! A compressed log is the same log.

use std::time::Duration;

use crate::testing::{append, kill, payloads, place, small};
use crate::{
    Background, BackupOptions, CompressReport, Durability, Options, Reader, ReaderOptions, Record, Seq,
    VerifyOptions, Wal, backup, verify,
};

/// A log of several sealed segments, with commits of one record and of many, and records longer than a block.
fn several_segments(path: &std::path::Path, options: Options) -> Wal {
    let (wal, _) = Wal::open(path, options.create(true).segment_bytes(512 << 10)).unwrap();
    let mut number = 0_u64;
    while wal.counters().sealed < 3 {
        append(&wal, number);
        let some = (0..20).map(|record| vec![u8::try_from(number % 251).unwrap(); record * 13]);
        wal.append_batch(&some.collect::<Vec<_>>(), Durability::Durable).unwrap();
        if number.is_multiple_of(50) {
            // Longer than a block, and a commit that is split.
            let noise = |length: u64, seed: u64| {
                (0..length)
                    .map(|at| (at.wrapping_mul(seed + 7919) >> 3).to_le_bytes()[0])
                    .collect::<Vec<u8>>()
            };
            let long =
                [noise(90_000, number), vec![], noise(70_000, number + 1), noise(3, 5), noise(40_000, 9)];
            wal.append_batch(&long, Durability::Durable).unwrap();
        }
        number += 1;
    }
    wal
}

type Seen = (Seq, crate::Leaf, i64, Vec<u8>);

fn seen(record: &Record) -> Seen {
    (record.seq(), record.leaf(), record.commit_time(), record.payload().to_vec())
}

/// All the records, as each way of reading gives them.
fn all_ways(reader: &Reader) -> Vec<Vec<Seen>> {
    let scanned: Vec<Seen> = reader.scan(Seq::ZERO).map(|record| seen(&record.unwrap())).collect();
    let numbers: Vec<Seq> = scanned.iter().map(|(seq, ..)| *seq).collect();
    let one_by_one = numbers.iter().rev().map(|seq| seen(&reader.read(*seq).unwrap().unwrap()));
    let mut one_by_one: Vec<Seen> = one_by_one.collect();
    one_by_one.reverse();
    let mut replayed = Vec::new();
    let mut replay = reader.replay(Seq::ZERO);
    while let Some(record) = replay.next_record() {
        let record = record.unwrap();
        replayed.push((record.seq(), record.leaf(), record.commit_time(), record.payload().to_vec()));
    }
    let many = reader.read_many(&numbers).unwrap().iter().map(seen).collect();
    vec![scanned, one_by_one, replayed, many]
}

#[test]
fn a_compressed_log_reads_the_same_in_every_way_and_is_smaller() {
    let (_directory, path) = place();
    let wal = several_segments(&path, small());
    let plain = all_ways(&wal.reader());
    let before = wal.reader().disk_usage().unwrap();
    let report = wal.compress(|_| ()).unwrap();
    assert!(report.segments >= 3 && report.left == 0, "{report:?}");
    assert!(report.bytes_after * 2 < report.bytes_before, "{report:?}");
    let after = wal.reader().disk_usage().unwrap();
    assert_eq!(before.bytes - after.bytes, report.bytes_before - report.bytes_after);
    assert_eq!(wal.counters().compressed, report.segments);
    for (way, (before, after)) in plain.iter().zip(all_ways(&wal.reader())).enumerate() {
        assert_eq!(before.len(), after.len(), "way {way}");
        assert!(*before == after, "way {way}");
    }
    let again = wal.compress(|_| ()).unwrap();
    assert_eq!(again, CompressReport::default(), "it is done once");
    append(&wal, 1);
    kill(wal);
    let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
    assert_eq!(payloads(&reader).len(), plain[0].len() + 1);
    let report = verify(&path, &VerifyOptions::new()).unwrap();
    assert!(report.damaged.is_empty(), "{report:?}");
    let (wal, _) = Wal::open(&path, small()).unwrap();
    assert!(all_ways(&wal.reader())[0].starts_with(&plain[0]));
}

#[test]
fn scans_from_anywhere_in_a_compressed_log_begin_there() {
    let (_directory, path) = place();
    let wal = several_segments(&path, small());
    let plain: Vec<Seen> = wal.reader().scan(Seq::ZERO).map(|record| seen(&record.unwrap())).collect();
    wal.compress(|_| ()).unwrap();
    for from in (0..plain.len()).step_by(37) {
        let scan = wal.reader().scan(Seq::new(from as u64));
        assert!(
            scan.take(50).map(|record| seen(&record.unwrap())).eq(plain[from..].iter().take(50).cloned())
        );
    }
}

#[test]
fn segments_are_compressed_in_the_background_once_they_are_old_enough() {
    let (_directory, path) = place();
    let now = small().background(Background::Caller).compress_after(Some(Duration::ZERO));
    let (wal, _) = Wal::open(&path, now.create(true)).unwrap();
    while wal.counters().sealed < 4 {
        append(&wal, 1);
        while wal.tend() {}
    }
    assert_eq!(wal.counters().compressed, 4);
    wal.close().unwrap();
    let later = small().background(Background::Caller).compress_after(Some(Duration::from_secs(3600)));
    let (wal, _) = Wal::open(&path, later).unwrap();
    while wal.counters().sealed < 2 {
        append(&wal, 1);
        while wal.tend() {}
    }
    assert_eq!(wal.counters().compressed, 0);
    wal.close().unwrap();
    let threads = small().compress_after(Some(Duration::ZERO));
    let (wal, _) = Wal::open(&path, threads).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while wal.counters().compressed < 2 {
        assert!(std::time::Instant::now() < deadline, "{:?}", wal.counters());
        std::thread::yield_now();
    }
}

#[test]
fn readers_and_backups_beside_who_compresses_see_the_same_log() {
    let (folder, path) = place();
    let wal = several_segments(&path, small());
    let plain: Vec<Seen> = wal.reader().scan(Seq::ZERO).map(|record| seen(&record.unwrap())).collect();
    let is_same = |reader: &Reader| {
        reader.scan(Seq::ZERO).map(|record| seen(&record.unwrap())).eq(plain.iter().cloned())
    };
    let before = wal.reader().disk_usage().unwrap();
    let remembering = Reader::open(&path, ReaderOptions::new()).unwrap();
    assert!(is_same(&remembering));
    std::thread::scope(|scope| {
        let compressing = scope.spawn(|| wal.compress(|_| ()).unwrap());
        for round in 0.. {
            let copy = folder.path().join(format!("copy-{round}"));
            backup(&path, &copy, &BackupOptions::new()).unwrap();
            assert!(is_same(&Reader::open(&copy, ReaderOptions::new()).unwrap()), "round {round}");
            assert!(is_same(&Reader::open(&path, ReaderOptions::new()).unwrap()), "round {round}");
            assert!(is_same(&remembering) && is_same(&wal.reader()), "round {round}");
            if compressing.is_finished() {
                break;
            }
        }
        assert!(compressing.join().unwrap().segments >= 3);
    });
    let copy = folder.path().join("last");
    backup(&path, &copy, &BackupOptions::new()).unwrap();
    let reader = Reader::open(&copy, ReaderOptions::new()).unwrap();
    assert!(is_same(&reader) && reader.disk_usage().unwrap().bytes * 2 < before.bytes, "it stays compressed");
}
