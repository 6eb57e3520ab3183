//! Errors of a real device below a real file system. Of a failed write nobody knows what is on the medium: the log says
//! so, and accepts nothing more until it is opened again. A failed read says nothing about the data: it is never taken
//! for damage, and never for the end of the log.

use std::collections::HashSet;
use std::path::Path;

use runledger_tests::machine::lines::{Line, Style};
use runledger_tests::machine::numbered::Name;
use runledger_tests::random::Random;
use runledger_wal::{
    Durability, OpenError, Options, ReadError, Reader, ReaderOptions, Seq, VerifyError, VerifyOptions, Wal,
    verify,
};

use crate::failing_device::{Failing, FailingDisk};
use crate::oracle::Oracle;
use crate::programs::{Writer, WriterOptions};

/// How often the device begins to fail.
const ROUNDS: u64 = 12;
/// How many acknowledgements are heard at most before.
const ACKNOWLEDGED_BEFORE_ERROR_MAX: u64 = 500;
const THREADS: u64 = 4;
const SEGMENT_BYTES: u64 = 256 << 10;
const DEVICE_BYTES: u64 = 64 << 20;

#[test]
#[ignore = "needs root, ext4, e2fsck, fuse, nbdkit, nbdfuse"]
fn a_device_that_fails_every_write_poisons_the_log_and_loses_nothing_acknowledged() {
    fail_again_and_again(Failing::Writes);
}

#[test]
#[ignore = "needs root, ext4, e2fsck, fuse, nbdkit, nbdfuse"]
fn a_device_that_fails_some_writes_poisons_the_log_at_the_first_and_loses_nothing_acknowledged() {
    fail_again_and_again(Failing::SomeWrites);
}

fn fail_again_and_again(failing: Failing) {
    let mut random = Random::new(Random::seed_from("RUNLEDGER_EIO_SEED"));
    let mut oracle = Oracle::new(random.bits());
    let mut failing_disk = FailingDisk::new(failing, DEVICE_BYTES);
    let (mut unknown, mut opened_over_cache) = (0, 0);
    for _ in 0..ROUNDS {
        let mut writer = start(&mut oracle, &failing_disk.disk.log());
        let opened = writer.opened(&mut oracle);
        check(&mut oracle, &failing_disk.disk.log(), opened.next_seq);
        writer.go();
        writer.acknowledgements(&mut oracle, 1 + random.less_than(ACKNOWLEDGED_BEFORE_ERROR_MAX));
        failing_disk.fail();
        let mut said: Vec<Line> = Vec::new();
        while !said.last().is_some_and(is_failure) {
            said.push(writer.line(&mut oracle).expect("the writer lives on"));
        }
        said.extend(writer.close(&mut oracle));
        unknown += assert_given_up(&said);
        failing_disk.repair();
        // Without it, the page cache still has what the device doesn't: the next opening must not take that for the log.
        if random.less_than(2) == 0 && failing_disk.disk.is_writable() {
            opened_over_cache += 1;
        } else {
            failing_disk.disk.remount_repaired();
        }
    }
    assert!(unknown > 0, "now and then somebody's commit is the one that fails");
    // Whatever the last opening has shown is still there when nothing is cached.
    failing_disk.disk.remount_repaired();
    let mut writer = start(&mut oracle, &failing_disk.disk.log());
    let opened = writer.opened(&mut oracle);
    check(&mut oracle, &failing_disk.disk.log(), opened.next_seq);
    writer.go();
    writer.acknowledgements(&mut oracle, 100);
    let last = writer.close(&mut oracle).pop();
    assert_eq!(last, Some(Line::Closed { result: "well".to_owned() }));
    failing_disk.disk.remount();
    let end = oracle.acknowledged_end();
    check(&mut oracle, &failing_disk.disk.log(), end);
    println!(
        "{failing:?}: {end} records, {unknown} of unknown outcome, {opened_over_cache} of {ROUNDS} times opened again \
         with what was cached"
    );
}

fn start(oracle: &mut Oracle, log: &Path) -> Writer {
    let options = WriterOptions { threads: THREADS, segment_bytes: SEGMENT_BYTES, boot_id: None };
    Writer::start(oracle, log, options)
}

fn check(oracle: &mut Oracle, log: &Path, end: u64) {
    oracle.check(&Reader::open(log, ReaderOptions::new()).unwrap(), end);
    let report = verify(log, &VerifyOptions::new()).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

fn is_failure(line: &Line) -> bool {
    !matches!(line, Line::Acknowledged { .. })
}

/// Sees that the log was given up at the first error that leaves a doubt. Returns how many records have an unknown
/// outcome.
fn assert_given_up(said: &[Line]) -> u64 {
    let (mut given_up, mut unknown) = (HashSet::new(), 0);
    for line in said {
        match line {
            Line::Acknowledged { thread, number, .. } => {
                assert!(
                    !given_up.contains(thread),
                    "{number} of thread {thread} was acknowledged after an error"
                );
            }
            Line::Unknown { thread, .. } => {
                unknown += 1;
                // A thread that lets records trail also says so of those that it only wrote.
                if Style::of_thread(*thread) != Style::Trail {
                    given_up.insert(*thread);
                }
            }
            Line::Refused { thread, why, .. } if why == "poisoned" => {
                given_up.insert(*thread);
            }
            // The file of the next segment couldn't be made. That says nothing about the log, which may go on.
            Line::Refused { thread, why, .. } => {
                assert!(why == "not-written" && !given_up.contains(thread), "{line}");
            }
            Line::Closed { result } => assert!(result != "well" || given_up.is_empty(), "{line}"),
            Line::Opened { .. } | Line::NotOpened { .. } => panic!("{line}"),
        }
    }
    assert!(matches!(said.last(), Some(Line::Closed { .. })), "the writer lives on, and gives the log up");
    unknown
}

#[test]
#[ignore = "needs root, ext4, e2fsck, fuse, nbdkit, nbdfuse"]
fn a_device_that_fails_every_read_is_not_taken_for_damage_nor_for_the_end() {
    const RECORDS: u64 = 3000;
    crate::plant_by_environment();
    let mut failing_disk = FailingDisk::new(Failing::Reads, DEVICE_BYTES);
    let log = failing_disk.disk.log();
    let (wal, _) = Wal::open(&log, Options::new().create(true).segment_bytes(SEGMENT_BYTES)).unwrap();
    let payloads = (0..RECORDS).map(|number| Name { run: 1, thread: 0, number }.payload(1));
    let payloads: Vec<_> = payloads.collect();
    for batch in payloads.chunks(100) {
        wal.append_batch(batch, Durability::Durable).unwrap();
    }
    wal.close().unwrap();
    // Nothing of it is cached any more, but for what is read again now: names, and where the log ends.
    failing_disk.disk.remount();
    let reader = Reader::open(&log, ReaderOptions::new()).unwrap();
    assert_eq!(reader.durable_end().unwrap(), Seq::new(RECORDS));
    failing_disk.fail();

    for seq in (0..RECORDS).step_by(100).map(Seq::new) {
        let read = reader.read(seq);
        assert!(matches!(read, Err(ReadError::Storage(_))), "{seq}: {read:?}");
    }
    let scanned: Vec<_> = reader.scan(Seq::ZERO).collect();
    assert!(matches!(scanned.as_slice(), [Err(ReadError::Storage(_))]), "{scanned:?}");
    let verified = verify(&log, &VerifyOptions::new());
    assert!(matches!(verified, Err(VerifyError::Storage(_))), "{verified:?}");
    let opened = Wal::open(&log, Options::new());
    assert!(matches!(opened, Err(OpenError::Storage(_))), "{opened:?}");

    failing_disk.repair();
    let found: Vec<_> = reader.scan(Seq::ZERO).map(|record| record.unwrap().payload().to_vec()).collect();
    assert!(found == payloads, "what couldn't be read is there");
    assert!(verify(&log, &VerifyOptions::new()).unwrap().is_sound());
}

#[test]
#[ignore = "needs root, ext4, e2fsck, fuse, nbdkit, nbdfuse"]
fn a_read_that_fails_in_the_middle_of_a_segment_is_an_error_there_and_nothing_else() {
    const RECORDS: u64 = 90;
    const PAYLOAD_BYTES: usize = 10_000;
    crate::plant_by_environment();
    let mut failing_disk = FailingDisk::new(Failing::Reads, DEVICE_BYTES);
    let log = failing_disk.disk.log();
    // All in the first segment, which isn't sealed, so that it is read and not mapped.
    let (wal, _) = Wal::open(&log, Options::new().create(true)).unwrap();
    for _ in 0..RECORDS {
        wal.append(&[7; PAYLOAD_BYTES], Durability::Durable).unwrap();
    }
    wal.close().unwrap();
    failing_disk.disk.remount();
    let reader = Reader::open(&log, ReaderOptions::new()).unwrap();
    assert!(reader.read(Seq::ZERO).unwrap().is_some());
    failing_disk.fail();

    let last = reader.read(Seq::new(RECORDS - 1));
    assert!(matches!(last, Err(ReadError::Storage(_))), "{last:?}");
    let mut scanned: Vec<_> = reader.scan(Seq::ZERO).collect();
    let end = scanned.pop();
    assert!(matches!(end, Some(Err(ReadError::Storage(_)))), "{end:?}");
    assert!(scanned.len() < usize::try_from(RECORDS).unwrap());
    assert!(scanned.iter().all(Result::is_ok), "what is cached can be read");

    failing_disk.repair();
    assert_eq!(reader.scan(Seq::ZERO).map(Result::unwrap).count() as u64, RECORDS);
}
