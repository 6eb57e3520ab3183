//! Directories that somebody prepared to be costly: thousands of segments, files that are nearly all holes, lengths and
//! counts that promise gigabytes. Whatever is done with them ends soon and costs less than 64 MiB.
//!
//! Measured on a real file system, as the kernel counts it. The pages of a sealed segment that a reader has mapped count
//! too, although the kernel takes them back when it needs them, so they are allowed for where that matters. How much
//! disk a hostile log may cost isn't measured: what is cut from a log is kept, holes and all.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runledger_wal::{
    Background, Durability, Options, Reader, ReaderOptions, RecoverOptions, SEGMENT_BYTES_MIN, Seq,
    VerifyOptions, VerifyReport, Wal, recover, verify,
};

use crate::forge::{seal_frame, seal_header, seal_slot, seed, set};
use crate::small_log::{Ending, SmallLog};
use crate::unsynced_disk::UNSYNCED_DISK;

const GROWTH_KIB_MAX: u64 = 64 << 10;

/// What a single step may take, on a machine that has much else to do.
const STEP_TIME_MAX: Duration = Duration::from_secs(40);

/// A scan is given up after so many errors: a hole has room for millions.
const ERRORS_READ_MAX: usize = 5000;

const SEGMENTS: u64 = 5000;
const HEADER_BYTES: usize = 4096;
const FRAME_BYTES: usize = 64;
const RECORD_BYTES: u64 = 40;
const TRAILER_BYTES: usize = 64;
const FIRST_SEGMENT: &str = "00000000000000000000.wal";
const STATUS_PATH: &str = "/proc/self/status";

/// Says to the test's process that it is the one to be measured.
const MEASURED_VARIABLE: &str = "RUNLEDGER_MEASURED_TEST";

/// Runs the named test once more in a process of its own, where no other test's memory is counted. True in there.
fn is_in_its_own_process(name: &str) -> bool {
    if std::env::var_os(MEASURED_VARIABLE).is_some() {
        return true;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let output = again.args([name, "--exact", "--nocapture"]).env(MEASURED_VARIABLE, name).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{stdout}{stderr}");
    assert!(output.status.success() && stdout.contains("1 passed"), "see above");
    false
}

fn status_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string(STATUS_PATH).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// The memory that a process had before, and whether its peak can be told.
struct Gauge {
    before_kib: u64,
    resets: bool,
}

impl Gauge {
    fn new() -> Gauge {
        let resets = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        if !resets {
            println!("/proc/self/clear_refs can't be written: memory isn't measured");
        }
        Gauge { before_kib: if resets { status_kib("VmRSS") } else { 0 }, resets }
    }

    /// Does a step, which may map so much.
    fn measure<T>(&self, what: &str, mapped_bytes: u64, step: impl FnOnce() -> T) -> T {
        if self.resets {
            std::fs::write("/proc/self/clear_refs", "5").unwrap();
        }
        let start = Instant::now();
        let done = step();
        let taken = start.elapsed();
        let growth_kib = if self.resets { status_kib("VmHWM").saturating_sub(self.before_kib) } else { 0 };
        println!("{what}: {growth_kib} KiB, {taken:.2?}");
        assert!(growth_kib < GROWTH_KIB_MAX + mapped_bytes / 1024, "{what}: grew by {growth_kib} KiB");
        assert!(taken < STEP_TIME_MAX, "{what}: took {taken:?}");
        done
    }

    /// Opens a log for writing.
    fn try_open(&self, what: &str, make: impl Fn(&Path)) {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        self.measure(&format!("{what}: open"), 0, || open(folder.path()));
    }

    /// Reads a log and opens it for writing.
    fn try_ends(&self, what: &str, mapped_bytes: u64, make: impl Fn(&Path)) {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        self.measure(&format!("{what}: read"), mapped_bytes, || read(folder.path()));
        self.measure(&format!("{what}: open"), 0, || open(folder.path()));
    }

    /// Does everything with a log. Returns what verification says, if it can say anything.
    fn try_all(&self, what: &str, mapped_bytes: u64, make: impl Fn(&Path)) -> Option<VerifyReport> {
        self.try_ends(what, mapped_bytes, &make);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        make(path);
        let options = VerifyOptions::new().storage(Arc::new(UNSYNCED_DISK));
        let report = self.measure(&format!("{what}: verify"), 0, || verify(path, &options).ok());
        let options = RecoverOptions::new().storage(Arc::new(UNSYNCED_DISK));
        self.measure(&format!("{what}: recover"), 0, || drop(recover(path, &options)));
        report
    }
}

fn read(path: &Path) {
    let Ok(reader) = Reader::open(path, ReaderOptions::new().storage(Arc::new(UNSYNCED_DISK))) else {
        return;
    };
    let _ = reader.scan(Seq::ZERO).filter(Result::is_err).take(ERRORS_READ_MAX).count();
    for seq in [0, 1, 5, 1000, 1 << 20, 1 << 40] {
        let _ = reader.read(Seq::new(seq));
    }
}

fn open(path: &Path) {
    let options = Options::new().background(Background::Caller).segment_bytes(SEGMENT_BYTES_MIN);
    let options = options.storage(Arc::new(UNSYNCED_DISK));
    let Ok((wal, _)) = Wal::open(path, options) else { return };
    let _ = wal.append(b"one more", Durability::Durable);
    while wal.tend() {}
}

/// A log whose writer was killed, to be forged and written out.
struct Forged {
    files: std::collections::BTreeMap<String, Vec<u8>>,
}

impl Forged {
    fn new() -> Forged {
        Forged { files: SmallLog::make(Ending::Killed, 8).storage.files() }
    }

    /// The first segment's first commits, as they would stand at the start of the segment of this name.
    fn segment(&self, first_seq: u64, commits: usize) -> Vec<u8> {
        let mut bytes = self.files[FIRST_SEGMENT].clone();
        set(&mut bytes, 32, &first_seq.to_le_bytes());
        seal_header(&mut bytes);
        let (mut at, mut seq) = (HEADER_BYTES, first_seq);
        for _ in 0..commits {
            let records = u32::from_le_bytes(*bytes[at + 32..].first_chunk().unwrap());
            let length = u64::from_le_bytes(*bytes[at + 40..].first_chunk().unwrap());
            set(&mut bytes, at + 8, &seq.to_le_bytes());
            set(&mut bytes, at + 16, &seq.to_le_bytes());
            seal_frame(&mut bytes, at);
            seq += u64::from(records);
            at += FRAME_BYTES + usize::try_from(length).unwrap();
        }
        bytes.truncate(at);
        bytes
    }

    /// Both slots of the watermark, saying that the log was killed here.
    fn watermark(&self, segment: u64, offset: u64, seq: u64) -> Vec<u8> {
        let mut bytes = self.files["watermark"].clone();
        for at in [0, 4096] {
            set(&mut bytes, at + 12, &[0; 4]);
            for (field, value) in [(40, segment), (48, offset), (56, seq)] {
                set(&mut bytes, at + field, &value.to_le_bytes());
            }
            seal_slot(&mut bytes, at);
        }
        bytes
    }

    /// Everything but segments.
    fn write_rest(&self, path: &Path, watermark: &[u8]) {
        std::fs::write(path.join("lock"), &self.files["lock"]).unwrap();
        std::fs::write(path.join("watermark"), watermark).unwrap();
    }
}

fn segment_file(first_seq: u64) -> String {
    format!("{first_seq:020}.wal")
}

#[test]
fn thousands_of_segments_of_garbage_cost_little() {
    if !is_in_its_own_process("bounded_memory::thousands_of_segments_of_garbage_cost_little") {
        return;
    }
    let forged = Forged::new();
    let first = forged.segment(0, 2);
    let end = first.len() as u64;
    let gauge = Gauge::new();
    let last = 1000 * SEGMENTS;
    for (what, watermark) in [
        ("garbage behind the watermark", forged.watermark(0, end, 4)),
        ("garbage before the watermark", forged.watermark(last, end, last + 4)),
    ] {
        let report = gauge.try_all(what, 0, |path| {
            forged.write_rest(path, &watermark);
            std::fs::write(path.join(segment_file(0)), &first).unwrap();
            let mut noise = 7_u64;
            for number in 1..=SEGMENTS {
                let garbage = std::iter::repeat_with(|| {
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number | 1);
                    noise.to_be_bytes()
                });
                let garbage: Vec<_> = garbage.take(600).flatten().collect();
                std::fs::write(path.join(segment_file(1000 * number)), garbage).unwrap();
            }
        });
        assert!(report.is_none_or(|report| !report.is_sound()), "{what}");
    }
}

/// Segments of four records each, whose numbers are so far apart.
fn try_segments(name: &str, step: u64) {
    if !is_in_its_own_process(name) {
        return;
    }
    let forged = Forged::new();
    let end = forged.segment(0, 2).len() as u64;
    let gauge = Gauge::new();
    let last = step * (SEGMENTS - 1);
    // Opening goes through those behind the watermark, unless there is a gap; verification through those before.
    let marked = if step == 4 { 0 } else { last };
    let watermark = forged.watermark(marked, end, marked + 4);
    let report = gauge.try_all("segments", 0, |path| {
        forged.write_rest(path, &watermark);
        for first_seq in (0..SEGMENTS).map(|number| step * number) {
            std::fs::write(path.join(segment_file(first_seq)), forged.segment(first_seq, 2)).unwrap();
        }
    });
    let report = report.unwrap();
    assert_eq!(report.is_sound(), step == 4, "{:?}", report.damaged.first());
    assert!(step != 4 || report.recoverable_records == 4 * (SEGMENTS - 1), "{report:?}");
}

#[test]
fn thousands_of_segments_that_overlap_cost_little() {
    try_segments("bounded_memory::thousands_of_segments_that_overlap_cost_little", 3);
}

#[test]
fn thousands_of_segments_in_a_row_cost_little() {
    try_segments("bounded_memory::thousands_of_segments_in_a_row_cost_little", 4);
}

#[test]
fn thousands_of_segments_with_gaps_cost_little() {
    try_segments("bounded_memory::thousands_of_segments_with_gaps_cost_little", 7);
}

/// Writes a file that is so long, with bytes at its start and end and a hole between.
fn write_sparse(path: &Path, start: &[u8], length: u64, end: &[u8]) {
    let file: File = OpenOptions::new().write(true).create_new(true).open(path).unwrap();
    file.set_len(length).unwrap();
    file.write_all_at(start, 0).unwrap();
    file.write_all_at(end, length - end.len() as u64).unwrap();
}

/// The CRC over so many zeroes, going on from another.
fn crc_of_zeroes(mut crc: u32, mut length: u64) -> u32 {
    let zeroes = vec![0; 1 << 20];
    while length > 0 {
        let bytes = length.min(zeroes.len() as u64);
        crc = crc32c::crc32c_append(crc, &zeroes[..usize::try_from(bytes).unwrap()]);
        length -= bytes;
    }
    crc
}

/// How long a file is that is one hole behind what the test writes at its start.
const HOLE_BYTES: u64 = 2 << 30;

/// The same where every byte of the hole is looked at several times: verification takes seconds for a gibibyte.
const NEAR_HOLE_BYTES: u64 = 256 << 20;

/// The same where every forty bytes of the hole are taken for a record: a reader walks through all of them for each.
const RECORDS_HOLE_BYTES: u64 = 16 << 20;

/// As many records as have room in a file of one commit.
fn records_in(length: u64) -> u64 {
    (length - (HEADER_BYTES + FRAME_BYTES) as u64) / RECORD_BYTES
}

#[test]
fn gibibytes_of_holes_cost_little() {
    if !is_in_its_own_process("bounded_memory::gibibytes_of_holes_cost_little") {
        return;
    }
    let forged = Forged::new();
    let first = forged.segment(0, 2);
    let gauge = Gauge::new();
    for (length, last) in [(HOLE_BYTES, &[][..]), (NEAR_HOLE_BYTES, &[]), (NEAR_HOLE_BYTES, &[1])] {
        let claimed = records_in(length);
        for (place, watermark) in [
            ("behind the watermark", forged.watermark(0, first.len() as u64, 4)),
            ("before the watermark", forged.watermark(0, length, claimed)),
        ] {
            let what = format!("a hole of {} MiB {place}, {} bytes at its end", length >> 20, last.len());
            let make = |path: &Path| {
                forged.write_rest(path, &watermark);
                write_sparse(&path.join(FIRST_SEGMENT), &first, length, last);
            };
            if length == HOLE_BYTES {
                gauge.try_open(&what, make);
            } else {
                let report = gauge.try_all(&what, 0, make).unwrap();
                let lost = report.damaged.last().map(|damage| damage.seq_to.get());
                let expected = Some(claimed).filter(|_| place.starts_with("before"));
                assert_eq!((report.records, lost), (4, expected), "{what}");
            }
        }
    }
}

#[test]
fn a_commit_that_claims_a_hole_costs_little() {
    if !is_in_its_own_process("bounded_memory::a_commit_that_claims_a_hole_costs_little") {
        return;
    }
    let forged = Forged::new();
    let gauge = Gauge::new();
    // One record that is too short for its commit, and as many as there is room for, each of them zeroes.
    for (length, records) in
        [(HOLE_BYTES, 1), (NEAR_HOLE_BYTES, 1), (RECORDS_HOLE_BYTES, records_in(RECORDS_HOLE_BYTES))]
    {
        let mut start = forged.segment(0, 0);
        start.extend_from_slice(&forged.segment(0, 1)[HEADER_BYTES..HEADER_BYTES + FRAME_BYTES]);
        let frame = HEADER_BYTES;
        let claimed = records_in(length) * RECORD_BYTES;
        let records_crc = crc_of_zeroes(seed(&start, frame), 4 * records);
        set(&mut start, frame + 32, &u32::try_from(records).unwrap().to_le_bytes());
        set(&mut start, frame + 40, &claimed.to_le_bytes());
        set(&mut start, frame + 52, &records_crc.to_le_bytes());
        seal_frame(&mut start, frame);
        let end = (HEADER_BYTES + FRAME_BYTES) as u64 + claimed;
        for (place, watermark) in [
            ("behind the watermark", forged.watermark(0, 0, 0)),
            ("before the watermark", forged.watermark(0, end, records)),
        ] {
            let what = format!("{records} records in {} MiB {place}", length >> 20);
            let make = |path: &Path| {
                forged.write_rest(path, &watermark);
                write_sparse(&path.join(FIRST_SEGMENT), &start, length, &[]);
            };
            if length == HOLE_BYTES && place.starts_with("before") {
                gauge.try_ends(&what, 0, make);
            } else if length < HOLE_BYTES {
                let report = gauge.try_all(&what, 0, make).unwrap();
                // Each record is named by itself until there are too many: so the commit was believed.
                let singly = report.damaged.len();
                let expected = if place.starts_with("behind") { 0 } else { records.min(10_000) };
                assert_eq!((report.records, singly as u64), (0, expected), "{what}");
            }
        }
    }
}

#[test]
fn a_footer_that_claims_a_hole_costs_no_more_than_its_mapping() {
    let name = "bounded_memory::a_footer_that_claims_a_hole_costs_no_more_than_its_mapping";
    if !is_in_its_own_process(name) {
        return;
    }
    let forged = Forged::new();
    let gauge = Gauge::new();
    let mut start = forged.segment(0, 2);
    let footer = start.len();
    start.extend_from_slice(b"RLFOOTER");
    let body_bytes = NEAR_HOLE_BYTES - (footer + TRAILER_BYTES) as u64;
    // Without the footer's own header and the count of nodes.
    let entries_bytes = body_bytes - 24;
    for (what, entry_bytes, count_at) in [("records", 8, 8), ("commits", 24, 16), ("nodes", 40, 24)] {
        let count = entries_bytes / entry_bytes;
        let length = NEAR_HOLE_BYTES - entries_bytes % entry_bytes;
        let footer_crc = crc32c::crc32c_append(seed(&start, footer), b"RLFOOTER");
        let footer_crc = crc_of_zeroes(footer_crc, 16 + count * entry_bytes);
        let mut trailer = [0; TRAILER_BYTES];
        set(&mut trailer, 0, &(footer as u64).to_le_bytes());
        set(&mut trailer, count_at, &count.to_le_bytes());
        set(&mut trailer, 40, &footer_crc.to_le_bytes());
        let trailer_offset = usize::try_from(length).unwrap() - TRAILER_BYTES;
        let crc = crc32c::crc32c_append(seed(&start, trailer_offset), &trailer[..52]);
        set(&mut trailer, 52, &crc.to_le_bytes());
        set(&mut trailer, 56, b"RLSEALED");
        for (place, watermark) in [
            ("behind the watermark", forged.watermark(0, footer as u64, 4)),
            ("before the watermark", forged.watermark(0, length, records_in(length))),
        ] {
            let what = format!("a footer of {count} {what} {place}");
            let report = gauge.try_all(&what, length, |path| {
                forged.write_rest(path, &watermark);
                write_sparse(&path.join(FIRST_SEGMENT), &start, length, &trailer);
            });
            let report = report.unwrap();
            assert_eq!(report.records, 4, "{what}: {report:?}");
            assert!(!report.is_sound(), "{what}: {report:?}");
        }
    }
}

#[test]
fn a_record_longer_than_its_file_costs_little() {
    if !is_in_its_own_process("bounded_memory::a_record_longer_than_its_file_costs_little") {
        return;
    }
    let forged = Forged::new();
    let gauge = Gauge::new();
    let payload_bytes = runledger_wal::RECORD_BYTES_MAX;
    let first = forged.segment(0, 1);
    let sound = u64::from_le_bytes(*first[HEADER_BYTES + 40..].first_chunk().unwrap());
    // The commit says that it is as long as it is, or as long as its record.
    for length in [sound, RECORD_BYTES + u64::from(payload_bytes)] {
        let mut segment = first.clone();
        set(&mut segment, HEADER_BYTES + 40, &length.to_le_bytes());
        seal_frame(&mut segment, HEADER_BYTES);
        set(&mut segment, HEADER_BYTES + FRAME_BYTES, &payload_bytes.to_le_bytes());
        for (place, watermark) in [
            ("behind the watermark", forged.watermark(0, 0, 0)),
            ("before the watermark", forged.watermark(0, segment.len() as u64, 1)),
        ] {
            let what = format!("a record of 16 MiB in a commit of {length} bytes {place}");
            let report = gauge.try_all(&what, 0, |path| {
                forged.write_rest(path, &watermark);
                std::fs::write(path.join(FIRST_SEGMENT), &segment).unwrap();
            });
            let damaged = report.unwrap().damaged.len();
            assert_eq!(damaged, usize::from(place.starts_with("before")), "{what}");
        }
    }
}
