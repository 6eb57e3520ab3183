//! Files that are missing, foreign, misplaced, there twice, or no files: each is a line of the report, and costs nothing
//! but what was in it.

use super::*;
use crate::damage::Problem;
use crate::salvage::report::Trouble;
use crate::testing::faulty::{Call, Fault, FaultyStorage};
use crate::testing::{append, place};

/// A sound log, the names of its three segments and its records.
fn sound() -> (SimulatedDisk, [String; 3], Vec<Seen>) {
    let disk = three_segments(8, false);
    let names = segments(&disk).try_into().unwrap();
    let sound = records(&disk, &old());
    (disk, names, sound)
}

fn rename(disk: &SimulatedDisk, from: &str, to: &str) {
    disk.rename(&old().join(from), &old().join(to)).unwrap();
}

fn remarked(report: &SalvageReport, file: &str) -> bool {
    report.remarks.entries.iter().any(|remark| remark.file == file)
}

/// How many records a segment holds.
fn count(disk: &SimulatedDisk, name: &str) -> u64 {
    places(disk).values().filter(|lies| lies.name == name).count() as u64
}

#[test]
fn a_missing_segment_is_one_gap_and_the_others_are_copied() {
    let (disk, names, sound) = sound();
    for name in &names {
        let damaged = disk.after_kill();
        damaged.remove(&old().join(name)).unwrap();
        let report = salvaged(&damaged);
        check_copy(&damaged, &sound, &report, name);
        assert_eq!(report.records_lost, count(&disk, name), "{report:?}");
        let [gap] = report.gaps.entries.as_slice() else { panic!("{report:?}") };
        assert_eq!(&gap.file, name);
        assert!(matches!(gap.trouble, Trouble::Damaged(Problem::Missing)), "{gap}");
        assert_eq!(report.unplaced_records, 0);
    }
}

#[test]
fn segments_under_each_others_names_are_read_in_the_order_of_their_records() {
    let (disk, [first, second, third], sound) = sound();
    rename(&disk, &first, "kept");
    rename(&disk, &third, &first);
    rename(&disk, &second, &third);
    rename(&disk, "kept", &second);
    let report = salvaged(&disk);
    assert_eq!(records(&disk, &new()), sound, "{report:?}");
    assert!(report.is_complete());
    assert!([first, second, third].iter().all(|name| remarked(&report, name)), "{report:?}");
}

#[test]
fn a_segment_under_a_name_that_is_nearly_one_is_read_and_one_that_is_none_is_not() {
    let (disk, [_, second, _], sound) = sound();
    rename(&disk, &second, "7.wal");
    disk.open(&old().join("8.wal"), OpenMode::Create).unwrap().write_at(b"something", 0).unwrap();
    let report = salvaged(&disk);
    assert_eq!(records(&disk, &new()), sound, "{report:?}");
    assert!(report.is_complete() && remarked(&report, "7.wal") && remarked(&report, "8.wal"), "{report:?}");
}

#[test]
fn a_segment_that_is_there_twice_is_copied_once() {
    let (disk, [first, second, _], sound) = sound();
    let copy = contents(&disk, &first);
    disk.open(&old().join("00000000000000000001.wal"), OpenMode::Create).unwrap().write_at(&copy, 0).unwrap();
    let twice = disk.after_kill();
    let report = salvaged(&twice);
    assert_eq!(records(&twice, &new()), sound, "{report:?}");
    assert!(report.is_complete() && remarked(&report, "00000000000000000001.wal"), "{report:?}");
    // Over another one, which is lost then.
    let damaged = disk.after_kill();
    damaged.remove(&old().join("00000000000000000001.wal")).unwrap();
    let lost = count(&damaged, &second);
    let length = copy.len() as u64;
    file(&damaged, &second).write_all(&copy, 0).unwrap();
    file(&damaged, &second).set_length(length).unwrap();
    let report = salvaged(&damaged);
    check_copy(&damaged, &sound, &report, "over another");
    assert_eq!((report.records_lost, report.unplaced_records), (lost, 0), "{report:?}");
}

#[test]
fn a_segment_of_another_ledger_is_not_copied() {
    let (disk, [_, second, _], sound) = sound();
    // The same records, so that only the id can tell.
    let lost = count(&disk, &second);
    let mut header =
        crate::segment::header::SegmentHeader::decode(contents(&disk, &second).first_chunk().unwrap())
            .unwrap();
    header.ledger_id = crate::LedgerId::from_bytes([9; 16]);
    let disk = with(&disk, &second, 0, &header.encode());
    let report = salvaged(&disk);
    check_copy(&disk, &sound, &report, "foreign");
    assert_eq!((report.records_lost, report.unplaced_records), (lost, 0), "{report:?}");
    assert!(remarked(&report, &second));
}

#[test]
fn the_watermark_of_another_ledger_is_not_believed() {
    let (disk, _, sound) = sound();
    let foreign = Watermark {
        update: 99,
        seq: Seq::new(5000),
        offset: 4096,
        ..Watermark::of_new_ledger(crate::LedgerId::from_bytes([9; 16]))
    };
    let damaged = with(&disk, WATERMARK_NAME, 0, &[0; 8192]);
    let damaged = with(&damaged, WATERMARK_NAME, 4096, &foreign.encode());
    let report = salvaged(&damaged);
    assert_eq!(records(&damaged, &new()), sound, "{report:?}");
    assert!(report.is_complete() && remarked(&report, WATERMARK_NAME), "{report:?}");
}

#[test]
fn links_and_directories_are_no_segments_and_no_reason_to_stop() {
    let (_directory, path) = place();
    let to = path.with_file_name("new");
    let (wal, _) = Wal::open(&path, Options::new().create(true).segment_bytes(8 << 10)).unwrap();
    (0..60).for_each(|number| append(&wal, number));
    wal.close().unwrap();
    let mut names: Vec<_> = DiskStorage.list(&path).unwrap();
    names.retain(|name| matches!(file_kind(name), FileKind::Segment(_)));
    names.sort();
    let (link, directory) = (path.join(&names[0]), path.join(&names[1]));
    std::fs::rename(&link, path.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(path.join("elsewhere"), &link).unwrap();
    std::fs::remove_file(&directory).unwrap();
    std::fs::create_dir(&directory).unwrap();
    std::fs::remove_file(path.join(LOCK_NAME)).unwrap();
    std::os::unix::fs::symlink("/dev/null", path.join(LOCK_NAME)).unwrap();
    let report = salvage(&path, &to, &SalvageOptions::new()).unwrap();
    assert!(names.iter().take(2).all(|name| remarked(&report, name.to_str().unwrap())), "{report:?}");
    assert_eq!(report.records + report.records_lost, 60, "{report:?}");
    assert!(report.records > 0 && report.records_lost > 0);
}

#[test]
fn what_cannot_be_read_is_told_from_damage_and_costs_only_what_lies_in_it() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, Options::new().create(true).segment_bytes(16 << 10)).unwrap();
    (0..90).for_each(|number| append(&wal, number));
    wal.close().unwrap();
    for after in 0..60 {
        let storage = FaultyStorage::default();
        // The long read and the short one in its place.
        let path_end = "/wal/00000000000000000000.wal";
        storage.fail(Fault { call: Call::Read, path_end, after, times: 2, errno: 5 });
        let to = path.with_file_name(format!("new-{after}"));
        let report = salvage(&path, &to, &SalvageOptions::new().storage(Arc::new(storage))).unwrap();
        let reader = Reader::open(&to, ReaderOptions::new()).unwrap();
        let known: Vec<_> = (0..90).map(payload).collect();
        for record in reader.scan(Seq::ZERO) {
            assert!(known.iter().any(|known| known == record.as_ref().unwrap().payload()));
        }
        let of_reading = |finding: &SalvageFinding| matches!(finding.trouble, Trouble::Unreadable(_));
        assert!(report.remarks.entries.iter().any(of_reading) || report.is_spotless(), "{after}: {report:?}");
        assert!(report.records >= 60, "{after}: {report:?}");
    }
}
