//! Power cuts on real file systems: the file system is shut down under a working writer without writing anything more,
//! not even its journal, and mounted anew. What the page cache held and nobody synced is gone.
//!
//! The device itself keeps what it was given: a missing flush of its own cache isn't found here.

use std::time::Duration;

use runledger_tests::machine::lines::Line;
use runledger_tests::machine::rebooted::RebootedDisk;
use runledger_tests::random::Random;
use runledger_wal::{Reader, ReaderOptions, VerifyOptions, verify};

use crate::mounted::{Kind, Mounted};
use crate::oracle::Oracle;
use crate::programs::{Writer, WriterOptions, pass};

/// How often the power fails.
const CUTS: u64 = 30;
/// How many acknowledgements are heard at most before a cut.
const ACKNOWLEDGED_BEFORE_CUT_MAX: u64 = 600;
/// How long the writer goes on after that at most.
const TIME_BEFORE_CUT_MAX_US: u64 = 20_000;
/// Small enough that each life of the writer sees rotations.
const SEGMENT_BYTES: u64 = 256 << 10;
/// The least that both file systems can be made with.
const FILE_SYSTEM_BYTES: u64 = 320 << 20;

#[test]
#[ignore = "needs root, ext4, xfs_io"]
fn a_power_cut_on_ext4_loses_nothing_that_was_acknowledged() {
    cut_power_again_and_again(Kind::Ext4);
}

#[test]
#[ignore = "needs root, xfs, xfs_io"]
fn a_power_cut_on_xfs_loses_nothing_that_was_acknowledged() {
    cut_power_again_and_again(Kind::Xfs);
}

fn cut_power_again_and_again(kind: Kind) {
    let mut random = Random::new(Random::seed_from("RUNLEDGER_POWER_SEED"));
    let mut disk = Mounted::new(kind, FILE_SYSTEM_BYTES);
    let mut oracle = Oracle::new(random.bits());
    let (mut torn_bytes, mut recovered_records, mut failures) = (0, 0, 0);
    for boot in 0..CUTS {
        let mut writer = start(&mut oracle, &disk, boot);
        let opened = writer.opened(&mut oracle);
        torn_bytes += opened.torn_bytes;
        recovered_records += opened.recovered;
        check(&mut oracle, &disk, boot, opened.next_seq);
        writer.go();
        writer.acknowledgements(&mut oracle, 1 + random.less_than(ACKNOWLEDGED_BEFORE_CUT_MAX));
        pass(Duration::from_micros(random.less_than(TIME_BEFORE_CUT_MAX_US)));
        disk.cut_power();
        // The system would be gone now. This one goes on, so that the writer may meet with errors first.
        let said = writer.kill(&mut oracle);
        failures += u64::from(said.iter().any(|line| matches!(line, Line::Unknown { .. })));
        disk.remount();
    }
    let mut writer = start(&mut oracle, &disk, CUTS);
    let opened = writer.opened(&mut oracle);
    check(&mut oracle, &disk, CUTS, opened.next_seq);
    writer.go();
    writer.acknowledgements(&mut oracle, 100);
    let last = writer.close(&mut oracle).pop();
    assert_eq!(last, Some(Line::Closed { result: "well".to_owned() }));
    let end = oracle.acknowledged_end();
    disk.remount();
    check(&mut oracle, &disk, CUTS + 1, end);
    println!(
        "{kind:?}: {CUTS} cuts, {end} records, {recovered_records} of them found behind the watermark, \
         {torn_bytes} bytes torn, {failures} writers lived to say that a commit failed"
    );
}

fn start(oracle: &mut Oracle, disk: &Mounted, boot: u64) -> Writer {
    let boot_id = boot_id(boot);
    let options = WriterOptions { threads: 4, segment_bytes: SEGMENT_BYTES, boot_id: Some(&boot_id) };
    Writer::start(oracle, &disk.log(), options)
}

/// The kernel goes on when only a file system is shut down. A power cut would have ended it.
fn boot_id(boot: u64) -> String {
    format!("boot-{boot}")
}

fn check(oracle: &mut Oracle, disk: &Mounted, boot: u64, end: u64) {
    let storage = std::sync::Arc::new(RebootedDisk::new(&boot_id(boot)));
    let reader = Reader::open(&disk.log(), ReaderOptions::new().storage(storage.clone())).unwrap();
    oracle.check(&reader, end);
    let report = verify(&disk.log(), &VerifyOptions::new().storage(storage)).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert!(report.records >= end, "{report:?}");
}
