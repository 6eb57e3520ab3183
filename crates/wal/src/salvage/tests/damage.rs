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
    for name in segments(&disk) {
        let all = contents(&disk, &name).len();
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
        }
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
