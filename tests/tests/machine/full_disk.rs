//! A full disk: a clean refusal, reading that goes on, and appends that go on as soon as there is space again, without
//! the log being opened anew. What was refused never turns up.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use runledger_tests::machine::lines::Line;
use runledger_tests::machine::numbered::Name;
use runledger_tests::random::Random;
use runledger_wal::{
    AppendError, Durability, Options, Reader, ReaderOptions, Seq, VerifyOptions, Wal, verify,
};

use crate::mounted::{Kind, Mounted};
use crate::oracle::Oracle;
use crate::programs::{Writer, WriterOptions};

/// How often the disk is filled.
const ROUNDS: u32 = 6;
/// How many threads append.
const THREADS: u32 = 4;
/// How often each thread tries again on the full disk.
const ATTEMPTS_ON_FULL_DISK: u32 = 5;
/// What is kept from the log, and given back.
const BALLAST_BYTES: u64 = 1 << 20;
/// How many times that the disk holds.
const BALLASTS: u64 = 6;
const SEGMENT_BYTES: u64 = 256 << 10;

#[test]
#[ignore = "needs root"]
fn a_full_tmpfs_refuses_cleanly_and_appends_resume_when_space_returns() {
    fill_again_and_again(&Mounted::in_memory(2 * BALLASTS * BALLAST_BYTES));
}

#[test]
#[ignore = "needs root, ext4"]
fn a_full_ext4_refuses_cleanly_and_appends_resume_when_space_returns() {
    fill_again_and_again(&Mounted::new(Kind::Ext4, 24 << 20));
}

#[test]
#[ignore = "needs root"]
fn a_writer_killed_on_a_full_tmpfs_leaves_a_log_that_opens_there_and_grows_when_space_returns() {
    kill_on_full_disk(&Mounted::in_memory(2 * BALLASTS * BALLAST_BYTES));
}

#[test]
#[ignore = "needs root, ext4"]
fn a_writer_killed_on_a_full_ext4_leaves_a_log_that_opens_there_and_grows_when_space_returns() {
    kill_on_full_disk(&Mounted::new(Kind::Ext4, 24 << 20));
}

fn kill_on_full_disk(disk: &Mounted) {
    let mut oracle = Oracle::new(Random::seed_from("RUNLEDGER_FULL_SEED"));
    let mut ballasts: Vec<_> = (0..BALLASTS).map(|number| Ballast::put(disk, number)).collect();
    let options = WriterOptions { threads: u64::from(THREADS), segment_bytes: SEGMENT_BYTES, boot_id: None };
    for round in 0..ROUNDS {
        let acknowledged_before = oracle.acknowledged_end();
        // Once with space, until it is full, and once on the full disk.
        for full in [false, true] {
            let mut writer = Writer::start(&mut oracle, &disk.log(), options);
            let opened = writer.opened(&mut oracle);
            assert_eq!(opened.torn_bytes, 0, "nothing is left of what was refused: {opened:?}");
            oracle.check(&Reader::open(&disk.log(), ReaderOptions::new()).unwrap(), opened.next_seq);
            writer.go();
            let is_refusal = |line: &Line| matches!(line, Line::Refused { why, .. } if why == "full");
            while !is_refusal(&writer.line(&mut oracle).expect("the writer lives on")) {}
            let said = writer.kill(&mut oracle);
            assert!(!said.iter().any(|line| matches!(line, Line::Refused { why, .. } if why != "full")));
            let grew = oracle.acknowledged_end() > acknowledged_before;
            assert!(grew, "round {round}, full {full}: appends resume when space returns");
        }
        drop(ballasts.pop());
    }
    let report = verify(&disk.log(), &VerifyOptions::new()).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

fn fill_again_and_again(disk: &Mounted) {
    crate::plant_by_environment();
    let mut random = Random::new(Random::seed_from("RUNLEDGER_FULL_SEED"));
    let ballasts = (0..BALLASTS).map(|number| Ballast::put(disk, number));
    let mut ballasts: Vec<_> = ballasts.collect();
    let options = || Options::new().create(true).segment_bytes(SEGMENT_BYTES);
    let (mut wal, _) = Wal::open(&disk.log(), options()).unwrap();
    let mut book = Book { seed: random.bits(), acknowledged: Vec::new() };
    for round in 0..ROUNDS {
        let before = book.acknowledged.len();
        book.fill(&wal, round);
        assert!(book.acknowledged.len() > before, "round {round}: appends resume when space returns");
        book.check(&wal);
        if random.less_than(2) == 0 {
            // A log on a full disk can be left and taken up again.
            wal.close().unwrap();
            let (opened, report) = Wal::open(&disk.log(), options()).unwrap();
            assert_eq!((report.next_seq, report.torn_tail_bytes), (book.end(), 0), "{report:?}");
            wal = opened;
            book.check(&wal);
        }
        drop(ballasts.pop());
    }
    let receipt = wal.append(b"the last one", Durability::Durable).unwrap();
    assert_eq!(receipt.seq, book.end());
    wal.close().unwrap();
    let report = verify(&disk.log(), &VerifyOptions::new()).unwrap();
    assert!(report.is_sound() && report.torn_tail_bytes == 0, "{report:?}");
    assert_eq!(report.records, book.end().get() + 1);
    let (wal, _) = Wal::open(&disk.log(), options()).unwrap();
    book.check(&wal);
    println!("{} records in {} segments, {ROUNDS} times full", report.records, report.segments);
}

/// A file that only takes up space.
struct Ballast(PathBuf);

impl Ballast {
    fn put(disk: &Mounted, number: u64) -> Ballast {
        let path = disk.path(&format!("ballast-{number}"));
        let mut file = File::create(&path).unwrap();
        file.write_all(&vec![1; usize::try_from(BALLAST_BYTES).unwrap()]).unwrap();
        file.sync_all().unwrap();
        Ballast(path)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// What was acknowledged: here there are no doubts, so the log must hold exactly this.
struct Book {
    seed: u64,
    acknowledged: Vec<Name>,
}

impl Book {
    fn end(&self) -> Seq {
        Seq::new(self.acknowledged.len() as u64)
    }

    /// Appends from several threads until each was refused for lack of space, again and again.
    fn fill(&mut self, wal: &Wal, round: u32) {
        let placed = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (placed, seed) = (&placed, self.seed);
                scope.spawn(move || {
                    let mut refusals = 0;
                    for number in 0.. {
                        let name = Name { run: round, thread, number };
                        match wal.append(&name.payload(seed), Durability::Durable) {
                            Ok(receipt) => placed.lock().unwrap().push((receipt.seq.get(), name)),
                            Err(AppendError::StorageFull(_)) => refusals += 1,
                            Err(error) => panic!("{error:?}"),
                        }
                        if refusals == ATTEMPTS_ON_FULL_DISK {
                            break;
                        }
                    }
                });
            }
        });
        let mut placed = placed.into_inner().unwrap();
        placed.sort_unstable();
        for (seq, name) in placed {
            assert_eq!(seq, self.end().get(), "the numbering is dense: {name}");
            self.acknowledged.push(name);
        }
    }

    /// The log holds what was acknowledged, and nothing else.
    fn check(&self, wal: &Wal) {
        let mut found = wal.reader().scan(Seq::ZERO).map(Result::unwrap);
        for (seq, name) in self.acknowledged.iter().enumerate() {
            let record = found.next().unwrap_or_else(|| panic!("{name} is missing at {seq}"));
            assert_eq!(record.payload(), name.payload(self.seed), "{name} at {seq}");
        }
    }
}
