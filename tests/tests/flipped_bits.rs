//! One flipped bit anywhere in a small ledger's log, for every byte of every segment: `verify` names it, and nothing else
//! is taken for it.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use runledger::{Event, Ledger, VerifyReport, verify};

/// More than the footer of a growing segment of this test takes.
const FOOTER_ROOM_BYTES: usize = 1024;

/// The length of the trailer, the last bytes of a sealed segment.
const TRAILER_BYTES: usize = 64;

/// A ledger with a sealed segment and one that grows, closed in good order, and its segments.
fn small_ledger(folder: &Path) -> (PathBuf, Vec<PathBuf>) {
    let path = folder.join("ledger");
    let ledger = Ledger::options().segment_bytes(8192).open(&path).unwrap();
    let mut number = 0;
    while segments(&path).len() < 2 {
        // Payloads of all lengths, so that padding of all lengths stands behind them.
        let line = format!(r#"{{"kind":"custom","runId":"run-{}"}}"#, "x".repeat(number));
        ledger.append(Event::from_json(&line).unwrap()).unwrap();
        number += 1;
    }
    ledger.close().unwrap();
    let segments = segments(&path);
    (path, segments)
}

fn segments(ledger: &Path) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.file_name().unwrap().len() == 24;
    let files = std::fs::read_dir(ledger.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = files.filter(is_segment).collect();
    segments.sort();
    segments
}

/// Whether a byte is zero once its bit is flipped.
fn is_zero_when_flipped(byte: u8, offset: usize) -> bool {
    byte == 1 << (offset % 8)
}

/// What `verify` says with one bit of the byte at `offset` flipped.
fn flipped(ledger: &Path, segment: &File, offset: u64) -> VerifyReport {
    let mut byte = [0];
    segment.read_exact_at(&mut byte, offset).unwrap();
    let [original] = byte;
    segment.write_all_at(&[original ^ (1 << (offset % 8))], offset).unwrap();
    let report = verify(ledger, |_| ()).unwrap();
    segment.write_all_at(&[original], offset).unwrap();
    report
}

#[test]
fn every_byte_of_a_small_ledger_is_watched_over() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, segments) = small_ledger(folder.path());
    let whole = verify(&ledger, |_| ()).unwrap();
    assert_eq!((whole.damaged.len(), whole.torn_tail_bytes), (0, 0));
    for (number, path) in segments.iter().enumerate() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let bytes = std::fs::read(path).unwrap();
        // The last segment goes on with zeroes that were never written to. The last record may end in zeroes too: its
        // padding.
        let is_last = number + 1 == segments.len();
        let written =
            if is_last { bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1 } else { bytes.len() };
        let padding = if is_last { written.next_multiple_of(8) } else { written };
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        for offset in 0..bytes.len() {
            let report = flipped(&ledger, &file, offset as u64);
            let what = format!("byte {offset} of {name}: {report:?}");
            if offset < padding {
                let named = report.damaged.iter().any(|damage| {
                    damage.segment == name
                        && damage.seq_from < damage.seq_to
                        && damage.offset <= offset as u64
                });
                // A trailer with a byte of zero in it may never have been finished: it isn't durable when its segment is left.
                let may_be_unfinished = !is_last
                    && offset + TRAILER_BYTES >= bytes.len()
                    && is_zero_when_flipped(bytes[offset], offset);
                assert!(named || may_be_unfinished && report.damaged.is_empty(), "{what}");
                assert_eq!(report.torn_tail_bytes > 0, !named, "{what}");
            } else {
                // Where the footer will stand, a byte of it can't be told from one that is being written.
                let may_be_footer = offset < padding + FOOTER_ROOM_BYTES;
                assert!(report.damaged.is_empty() && (report.torn_tail_bytes > 0 || may_be_footer), "{what}");
            }
        }
    }
    assert_eq!(verify(&ledger, |_| ()).unwrap(), whole);
}
