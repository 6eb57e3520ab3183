//! The example on the format's page: built by our code, and compared with what the page shows.

use std::fmt::Write as _;

use crate::commit::batch::Batch;
use crate::leaf::Blake3Leaf;
use crate::record::RecordHeader;
use crate::segment::Segment;
use crate::segment::header::{HEADER_END, SegmentHeader};
use crate::segment::name::segment_name;
use crate::segment::seal::seal;
use crate::seq::{LedgerId, Seq};
use crate::storage::{DiskStorage, OpenMode};
use crate::tail::Sealable;
use crate::watermark::Watermark;
use crate::{Reader, ReaderOptions, VerifyOptions, verify};

const PAGE: &str = include_str!("../../../../FORMAT.md");
const PAYLOADS: [&[u8]; 2] = [b"Hello", b"ledger!\n"];
const TIME_NS: i64 = 1_767_225_600_000_000_000;

fn header() -> SegmentHeader {
    SegmentHeader {
        ledger_id: LedgerId::from_bytes(std::array::from_fn(|at| u8::try_from(at).unwrap())),
        first_seq: Seq::ZERO,
        nonce: std::array::from_fn(|at| 0xa0 + u8::try_from(at).unwrap()),
        generation: 0,
        created_ns: TIME_NS,
        leaf_function: 0,
        commit_alignment_bytes: 8,
        capacity_bytes: 8192,
        compressed: false,
    }
}

/// The example's bytes: a sealed segment with one commit of two records.
fn example() -> Vec<u8> {
    let mut batch = Batch::starting_at(Seq::ZERO);
    for payload in PAYLOADS {
        batch.push(&RecordHeader::of(payload, &Blake3Leaf).unwrap(), payload);
    }
    let mut bytes = header().encode().to_vec();
    bytes.extend_from_slice(batch.framed(&header(), HEADER_END, Seq::ZERO, TIME_NS));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(segment_name(Seq::ZERO)), &bytes).unwrap();
    let sealable = Sealable { first_seq: Seq::ZERO, end: Seq::new(2), again: false };
    seal(&DiskStorage, directory.path(), header().ledger_id, sealable).unwrap();
    std::fs::read(directory.path().join(segment_name(Seq::ZERO))).unwrap()
}

/// Lines of sixteen bytes, those without any byte but zero left out.
fn dump(bytes: &[u8]) -> String {
    let mut lines = String::new();
    for (number, line) in bytes.chunks(16).enumerate() {
        let last = (number + 1) * 16 >= bytes.len();
        if last || line.iter().any(|byte| *byte != 0) {
            let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(lines, "{:06x}  {}", number * 16, hex.join(" ")).unwrap();
        }
    }
    lines
}

/// The bytes that a dump on the page shows; what it leaves out is zero.
fn undump(page: &str) -> Vec<u8> {
    let (_, rest) = page.split_once("```hex\n").expect("the page has an example");
    let (block, _) = rest.split_once("```").unwrap();
    let mut bytes = Vec::new();
    for line in block.lines() {
        let (offset, hex) = line.split_once("  ").unwrap();
        bytes.resize(usize::from_str_radix(offset, 16).unwrap(), 0);
        bytes.extend(hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

#[test]
fn the_page_shows_what_the_code_writes() {
    let bytes = example();
    assert!(undump(PAGE) == bytes, "the example must be\n```hex\n{}```", dump(&bytes));
}

#[test]
fn the_code_reads_what_the_page_shows() {
    let directory = tempfile::tempdir().unwrap();
    let (path, bytes) = (directory.path(), undump(PAGE));
    std::fs::write(path.join(segment_name(Seq::ZERO)), &bytes).unwrap();
    let segment =
        Segment::open_stored(&DiskStorage, path, header().ledger_id, Seq::ZERO, OpenMode::Read).unwrap();
    assert_eq!(segment.header, header());
    let trailer = segment.trailer().unwrap().unwrap();
    assert_eq!((trailer.records, trailer.commits, trailer.nodes), (2, 1, 1));

    let mut watermark = vec![0; 8192];
    let mark = Watermark {
        offset: trailer.footer_offset,
        seq: Seq::new(2),
        commit_time_ns: TIME_NS,
        ..Watermark::of_new_ledger(header().ledger_id)
    };
    watermark[4096..4224].copy_from_slice(&mark.encode());
    std::fs::write(path.join("watermark"), watermark).unwrap();
    let report = verify(path, &VerifyOptions::new()).unwrap();
    assert!(report.is_sound() && report.unsealed_segments == 0, "{report:?}");
    let reader = Reader::open(path, ReaderOptions::new()).unwrap();
    let records: Vec<_> = reader.scan(Seq::ZERO).map(Result::unwrap).collect();
    assert!(records.iter().map(crate::Record::payload).eq(PAYLOADS));
    assert!(records.iter().all(|record| record.commit_time() == TIME_NS));
}
