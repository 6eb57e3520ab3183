//! Damage to bytes: flips, zeroed and overwritten sectors, cuts.

use super::*;

/// Flips a bit of a byte and sees what salvage makes of it.
fn flip(disk: &SimulatedDisk, sound: &[Seen], places: &BTreeMap<Seq, Lies>, name: &str, at: usize) {
    let bytes = contents(disk, name);
    let flipped = bytes[at] ^ (1 << (at % 8));
    let damaged = with(disk, name, at, &[flipped]);
    let when = format!("{name} byte {at}");
    let report = salvaged(&damaged);
    let copied = check_copy(&damaged, sound, &report, &when);
    let hit = |lies: &Lies| lies.name == name && (lies.from..lies.to).contains(&(at as u64));
    let nonce_is_hit = (40..56).contains(&at);
    for (seq, lies) in places {
        let original = &sound[crate::fields::in_memory(seq.get())];
        let is_there = copied.iter().any(|record| record.payload == original.payload);
        assert!(is_there || hit(lies), "{when}: record {seq} is lost: {report:?}");
    }
    let hits = places.values().filter(|lies| hit(lies)).count() as u64;
    if !nonce_is_hit {
        assert_eq!(report.unplaced_records, 0, "{when}: {report:?}");
        assert!(report.records_lost <= hits, "{when}: {report:?}");
        assert_eq!(report.gaps.total(), report.records_lost, "{when}: {report:?}");
        assert_eq!(report.records + report.records_lost, sound.len() as u64, "{when}: {report:?}");
    }
}

fn flip_every_byte(alignment_bytes: u32, closes: bool) {
    let disk = three_segments(alignment_bytes, closes);
    let (sound, places) = (records(&disk, &old()), places(&disk));
    for name in segments(&disk) {
        let end = places.values().filter(|lies| lies.name == name).map(|lies| lies.to).max().unwrap();
        // The reserved bytes of a header and unwritten space are all alike.
        let written = 4096..crate::fields::in_memory(end);
        let all = contents(&disk, &name).len();
        let looked_at = |at: &usize| *at < 128 || written.contains(at) || at.is_multiple_of(61);
        for at in (0..all).filter(looked_at) {
            flip(&disk, &sound, &places, &name, at);
        }
    }
}

#[test]
fn a_flipped_bit_costs_at_most_the_record_that_it_is_in() {
    flip_every_byte(8, false);
}

#[test]
fn a_flipped_bit_costs_at_most_the_record_that_it_is_in_with_aligned_commits_too() {
    flip_every_byte(256, true);
}

#[test]
fn overwritten_sectors_cost_only_what_lies_in_them_and_numbers_stay_right() {
    let disk = three_segments(8, false);
    let (sound, places) = (records(&disk, &old()), places(&disk));
    for (number, name) in segments(&disk).into_iter().enumerate() {
        let all = contents(&disk, &name).len();
        let data_end = places.values().filter(|lies| lies.name == name).map(|lies| lies.to).max().unwrap();
        for (from, fill) in (0..all).step_by(64).flat_map(|from| [(from, 0), (from, 0xa5)]) {
            let bytes = 512.min(all - from);
            let damaged = with(&disk, &name, from, &vec![fill; bytes]);
            let when = format!("{name} from {from} with {fill}");
            let report = salvaged(&damaged);
            let copied = check_copy(&damaged, &sound, &report, &when);
            for (seq, lies) in &places {
                let original = &sound[crate::fields::in_memory(seq.get())];
                let is_hit =
                    lies.name == name && lies.from < (from + bytes) as u64 && (from as u64) < lies.to;
                let is_there = copied.iter().any(|record| record.payload == original.payload);
                assert!(is_there || is_hit, "{when}: record {seq} is lost: {report:?}");
            }
            // The first two segments are sealed, and a footer says where everything is.
            let is_in_data = from >= 4096 && (from + bytes) as u64 <= data_end;
            assert!(report.unplaced_records == 0 || number == 2 || !is_in_data, "{when}: {report:?}");
        }
    }
}

/// The bytes of a record on disk.
fn encoded(payload: &[u8]) -> Vec<u8> {
    let header = crate::record::RecordHeader::of(payload, &Blake3Leaf).unwrap();
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

#[test]
fn a_sound_record_in_the_place_of_another_gets_no_number() {
    let disk = three_segments(8, false);
    let (sound, places) = (records(&disk, &old()), places(&disk));
    for (seq, lies) in places {
        let original = &sound[crate::fields::in_memory(seq.get())].payload;
        let other: Vec<u8> = original.iter().map(|byte| byte ^ 0xff).collect();
        let damaged = with(&disk, &lies.name, crate::fields::in_memory(lies.from), &encoded(&other));
        let report = salvaged(&damaged);
        let has_number = |range: &CopiedRange| {
            (range.old_from.get()..range.old_from.get() + range.records).contains(&seq.get())
        };
        assert!(!report.copied.entries.iter().any(has_number), "record {seq}: {report:?}");
        assert!(report.unplaced_records > 0, "record {seq}: {report:?}");
        assert_eq!(report.records, sound.len() as u64, "record {seq}: {report:?}");
        assert!(records(&damaged, &new()).iter().any(|record| record.payload == other));
    }
}

#[test]
fn what_a_payload_holds_never_gets_a_number() {
    let disk = SimulatedDisk::default();
    let log = Options::new().create(true).background(Background::Caller).storage(Arc::new(disk.clone()));
    let (wal, _) = Wal::open(&old(), log).unwrap();
    let mut holder = b"a recording of a log".repeat(2);
    holder.extend_from_slice(&encoded(b"what the log recorded"));
    let batch = [b"first".to_vec(), b"second".to_vec(), holder, b"last".to_vec()];
    wal.append_batch(&batch, Durability::Durable).unwrap();
    kill(wal);
    let disk = disk.after_kill();
    let (sound, places) = (records(&disk, &old()), places(&disk));
    // The lengths of the two in the middle: what the third one holds and the last one would fit their places.
    let damaged = [1, 2].into_iter().fold(disk, |disk, seq| {
        let lies = &places[&Seq::new(seq)];
        with(&disk, &lies.name, crate::fields::in_memory(lies.from), &[0xff])
    });
    let report = salvaged(&damaged);
    assert_eq!(report.copied.entries.iter().map(|range| range.records).sum::<u64>(), 1, "{report:?}");
    assert_eq!((report.records_lost, report.unplaced_records), (3, 2), "{report:?}");
    assert!(records(&damaged, &new()).contains(&sound[3]));
}

#[test]
fn any_bytes_at_all_cost_bounded_time_and_no_panic() {
    let disk = three_segments(8, false);
    let (names, sound) = (segments(&disk), records(&disk, &old()));
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        crate::fields::in_memory(state >> 33) % below
    };
    for round in 0..600 {
        let (mut damaged, mut spliced) = (disk.after_kill(), false);
        for _ in 0..=random(4) {
            let name = &names[random(names.len())];
            let length = contents(&damaged, name).len();
            let (from, source) = (random(length), random(length));
            let bytes =
                contents(&damaged, name)[source..].iter().copied().take(1 + random(3000)).collect::<Vec<_>>();
            damaged = match random(4) {
                // Bytes of one place at another, noise, zeroes, or a cut.
                0 => {
                    spliced = true;
                    with(&damaged, name, from & !7, &bytes)
                }
                1 => with(&damaged, name, from, &bytes.iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>()),
                2 => with(&damaged, name, from, &vec![0; bytes.len()]),
                _ => {
                    file(&damaged, name).set_length(from as u64).unwrap();
                    damaged
                }
            };
            if contents(&damaged, name).is_empty() {
                file(&damaged, name).set_length(1).unwrap();
            }
        }
        let mut report = salvaged(&damaged);
        // A whole record that lies exactly where another was, under a frame that is gone, can't be told from it.
        if spliced {
            report.copied.entries.clear();
            report.unplaced_records = report.records;
        }
        check_copy(&damaged, &sound, &report, &format!("round {round}"));
    }
}

#[test]
fn a_cut_segment_costs_what_was_cut() {
    let disk = three_segments(8, false);
    let (sound, places) = (records(&disk, &old()), places(&disk));
    for name in segments(&disk) {
        for length in (0..contents(&disk, &name).len()).step_by(13) {
            let damaged = disk.after_kill();
            file(&damaged, &name).set_length(length as u64).unwrap();
            let when = format!("{name} cut to {length}");
            let report = salvaged(&damaged);
            let copied = check_copy(&damaged, &sound, &report, &when);
            let is_left = |lies: &&Lies| lies.name != name || lies.to <= length as u64;
            assert_eq!(copied.len(), places.values().filter(is_left).count(), "{when}: {report:?}");
            assert_eq!(report.records + report.records_lost, sound.len() as u64, "{when}: {report:?}");
        }
    }
}

#[test]
fn a_damaged_watermark_costs_nothing() {
    for closes in [false, true] {
        let disk = three_segments(8, closes);
        let sound = records(&disk, &old());
        for at in (0..128).chain(4096..4224).step_by(5) {
            let damaged = with(&disk, WATERMARK_NAME, at, &[0x5a]);
            let report = salvaged(&damaged);
            assert!(report.is_complete(), "{report:?}");
            assert_eq!(records(&damaged, &new()), sound, "byte {at}");
        }
        let damaged = with(&disk, WATERMARK_NAME, 0, &[7; 8192]);
        let report = salvaged(&damaged);
        assert!(report.is_complete() && !report.is_spotless(), "{report:?}");
        assert_eq!(records(&damaged, &new()), sound);
    }
}

#[test]
fn a_torn_tail_is_counted_and_not_copied_and_whole_commits_behind_the_watermark_are() {
    let disk = three_segments(8, false);
    let (sound, places) = (records(&disk, &old()), places(&disk));
    let last = places.last_key_value().unwrap().1.clone();
    // A watermark that lags by everything: only frames say what was durable.
    disk.remove(&old().join(WATERMARK_NAME)).unwrap();
    let whole = salvaged(&disk.after_kill());
    assert_eq!(whole.records, sound.len() as u64);
    let at = crate::fields::in_memory(last.to) - 4;
    let damaged = with(&disk, &last.name, at, &[1, 2, 3, 4]);
    let report = salvaged(&damaged);
    assert!(report.is_complete(), "{report:?}");
    assert!(report.torn_tail_bytes > 0, "{report:?}");
    let copied = check_copy(&damaged, &sound, &report, "torn");
    assert_eq!(copied, sound[..sound.len() - 1]);
}
