//! Two processes, one log: the lock is the kernel's, and belongs to a process for as long as it lives, however it does.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use runledger_tests::machine::lines::Line;
use runledger_wal::{OpenError, Options, Reader, ReaderOptions, Wal};

use crate::oracle::Oracle;
use crate::programs::{Writer, WriterOptions};

const WRITER: WriterOptions = WriterOptions { threads: 2, segment_bytes: 256 << 10, boot_id: None };

#[test]
fn a_second_writer_is_told_who_holds_the_log_also_when_that_one_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("wal");
    let mut oracle = Oracle::new(1);
    let mut first = Writer::start(&mut oracle, &log, WRITER);
    first.opened(&mut oracle);
    first.go();
    first.acknowledgements(&mut oracle, 10);
    let pid = first.child.id();
    let assert_held = || match Wal::open(&log, Options::new()) {
        Err(OpenError::Locked { pid: Some(holder), since: Some(_), .. }) => assert_eq!(holder, pid),
        other => panic!("{other:?}"),
    };
    assert_held();

    let mut other = Oracle::new(2);
    let second = Writer::start(&mut other, &log, WRITER);
    match second.line(&mut other) {
        Some(Line::NotOpened { why }) => assert!(why.ends_with(&format!("process {pid}")), "{why}"),
        line => panic!("{line:?}"),
    }

    let process = Pid::from_child(&first.child);
    kill_process(process, Signal::STOP).unwrap();
    let (_, status) = waitpid(Some(process), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    assert_held();
    // Readers take no lock, and don't wait for somebody who doesn't move.
    let reader = Reader::open(&log, ReaderOptions::new()).unwrap();
    let durable_end = reader.durable_end().unwrap().get();
    assert!(durable_end >= oracle.acknowledged_end());
    assert_eq!(reader.scan(runledger_wal::Seq::ZERO).map(Result::unwrap).count() as u64, durable_end);

    kill_process(process, Signal::CONT).unwrap();
    first.acknowledgements(&mut oracle, 1000);
    kill_process(process, Signal::STOP).unwrap();
    first.kill(&mut oracle);

    let mut third = Writer::start(&mut oracle, &log, WRITER);
    let opened = third.opened(&mut oracle);
    oracle.check(&reader, opened.next_seq);
    third.go();
    third.acknowledgements(&mut oracle, 10);
}
