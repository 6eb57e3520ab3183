//! A writer that is killed again and again, in the middle of commits, of rotations, and of its own recovery, beside a
//! reader that follows.

use std::path::Path;
use std::time::Duration;

use runledger_tests::machine::lines::Line;
use runledger_tests::random::Random;
use runledger_wal::{Reader, ReaderOptions, VerifyOptions, verify};

use crate::oracle::Oracle;
use crate::programs::{Follower, Opened, Writer, WriterOptions, pass};

/// How often the writer is killed.
const KILLS: u64 = 100;
/// How many acknowledgements are heard at most before a kill.
const ACKNOWLEDGED_BEFORE_KILL_MAX: u64 = 400;
/// How long after that, or after its start, the writer lives on at most.
const TIME_BEFORE_KILL_MAX_US: u64 = 3000;
/// One kill in this many comes while the log is being opened.
const KILL_WHILE_OPENING_EVERY: u64 = 6;
/// One check in this many takes place while the writer appends, as readers and verification usually do.
const CHECK_WHILE_WRITING_EVERY: u64 = 8;
/// One kill in this many waits for the follower.
const FOLLOWER_AWAITED_EVERY: u64 = 4;
/// Small enough that a segment lasts for about one life of the writer.
const SEGMENT_BYTES: u64 = 256 << 10;

/// What the kills met with.
#[derive(Debug, Default)]
struct Met {
    while_opening: u64,
    torn_tails: u64,
    recovered_records: u64,
}

#[test]
fn a_killed_writer_keeps_its_word_to_its_callers_and_to_a_reader_that_follows() {
    let mut random = Random::new(Random::seed_from("RUNLEDGER_KILL_SEED"));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("wal");
    let mut oracle = Oracle::new(random.bits());
    let mut follower = None;
    let mut met = Met::default();
    for _ in 0..KILLS {
        let options =
            WriterOptions { threads: 1 + random.less_than(6), segment_bytes: SEGMENT_BYTES, boot_id: None };
        let mut writer = Writer::start(&mut oracle, &log, options);
        if follower.is_some() && random.less_than(KILL_WHILE_OPENING_EVERY) == 0 {
            pass(Duration::from_micros(random.less_than(TIME_BEFORE_KILL_MAX_US)));
            let said = writer.kill(&mut oracle);
            met.while_opening += u64::from(said.is_empty());
            // If it was faster than its killer, the next opening is judged by what this one said.
            if let Some(Line::Opened { recovered, .. }) = said.first() {
                met.recovered_records += recovered;
            }
        } else {
            let opened = writer.opened(&mut oracle);
            assert_kill_was_understood(opened);
            met.torn_tails += u64::from(opened.torn_bytes > 0);
            met.recovered_records += opened.recovered;
            if random.less_than(CHECK_WHILE_WRITING_EVERY) == 0 {
                writer.go();
                check(&mut oracle, &log, opened.next_seq);
            } else {
                check(&mut oracle, &log, opened.next_seq);
                writer.go();
            }
            follower.get_or_insert_with(|| Follower::start(&log)).compare(&oracle);
            writer.acknowledgements(&mut oracle, 1 + random.less_than(ACKNOWLEDGED_BEFORE_KILL_MAX));
            pass(Duration::from_micros(random.less_than(TIME_BEFORE_KILL_MAX_US)));
            writer.kill(&mut oracle);
        }
        let follower = follower.as_mut().unwrap();
        let end = check_mark_after_kill(&oracle, &log);
        if random.less_than(FOLLOWER_AWAITED_EVERY) == 0 {
            follower.hear_up_to(end);
        } else {
            follower.hear();
        }
    }
    let mut writer = Writer::start(
        &mut oracle,
        &log,
        WriterOptions { threads: 4, segment_bytes: SEGMENT_BYTES, boot_id: None },
    );
    let opened = writer.opened(&mut oracle);
    check(&mut oracle, &log, opened.next_seq);
    follower.as_mut().unwrap().compare(&oracle);
    writer.go();
    writer.acknowledgements(&mut oracle, 100);
    let last = writer.close(&mut oracle).pop();
    assert_eq!(last, Some(Line::Closed { result: "well".to_owned() }));
    let report = verify(&log, &VerifyOptions::new()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.records, oracle.acknowledged_end(), "nothing is unknown after a close");
    check(&mut oracle, &log, report.records);
    let mut follower = follower.unwrap();
    follower.hear_up_to(report.records);
    follower.compare(&oracle);
    println!("{} records, {} segments, {met:?}", report.records, report.segments);
}

/// After a kill the page cache has kept every byte: the watermark is exact, so nothing that is cut is in doubt.
fn assert_kill_was_understood(opened: Opened) {
    assert!(!opened.ambiguous, "a kill leaves no doubt about what was acknowledged: {opened:?}");
}

/// The watermark moves before anybody hears of it. Returns how far readers see.
fn check_mark_after_kill(oracle: &Oracle, log: &Path) -> u64 {
    let reader = Reader::open(log, ReaderOptions::new()).unwrap();
    let durable_end = reader.durable_end().unwrap().get();
    let acknowledged_end = oracle.acknowledged_end();
    assert!(durable_end >= acknowledged_end, "marked up to {durable_end}, acknowledged {acknowledged_end}");
    durable_end
}

/// A reader of its own, and verification, beside the writer that holds the log.
fn check(oracle: &mut Oracle, log: &Path, end: u64) {
    let reader = Reader::open(log, ReaderOptions::new()).unwrap();
    oracle.check(&reader, end);
    let report = verify(log, &VerifyOptions::new()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert!(report.records >= end, "{report:?}");
}
