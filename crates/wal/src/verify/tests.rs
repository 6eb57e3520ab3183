//! Every flipped bit and every cut is found, and nothing that is sound is called damaged.

use std::path::PathBuf;

use super::*;
use crate::testing::{append, contents, kill, open_in, payload, place, restore};
use crate::{Durability, Options, Reader, ReaderOptions, Wal};

fn report(path: &Path) -> VerifyReport {
    verify(path, &VerifyOptions::new()).unwrap()
}

/// A log of three small segments, the first two sealed: batches, single records, and alignment padding.
fn three_segments(path: &Path, alignment_bytes: u32) -> (Wal, u64) {
    let options = Options::new().create(true).segment_bytes(8 << 10).commit_alignment_bytes(alignment_bytes);
    let (wal, _) = Wal::open(path, options).unwrap();
    let mut records = 0;
    while wal.counters().sealed < 2 {
        let batch: Vec<_> = (records..records + 2).map(payload).collect();
        wal.append_batch(&batch, Durability::Durable).unwrap();
        append(&wal, records + 2);
        records += 3;
    }
    (wal, records)
}

fn segments(files: &[(PathBuf, Vec<u8>)]) -> impl Iterator<Item = (usize, &PathBuf, &Vec<u8>)> {
    let is_segment =
        |path: &PathBuf| path.to_string_lossy().ends_with(".wal") && !path.ends_with("spare.wal");
    let numbered = files.iter().enumerate().filter(move |(_, (path, _))| is_segment(path));
    numbered.map(|(number, (path, bytes))| (number, path, bytes))
}

/// Where the written part of the last segment ends.
fn data_end(path: &Path) -> u64 {
    match read_slots(&DiskStorage, path).unwrap() {
        Some(Slots::Sound { newest, .. }) => newest.offset,
        other => panic!("{other:?}"),
    }
}

/// More than the footer of one of these segments takes.
const FOOTER_ROOM_BYTES: usize = 1024;

/// Flips one bit of each byte of all segments, and says what verification must find.
fn flip_every_byte(path: &Path, stride: usize) {
    let files = contents(path);
    let (written, last) = (data_end(path), segments(&files).last().unwrap().0);
    let written = usize::try_from(written).unwrap();
    let sound = report(path);
    assert!(sound.is_sound() && sound.torn_tail_bytes == 0, "{sound:?}");
    for (file, segment_path, bytes) in segments(&files) {
        let name = segment_path.file_name().unwrap().to_string_lossy().into_owned();
        // Reserved zeroes of the header and the unwritten rest are all alike: some of them will do.
        for at in (0..bytes.len()).filter(|at| at % stride == 0 || (4096..written).contains(at)) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(segment_path, &flipped).unwrap();
            let found = report(path);
            if file == last && at >= written {
                // Where the footer will stand, a byte of it can't be told from one that is being written.
                let in_footer_room = at < written + FOOTER_ROOM_BYTES;
                let is_torn = found.torn_tail_bytes > 0;
                assert!(found.is_sound() && (is_torn || in_footer_room), "{name} byte {at}: {found:?}");
                assert_eq!(found.records, sound.records);
            } else if found.torn_tail_bytes > 0 {
                // A trailer with a byte less looks like one that was being written.
                assert!(
                    found.is_sound() && at + 64 >= bytes.len() && flipped[at] == 0,
                    "{name} byte {at}: {found:?}"
                );
            } else {
                let damage = found.damaged.first().unwrap_or_else(|| panic!("{name} byte {at}: {found:?}"));
                assert_eq!(damage.segment, name, "byte {at}: {found:?}");
                assert!(damage.seq_from < damage.seq_to, "{name} byte {at}: {damage:?}");
                assert!(damage.offset <= at as u64 + 4096, "{name} byte {at}: {damage:?}");
            }
        }
        std::fs::write(segment_path, bytes).unwrap();
    }
}

#[test]
fn every_flipped_byte_of_a_killed_log_is_found_and_placed() {
    let (_directory, path) = place();
    let (wal, records) = three_segments(&path, 8);
    kill(wal);
    assert_eq!(report(&path).records, records);
    flip_every_byte(&path, 61);
}

#[test]
fn every_flipped_byte_of_a_closed_log_with_padding_is_found_and_placed() {
    let (_directory, path) = place();
    let (wal, records) = three_segments(&path, 256);
    wal.close().unwrap();
    assert_eq!(report(&path).records, records);
    flip_every_byte(&path, 61);
}

#[test]
fn a_flipped_record_is_named_by_its_number_and_the_others_can_still_be_read() {
    let (_directory, path) = place();
    let (wal, records) = three_segments(&path, 8);
    wal.close().unwrap();
    let files = contents(&path);
    for (_, segment_path, bytes) in segments(&files) {
        for seq in 0..records {
            let payload = payload(seq);
            let Some(at) = bytes.windows(payload.len()).position(|window| window == payload) else {
                continue;
            };
            // The shortest payloads are found in other places too.
            if payload.len() < 16 {
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[at + 8] ^= 0x10;
            std::fs::write(segment_path, &flipped).unwrap();
            let found = report(&path);
            let [damage] = found.damaged.as_slice() else { panic!("record {seq}: {found:?}") };
            assert_eq!((damage.seq_from, damage.seq_to), (Seq::new(seq), Seq::new(seq + 1)));
            assert_eq!(found.records, records - 1);
            let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
            let read = reader.scan(Seq::ZERO).filter_map(Result::ok);
            let expected = (0..records).map(Seq::new).filter(|seq| *seq != damage.seq_from);
            assert!(read.map(|record| record.seq()).eq(expected));
        }
        std::fs::write(segment_path, bytes).unwrap();
    }
}

#[test]
fn damaged_padding_is_reported_and_keeps_nobody_from_reading() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, crate::testing::small().commit_alignment_bytes(512)).unwrap();
    (0..10).for_each(|number| append(&wal, number));
    kill(wal);
    let segment = path.join(segment_name(Seq::ZERO));
    let mut bytes = std::fs::read(&segment).unwrap();
    // The first commit of 112 bytes ends far before the second one starts.
    bytes[4096 + 400] = 1;
    std::fs::write(&segment, bytes).unwrap();
    let found = report(&path);
    assert_eq!((found.damaged.len(), found.records), (1, 10), "{found:?}");
    assert_eq!((found.damaged[0].seq_from, found.damaged[0].seq_to), (Seq::new(1), Seq::new(2)));
    let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
    assert_eq!(crate::testing::payloads(&reader), (0..10).map(payload).collect::<Vec<_>>());
}

#[test]
fn a_cut_at_any_length_is_damage_unless_only_unwritten_space_is_lost() {
    let (_directory, path) = place();
    let (wal, records) = three_segments(&path, 8);
    kill(wal);
    let files = contents(&path);
    let (written, last) = (data_end(&path), segments(&files).last().unwrap().0);
    for (file, segment_path, bytes) in segments(&files) {
        for length in (0..bytes.len()).rev().step_by(97) {
            std::fs::write(segment_path, &bytes[..length]).unwrap();
            let found = report(&path);
            let opened = Wal::open(&path, crate::testing::small()).map(drop);
            if file == last && length as u64 >= written {
                assert!(found.is_sound(), "length {length}: {found:?}");
            } else if file == last {
                assert!(!found.is_sound(), "length {length}: {found:?}");
                let error = opened.err().unwrap_or_else(|| panic!("length {length} was opened"));
                assert!(matches!(error, OpenError::Damaged(_)), "{error:?}");
            } else {
                // A footer that is missing is written anew; records that are missing are damage.
                assert!(!found.is_sound() || found.records == records, "length {length}: {found:?}");
            }
            restore(&path, &files);
        }
    }
}

#[test]
fn a_missing_foreign_or_misnamed_segment_is_named() {
    let (_directory, path) = place();
    let (wal, _) = three_segments(&path, 8);
    wal.close().unwrap();
    let files = contents(&path);
    let names: Vec<_> = segments(&files).map(|(_, path, _)| path.clone()).collect();
    for name in &names {
        std::fs::remove_file(name).unwrap();
        let found = report(&path);
        assert_eq!(Some(found.damaged[0].segment.as_ref()), name.file_name().and_then(|name| name.to_str()));
        assert_eq!(found.damaged[0].problem, Problem::Missing);
        restore(&path, &files);
    }
    std::fs::copy(&names[0], &names[1]).unwrap();
    assert!(matches!(report(&path).damaged[0].problem, Problem::Field { field: "first seq", .. }));
    restore(&path, &files);
    std::fs::copy(&names[0], path.join("0.wal")).unwrap();
    assert!(matches!(report(&path).damaged[0].problem, Problem::Foreign { .. }));
    restore(&path, &files);
    let (_other_directory, other_path) = place();
    let (other, _) = three_segments(&other_path, 8);
    other.close().unwrap();
    std::fs::copy(other_path.join(names[0].file_name().unwrap()), &names[0]).unwrap();
    assert!(matches!(report(&path).damaged[0].problem, Problem::OtherLedger { .. }));
}

#[test]
fn a_lost_watermark_is_damage_and_never_an_empty_log() {
    let (_directory, path) = place();
    let (wal, records) = three_segments(&path, 8);
    wal.close().unwrap();
    std::fs::remove_file(path.join(WATERMARK_NAME)).unwrap();
    let found = report(&path);
    assert_eq!((found.damaged[0].segment.as_str(), found.records), (WATERMARK_NAME, records));
    let opened = Wal::open(&path, crate::testing::small());
    assert!(matches!(opened, Err(OpenError::Damaged(_))), "{opened:?}");
    assert!(Reader::open(&path, ReaderOptions::new()).is_err());
}

#[test]
fn a_log_that_is_being_written_is_sound_at_any_moment() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..600).for_each(|number| append(&wal, number)));
        while !writer.is_finished() {
            let found = report(&path);
            assert!(found.is_sound() && found.torn_tail_bytes == 0 && !found.ambiguous, "{found:?}");
        }
    });
    assert_eq!(report(&path).records, 600);
}

#[test]
fn a_leaf_that_is_not_the_payloads_is_found_although_all_checksums_match() {
    struct Other;
    impl LeafFunction for Other {
        fn id(&self) -> u32 {
            0
        }
        fn leaf(&self, _: &[u8]) -> crate::Leaf {
            crate::Leaf::from_bytes([7; 32])
        }
    }
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, crate::testing::small().leaf_function(Arc::new(Other))).unwrap();
    append(&wal, 0);
    wal.close().unwrap();
    assert!(matches!(report(&path).damaged[0].problem, Problem::Leaf { .. }));
}

#[test]
fn a_newer_version_is_refused_by_everybody_and_left_untouched() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    append(&wal, 0);
    wal.close().unwrap();
    let segment = path.join(segment_name(Seq::ZERO));
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[8] = 3;
    let crc = crc32c::crc32c(&bytes[..4092]);
    bytes[4092..4096].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&segment, bytes).unwrap();
    let before = contents(&path);
    assert!(matches!(verify(&path, &VerifyOptions::new()), Err(VerifyError::NewerVersion { found: 3, .. })));
    assert!(matches!(
        Wal::open(&path, crate::testing::small()),
        Err(OpenError::NewerVersion { found: 3, .. })
    ));
    let opened = Reader::open(&path, ReaderOptions::new());
    assert!(matches!(opened, Err(OpenError::NewerVersion { found: 3, .. })), "{opened:?}");
    assert!(crate::recover(&path, &crate::RecoverOptions::new()).is_err());
    assert_eq!(contents(&path), before);
}

#[test]
fn progress_reaches_the_end() {
    let (_directory, path) = place();
    let (wal, _) = three_segments(&path, 8);
    wal.close().unwrap();
    let last = Arc::new(parking_lot::Mutex::new(None));
    let seen = Arc::clone(&last);
    let options = VerifyOptions::new().progress(move |progress| *seen.lock() = Some(progress));
    let found = verify(&path, &options).unwrap();
    let progress = last.lock().unwrap();
    assert_eq!((progress.bytes_done, progress.bytes_total), (found.bytes, found.bytes));
}

/// A log of many small segments, closed in good order.
fn many_segments(path: &Path) -> Vec<PathBuf> {
    let (wal, _) = Wal::open(path, Options::new().create(true).segment_bytes(8 << 10)).unwrap();
    let mut records = 0;
    while wal.counters().sealed < 12 {
        append(&wal, records);
        records += 1;
    }
    wal.close().unwrap();
    segments(&contents(path)).map(|(_, path, _)| path.clone()).collect()
}

fn report_of(path: &Path, threads: usize) -> Result<VerifyReport, String> {
    let options = VerifyOptions::new().threads(NonZero::new(threads).unwrap());
    verify(path, &options).map_err(|error| format!("{error:?}"))
}

#[test]
fn the_report_of_a_damaged_log_is_the_same_with_any_number_of_threads() {
    let (_directory, path) = place();
    let names = many_segments(&path);
    let sound = contents(&path);
    let flip = |name: &Path, at: usize| {
        let mut bytes = std::fs::read(name).unwrap();
        bytes[at] ^= 4;
        std::fs::write(name, bytes).unwrap();
    };
    let watermark = path.join(WATERMARK_NAME);
    let ways: [(&str, &dyn Fn()); 8] = [
        ("sound", &|| {}),
        ("a flipped payload in every segment", &|| names.iter().for_each(|name| flip(name, 4096 + 64 + 44))),
        ("flipped headers", &|| names.iter().step_by(3).for_each(|name| flip(name, 44))),
        ("missing segments", &|| {
            names.iter().step_by(4).for_each(|name| std::fs::remove_file(name).unwrap());
        }),
        ("misplaced segments", &|| assert!(std::fs::copy(&names[2], &names[5]).is_ok())),
        ("no watermark", &|| std::fs::remove_file(&watermark).unwrap()),
        ("neither watermark nor first header", &|| {
            std::fs::remove_file(&watermark).unwrap();
            names[..2].iter().for_each(|name| flip(name, 44));
        }),
        ("newer versions", &|| {
            for name in [&names[7], &names[3], &names[9]] {
                let mut bytes = std::fs::read(name).unwrap();
                bytes[8] = 3;
                let crc = crc32c::crc32c(&bytes[..4092]);
                bytes[4092..4096].copy_from_slice(&crc.to_le_bytes());
                std::fs::write(name, bytes).unwrap();
            }
        }),
    ];
    for (number, (what, damage)) in ways.into_iter().enumerate() {
        restore(&path, &sound);
        damage();
        let one = report_of(&path, 1);
        let is_sound = one.as_ref().is_ok_and(VerifyReport::is_sound);
        assert_eq!(is_sound, number == 0, "{what}: {one:?}");
        for threads in [2, 3, 8, 100] {
            assert_eq!(report_of(&path, threads), one, "{what}, {threads} threads");
        }
    }
}

#[test]
fn progress_never_goes_back_and_is_heard_from_one_thread_at_a_time() {
    let (_directory, path) = place();
    many_segments(&path);
    for threads in [1, 2, 8] {
        let heard = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let seen = Arc::clone(&heard);
        let options = VerifyOptions::new().threads(NonZero::new(threads).unwrap());
        let options = options.progress(move |progress| {
            let mut seen = seen.try_lock().expect("nobody else is heard now");
            (0..100).for_each(|_| std::thread::yield_now());
            seen.push(progress.bytes_done);
        });
        let found = verify(&path, &options).unwrap();
        let heard = heard.lock();
        assert!(heard.is_sorted() && heard.len() >= 12, "{threads} threads: {heard:?}");
        assert_eq!(heard.last(), Some(&found.bytes), "{threads} threads");
    }
}

#[test]
fn small_logs_are_not_worth_another_thread_and_large_ones_are() {
    let options = VerifyOptions::new();
    assert_eq!((options.threads_for(0), options.threads_for(THREAD_BYTES_MIN)), (1, 1));
    let of_machine = std::thread::available_parallelism().unwrap().get();
    assert_eq!(options.threads_for(u64::MAX), of_machine);
    assert_eq!(options.threads(NonZero::new(3).unwrap()).threads_for(0), 3);
}
